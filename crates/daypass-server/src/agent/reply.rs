//! Answers: a token as text or JSON, and errors as problem details (RFC 9457).

use axum::body::Body;
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use daypass::{Error, Granted, Problem, Timestamp, agent_field as field, printable};
use serde_json::json;

use super::held::Held;

/// Whether the caller wants the token and nothing else.
pub(super) fn wants_text(headers: &HeaderMap) -> bool {
    headers.get_all(ACCEPT).iter().any(|accept| {
        let first = accept.as_bytes().split(|byte| matches!(byte, b',' | b';')).next();
        first.is_some_and(|first| first.trim_ascii().eq_ignore_ascii_case(b"text/plain"))
    })
}

/// The token as its text alone; what is known about it is in the header.
pub(super) fn token_text(
    held: &Held,
    granted: &Granted,
    warning: Option<String>,
) -> Response<Body> {
    let token = &granted.token;
    let scope = token.scope().map(ToString::to_string);
    let millis = |at: Timestamp| at.as_millis().to_string();
    let fields = [
        (field::EXPIRES_AT, token.expires_at().to_string()),
        (field::EXPIRES_AT_MS, millis(token.expires_at())),
        (field::SENT_AT_MS, millis(token.sent_at())),
        (field::RECEIVED_AT_MS, millis(token.received_at())),
        (field::SOURCE, granted.source.as_str().to_owned()),
        (field::REASON, granted.reason.as_str().to_owned()),
        (field::PROFILE, printable(&held.profile.name)),
        (field::PLACE, held.profile.place()),
        (field::CLIENT, held.client()),
        (field::TOKEN_VARIABLE, held.profile.token_variable().to_owned()),
    ];
    let scope = scope.map(|scope| (field::SCOPE, scope));
    let warning = warning.map(|warning| (field::WARNING, warning));
    let mut answer = respond(StatusCode::OK, "text/plain; charset=us-ascii", {
        Body::from(token.access_token().secret().to_owned())
    });
    for (name, value) in fields.into_iter().chain(scope).chain(warning) {
        // A scope that does not fit into a header is not told; nothing else can be one.
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            answer.headers_mut().insert(name, value);
        }
    }
    answer
}

/// The token as JSON.
pub(super) fn token_json(
    held: &Held,
    granted: &Granted,
    warning: Option<String>,
    now: Timestamp,
) -> Response<Body> {
    let token = &granted.token;
    let object = json!({
        "access_token": token.access_token().secret(),
        "token_type": "Bearer",
        "expires_at": token.expires_at().to_string(),
        "expires_in": token.remaining(now).as_secs(),
        "scope": token.scope().map(ToString::to_string),
        "sent_at_ms": token.sent_at().as_millis(),
        "received_at_ms": token.received_at().as_millis(),
        "expires_at_ms": token.expires_at().as_millis(),
        "source": granted.source.as_str(),
        "reason": granted.reason.as_str(),
        "fingerprint": token.fingerprint().to_string(),
        "profile": held.profile.name,
        "place": held.profile.place(),
        "client": held.client(),
        "token_variable": held.profile.token_variable(),
        "warning": warning,
    });
    json_answer(StatusCode::OK, &object)
}

pub(super) fn json_answer(status: StatusCode, object: &impl serde::Serialize) -> Response<Body> {
    // It holds nothing that could not be written; if it did, that would be seen as empty.
    let text = serde_json::to_string(object).unwrap_or_default() + "\n";
    respond(status, "application/json", Body::from(text))
}

/// An error as a problem.
pub(super) fn problem(error: &Error) -> Response<Body> {
    let problem = Problem::of(error);
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let text = serde_json::to_string(&problem).unwrap_or_default() + "\n";
    let mut answer = respond(status, Problem::MEDIA_TYPE, Body::from(text));
    if let Some(after) = error.retry_after() {
        let seconds = after.as_millis().div_ceil(1000);
        if let Ok(value) = HeaderValue::from_str(&seconds.to_string()) {
            answer.headers_mut().insert(RETRY_AFTER, value);
        }
    }
    answer
}

pub(super) fn empty(status: StatusCode) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = status;
    answer
}

pub(super) fn respond(status: StatusCode, kind: &'static str, body: Body) -> Response<Body> {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_for_those_who_ask_for_it_first() {
        for (accept, text) in [
            (None, false),
            (Some("text/plain"), true),
            (Some("Text/Plain; charset=utf-8"), true),
            (Some("text/plain, */*"), true),
            (Some("*/*"), false),
            (Some("application/json, text/plain"), false),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(ACCEPT, HeaderValue::from_static(accept));
            }
            assert_eq!(wants_text(&headers), text, "{accept:?}");
        }
    }
}
