//! A request, an issuer that answers at once, and sources made of them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use daypass::{
    AccessToken, Cached, CachedParts, Clock, Effects, Endpoint, HttpClient, HttpError, Issuer,
    IssuerError, Labels, ScopeSet, Sealer, Style, SystemClock, Token, TokenRequest, TokenStore,
};

pub(crate) const SECRET: &[u8] = b"the secret of the benchmark";
const HOUR: Duration = Duration::from_secs(3600);

/// A token of 1.1 kB, as long as JWTs usually are.
pub(crate) fn token() -> Token {
    let text = format!("eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.{:0>700}.{:0>342}", 1, 1);
    let now = SystemClock.now();
    let scopes = ScopeSet::parse("orders:read orders:write");
    let access_token = AccessToken::new(&text).unwrap();
    Token::new(access_token, Some(scopes), now, now, now.saturating_add(HOUR))
}

pub(crate) fn request() -> TokenRequest {
    let endpoint = Endpoint::TokenUrl("https://auth.example.com/oauth/token".into());
    let credential = Sealer::credential_id(None, SECRET).unwrap();
    let mut request = TokenRequest::client_credentials(endpoint, "ci", credential);
    request.scopes = ScopeSet::parse("orders:read orders:write");
    request.audience = Some("https://api.example.com".into());
    request
}

pub(crate) fn source(store: Arc<dyn TokenStore>) -> Cached {
    Cached::new(CachedParts {
        request: request(),
        store,
        issuer: Arc::new(AtOnce),
        effects: Effects { clock: Arc::new(SystemClock), http: Arc::new(Offline), jitter: || 0.5 },
        style: Style::LongLived,
        labels: Labels::default(),
    })
}

struct AtOnce;

#[async_trait]
impl Issuer for AtOnce {
    async fn issue(&self, _: Duration) -> Result<Token, IssuerError> {
        Ok(token())
    }

    async fn revoke(&self, _: &Token, _: Duration) -> Result<(), IssuerError> {
        Ok(())
    }

    fn host(&self) -> &str {
        "auth.example.com"
    }
}

struct Offline;

#[async_trait]
impl HttpClient for Offline {
    async fn send(&self, _: http::Request<Bytes>) -> Result<http::Response<Bytes>, HttpError> {
        panic!("a benchmark asks nobody")
    }
}
