//! Which fields pass through, in both directions (RFC 9110 section 7.6.1). Pure.
//!
//! Hop-by-hop fields end here, and `Daypass-*` is ours alone. Of what a client says about framing
//! nothing is passed on: each side gets exactly one framing, made by hyper from the body as it was
//! read. `Authorization` is replaced, never added to.

use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, EXPECT, HOST, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, REFERER, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");

/// What every field of ours starts with.
const OURS: &str = "daypass-";

/// Taken out of requests. The first eight mean one connection only.
const OF_REQUESTS: [HeaderName; 13] = [
    CONNECTION,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
    HTTP2_SETTINGS,
    PROXY_AUTHORIZATION,
    // Made anew.
    HOST,
    AUTHORIZATION,
    CONTENT_LENGTH,
    EXPECT,
    PROXY_AUTHENTICATE,
];

/// Taken out of answers.
const OF_ANSWERS: [HeaderName; 8] = [
    CONNECTION,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
];

/// What `Connection` may name: what ends here anyway.
const CONNECTION_OPTIONS: [&str; 8] = [
    "close",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
    "proxy-connection",
    "http2-settings",
    "transfer-encoding",
];

/// Fields that an upstream cannot take away from its answer by naming them in `Connection`.
const KEPT_IN_ANSWERS: [&str; 12] = [
    "cache-control",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "date",
    "etag",
    "location",
    "retry-after",
    "set-cookie",
    "trailer",
    "www-authenticate",
];

/// Why a request's fields are not passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// `Connection` names a field that is meant for the API.
    Connection,
    /// `Expect` asks for something that nobody here can promise (RFC 9110 section 10.1.1).
    Expect,
    /// The body has a transfer coding besides chunked (RFC 9112 section 6.1): it would be lost.
    Coding,
}

/// Makes a client's fields those of a request to the API, but for `Host`, `Authorization` and
/// `Content-Length`, which the caller adds.
pub(super) fn to_upstream(headers: &mut HeaderMap) -> Result<(), Unfit> {
    let Found { known, ours } = find(headers, &OF_REQUESTS);
    let has = |name: &HeaderName| known & bit(&OF_REQUESTS, name) != 0;
    if has(&CONNECTION) && !options(headers).all(|option| is_one_of(option, &CONNECTION_OPTIONS)) {
        return Err(Unfit::Connection);
    }
    if has(&EXPECT) && !headers.get_all(EXPECT).iter().all(is_continue) {
        return Err(Unfit::Expect);
    }
    if has(&TRANSFER_ENCODING) && !is_chunked(headers) {
        return Err(Unfit::Coding);
    }
    if headers.get(REFERER).is_some_and(names_secret_path) {
        headers.remove(REFERER);
    }
    let trailers = has(&TE) && takes_trailers(headers);
    take_out(headers, &OF_REQUESTS, known, ours);
    if trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    Ok(())
}

/// Whether a body has no transfer coding but chunked, once.
pub(super) fn is_chunked(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let chunked = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    codings.next().is_none_or(chunked) && codings.next().is_none()
}

/// Whether a program tells where it was by the secret path, which is not for the API.
fn names_secret_path(referer: &HeaderValue) -> bool {
    let prefix = daypass::LOCAL_PREFIX.as_bytes();
    referer.as_bytes().windows(prefix.len()).any(|part| part == prefix)
}

/// Makes the API's fields those of an answer to the client. Without `trailers` it takes none, gets none,
/// and is told of none (RFC 9110 section 6.5.1).
pub(super) fn to_client(headers: &mut HeaderMap, trailers: bool) {
    let Found { known, ours } = find(headers, &OF_ANSWERS);
    if known & bit(&OF_ANSWERS, &CONNECTION) != 0 {
        let named: Vec<_> = options(headers)
            .filter(|option| !is_one_of(option, &KEPT_IN_ANSWERS))
            .filter_map(|option| HeaderName::from_bytes(option).ok())
            .collect();
        named.iter().for_each(|name| drop(headers.remove(name)));
    }
    if known & bit(&OF_ANSWERS, &TRANSFER_ENCODING) != 0 {
        // RFC 9112 section 6.3: with both, the length was not what framed the body.
        headers.remove(CONTENT_LENGTH);
    }
    take_out(headers, &OF_ANSWERS, known, ours);
    if !trailers {
        headers.remove(TRAILER);
    }
}

/// Takes out of a trailer section what may not stand there (RFC 9110 section 6.5.1): framing,
/// routing, authentication, and what is ours.
pub(super) fn trailers(fields: &mut HeaderMap) {
    let Found { known, ours } = find(fields, &OF_REQUESTS);
    take_out(fields, &OF_REQUESTS, known, ours);
    for name in ["cookie", "set-cookie", "content-encoding", "content-type", "trailer"] {
        fields.remove(name);
    }
}

/// Which of the known fields there are, as bits, and whether there are any of ours.
struct Found {
    known: u32,
    ours: bool,
}

fn find(headers: &HeaderMap, known: &[HeaderName]) -> Found {
    let mut found = Found { known: 0, ours: false };
    for name in headers.keys() {
        found.known |= bit(known, name);
        found.ours |= name.as_str().starts_with(OURS);
    }
    found
}

fn bit(known: &[HeaderName], name: &HeaderName) -> u32 {
    known.iter().position(|known| known == name).map_or(0, |index| 1 << index)
}

fn take_out(headers: &mut HeaderMap, names: &[HeaderName], known: u32, ours: bool) {
    for (index, name) in names.iter().enumerate() {
        if known & (1 << index) != 0 {
            headers.remove(name);
        }
    }
    if ours {
        let names: Vec<_> =
            headers.keys().filter(|n| n.as_str().starts_with(OURS)).cloned().collect();
        names.iter().for_each(|name| drop(headers.remove(name)));
    }
}

fn options(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let values = headers.get_all(CONNECTION).iter();
    let options = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    options.map(<[u8]>::trim_ascii).filter(|option| !option.is_empty())
}

fn is_one_of(option: &[u8], names: &[&str]) -> bool {
    names.iter().any(|name| option.eq_ignore_ascii_case(name.as_bytes()))
}

fn is_continue(value: &HeaderValue) -> bool {
    value.as_bytes().eq_ignore_ascii_case(b"100-continue")
}

fn takes_trailers(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(TE).iter().flat_map(|te| te.as_bytes().split(|b| *b == b','));
    values.any(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"trailers"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let fields = fields
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        fields.fold(HeaderMap::new(), |mut headers, (name, value)| {
            headers.append(name, value);
            headers
        })
    }

    fn shown(headers: &HeaderMap) -> Vec<String> {
        let shown = |(name, value): (&HeaderName, &HeaderValue)| {
            format!("{name}: {}", value.to_str().unwrap())
        };
        headers.iter().map(shown).collect()
    }

    #[test]
    fn what_means_one_connection_ends_here_and_the_rest_passes() {
        let mut request = headers(&[
            ("host", "127.0.0.1:1"),
            ("authorization", "Bearer x"),
            ("authorization", "Basic y"),
            ("connection", "keep-alive, TE"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("proxy-authorization", "Basic z"),
            ("te", "gzip;q=0.5, Trailers"),
            ("trailer", "x-checksum"),
            ("transfer-encoding", "chunked"),
            ("content-length", "5"),
            ("upgrade", "h2c"),
            ("http2-settings", "AAMAAABkAARAAAAAAAIAAAAA"),
            ("expect", "100-continue"),
            ("daypass-profile", "other"),
            ("daypass-anything", "x"),
            ("cookie", "a=b"),
            ("accept-encoding", "gzip"),
            ("content-encoding", "gzip"),
            ("x-twice", "1"),
            ("x-twice", "2"),
        ]);
        to_upstream(&mut request).unwrap();
        assert_eq!(
            shown_sorted(&request),
            [
                "accept-encoding: gzip",
                "content-encoding: gzip",
                "cookie: a=b",
                "te: trailers",
                "trailer: x-checksum",
                "x-twice: 1",
                "x-twice: 2",
            ]
        );
    }

    #[test]
    fn connection_may_not_name_what_is_meant_for_the_api() {
        for (connection, expected) in [
            ("close", Ok(())),
            ("Keep-Alive", Ok(())),
            ("keep-alive, Upgrade, HTTP2-Settings", Ok(())),
            (" ,, close ,", Ok(())),
            ("authorization", Err(Unfit::Connection)),
            ("close, Authorization", Err(Unfit::Connection)),
            ("host", Err(Unfit::Connection)),
            ("content-length", Err(Unfit::Connection)),
            ("cookie", Err(Unfit::Connection)),
            ("x-request-id", Err(Unfit::Connection)),
            ("daypass-error", Err(Unfit::Connection)),
        ] {
            let mut request = headers(&[("connection", connection)]);
            assert_eq!(to_upstream(&mut request), expected, "{connection}");
        }
        let mut twice = headers(&[("connection", "close"), ("connection", "cookie")]);
        assert_eq!(to_upstream(&mut twice), Err(Unfit::Connection));
    }

    #[test]
    fn nothing_is_expected_but_a_hundred_continue() {
        for (expect, expected) in [
            ("100-continue", Ok(())),
            ("100-Continue", Ok(())),
            ("", Err(Unfit::Expect)),
            ("200-ok", Err(Unfit::Expect)),
            ("100-continue, x", Err(Unfit::Expect)),
        ] {
            assert_eq!(to_upstream(&mut headers(&[("expect", expect)])), expected, "{expect}");
        }
    }

    #[test]
    fn an_answer_loses_what_means_one_connection_and_what_only_we_may_say() {
        let mut answer = headers(&[
            ("connection", "close, X-Hop, Content-Type, WWW-Authenticate"),
            ("x-hop", "1"),
            ("content-type", "text/plain"),
            ("www-authenticate", "Bearer"),
            ("transfer-encoding", "chunked"),
            ("content-length", "5"),
            ("trailer", "x-checksum"),
            ("proxy-authenticate", "Basic"),
            ("keep-alive", "timeout=5"),
            ("upgrade", "h2c"),
            ("daypass-error", "issuer.rejected"),
            ("set-cookie", "a=b"),
            ("inin-ratelimit-count", "7"),
        ]);
        to_client(&mut answer, true);
        let mut shown = shown(&answer);
        shown.sort();
        assert_eq!(
            shown,
            [
                "content-type: text/plain",
                "inin-ratelimit-count: 7",
                "set-cookie: a=b",
                "trailer: x-checksum",
                "www-authenticate: Bearer",
            ]
        );
        let mut sized = headers(&[("content-length", "5"), ("etag", "x")]);
        to_client(&mut sized, true);
        assert_eq!(shown_sorted(&sized), ["content-length: 5", "etag: x"]);
    }

    fn shown_sorted(headers: &HeaderMap) -> Vec<String> {
        let mut shown = shown(headers);
        shown.sort();
        shown
    }

    #[test]
    fn a_trailer_section_frames_routes_and_authenticates_nothing() {
        let mut fields = headers(&[
            ("authorization", "Bearer x"),
            ("host", "evil.example"),
            ("content-length", "5"),
            ("transfer-encoding", "chunked"),
            ("connection", "close"),
            ("set-cookie", "a=b"),
            ("daypass-error", "x"),
            ("x-checksum", "abc"),
            ("grpc-status", "0"),
        ]);
        trailers(&mut fields);
        assert_eq!(shown_sorted(&fields), ["grpc-status: 0", "x-checksum: abc"]);
    }
}
