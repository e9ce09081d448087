//! When a request that the API throttled is sent again (`--retry-throttled`): pure.

use std::time::Duration;

use daypass::Timestamp;
use http::header::RETRY_AFTER;
use http::{HeaderMap, Method, StatusCode};

/// The shortest pause: one of nothing would make a loop of it.
const LEAST: Duration = Duration::from_millis(100);

/// Returns how long to wait before a request is sent again; `None` passes the answer on.
///
/// Only what may be done twice (RFC 9110 section 9.2.2) and only as the API says: without a
/// `Retry-After` nobody knows that waiting helps.
pub(super) fn wait(
    method: &Method,
    status: StatusCode,
    headers: &HeaderMap,
    left: Duration,
    now: Timestamp,
) -> Option<Duration> {
    if !matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        return None;
    }
    let after = retry_after(headers, now)?.max(LEAST);
    (method.is_idempotent() && after <= left).then_some(after)
}

/// Seconds, or a date (RFC 9110 section 10.2.3).
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let since = date.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Some(now.until(Timestamp::from_millis(0).saturating_add(since)))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_what_may_be_done_twice_waits_as_it_was_told() {
        let now = Timestamp::from_millis(784_111_777_000);
        let s = Duration::from_secs;
        for (method, status, after, expected) in [
            ("GET", 429, Some("7"), Some(s(7))),
            ("GET", 503, Some("0"), Some(LEAST)),
            ("PUT", 429, Some("7"), Some(s(7))),
            ("DELETE", 503, Some("60"), Some(s(60))),
            ("GET", 429, Some("61"), None),
            ("GET", 429, None, None),
            ("GET", 429, Some("soon"), None),
            ("GET", 429, Some("-1"), None),
            ("GET", 429, Some("Sun, 06 Nov 1994 08:49:47 GMT"), Some(s(10))),
            ("GET", 429, Some("Sun, 06 Nov 1994 08:49:27 GMT"), Some(LEAST)),
            ("POST", 429, Some("7"), None),
            ("PATCH", 503, Some("7"), None),
            ("GET", 500, Some("7"), None),
            ("GET", 200, Some("7"), None),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(after) = after {
                headers.insert(RETRY_AFTER, HeaderValue::from_static(after));
            }
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let status = StatusCode::from_u16(status).unwrap();
            let waits = wait(&method, status, &headers, s(60), now);
            assert_eq!(waits, expected, "{method} {status} {after:?}");
            assert_eq!(wait(&method, status, &headers, s(0), now), None, "no time is left");
        }
    }
}
