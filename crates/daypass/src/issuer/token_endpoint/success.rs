//! Reads an answer that should hold a token (RFC 6749 section 5.1).

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::header::CONTENT_ENCODING;
use zeroize::Zeroizing;

use super::json::Field;
use super::{Answer, Hidden, LONGEST_LIFETIME, Object, Rules, object, refusal};
use crate::{AccessToken, IssuerError, IssuerErrorClass, ScopeSet, Timestamp, Token, span};

const FIELDS: &[&str] = &["access_token", "token_type", "expires_in", "scope", "error"];

/// Returns the token that `answer` brings, or what it means that it brings none. `hidden` is what
/// the request held of secrets.
///
/// # Errors
///
/// By the failure table: see [`refusal`] for what is not a success.
pub(crate) fn decode(
    answer: &Answer<'_>,
    rules: &Rules,
    hidden: &Hidden,
) -> Result<Token, IssuerError> {
    if !answer.status.is_success() {
        return Err(refusal(answer, rules.dialect, hidden));
    }
    let failed = |class, description: String| IssuerError {
        class,
        status: Some(answer.status.as_u16()),
        error: None,
        description: Some(description),
    };
    let readable = !is_compressed(answer);
    let Some(fields) = object(answer.body, FIELDS).filter(|_| readable) else {
        return Err(failed(IssuerErrorClass::Transient, unreadable(answer).to_owned()));
    };
    let unusable = |description| failed(IssuerErrorClass::Unusable, description);
    let text = match fields.field("access_token") {
        Some(Field::Text(text)) => text,
        None if fields.text("error").is_some() => {
            return Err(refusal(answer, rules.dialect, hidden));
        }
        None => return Err(unusable("the answer has no access_token".into())),
        Some(_) => return Err(unusable("the access_token is not text".into())),
    };
    if hidden.is_in(text) {
        return Err(unusable("the access_token is or holds the client's own secret".into()));
    }
    let access_token = AccessToken::new(text).map_err(|error| unusable(error.to_string()))?;
    match fields.field("token_type") {
        None => {}
        Some(Field::Text(kind)) if kind.trim().eq_ignore_ascii_case("bearer") => {}
        Some(Field::Text(kind)) => {
            let mut hidden = hidden.clone();
            hidden.hide(text);
            let kind = hidden.shown(kind);
            return Err(unusable(format!("the token_type is {kind}; only bearer will do")));
        }
        Some(_) => return Err(unusable("the token_type is not text".into())),
    }
    let lifetime = lifetime(&fields, text, answer.sent_at, rules);
    let expires_at = answer.sent_at.saturating_add(lifetime);
    let scope = granted(&fields).map(|scopes| tellable(scopes, text, hidden));
    Ok(Token::new(access_token, scope, answer.sent_at, answer.received_at, expires_at))
}

/// Says what is wrong with a body that is no JSON object.
fn unreadable(answer: &Answer<'_>) -> &'static str {
    if is_compressed(answer) {
        "the answer is compressed, which daypass did not ask for"
    } else if answer.body.is_empty() {
        "the answer is empty"
    } else if is_html(answer) {
        "the answer is a web page, not JSON: is a proxy or a login page in between?"
    } else {
        "the answer is not one JSON object"
    }
}

/// Whether a `Content-Encoding` other than `identity` is on the body.
pub(super) fn is_compressed(answer: &Answer<'_>) -> bool {
    let identity = |value: &http::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    answer.headers.get_all(CONTENT_ENCODING).iter().any(|value| !identity(value))
}

/// Whether the body is a page for people.
pub(super) fn is_html(answer: &Answer<'_>) -> bool {
    let start = answer.body.trim_ascii_start();
    let kind = answer.headers.get(http::header::CONTENT_TYPE);
    let html = kind.is_some_and(|kind| is_text_html(kind.as_bytes()));
    start.starts_with(b"<") || (html && !start.starts_with(b"{"))
}

fn is_text_html(kind: &[u8]) -> bool {
    let html = b"text/html";
    kind.get(..html.len()).is_some_and(|kind| kind.eq_ignore_ascii_case(html))
}

fn lifetime(fields: &Object, token: &str, sent_at: Timestamp, rules: &Rules) -> Duration {
    let stated = fields.seconds("expires_in");
    let lifetime = stated.or_else(|| jwt_lifetime(token, sent_at)).unwrap_or(rules.assume_ttl);
    let lifetime = lifetime.min(rules.max_ttl.unwrap_or(LONGEST_LIFETIME)).min(LONGEST_LIFETIME);
    if states_nonsense(fields) {
        tracing::warn!(
            "the issuer's expires_in is no number of seconds (RFC 6749 section 5.1); the token is \
             taken to live {}",
            span(lifetime)
        );
    }
    lifetime
}

/// Whether there is an `expires_in` that no rule covers: not absent, null, a number or text with one.
fn states_nonsense(fields: &Object) -> bool {
    !matches!(fields.field("expires_in"), None | Some(Field::Null))
        && fields.number("expires_in").is_none()
}

/// Returns how long a JWT (RFC 7519 section 4.1.4) says that it lives, counted from `sent_at`.
/// Its signature is not checked: this is a hint where the issuer states nothing.
fn jwt_lifetime(token: &str, sent_at: Timestamp) -> Option<Duration> {
    let mut parts = token.split('.');
    let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let payload = payload.trim_end_matches('=');
    let payload = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?);
    // A float beyond the range of i64 is cast to its end.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "milliseconds are enough, and it saturates"
    )]
    let millis = (object(&payload, &["exp"])?.number("exp")? * 1000.0) as i64;
    let lifetime = sent_at.until(Timestamp::from_millis(millis));
    (!lifetime.is_zero()).then_some(lifetime)
}

/// The longest list of scopes that is kept, in bytes: it lies in the record beside the token.
const MAX_SCOPES: usize = 4096;

/// Leaves out what is no scope (RFC 6749 section 3.3), or holds a secret or the token: scopes are
/// shown, and kept.
fn tellable(scopes: ScopeSet, token: &str, hidden: &Hidden) -> ScopeSet {
    let mut hidden = hidden.clone();
    hidden.hide(token);
    let (all, mut room) = (scopes.iter().count(), MAX_SCOPES);
    let tellable = |scope: &&str| {
        let fits = scope.len() < room && ScopeSet::is_scope(scope) && !hidden.is_in(scope);
        room -= if fits { scope.len() + 1 } else { 0 };
        fits
    };
    let kept: ScopeSet = scopes.iter().filter(tellable).collect();
    let dropped = all - kept.iter().count();
    if dropped > 0 {
        tracing::warn!(
            "{dropped} of the scopes that the issuer names are left out: they are no scopes (RFC \
             6749 section 3.3), too long, or hold a secret"
        );
    }
    kept
}

/// Returns the scopes that the issuer says it granted: text, or a list of texts as some write it.
fn granted(fields: &Object) -> Option<ScopeSet> {
    match fields.field("scope")? {
        Field::Text(list) => Some(ScopeSet::parse(list)),
        Field::Texts(list) => Some(list.iter().map(|scope| scope.as_str()).collect()),
        _ => None,
    }
}
