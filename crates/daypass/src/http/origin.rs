//! Which URLs may be asked: https, or plain http that never leaves this machine.
//!
//! Owns the rule for every URL that a credential or a token goes to (RFC 6749 section 3.2 wants
//! TLS there, RFC 8252 section 8.3 explains the exception for loopback). It opens no connection.

use url::{Host, Url};

use crate::{Code, Error, printable};

/// Whether `host` is this machine by its text alone: 127.0.0.0/8, `[::1]` or `localhost`, which
/// daypass connects to without DNS and without a proxy.
pub(crate) fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => name.eq_ignore_ascii_case("localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// Whether `url` may carry a secret: https, or http to this machine.
pub(crate) fn is_secure(url: &Url) -> bool {
    match (url.scheme(), url.host()) {
        ("https", Some(_)) => true,
        ("http", Some(host)) => is_loopback(&host),
        _ => false,
    }
}

/// Returns the host as it is shown in messages: with its port, where the URL names one.
pub(crate) fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => printable(&format!("{host}:{port}")),
        None => printable(host),
    }
}

/// Reads the URL of the setting `name`, which a secret will be sent to. Neither path nor query of
/// it are ever shown.
///
/// # Errors
///
/// `config.invalid` for what is no URL or has a fragment; `config.insecure_url` for plain http to
/// another machine and for userinfo.
pub(crate) fn secure_url(name: &str, text: &str) -> Result<Url, Error> {
    let url = Url::parse(text).map_err(|error| {
        Error::new(Code::ConfigInvalid, format!("`{name}` is not a URL: {error}"))
            .with_hint("it looks like https://login.example.com/oauth/token")
    })?;
    let host = host_of(&url);
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::new(
            Code::ConfigInsecureUrl,
            format!("`{name}` has a user name or password before {host}"),
        )
        .with_hint("remove it; credentials are given as client_id and client_secret"));
    }
    if !matches!(url.scheme(), "https" | "http") {
        let scheme = printable(url.scheme());
        return Err(Error::new(
            Code::ConfigInsecureUrl,
            format!("`{name}` is a {scheme} URL; only https will do"),
        )
        .with_hint("write https://"));
    }
    if !is_secure(&url) {
        return Err(Error::new(
            Code::ConfigInsecureUrl,
            format!("`{name}` would send a secret to {host} over plain http"),
        )
        .with_hint("write https://; plain http works for 127.0.0.1, [::1] and localhost only"));
    }
    if url.fragment().is_some() {
        return Err(Error::new(Code::ConfigInvalid, format!("`{name}` has a fragment (#...)"))
            .with_hint("remove the # and what follows it"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_literal_loopback_only() {
        for (url, secure) in [
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
            ("http://0.0.0.0/", false),
            ("http://[::ffff:127.0.0.1]/", false),
            ("http://[::]/", false),
            ("ftp://127.0.0.1/", false),
            ("file:///etc/passwd", false),
            ("data:text/plain,x", false),
        ] {
            assert_eq!(is_secure(&Url::parse(url).unwrap()), secure, "{url}");
        }
    }

    #[test]
    fn an_unusable_url_is_refused_with_a_hint_and_without_showing_its_secrets() {
        for (text, code) in [
            ("", Code::ConfigInvalid),
            ("login.example.com", Code::ConfigInvalid),
            ("https://", Code::ConfigInvalid),
            ("https://h/#sentinel", Code::ConfigInvalid),
            ("http://h/sentinel?sentinel", Code::ConfigInsecureUrl),
            ("https://sentinel@h/", Code::ConfigInsecureUrl),
            ("https://:sentinel@h/", Code::ConfigInsecureUrl),
            ("http://sentinel:sentinel@localhost/", Code::ConfigInsecureUrl),
            ("unix:/sentinel", Code::ConfigInsecureUrl),
        ] {
            let error = secure_url("token_url", text).unwrap_err();
            assert_eq!(error.code(), code, "{text}");
            assert!(error.hint().is_some(), "{text}");
            assert!(error.message().contains("token_url"), "{text}");
            assert!(!format!("{error:?}").contains("sentinel"), "{error:?}");
        }
        assert!(secure_url("token_url", "https://h/token?tenant=1").is_ok());
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
}
