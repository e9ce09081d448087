//! What a fault does to an answer: replace it, edit the token answer, or disturb the connection. Pure.

use std::time::Duration;

use bytes::Bytes;
use http::header::{LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Response, StatusCode};
use serde_json::json;

use super::{ExpiresIn, Fault, RetryAfter, TokenText};
use crate::builder::Flavour;
use crate::clock::{Now, http_date};
use crate::oauth_error::OauthError;
use crate::reply::{self, Ending};
use crate::token_endpoint::TokenAnswer;

const HUGE_BODY_BYTES: usize = 2 * 1024 * 1024;
const LONG_TOKEN_BYTES: usize = 70 * 1024;

impl Fault {
    /// The answer that this fault gives in place of the endpoint's own, if it is of that kind.
    pub(crate) fn instead(&self, now: Now, flavour: Flavour) -> Option<Response<Bytes>> {
        const OK: StatusCode = StatusCode::OK;
        Some(match self {
            Self::Stall | Self::Reset => reply::empty(OK),
            Self::Status(status) => {
                let text = format!("the sandbox was told to answer {status}\n");
                reply::typed(code(*status), "text/plain", text)
            }
            Self::OauthError { error, description, status } => {
                let description = description.as_deref().unwrap_or("the sandbox was told so");
                let mut response = OauthError::new(error, description).answer(flavour);
                if let Some(status) = status {
                    *response.status_mut() = code(*status);
                }
                response
            }
            Self::Throttle { status, retry_after } => {
                let body = json!({ "message": "too many requests", "status": status });
                let response = reply::json(code(*status), &body);
                match retry_after.as_ref().map(|value| value.text(now)) {
                    Some(value) => reply::with(response, RETRY_AFTER, &value),
                    None => response,
                }
            }
            Self::RateLimited => {
                let why = "rate limit exceeded: too many token requests, try again later";
                OauthError::new("invalid_request", why).answer(Flavour::Genesys)
            }
            Self::Redirect(url) => reply::with(reply::empty(StatusCode::FOUND), LOCATION, url),
            Self::EmptyBody => reply::empty(OK),
            Self::GarbageBody => {
                reply::raw_json(OK, &b"{\"access_token\": \xff\xfe\x00\x01 <<"[..])
            }
            Self::HtmlBody => reply::typed(OK, "text/html; charset=utf-8", HTML),
            Self::NotAnObject => reply::raw_json(OK, "[\"access_token\", \"token_type\"]"),
            Self::HugeBody => reply::raw_json(OK, huge_body()),
            Self::HostileDescription => {
                OauthError::new("invalid_request", HOSTILE_DESCRIPTION).answer(flavour)
            }
            Self::Unauthorized => unauthorized(),
            Self::InsufficientScope => insufficient_scope(""),
            _ => return None,
        })
    }

    /// Edits a token answer.
    pub(crate) fn edit(&self, answer: &mut TokenAnswer) {
        match self {
            Self::ExpiresIn(kind) => answer.expires_in = kind.text(answer.lifetime_s),
            Self::TokenText(kind) => answer.access_token = kind.text(),
            Self::TokenType(name) => answer.token_type = Some(json!(name).to_string()),
            Self::NoTokenType => answer.token_type = None,
            _ => {}
        }
    }

    /// Adds to the delay and changes the ending.
    pub(crate) fn disturb(&self, delay: &mut Duration, ending: &mut Ending) {
        match *self {
            Self::Delay(by) => *delay = delay.saturating_add(by),
            Self::Stall => *ending = Ending::Stall { headers: false },
            Self::StallBody => *ending = Ending::Stall { headers: true },
            Self::Slow { chunk, every } => {
                *ending = Ending::Slow { chunk: chunk.max(1), every };
            }
            Self::Truncated { after } => *ending = Ending::Truncated { after },
            Self::Reset => *ending = Ending::Reset,
            _ => {}
        }
    }
}

impl RetryAfter {
    fn text(&self, now: Now) -> String {
        match self {
            Self::Seconds(seconds) => seconds.to_string(),
            Self::Date(seconds) => {
                http_date(Now(now.0.saturating_add(seconds.saturating_mul(1000))))
            }
            Self::Raw(text) => text.clone(),
        }
    }
}

impl ExpiresIn {
    fn text(&self, lifetime_s: u64) -> Option<String> {
        Some(match self {
            Self::Absent => return None,
            Self::Null => "null".to_owned(),
            Self::Text => format!("\"{lifetime_s}\""),
            Self::Float => format!("{lifetime_s}.5"),
            Self::Zero => "0".to_owned(),
            Self::Negative => "-3600".to_owned(),
            Self::Huge => "1e300".to_owned(),
            Self::HugeInteger => "1234567890".repeat(4),
            Self::Raw(text) => text.clone(),
        })
    }
}

impl TokenText {
    /// The JSON text of the token.
    fn text(&self) -> String {
        let text = match self {
            Self::Newline => "first\nsecond",
            Self::Quote => "with\"double'single",
            Self::Dollar => "with$(id)dollar",
            Self::Backtick => "with`id`and\\backslash",
            Self::Space => "with space",
            Self::AddMask => "first\n::add-mask::second",
            Self::Control => "with\0nul\u{1b}[31mescape\u{7f}delete",
            Self::NonAscii => "Gr\u{fc}\u{df}e\u{2028}\u{1f511}",
            Self::Long => return json!("A".repeat(LONG_TOKEN_BYTES)).to_string(),
            Self::Empty => "",
            Self::NotAString => return "12345".to_owned(),
            Self::Custom(text) => text,
        };
        json!(text).to_string()
    }
}

/// 401 for a token that is not, or no longer, good (RFC 6750 3.1).
pub(crate) fn unauthorized() -> Response<Bytes> {
    let body = json!({ "error": "invalid_token", "message": "the access token is not valid" });
    let response = reply::json(StatusCode::UNAUTHORIZED, &body);
    reply::with(response, WWW_AUTHENTICATE, "Bearer realm=\"sandbox\", error=\"invalid_token\"")
}

/// 403 for a token without this scope (RFC 6750 3.1); `scope` is left out of the challenge when empty.
pub(crate) fn insufficient_scope(scope: &str) -> Response<Bytes> {
    let body = json!({ "error": "insufficient_scope", "message": "the token lacks a scope" });
    let mut challenge = "Bearer realm=\"sandbox\", error=\"insufficient_scope\"".to_owned();
    if !scope.is_empty() {
        challenge.push_str(&format!(", scope=\"{scope}\""));
    }
    reply::with(reply::json(StatusCode::FORBIDDEN, &body), WWW_AUTHENTICATE, &challenge)
}

fn code(status: u16) -> StatusCode {
    match status {
        200..=599 => StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn huge_body() -> String {
    let head = r#"{"access_token":"behind-a-huge-body","token_type":"Bearer","expires_in":3600,"padding":""#;
    format!("{head}{}\"}}", "x".repeat(HUGE_BODY_BYTES.saturating_sub(head.len() + 2)))
}

const HTML: &str = "<!DOCTYPE html>\n<html><head><title>Sign in to the network</title></head>\
    <body><h1>Sign in</h1></body></html>\n";

const HOSTILE_DESCRIPTION: &str = "first line\n::error::forged by the server\r\n::add-mask::a\n\
    \u{1b}[2J\u{1b}]0;title\u{7}\u{1b}[31mred\u{0}\u{202e}desrever";
