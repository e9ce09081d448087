//! How a client stands towards its issuer: how it proves itself, what is peculiar about the
//! answers, how a token is taken back. Providers say it, configurations override it, issuers do it.

use std::time::Duration;

/// The lifetime that is assumed where neither the issuer nor the user states one.
pub const ASSUME_TTL: Duration = Duration::from_secs(300);

/// The ways to present a client secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClientAuthMethod {
    /// HTTP Basic; id and secret are form-encoded first, as RFC 6749 section 2.3.1 asks.
    #[default]
    ClientSecretBasic,
    /// HTTP Basic with id and secret as they are, for servers that don't decode them (Genesys
    /// Cloud's own clients do so).
    ClientSecretBasicRaw,
    /// As form parameters in the body.
    ClientSecretPost,
}

impl ClientAuthMethod {
    /// All methods.
    pub const ALL: [Self; 3] =
        [Self::ClientSecretBasic, Self::ClientSecretBasicRaw, Self::ClientSecretPost];

    /// Reads the name of a method, as it stands in a configuration.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }

    /// Returns the name: the registered one (RFC 7591 section 2), but for the raw form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretBasicRaw => "client_secret_basic_raw",
            Self::ClientSecretPost => "client_secret_post",
        }
    }
}

/// What is peculiar about an authorization server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dialect {
    /// As RFC 6749 has it.
    #[default]
    Rfc,
    /// Genesys Cloud, which says 400 `invalid_request` where others say 429.
    Genesys,
}

/// How a token is revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Revocation {
    /// The token in a form to this address, with client authentication (RFC 7009).
    Rfc7009(String),
    /// `DELETE` of this address, with the token as its own authorization (Genesys Cloud's
    /// `/api/v2/tokens/me`).
    Delete(String),
}
