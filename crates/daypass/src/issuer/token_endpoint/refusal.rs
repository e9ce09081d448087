//! Reads an answer that brings no token (RFC 6749 section 5.2): the failure table.

use std::time::{Duration, UNIX_EPOCH};

use http::header::{LOCATION, RETRY_AFTER};
use url::Url;

use super::success::{is_compressed, is_html};
use super::{Answer, Hidden, LONGEST_LIFETIME, object};
use crate::{Dialect, IssuerError, IssuerErrorClass, Timestamp};

const FIELDS: &[&str] = &["error", "error_description", "description", "access_token"];

/// Error codes that say "later", whatever the status.
const TEMPORARY: &[&str] = &["temporarily_unavailable", "server_error", "slow_down"];

/// What `description` starts with when Genesys Cloud limits the rate, in lower case.
const GENESYS_LIMIT: &str = "rate limit exceeded";

const WRONG_URL: &str = "is the token URL right?";
const WRONG_GENESYS_URL: &str = "is the token URL right? For Genesys Cloud it is \
     https://login.<domain>/oauth/token; /api/v2/oauth/token does not exist";

/// Returns what an answer without a token means.
pub(crate) fn refusal(answer: &Answer<'_>, dialect: Dialect, hidden: &Hidden) -> IssuerError {
    let mut hidden = hidden.clone();
    let said = Said::read(answer, &mut hidden);
    let (class, remark) = classify(answer, dialect, &said, &hidden);
    if said.repeats_in_pieces(&hidden) {
        let description = Some("(not shown: it repeats a secret)".to_owned());
        return IssuerError {
            class,
            status: Some(answer.status.as_u16()),
            error: None,
            description,
        };
    }
    let description = said.description.map(|text| hidden.shown(&text)).or(remark);
    IssuerError {
        class,
        status: Some(answer.status.as_u16()),
        error: said.error.map(|code| hidden.shown(&code)),
        description,
    }
}

/// Returns the class, and what to say where the answer itself says nothing.
fn classify(
    answer: &Answer<'_>,
    dialect: Dialect,
    said: &Said,
    hidden: &Hidden,
) -> (IssuerErrorClass, Option<String>) {
    use IssuerErrorClass::{BareRejected, Rejected, Throttled, Transient};
    let remark = |text: &str| Some(text.to_owned());
    let wait = retry_after(answer);
    match (answer.status.as_u16(), said.error.as_deref()) {
        (300..=399, _) => (Rejected, Some(redirect(answer, hidden))),
        (407, _) => (Transient, remark("a proxy asks for a login")),
        (429, _) => (Throttled(wait), None),
        (503, _) if wait.is_some() => (Throttled(wait), None),
        (408 | 500..=599, _) => (Transient, None),
        (400, Some("invalid_request")) if dialect == Dialect::Genesys && said.is_limit() => {
            (Throttled(wait), None)
        }
        (_, Some(code)) if TEMPORARY.contains(&code) => (Transient, None),
        (200..=299 | 400..=499, Some(_)) => (Rejected, None),
        (401 | 403, None) => (BareRejected, None),
        (404 | 405 | 410, None) => match dialect {
            Dialect::Genesys => (Rejected, remark(WRONG_GENESYS_URL)),
            Dialect::Rfc => (Rejected, remark(WRONG_URL)),
        },
        (400..=499, None) if is_compressed(answer) => {
            (Rejected, remark("the answer is compressed, which daypass did not ask for"))
        }
        (400..=499, None) if is_html(answer) => {
            (Transient, remark("the answer is a web page, not JSON"))
        }
        (400..=499, None) => (Rejected, None),
        _ => (Transient, None),
    }
}

/// What the body says, as it stands there.
struct Said {
    error: Option<String>,
    description: Option<String>,
}

impl Said {
    fn read(answer: &Answer<'_>, hidden: &mut Hidden) -> Self {
        let readable = !is_compressed(answer);
        let fields = object(answer.body, FIELDS).filter(|_| readable);
        let text = |name| fields.as_ref().and_then(|fields| fields.text(name)).map(str::to_owned);
        if let Some(token) = fields.as_ref().and_then(|fields| fields.text("access_token")) {
            hidden.hide(token);
        }
        let error = text("error").filter(|code| !code.is_empty());
        let description = text("error_description").or_else(|| text("description"));
        let description = description.filter(|text| error.is_some() && !text.is_empty());
        Self { error, description }
    }

    /// Whether the end of one text and the start of the other together repeat a secret.
    fn repeats_in_pieces(&self, hidden: &Hidden) -> bool {
        let (Some(error), Some(description)) = (&self.error, &self.description) else {
            return false;
        };
        let joined = |next: &str| hidden.is_repeated(&format!("{error}{next}"));
        if hidden.is_repeated(error) {
            false
        } else if hidden.is_repeated(description) {
            // It is not shown in any case: its start must not betray what it goes on from.
            joined(&description.chars().take(7).collect::<String>())
        } else {
            joined(description)
        }
    }

    fn is_limit(&self) -> bool {
        let start = self.description.as_deref().and_then(|text| text.get(..GENESYS_LIMIT.len()));
        start.is_some_and(|start| start.eq_ignore_ascii_case(GENESYS_LIMIT))
    }
}

/// Returns how long `Retry-After` asks to wait (RFC 9110 section 10.2.3): seconds, or a date.
fn retry_after(answer: &Answer<'_>) -> Option<Duration> {
    let value = answer.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        let seconds = value.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds).min(LONGEST_LIFETIME));
    }
    let date = httpdate::parse_http_date(value).ok()?.duration_since(UNIX_EPOCH).ok()?;
    let date = Timestamp::from_millis(0).saturating_add(date);
    Some(answer.received_at.until(date).min(LONGEST_LIFETIME))
}

fn redirect(answer: &Answer<'_>, hidden: &Hidden) -> String {
    let target = answer.headers.get(LOCATION).and_then(|value| value.to_str().ok());
    let target = target.and_then(|target| Url::parse(target).ok());
    match target.as_ref().and_then(Url::host_str) {
        Some(host) => {
            format!("redirects to {}; a token endpoint never redirects", hidden.shown(host))
        }
        None => "redirects; a token endpoint never redirects".to_owned(),
    }
}
