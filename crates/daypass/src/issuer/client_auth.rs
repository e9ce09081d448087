//! How a client proves who it is (RFC 6749 section 2.3.1).
//!
//! Owns the client secret. A request is given to it last, and leaves it ready to be sent.

use std::fmt;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::IssuerError;
use super::token_endpoint::{Hidden, TokenEndpointRequest};
use crate::{ClientAuthMethod, Code, Error};

/// Proves to a token endpoint who the client is.
#[async_trait]
pub(crate) trait ClientAuth: Send + Sync {
    /// Adds the proof to `request`. Called for every attempt: what may be used only once is made
    /// anew.
    ///
    /// # Errors
    ///
    /// An [`IssuerError`] when no proof can be made.
    async fn authenticate(&self, request: &mut TokenEndpointRequest) -> Result<(), IssuerError>;

    /// Adds what no message may repeat, before there is a request.
    fn hide(&self, hidden: &mut Hidden);
}

/// A client that proves itself with a secret.
pub(crate) struct ClientSecret {
    method: ClientAuthMethod,
    client_id: String,
    secret: SecretString,
}

impl ClientSecret {
    /// Takes a client's id and secret.
    ///
    /// # Errors
    ///
    /// `config.invalid` when `method` can't express the id.
    pub(crate) fn new(
        method: ClientAuthMethod,
        client_id: &str,
        secret: SecretString,
    ) -> Result<Self, Error> {
        if method == ClientAuthMethod::ClientSecretBasicRaw && client_id.contains(':') {
            return Err(Error::new(
                Code::ConfigInvalid,
                "a client_id with a colon can't be sent with client_secret_basic_raw",
            )
            .with_hint("is it the client_id? else set client_auth = \"client_secret_basic\""));
        }
        Ok(Self { method, client_id: client_id.to_owned(), secret })
    }
}

#[async_trait]
impl ClientAuth for ClientSecret {
    async fn authenticate(&self, request: &mut TokenEndpointRequest) -> Result<(), IssuerError> {
        let secret = self.secret.expose_secret();
        request.hide(secret);
        match self.method {
            ClientAuthMethod::ClientSecretBasic => {
                request.basic(&form_encoded(&self.client_id), &form_encoded(secret))
            }
            ClientAuthMethod::ClientSecretBasicRaw => request.basic(&self.client_id, secret),
            ClientAuthMethod::ClientSecretPost => {
                request.param("client_id", &self.client_id);
                request.secret_param("client_secret", secret);
                Ok(())
            }
        }
    }

    fn hide(&self, hidden: &mut Hidden) {
        hidden.hide(self.secret.expose_secret());
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSecret").field("method", &self.method).finish_non_exhaustive()
    }
}

fn form_encoded(text: &str) -> Zeroizing<String> {
    let mut encoded = Zeroizing::new(String::with_capacity(3 * text.len()));
    encoded.extend(form_urlencoded::byte_serialize(text.as_bytes()));
    encoded
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Request;
    use url::Url;

    use super::*;

    const SENTINEL: &str = "sentinel:5ec+2e 7/ü";

    async fn sent(method: ClientAuthMethod, client_id: &str) -> Request<Bytes> {
        let auth = ClientSecret::new(method, client_id, SENTINEL.into()).unwrap();
        let url = Url::parse("https://login.example.com/token").unwrap();
        let mut request = TokenEndpointRequest::new(url);
        request.param("grant_type", "client_credentials");
        auth.authenticate(&mut request).await.unwrap();
        request.encode().unwrap().0
    }

    fn basic(request: &Request<Bytes>) -> String {
        use base64::Engine as _;
        let header = &request.headers()["authorization"];
        assert!(header.is_sensitive());
        assert!(!format!("{:?}", request.headers()).contains("Basic"));
        let encoded = header.to_str().unwrap().strip_prefix("Basic ").unwrap();
        String::from_utf8(base64::prelude::BASE64_STANDARD.decode(encoded).unwrap()).unwrap()
    }

    #[tokio::test]
    async fn basic_form_encodes_id_and_secret_first() {
        let request = sent(ClientAuthMethod::ClientSecretBasic, "a:b c").await;
        assert_eq!(basic(&request), "a%3Ab+c:sentinel%3A5ec%2B2e+7%2F%C3%BC");
        assert_eq!(request.body().as_ref(), b"grant_type=client_credentials");
    }

    #[tokio::test]
    async fn raw_basic_leaves_id_and_secret_as_they_are() {
        let request = sent(ClientAuthMethod::ClientSecretBasicRaw, "a b").await;
        assert_eq!(basic(&request), format!("a b:{SENTINEL}"));
        assert_eq!(request.body().as_ref(), b"grant_type=client_credentials");
    }

    #[tokio::test]
    async fn post_sends_id_and_secret_in_the_body_and_no_header() {
        let request = sent(ClientAuthMethod::ClientSecretPost, "a:b").await;
        assert!(!request.headers().contains_key("authorization"));
        assert_eq!(
            request.body().as_ref(),
            b"grant_type=client_credentials&client_id=a%3Ab\
              &client_secret=sentinel%3A5ec%2B2e+7%2F%C3%BC"
        );
    }

    #[test]
    fn an_id_that_raw_basic_cannot_express_is_refused_at_once() {
        let raw = ClientAuthMethod::ClientSecretBasicRaw;
        let error = ClientSecret::new(raw, "a:b", SENTINEL.into()).unwrap_err();
        assert_eq!(error.code(), Code::ConfigInvalid);
        assert!(error.hint().is_some());
    }

    #[test]
    fn methods_are_read_by_their_names() {
        for method in ClientAuthMethod::ALL {
            assert_eq!(ClientAuthMethod::parse(method.as_str()), Some(method));
        }
        assert_eq!(ClientAuthMethod::parse("Client_Secret_Basic"), None);
        assert_eq!(ClientAuthMethod::default().as_str(), "client_secret_basic");
    }

    #[test]
    fn debug_shows_no_secret() {
        for method in ClientAuthMethod::ALL {
            let auth = ClientSecret::new(method, "id", SENTINEL.into()).unwrap();
            assert!(!format!("{auth:?} {auth:#?}").contains("sentinel"));
        }
    }
}
