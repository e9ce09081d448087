//! Who may talk to the gateway at all, by the fields that every request has: no browser, no name
//! that was rebound to this machine. Pure.
//!
//! A page in a browser can make requests to loopback; what it can't do is choose `Host`, or leave
//! out `Origin` and `Sec-Fetch-Site`. Local credentials are `local`'s, the peer's user is `peer`'s.

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, HeaderName};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Why nobody listens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stranger {
    /// `Host` is missing, stands twice, or is not one of ours with the port.
    Host,
    /// It comes from a page in a browser.
    Page,
}

/// The authorities under which a gateway is reached.
#[derive(Debug)]
pub(super) struct Authorities([String; 3]);

impl Authorities {
    pub(super) fn new(port: u16) -> Self {
        Self(["127.0.0.1", "localhost", "[::1]"].map(|host| format!("{host}:{port}")))
    }

    /// Whether a request with these fields is listened to.
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<(), Stranger> {
        let mut hosts = headers.get_all(HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else { return Err(Stranger::Host) };
        if !self.0.iter().any(|ours| host.as_bytes().eq_ignore_ascii_case(ours.as_bytes())) {
            return Err(Stranger::Host);
        }
        if headers.contains_key(ORIGIN) {
            return Err(Stranger::Page);
        }
        match headers.get_all(SEC_FETCH_SITE).iter().all(|site| site == "none") {
            true => Ok(()),
            false => Err(Stranger::Page),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn checked(fields: &[(&'static str, &str)]) -> Result<(), Stranger> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        Authorities::new(4711).check(&headers)
    }

    #[test]
    fn host_is_one_of_our_authorities_with_its_port() {
        for (host, expected) in [
            ("127.0.0.1:4711", Ok(())),
            ("localhost:4711", Ok(())),
            ("LocalHost:4711", Ok(())),
            ("[::1]:4711", Ok(())),
            ("127.0.0.1", Err(Stranger::Host)),
            ("localhost", Err(Stranger::Host)),
            ("127.0.0.1:4712", Err(Stranger::Host)),
            ("127.0.0.2:4711", Err(Stranger::Host)),
            ("evil.example:4711", Err(Stranger::Host)),
            ("localhost.evil.example:4711", Err(Stranger::Host)),
            ("localhost:4711, evil.example", Err(Stranger::Host)),
            ("[::ffff:127.0.0.1]:4711", Err(Stranger::Host)),
            ("", Err(Stranger::Host)),
        ] {
            assert_eq!(checked(&[("host", host)]), expected, "{host}");
        }
        assert_eq!(checked(&[]), Err(Stranger::Host));
        let twice = [("host", "127.0.0.1:4711"), ("host", "127.0.0.1:4711")];
        assert_eq!(checked(&twice), Err(Stranger::Host));
    }

    #[test]
    fn no_page_in_a_browser_is_listened_to() {
        let host = ("host", "localhost:4711");
        for (field, expected) in [
            (("origin", "null"), Err(Stranger::Page)),
            (("origin", "http://localhost:4711"), Err(Stranger::Page)),
            (("origin", ""), Err(Stranger::Page)),
            (("sec-fetch-site", "cross-site"), Err(Stranger::Page)),
            (("sec-fetch-site", "same-origin"), Err(Stranger::Page)),
            (("sec-fetch-site", "same-site"), Err(Stranger::Page)),
            (("sec-fetch-site", "none"), Ok(())),
            (("sec-fetch-mode", "cors"), Ok(())),
            (("referer", "http://localhost:4711/"), Ok(())),
        ] {
            assert_eq!(checked(&[host, field]), expected, "{field:?}");
        }
        let both = [host, ("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")];
        assert_eq!(checked(&both), Err(Stranger::Page));
    }
}
