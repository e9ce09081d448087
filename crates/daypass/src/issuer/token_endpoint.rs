//! The token endpoint as a pure codec: a request to bytes, an answer to a token or to a class of
//! failure (RFC 6749 sections 4.4.2, 5.1 and 5.2).
//!
//! Owns the wire format and the failure table. It opens no connection, reads no clock and proves
//! nothing about the client: that is `client_auth`. What a token endpoint says is outside text:
//! it is shown through `printable`, and not at all where it repeats a secret.

mod hidden;
mod json;
mod refusal;
mod success;

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use url::Url;
use zeroize::Zeroizing;

pub(crate) use self::hidden::Hidden;
pub(super) use self::json::{Object, object};
pub(crate) use self::refusal::refusal;
pub(crate) use self::success::decode;
use super::IssuerError;
use crate::{Dialect, Timestamp};

/// How daypass names itself to servers.
pub(crate) const AGENT: &str = concat!("daypass/", env!("CARGO_PKG_VERSION"));

/// Lifetimes beyond this are cut, so that arithmetic stays far from its limits: ten years.
pub(crate) const LONGEST_LIFETIME: Duration = Duration::from_secs(10 * 365 * 86_400);

/// A request to a token or revocation endpoint under construction. What is secret in it is zeroed
/// on drop and remembered, so that an answer that repeats it is not shown.
pub(crate) struct TokenEndpointRequest {
    url: Url,
    params: Vec<(String, Zeroizing<String>)>,
    headers: HeaderMap,
    hidden: Hidden,
}

impl TokenEndpointRequest {
    /// Starts a request to `url`.
    pub(crate) fn new(url: Url) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, form);
        Self { url, params: Vec::new(), headers, hidden: Hidden::default() }
    }

    /// Adds a form parameter.
    pub(crate) fn param(&mut self, name: &str, value: &str) {
        self.params.push((name.to_owned(), Zeroizing::new(value.to_owned())));
    }

    /// Adds a form parameter whose value nobody may see.
    pub(crate) fn secret_param(&mut self, name: &str, value: &str) {
        self.param(name, value);
        self.hide(value);
    }

    /// Sets HTTP Basic authentication (RFC 7617) from user and password as they are.
    pub(crate) fn basic(&mut self, user: &str, password: &str) -> Result<(), IssuerError> {
        const SCHEME: &str = "Basic ";
        let mut pair = Zeroizing::new(String::with_capacity(user.len() + password.len() + 1));
        pair.push_str(user);
        pair.push(':');
        pair.push_str(password);
        let room = SCHEME.len() + pair.len().div_ceil(3) * 4;
        let mut header = Zeroizing::new(String::with_capacity(room));
        header.push_str(SCHEME);
        BASE64_STANDARD.encode_string(pair.as_bytes(), &mut header);
        self.hide(password);
        self.hide(header.strip_prefix(SCHEME).unwrap_or_default());
        // Base64 is always a header value; an empty one would be refused by the server.
        let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(header))
            .map_err(|_| IssuerError::setup("the credential does not fit into a header"))?;
        value.set_sensitive(true);
        self.headers.insert(AUTHORIZATION, value);
        Ok(())
    }

    /// Remembers a text that no message may repeat, in the forms in which it travels.
    pub(crate) fn hide(&mut self, secret: &str) {
        self.hidden.hide(secret);
    }

    /// Returns the request as it is sent, and what no message may repeat.
    pub(crate) fn encode(self) -> Result<(Request<Bytes>, Hidden), IssuerError> {
        // Percent-encoding makes three bytes of one: reserved once, no copy stays behind.
        let room = self.params.iter().map(|(name, value)| 3 * (name.len() + value.len()) + 2).sum();
        let mut body = Zeroizing::new(String::with_capacity(room));
        {
            let mut form = form_urlencoded::Serializer::new(&mut *body);
            for (name, value) in &self.params {
                form.append_pair(name, value);
            }
        }
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(self.url.as_str())
            .body(Bytes::from_owner(body))
            .map_err(|_| IssuerError::setup("the endpoint's URL can't be used"))?;
        *request.headers_mut() = self.headers;
        Ok((request, self.hidden))
    }
}

/// What came back, and when.
pub(crate) struct Answer<'a> {
    pub(crate) status: StatusCode,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
    pub(crate) sent_at: Timestamp,
    pub(crate) received_at: Timestamp,
}

/// How an answer is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// What is peculiar about the server.
    pub(crate) dialect: Dialect,
    /// Caps the lifetime; never extends it.
    pub(crate) max_ttl: Option<Duration>,
    /// The lifetime of a token whose lifetime nobody states.
    pub(crate) assume_ttl: Duration,
}

#[cfg(test)]
mod tests;
