//! The form in a request's body: `application/x-www-form-urlencoded` as RFC 6749 3.2 and appendix B have it.

use bytes::Bytes;
use http::Request;
use http::header::CONTENT_TYPE;

use crate::oauth_error::OauthError;

/// Parameters with a value; RFC 6749 3.2 treats one without a value as omitted. Has no `Debug`: it may hold a
/// secret.
#[derive(Default)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads whatever is there, for the log.
    pub(crate) fn lenient(body: &[u8]) -> Self {
        let pairs = form_urlencoded::parse(body).into_owned();
        Self(pairs.filter(|(_, value)| !value.is_empty()).collect())
    }

    /// Reads a form that keeps the rules: the right content type, UTF-8, no parameter twice.
    pub(crate) fn strict(request: &Request<Bytes>) -> Result<Self, OauthError> {
        let content_type = request.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
        let media_type = content_type.and_then(|v| v.split(';').next()).unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            let why = "the content type is not application/x-www-form-urlencoded";
            return Err(OauthError::invalid_request(why));
        }
        let form = Self::lenient(request.body());
        for (i, (name, value)) in form.0.iter().enumerate() {
            if name.contains('\u{fffd}') || value.contains('\u{fffd}') {
                return Err(OauthError::invalid_request("a parameter is not UTF-8"));
            }
            // RFC 8707 2 and RFC 8693 2.1 let these two be repeated.
            let repeatable = matches!(name.as_str(), "resource" | "audience");
            if !repeatable && form.0.iter().skip(i + 1).any(|(other, _)| other == name) {
                return Err(OauthError::invalid_request("a parameter is there twice"));
            }
        }
        Ok(form)
    }

    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.values(name).next()
    }

    pub(crate) fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Decodes one form-encoded text: `+` is a space, `%41` an `A`.
pub(crate) fn decode(text: &str) -> String {
    let pair = format!("x={}", text.replace('&', "%26"));
    form_urlencoded::parse(pair.as_bytes()).map(|(_, value)| value.into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_is_decoded_whatever_it_contains() {
        for (encoded, text) in
            [("a%2Bb+c%25", "a+b c%"), ("a&b=c", "a&b=c"), ("", ""), ("%zz", "%zz")]
        {
            assert_eq!(decode(encoded), text);
        }
    }
}
