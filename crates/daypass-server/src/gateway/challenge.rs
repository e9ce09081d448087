//! What the `WWW-Authenticate` of a 401 says about another try (RFC 9110 section 11.6.1, RFC 6750
//! section 3). Pure.

use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;

/// What the API says with its 401.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// The token is the problem, or nothing is said: another token may help.
    Token,
    /// Something else is: no token of this client will help.
    Other,
}

/// Reads all challenges of an answer.
pub(super) fn read(headers: &HeaderMap) -> Challenge {
    let values = headers.get_all(WWW_AUTHENTICATE).iter();
    let errors: Vec<_> = values.flat_map(|value| errors(value.as_bytes())).collect();
    let other = |error: &Vec<u8>| {
        error.eq_ignore_ascii_case(b"insufficient_scope")
            || error.eq_ignore_ascii_case(b"invalid_request")
    };
    if errors.is_empty() || !errors.iter().all(other) { Challenge::Token } else { Challenge::Other }
}

/// Returns the values of every parameter called `error`. Scheme names are passed over: they are
/// not followed by `=`.
fn errors(value: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut rest = value;
    loop {
        rest = trimmed(rest);
        let length = rest.iter().take_while(|byte| is_token(**byte)).count();
        let (name, after) = rest.split_at(length);
        let Some(after) = trimmed(after).strip_prefix(b"=") else {
            match after.split_first() {
                None => return found,
                Some((_, next)) => rest = if length == 0 { next } else { after },
            }
            continue;
        };
        let (text, after) = parameter(trimmed(after));
        if name.eq_ignore_ascii_case(b"error") {
            found.push(text);
        }
        rest = after;
    }
}

/// Reads a token or a quoted string, and returns what is after it.
fn parameter(value: &[u8]) -> (Vec<u8>, &[u8]) {
    let Some(mut rest) = value.strip_prefix(b"\"") else {
        let length = value.iter().take_while(|byte| is_token(**byte)).count();
        let (text, after) = value.split_at(length);
        return (text.to_vec(), after);
    };
    let mut text = Vec::new();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after.split_first()) {
            (b'"', _) => break,
            (b'\\', Some((&escaped, after))) => {
                text.push(escaped);
                rest = after;
            }
            _ => text.push(byte),
        }
    }
    (text, rest)
}

fn trimmed(value: &[u8]) -> &[u8] {
    value.trim_ascii_start()
}

/// A `tchar` of RFC 9110 section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn said(values: &[&str]) -> Challenge {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_str(value).unwrap());
        }
        read(&headers)
    }

    #[test]
    fn only_what_another_token_cannot_mend_is_passed_on_at_once() {
        use Challenge::{Other, Token};
        for (value, expected) in [
            ("Bearer", Token),
            ("Bearer realm=\"api\"", Token),
            ("Bearer error=\"invalid_token\"", Token),
            ("Bearer realm=\"api\", error=\"invalid_token\", error_description=\"expired\"", Token),
            ("bearer ERROR=invalid_token", Token),
            ("Bearer error=\"insufficient_scope\", scope=\"a b\"", Other),
            ("Bearer error=insufficient_scope", Other),
            ("Bearer error = \"insufficient_scope\"", Other),
            ("Bearer error=\"insufficient\\_scope\"", Other),
            ("Bearer error=\"invalid_request\"", Other),
            ("Bearer error=\"something_new\"", Token),
            ("Bearer realm=\"error=insufficient_scope\"", Token),
            ("Bearer realm=\"\\\", error=insufficient_scope\"", Token),
            ("Bearer error_description=\"insufficient_scope\"", Token),
            ("Basic realm=\"x\", Bearer error=\"insufficient_scope\"", Other),
            ("Basic realm=\"x\"", Token),
            ("Negotiate abc==", Token),
            ("", Token),
            ("=", Token),
            ("error=", Token),
            ("Bearer error=\"insufficient_scope", Other),
        ] {
            assert_eq!(said(&[value]), expected, "{value}");
        }
        assert_eq!(said(&[]), Token);
        assert_eq!(said(&["Basic realm=x", "Bearer error=\"insufficient_scope\""]), Other);
        assert_eq!(said(&["DPoP error=insufficient_scope", "Bearer error=invalid_token"]), Token);
    }

    proptest! {
        #[test]
        fn any_field_is_read_to_its_end(value in proptest::collection::vec(0x20u8..0x7f, 0..200)) {
            let mut headers = HeaderMap::new();
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_bytes(&value).unwrap());
            read(&headers);
        }
    }
}
