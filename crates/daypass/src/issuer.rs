//! One attempt at a token endpoint: what is sent, and what the answer means.

mod client_auth;
mod client_credentials;
mod discovery;
mod retry;
mod revocation;
#[cfg(test)]
mod testing;
mod token_endpoint;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

pub use self::client_credentials::{ClientCredentials, ClientCredentialsParts};
pub(crate) use self::retry::{Next, next_attempt};
use crate::{HttpError, Token, printable};

/// An authorization server, bound to one request.
#[async_trait]
pub trait Issuer: Send + Sync {
    /// Makes exactly one attempt to get a token, within `timeout`. Every attempt builds a new
    /// request.
    ///
    /// # Errors
    ///
    /// An [`IssuerError`], whose class says what to do next.
    async fn issue(&self, timeout: Duration) -> Result<Token, IssuerError>;

    /// Revokes a token (RFC 7009, or the provider's own call). A token that is already invalid
    /// counts as revoked.
    ///
    /// # Errors
    ///
    /// An [`IssuerError`]; of class [`IssuerErrorClass::CannotRevoke`] when the issuer has no
    /// way to do that.
    async fn revoke(&self, token: &Token, timeout: Duration) -> Result<(), IssuerError>;

    /// Returns the host that is asked, for messages.
    fn host(&self) -> &str;

    /// Returns the host that is asked to revoke, for messages.
    fn revocation_host(&self) -> &str {
        self.host()
    }
}

/// What to do after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IssuerErrorClass {
    /// No usable answer: try again, with growing pauses.
    Transient,
    /// The issuer asks to wait; `None` when it does not say how long.
    Throttled(Option<Duration>),
    /// A refusal (RFC 6749 section 5.2): asking again changes nothing.
    Rejected,
    /// A bare 401 or 403 without such a body: like a refusal, but remembered for a shorter time.
    BareRejected,
    /// A complete answer whose token can't be used (characters, type): asking again is not
    /// expected to change it.
    Unusable,
    /// The configuration can't work (roots, proxy): asking again changes nothing.
    Setup,
    /// The issuer has no way to revoke.
    CannotRevoke,
}

/// Why an attempt brought no token. Holds no body, query, header or token.
#[derive(Clone, PartialEq, Eq)]
pub struct IssuerError {
    /// What to do next.
    pub class: IssuerErrorClass,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// The `error` code (RFC 6749 section 5.2); printable.
    pub error: Option<String>,
    /// The `error_description`, or what was wrong; printable.
    pub description: Option<String>,
}

impl IssuerError {
    /// An error that comes from no answer; `what` must be printable.
    pub(crate) fn without_answer(class: IssuerErrorClass, what: impl Into<String>) -> Self {
        Self { class, status: None, error: None, description: Some(what.into()) }
    }

    /// The configuration can't work; `what` must be printable.
    pub(crate) fn setup(what: impl Into<String>) -> Self {
        Self::without_answer(IssuerErrorClass::Setup, what)
    }
}

impl From<HttpError> for IssuerError {
    fn from(error: HttpError) -> Self {
        let class = match error {
            HttpError::Setup(_) | HttpError::Untrusted(_) => IssuerErrorClass::Setup,
            _ => IssuerErrorClass::Transient,
        };
        Self::without_answer(class, printable(&error.to_string()))
    }
}

impl fmt::Display for IssuerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.error, self.status) {
            (Some(error), _) => f.write_str(error)?,
            (None, Some(status)) => write!(f, "HTTP {status}")?,
            (None, None) => f.write_str("no answer")?,
        }
        match &self.description {
            Some(description) => write!(f, " ({description})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for IssuerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IssuerError {{ {:?}: {self} }}", self.class)
    }
}

impl std::error::Error for IssuerError {}
