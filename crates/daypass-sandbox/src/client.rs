//! The registered clients: who may ask for a token, for what, and for how long it lives.
//!
//! Does not read requests; `credentials.rs` does.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

/// A way of client authentication (RFC 6749 2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AuthMethod {
    /// HTTP Basic with both parts form-encoded first, as the RFC asks.
    ClientSecretBasic,
    /// HTTP Basic with both parts as they are, as many clients do it.
    ClientSecretBasicRaw,
    /// `client_id` and `client_secret` in the body.
    ClientSecretPost,
}

/// A registered client. `Debug` hides the secret.
#[derive(Clone)]
pub struct Client {
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) scopes: Option<BTreeSet<String>>,
    pub(crate) lifetime: Option<Duration>,
    pub(crate) auth: BTreeSet<AuthMethod>,
    pub(crate) audience: Option<String>,
}

impl Client {
    /// A client that may ask for any scope and any audience, by `client_secret_basic` or `client_secret_post`.
    pub fn new(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            secret: secret.into(),
            scopes: None,
            lifetime: None,
            auth: [AuthMethod::ClientSecretBasic, AuthMethod::ClientSecretPost].into(),
            audience: None,
        }
    }

    /// Allows these scopes and no others; they are also what a request without a scope gets.
    #[must_use]
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = Some(scopes.into_iter().map(Into::into).collect());
        self
    }

    /// Sets how long a token lives (whole seconds on the wire). Default: an hour, a day in the Genesys flavour.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// Accepts these ways of authentication and no others.
    #[must_use]
    pub fn auth(mut self, methods: impl IntoIterator<Item = AuthMethod>) -> Self {
        self.auth = methods.into_iter().collect();
        self
    }

    /// Requires this `audience` or `resource` (RFC 8707); anything else is `invalid_target`.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("id", &self.id)
            .field("scopes", &self.scopes)
            .field("lifetime", &self.lifetime)
            .field("auth", &self.auth)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}
