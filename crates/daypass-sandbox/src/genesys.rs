//! The part of the Genesys Cloud Platform API that the sandbox plays: `/api/v2/tokens/me`, `/api/v2/users` and the
//! rate limit of 300 calls a minute a token. After the public SDKs' sources; nothing here was seen on the service.

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::call::Call;
use crate::clock::Now;
use crate::reply;
use crate::token::Issued;

const MINUTE_MS: i64 = 60_000;
const PAGE_SIZE: u64 = 25;
const LARGEST_PAGE: u64 = 500;

/// A token's calls in the current minute.
pub(crate) struct Usage {
    count: u32,
    allowed: u32,
    /// Seconds until the count starts again, at least 1.
    reset_s: i64,
}

/// Counts a call; a minute begins with the first call after the last one ended.
pub(crate) fn count(token: &mut Issued, allowed: u32, now: Now) -> Usage {
    let elapsed = now.ms_since(token.window.0);
    if !(0..MINUTE_MS).contains(&elapsed) || token.window.1 == 0 {
        token.window = (now, 0);
    }
    token.window.1 = token.window.1.saturating_add(1);
    let left = MINUTE_MS - now.ms_since(token.window.0);
    Usage { count: token.window.1, allowed, reset_s: (left + 999) / 1000 }
}

impl Usage {
    pub(crate) fn exceeded(&self) -> bool {
        self.count > self.allowed
    }

    pub(crate) fn too_many(&self) -> Response<Bytes> {
        let response = error(
            StatusCode::TOO_MANY_REQUESTS,
            "too.many.requests",
            "Rate limit exceeded the maximum for this token",
        );
        reply::with(response, RETRY_AFTER, &self.reset_s.to_string())
    }

    pub(crate) fn headers(&self) -> [(&'static str, String); 3] {
        [
            ("inin-ratelimit-count", self.count.to_string()),
            ("inin-ratelimit-allowed", self.allowed.to_string()),
            ("inin-ratelimit-reset", self.reset_s.to_string()),
        ]
    }
}

/// Answers the known resources; `None` for the others.
pub(crate) fn answer(call: &mut Call<'_>, token: &Issued) -> Option<Response<Bytes>> {
    match (call.path(), call.request.method()) {
        ("/api/v2/tokens/me", &Method::DELETE) => {
            call.state.tokens.revoke(token.number);
            Some(reply::empty(StatusCode::NO_CONTENT))
        }
        ("/api/v2/tokens/me", &Method::GET | &Method::HEAD) => Some(me(token)),
        ("/api/v2/tokens/me", _) => Some(reply::method_not_allowed("DELETE, GET, HEAD")),
        ("/api/v2/users", &Method::GET | &Method::HEAD) => Some(users(call)),
        ("/api/v2/users", _) => Some(reply::method_not_allowed("GET, HEAD")),
        _ => None,
    }
}

/// What the service tells about a token; its expiry is not part of it.
fn me(token: &Issued) -> Response<Bytes> {
    let body = json!({
        "organization": { "id": uuid(0), "name": "Sandbox" },
        "homeOrganization": { "id": uuid(0), "name": "Sandbox" },
        "authorizedScope": [],
        "OAuthClient": { "id": token.client_id, "name": "Sandbox client" },
    });
    reply::json(StatusCode::OK, &body)
}

fn users(call: &Call<'_>) -> Response<Bytes> {
    let query = call.request.uri().query().unwrap_or_default();
    let number = |name: &str, default: u64| {
        let found = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name);
        found.map_or(Some(default), |(_, value)| value.parse().ok())
    };
    let (Some(size), Some(page)) = (number("pageSize", PAGE_SIZE), number("pageNumber", 1)) else {
        return bad_page();
    };
    if !(1..=LARGEST_PAGE).contains(&size) || page == 0 {
        return bad_page();
    }
    let total = call.settings.users;
    let first = (page - 1).saturating_mul(size).min(total);
    let last = first.saturating_add(size).min(total);
    let entities: Vec<Value> = (first..last).map(|i| user(i + 1)).collect();
    let body = json!({
        "entities": entities,
        "pageSize": size,
        "pageNumber": page,
        "total": total,
        "pageCount": total.div_ceil(size),
    });
    reply::json(StatusCode::OK, &body)
}

fn user(i: u64) -> Value {
    json!({
        "id": uuid(i),
        "name": format!("Sandbox User {i}"),
        "email": format!("user{i}@sandbox.invalid"),
        "state": "active",
    })
}

fn uuid(i: u64) -> String {
    format!("5a4db0c5-0000-4000-8000-{i:012x}")
}

fn bad_page() -> Response<Bytes> {
    let why = "pageSize is a number from 1 to 500, pageNumber one from 1";
    error(StatusCode::BAD_REQUEST, "bad.request", why)
}

fn error(status: StatusCode, code: &str, message: &str) -> Response<Bytes> {
    let body = json!({ "message": message, "code": code, "status": status.as_u16() });
    reply::json(status, &body)
}
