//! Which addresses a secret or a token may be sent to: https, or plain http that never leaves this
//! machine.
//!
//! Owns the rule for all of them, from whatever setting or metadata they come (RFC 6749 section 3.2
//! wants TLS there, RFC 8252 section 8.3 explains the exception for loopback). Pure; what is wrong
//! with an address is said without its path, its query and what may be a password in it.

use url::{Host, Url};

use crate::{Code, Error, printable};

/// Why an address is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unfit {
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) hint: &'static str,
}

impl Unfit {
    fn new(code: Code, message: impl Into<String>, hint: &'static str) -> Self {
        Self { code, message: message.into(), hint }
    }

    /// Makes the error for the setting `name`.
    pub(crate) fn at(self, name: &str) -> Error {
        Error::new(self.code, format!("`{name}`: {}", self.message)).with_hint(self.hint)
    }
}

/// Reads an address that secrets or tokens are sent to.
pub(crate) fn secure(typed: &str) -> Result<Url, Unfit> {
    let url = whole(typed)?;
    if !is_secure(&url) {
        return Err(Unfit::new(
            Code::ConfigInsecureUrl,
            format!("plain http to {}", host_of(&url)),
            "use https; plain http goes only to 127.0.0.1, [::1] or localhost",
        ));
    }
    Ok(url)
}

/// Reads an http or https address without user name, password and fragment.
pub(crate) fn whole(typed: &str) -> Result<Url, Unfit> {
    const WRITE_IT: &str = "write it whole: https://HOST/PATH";
    let odd = |c: char| c.is_ascii_control() || c.is_whitespace() || c == '\\';
    if typed.contains(odd) {
        let what = "an address with a space, a backslash or a control character";
        return Err(Unfit::new(Code::ConfigInvalid, what, WRITE_IT));
    }
    // Userinfo may be a password: nothing of such an address is repeated.
    let url = match typed.split_once("://") {
        Some((scheme, _)) if ["https", "http"].iter().any(|s| s.eq_ignore_ascii_case(scheme)) => {
            let not_one = |error| format!("not an address: {error}");
            Url::parse(typed)
                .map_err(|error| Unfit::new(Code::ConfigInvalid, not_one(error), WRITE_IT))?
        }
        _ => return Err(Unfit::new(Code::ConfigInsecureUrl, "not an https address", WRITE_IT)),
    };
    if !url.username().is_empty() || url.password().is_some() || authority(typed).contains('@') {
        return Err(Unfit::new(
            Code::ConfigInsecureUrl,
            "an address with a user name or a password in it",
            "put the client's id and secret under client_id and client_secret",
        ));
    }
    if url.fragment().is_some() {
        return Err(Unfit::new(
            Code::ConfigInsecureUrl,
            "an address with a fragment (#...)",
            "remove the # and what follows it",
        ));
    }
    Ok(url)
}

fn authority(typed: &str) -> &str {
    let rest = typed.split_once("://").map_or(typed, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

/// Whether `url` may carry a secret: https, or http to this machine.
pub(crate) fn is_secure(url: &Url) -> bool {
    match (url.scheme(), url.host()) {
        ("https", Some(_)) => true,
        ("http", Some(host)) => is_loopback(&host),
        _ => false,
    }
}

/// Whether `host` is this machine by its text alone: 127.0.0.0/8, `[::1]` or `localhost`, which
/// daypass connects to without DNS and without a proxy.
fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => name.eq_ignore_ascii_case("localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// Returns `host` or, where the address names a port of its own, `host:port`.
pub(crate) fn host(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

/// Returns the host as messages show it.
pub(crate) fn host_of(url: &Url) -> String {
    printable(&host(url).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_http_is_for_literal_loopback_only() {
        for (url, is) in [
            ("https://login.example.com/token", true),
            ("https://10.0.0.1/", true),
            ("http://127.0.0.1:8080/token", true),
            ("http://127.255.255.254/", true),
            ("http://[::1]:8080/", true),
            ("http://localhost/", true),
            ("http://LOCALHOST:1/", true),
            ("http://login.example.com/", false),
            ("http://localhost.example.com/", false),
            ("http://a.localhost/", false),
            ("http://localhost./", false),
            ("http://127.0.0.1.example.com/", false),
            ("http://10.0.0.1/", false),
            ("http://128.0.0.1/", false),
            ("http://0.0.0.0/", false),
            ("http://[::ffff:127.0.0.1]/", false),
            ("http://[::]/", false),
            ("ftp://127.0.0.1/", false),
            ("file:///etc/passwd", false),
            ("data:text/plain,x", false),
        ] {
            assert_eq!(is_secure(&Url::parse(url).unwrap()), is, "{url}");
            assert_eq!(secure(url).is_ok(), is, "{url}");
        }
        assert!(secure("HTTPS://auth.example.com:8443/token?tenant=1").is_ok());
        assert!(whole("http://proxy.example.com:3128").is_ok());
    }

    #[test]
    fn an_unfit_address_is_refused_with_a_hint_and_without_what_may_be_secret() {
        use Code::{ConfigInsecureUrl as Insecure, ConfigInvalid as Invalid};
        for (typed, code) in [
            ("", Insecure),
            ("login.example.com/sentinel", Insecure),
            ("https:auth.example.com/sentinel", Insecure),
            ("unix:/sentinel", Insecure),
            ("ftp://h/sentinel", Insecure),
            ("http://h/sentinel?sentinel", Insecure),
            ("https://sentinel@h/", Insecure),
            ("https://:sentinel@h/", Insecure),
            ("https://@h/sentinel", Insecure),
            ("http://sentinel:sentinel@localhost/", Insecure),
            ("https://", Invalid),
            ("https://h/#sentinel", Insecure),
            ("https://h\\@evil.example/sentinel", Invalid),
            ("https://h.exa\tmple.com/sentinel", Invalid),
            (" https://h/sentinel", Invalid),
            ("https://a b/sentinel", Invalid),
        ] {
            let unfit = secure(typed).unwrap_err();
            assert_eq!(unfit.code, code, "{typed}");
            let error = unfit.at("token_url");
            assert!(error.message().starts_with("`token_url`: "), "{error}");
            assert!(!format!("{error:?}").contains("sentinel"), "{error:?}");
        }
    }

    #[test]
    fn a_host_is_shown_with_the_port_that_the_url_names() {
        for (url, shown) in [
            ("https://login.example.com/x?y", "login.example.com"),
            ("https://login.example.com:443/", "login.example.com"),
            ("http://[::1]:80/", "[::1]"),
            ("http://127.0.0.1:8080/", "127.0.0.1:8080"),
        ] {
            assert_eq!(host_of(&Url::parse(url).unwrap()), shown);
        }
    }

    proptest! {
        #[test]
        fn plain_http_never_leaves_this_machine(text in "[a-z0-9.:@/#?\\[\\]%-]{0,24}") {
            if let Ok(url) = secure(&format!("http://{text}")) {
                let host = url.host_str().unwrap().to_owned();
                prop_assert!(host == "localhost" || host == "[::1]" || host.starts_with("127."));
            }
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            let _ = (secure(&text), secure(&format!("https://{text}")));
            let _ = (secure(&format!("http://{text}")), whole(&text));
        }
    }
}
