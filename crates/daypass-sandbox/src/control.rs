//! The control API under `/_sandbox/`, for scripts and other processes. Off unless the builder turns it on.

use bytes::Bytes;
use http::header::ORIGIN;
use http::{Method, Request, Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::fault::PlannedFault;
use crate::fault::parse::{FaultError, printable};
use crate::reply;
use crate::sandbox::Sandbox;

const PREFIX: &str = "/_sandbox/";

/// The body of `POST clock`: `{"advance_s": 3600}`, negative to go back.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockBody {
    advance_s: i64,
}

pub(crate) fn is_control(request: &Request<Bytes>) -> bool {
    request.uri().path().starts_with(PREFIX)
}

pub(crate) fn answer(sandbox: &Sandbox, request: &Request<Bytes>) -> Response<Bytes> {
    if request.headers().contains_key(ORIGIN) {
        // Web pages may not steer a sandbox that happens to run on their visitor's machine.
        return failed(StatusCode::FORBIDDEN, "not for web pages");
    }
    let resource = request.uri().path().strip_prefix(PREFIX).unwrap_or_default();
    match (resource, request.method()) {
        ("state", &Method::GET) => ok(&sandbox.snapshot()),
        ("log", &Method::GET) => ok(&sandbox.log()),
        ("faults", &Method::GET) => ok(&sandbox.snapshot().faults),
        ("faults", &Method::POST) => match planned(request.body()) {
            Ok(faults) => {
                faults.into_iter().for_each(|planned| sandbox.plan(planned));
                ok(&sandbox.snapshot().faults)
            }
            Err(why) => failed(StatusCode::BAD_REQUEST, &why),
        },
        ("faults", &Method::DELETE) => done(|| sandbox.clear_faults()),
        ("clock", &Method::POST) => match serde_json::from_slice(request.body()) {
            Ok(ClockBody { advance_s }) => {
                sandbox.shift(advance_s.saturating_mul(1000));
                ok(&json!({ "now_ms": sandbox.snapshot().now_ms }))
            }
            Err(_) => failed(StatusCode::BAD_REQUEST, "write {\"advance_s\": 60}, whole seconds"),
        },
        ("revoke-all", &Method::POST) => done(|| sandbox.revoke_all()),
        ("reset", &Method::POST) => done(|| sandbox.reset()),
        ("state" | "log", _) => reply::method_not_allowed("GET"),
        ("faults", _) => reply::method_not_allowed("DELETE, GET, POST"),
        ("clock" | "revoke-all" | "reset", _) => reply::method_not_allowed("POST"),
        _ => {
            failed(StatusCode::NOT_FOUND, "there are: state, log, faults, clock, revoke-all, reset")
        }
    }
}

/// One fault or an array of them, planned or plain; all or none. Or one as on the command line.
fn planned(body: &[u8]) -> Result<Vec<PlannedFault>, String> {
    if let Ok(text) = std::str::from_utf8(body)
        && !text.trim_start().starts_with(['{', '[', '"'])
    {
        return text.parse().map(|fault| vec![fault]).map_err(|why: FaultError| why.to_string());
    }
    let value: Value = serde_json::from_slice(body).map_err(|why| printable(&why.to_string()))?;
    let values = match value {
        Value::Array(values) => values,
        value => vec![value],
    };
    let read = |value| PlannedFault::from_json(value).map_err(|why| why.to_string());
    values.into_iter().map(read).collect()
}

fn done(act: impl FnOnce()) -> Response<Bytes> {
    act();
    reply::empty(StatusCode::NO_CONTENT)
}

fn ok(value: &impl Serialize) -> Response<Bytes> {
    match serde_json::to_vec(value) {
        Ok(body) => reply::raw_json(StatusCode::OK, body),
        Err(why) => failed(StatusCode::INTERNAL_SERVER_ERROR, &why.to_string()),
    }
}

fn failed(status: StatusCode, why: &str) -> Response<Bytes> {
    reply::json(status, &json!({ "error": why }))
}
