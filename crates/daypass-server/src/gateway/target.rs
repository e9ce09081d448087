//! What a request may ask for: a method that is passed on, and a target in origin-form.
//!
//! The target is never joined with anything: what arrived is sent as it is, to an upstream whose
//! scheme and authority are constants (RFC 9112 section 3.2.1). Owns no header.

use http::uri::PathAndQuery;
use http::{Method, Uri};

/// Why a request is not passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// CONNECT and TRACE mean something to the gateway itself, not to the API.
    Method,
    /// Not a path that starts with exactly one `/`.
    Target,
}

/// The methods that the `Allow` field of a 405 names (RFC 9110 section 15.5.6).
pub(super) const ALLOW: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// Returns the target of a request that may be passed on.
pub(super) fn check<'a>(method: &Method, uri: &'a Uri) -> Result<&'a PathAndQuery, Unfit> {
    if matches!(*method, Method::CONNECT | Method::TRACE) {
        return Err(Unfit::Method);
    }
    if uri.scheme().is_some() || uri.authority().is_some() {
        return Err(Unfit::Target);
    }
    let target = uri.path_and_query().ok_or(Unfit::Target)?;
    match target.as_str().as_bytes() {
        // The second is the first to those who read it as browsers do.
        [b'/', b'/' | b'\\', ..] => Err(Unfit::Target),
        // Not in RFC 3986, and not the same bytes to everybody who reads them.
        bytes if bytes.iter().any(|byte| !byte.is_ascii_graphic()) => Err(Unfit::Target),
        [b'/', ..] => Ok(target),
        _ => Err(Unfit::Target),
    }
}

/// Returns the target without `prefix`, if it starts with it as whole segments: `/SECRET/api?x`
/// becomes `/api?x`, and `/SECRET` becomes `/`.
pub(super) fn without_prefix(target: &PathAndQuery, prefix: &str) -> Option<PathAndQuery> {
    let rest = target.as_str().strip_prefix(prefix)?;
    let rest = match rest.as_bytes() {
        [] => "/".to_owned(),
        [b'?', ..] => format!("/{rest}"),
        [b'/', b'/' | b'\\', ..] => return None,
        [b'/', ..] => rest.to_owned(),
        _ => return None,
    };
    PathAndQuery::try_from(rest).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_origin_form_with_one_slash_is_passed_on() {
        for (method, target, expected) in [
            ("GET", "/", Ok("/")),
            ("GET", "/api/v2/users?a=1&b=%2F..%2f", Ok("/api/v2/users?a=1&b=%2F..%2f")),
            ("GET", "/a/../b//c;x=1", Ok("/a/../b//c;x=1")),
            ("GET", "/?", Ok("/?")),
            ("GET", "/http://evil.example/", Ok("/http://evil.example/")),
            ("GET", "/a\\evil.example", Ok("/a\\evil.example")),
            ("GET", "/\\evil.example", Err(Unfit::Target)),
            ("PROPFIND", "/x", Ok("/x")),
            ("GET", "//evil.example/", Err(Unfit::Target)),
            ("GET", "//", Err(Unfit::Target)),
            ("GET", "/\u{e9}", Err(Unfit::Target)),
            ("GET", "http://127.0.0.1:8080/x", Err(Unfit::Target)),
            ("GET", "https://evil.example/x", Err(Unfit::Target)),
            ("GET", "evil.example:80", Err(Unfit::Target)),
            ("OPTIONS", "*", Err(Unfit::Target)),
            ("CONNECT", "evil.example:443", Err(Unfit::Method)),
            ("TRACE", "/", Err(Unfit::Method)),
        ] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let Ok(uri) = target.parse::<Uri>() else {
                assert_eq!(expected, Err(Unfit::Target), "{target}");
                continue;
            };
            let checked = check(&method, &uri).map(PathAndQuery::as_str);
            assert_eq!(checked, expected, "{method} {target}");
        }
    }

    #[test]
    fn a_prefix_is_taken_off_by_whole_segments() {
        for (target, expected) in [
            ("/secret/api/v2?x=/secret", Some("/api/v2?x=/secret")),
            ("/secret", Some("/")),
            ("/secret?x", Some("/?x")),
            ("/secret/", Some("/")),
            ("/secret//evil.example", None),
            ("/secret/\\evil.example", None),
            ("/secrets/api", None),
            ("/api/secret", None),
            ("/", None),
        ] {
            let target = PathAndQuery::from_static(target);
            let rest = without_prefix(&target, "/secret");
            assert_eq!(rest.as_ref().map(PathAndQuery::as_str), expected, "{target}");
        }
    }
}
