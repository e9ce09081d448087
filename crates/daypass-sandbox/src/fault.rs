//! The faults: what can go wrong, as one type for Rust, JSON and the command line.
//!
//! `fault/value.rs` has what some of them carry, `fault/parse.rs` reads them from text, `fault/apply.rs` turns them into answers, `fault/script.rs` says which
//! request meets which.

pub(crate) mod apply;
pub(crate) mod parse;
pub(crate) mod script;
mod value;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use value::{ExpiresIn, RetryAfter, TokenText};

/// Where a request goes, and so where a fault can be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Endpoint {
    /// `POST /oauth/token` and `/token`.
    #[default]
    Token,
    /// Everything under `/api`.
    Api,
    /// `POST /oauth/revoke`.
    Revocation,
    /// The metadata under `/.well-known/`.
    Metadata,
    /// Any other path.
    Other,
}

/// A fault with the requests that meet it.
///
/// In JSON `{"at": "token", "times": 3, "fault": {"status": 503}}` or the fault alone; as text
/// `[ENDPOINT:]NAME[=VALUE][*TIMES]`, so `stall`, `api:unauthorized*2`, `status=503*3`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedFault {
    /// The endpoint; the token endpoint when not stated.
    #[serde(default)]
    pub at: Endpoint,
    /// How many requests meet it, in their turn after those planned before; all of them, until cleared, when not
    /// stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<std::num::NonZeroU32>,
    /// What they meet.
    pub fault: Fault,
}

/// What goes wrong.
///
/// In JSON a fault without a value is its name, `"stall"`, and one with a value is an object,
/// `{"throttle": {"status": 503, "retry_after": {"seconds": 5}}}`. Faults that replace the answer issue no token;
/// those that disturb or edit it do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing: this request meets no standing fault either.
    None,

    /// The answer comes late, by milliseconds in JSON: `{"delay_ms": 2000}`.
    #[serde(rename = "delay_ms")]
    Delay(#[serde(with = "ms")] Duration),
    /// The answer never comes; the connection stays open.
    Stall,
    /// The headers come, the body never does.
    StallBody,
    /// The body comes in pieces of `chunk` bytes (1), one each `every` (`every_ms` in JSON, 100).
    Slow {
        /// Bytes a piece.
        #[serde(default = "one")]
        chunk: usize,
        /// Time between two pieces.
        #[serde(default = "tenth", rename = "every_ms", with = "ms")]
        every: Duration,
    },
    /// The connection closes after that many bytes (10) of a body promised longer.
    Truncated {
        /// Bytes that are sent.
        #[serde(default = "ten")]
        after: usize,
    },
    /// The connection closes without an answer.
    Reset,

    /// This status (200 to 599; another counts as 500) with a line of plain text.
    Status(#[serde(deserialize_with = "parse::status")] u16),
    /// An error of RFC 6749 5.2; in the Genesys flavour with its fields.
    OauthError {
        /// `invalid_client`, `invalid_scope`, ...
        error: String,
        /// `error_description`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        /// The HTTP status when it is not the usual one (401 for `invalid_client`, else 400).
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "parse::optional_status"
        )]
        status: Option<u16>,
    },
    /// 429 or another status with a `Retry-After`.
    Throttle {
        /// The HTTP status, 429 unless stated.
        #[serde(default = "too_many", deserialize_with = "parse::status")]
        status: u16,
        /// The header, left out when not stated.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<RetryAfter>,
    },
    /// Genesys' rate limit at the token endpoint: HTTP 400 `invalid_request` "rate limit exceeded ...".
    RateLimited,
    /// 302 to this URL.
    Redirect(String),

    /// 200 without a body.
    EmptyBody,
    /// 200 with bytes that are neither JSON nor UTF-8, called JSON.
    GarbageBody,
    /// 200 with an HTML page, as captive portals send it.
    HtmlBody,
    /// 200 with a JSON array.
    NotAnObject,
    /// 200 with 2 MiB of JSON that would be a token answer.
    HugeBody,
    /// An OAuth error whose description has newlines, `::error::` and escape codes.
    HostileDescription,

    /// A token answer with another `expires_in`.
    ExpiresIn(ExpiresIn),
    /// A token answer with another `access_token`; the text is not accepted at the API.
    TokenText(TokenText),
    /// A token answer with this `token_type`.
    TokenType(String),
    /// A token answer without `token_type`.
    NoTokenType,

    /// 401 `invalid_token` (RFC 6750 3.1).
    Unauthorized,
    /// 403 `insufficient_scope` (RFC 6750 3.1).
    InsufficientScope,
    /// Every token is revoked, then the request is handled.
    RevokeAll,
}

impl Fault {
    /// The names of all faults, as JSON and the command line spell them.
    pub const NAMES: &[&str] = &[
        "none",
        "delay_ms",
        "stall",
        "stall_body",
        "slow",
        "truncated",
        "reset",
        "status",
        "oauth_error",
        "throttle",
        "rate_limited",
        "redirect",
        "empty_body",
        "garbage_body",
        "html_body",
        "not_an_object",
        "huge_body",
        "hostile_description",
        "expires_in",
        "token_text",
        "token_type",
        "no_token_type",
        "unauthorized",
        "insufficient_scope",
        "revoke_all",
    ];

    /// How each fault is written on the command line, and what it does; one a line.
    pub const USAGE: &[(&str, &str)] = &[
        ("none", "nothing: this request meets no standing fault either"),
        ("delay_ms=150", "the answer comes late, by milliseconds"),
        ("stall", "the answer never comes"),
        ("stall_body", "the headers come, the body never does"),
        ("slow", "the body comes byte by byte"),
        ("truncated", "the connection closes within the body"),
        ("reset", "the connection closes without an answer"),
        ("status=503", "this status, from 200 to 599, with plain text"),
        ("oauth_error=invalid_client", "an error of RFC 6749 section 5.2"),
        ("throttle", "429 with Retry-After: 1"),
        ("rate_limited", "Genesys' rate limit: 400 invalid_request"),
        ("redirect=https://example.com/", "302 to this URL"),
        ("empty_body", "200 without a body"),
        ("garbage_body", "200 with bytes that are no text"),
        ("html_body", "200 with a web page"),
        ("not_an_object", "200 with a JSON array"),
        ("huge_body", "200 with 2 MiB of JSON"),
        ("hostile_description", "an error with newlines and escape codes"),
        ("expires_in=absent", "a token without; or null, text, float, zero, negative, huge"),
        ("token_text=newline", "a token that must not be handed out"),
        ("token_type=mac", "a token of another type"),
        ("no_token_type", "a token without token_type"),
        ("api:unauthorized", "401 invalid_token, at the API"),
        ("api:insufficient_scope", "403 insufficient_scope, at the API"),
        ("revoke_all", "every token is revoked, then the request is handled"),
    ];

    /// Returns how the fault of this name is written.
    pub(crate) fn usage(name: &str) -> &'static str {
        let named = |usage: &str| usage.trim_start_matches("api:").split('=').next() == Some(name);
        Self::USAGE.iter().find(|(usage, _)| named(usage)).map_or("its name alone", |found| found.0)
    }

    /// The fault's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Delay(_) => "delay_ms",
            Self::Stall => "stall",
            Self::StallBody => "stall_body",
            Self::Slow { .. } => "slow",
            Self::Truncated { .. } => "truncated",
            Self::Reset => "reset",
            Self::Status(_) => "status",
            Self::OauthError { .. } => "oauth_error",
            Self::Throttle { .. } => "throttle",
            Self::RateLimited => "rate_limited",
            Self::Redirect(_) => "redirect",
            Self::EmptyBody => "empty_body",
            Self::GarbageBody => "garbage_body",
            Self::HtmlBody => "html_body",
            Self::NotAnObject => "not_an_object",
            Self::HugeBody => "huge_body",
            Self::HostileDescription => "hostile_description",
            Self::ExpiresIn(_) => "expires_in",
            Self::TokenText(_) => "token_text",
            Self::TokenType(_) => "token_type",
            Self::NoTokenType => "no_token_type",
            Self::Unauthorized => "unauthorized",
            Self::InsufficientScope => "insufficient_scope",
            Self::RevokeAll => "revoke_all",
        }
    }
}

fn one() -> usize {
    1
}

fn ten() -> usize {
    10
}

fn tenth() -> Duration {
    Duration::from_millis(100)
}

fn too_many() -> u16 {
    429
}

/// A duration as whole milliseconds.
mod ms {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from(value.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }
}
