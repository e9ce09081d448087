//! The client credentials grant (RFC 6749 section 4.4).
//!
//! Owns what is asked and where. What it looks like on the wire is `token_endpoint`, who asks is
//! `client_auth`, whether to ask again is `retry`, how a token is taken back is `revocation`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use secrecy::SecretString;
use url::Url;

use super::client_auth::{ClientAuth, ClientSecret};
use super::discovery::{Discovery, Metadata};
use super::revocation::{Revoke, revoke};
use super::token_endpoint::{Answer, Hidden, Rules, TokenEndpointRequest, decode};
use super::{Issuer, IssuerError, IssuerErrorClass};
use crate::address::{self, host_of};
use crate::{
    ClientAuthMethod, Code, Dialect, Effects, Endpoint, Error, HttpError, Revocation, Timestamp,
    Token, TokenRequest, printable,
};

/// Form parameters that daypass writes itself.
const OWN_PARAMS: &[&str] = &[
    "grant_type",
    "scope",
    "audience",
    "resource",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
];

/// What a client-credentials issuer is made of.
#[derive(Debug)]
pub struct ClientCredentialsParts {
    /// What is asked.
    pub request: TokenRequest,
    /// The client secret.
    pub secret: SecretString,
    /// How the secret is presented.
    pub auth: ClientAuthMethod,
    /// What is peculiar about the issuer.
    pub dialect: Dialect,
    /// Caps the lifetime of tokens.
    pub max_ttl: Option<Duration>,
    /// The lifetime of a token whose lifetime nobody states; see [`ASSUME_TTL`](crate::ASSUME_TTL).
    pub assume_ttl: Duration,
    /// How to revoke. Without it the metadata of an [`Endpoint::Issuer`] may say it.
    pub revocation: Option<Revocation>,
    /// The hosts, besides the issuer's own, where discovery may find the token endpoint.
    pub token_hosts: Vec<String>,
    /// The clock and the HTTP client.
    pub effects: Effects,
    /// The same for calls of the API ([`Revocation::Delete`]), where it trusts other roots.
    pub api_effects: Option<Effects>,
}

/// An issuer that is asked with the client credentials grant.
pub struct ClientCredentials {
    request: TokenRequest,
    pub(super) endpoint: Place,
    host: String,
    revocation_host: Option<String>,
    pub(super) auth: Box<dyn ClientAuth>,
    pub(super) rules: Rules,
    pub(super) revocation: Option<Revoke>,
    pub(super) effects: Effects,
    pub(super) api_effects: Effects,
}

pub(super) enum Place {
    Known(Url),
    Discovered(Box<Discovery>),
}

impl ClientCredentials {
    /// Puts an issuer together. Asks nobody.
    ///
    /// # Errors
    ///
    /// `config.insecure_url` for a URL that a secret can't be sent to; `config.invalid` for what
    /// is no URL, for a parameter that daypass sets itself and for a client id that the
    /// authentication method can't express.
    pub fn new(parts: ClientCredentialsParts) -> Result<Self, Error> {
        for name in parts.request.params.keys() {
            own_param(name)?;
        }
        let endpoint = match &parts.request.endpoint {
            Endpoint::TokenUrl(url) => {
                Place::Known(address::secure(url).map_err(|unfit| unfit.at("token_url"))?)
            }
            Endpoint::Issuer(issuer) => {
                Place::Discovered(Box::new(Discovery::new(issuer, parts.token_hosts)?))
            }
        };
        let host = match &endpoint {
            Place::Known(url) => host_of(url),
            Place::Discovered(discovery) => host_of(discovery.url()),
        };
        let revocation = parts.revocation.map(Revoke::new).transpose()?;
        let revocation_host = revocation.as_ref().map(|revocation| host_of(revocation.url()));
        let auth = ClientSecret::new(parts.auth, &parts.request.client_id, parts.secret)?;
        let (dialect, max_ttl, assume_ttl) = (parts.dialect, parts.max_ttl, parts.assume_ttl);
        Ok(Self {
            request: parts.request,
            endpoint,
            host,
            revocation_host,
            auth: Box::new(auth),
            rules: Rules { dialect, max_ttl, assume_ttl },
            revocation,
            api_effects: parts.api_effects.unwrap_or_else(|| parts.effects.clone()),
            effects: parts.effects,
        })
    }

    async fn attempt(&self) -> Result<Token, IssuerError> {
        let url = match &self.endpoint {
            Place::Known(url) => url.clone(),
            Place::Discovered(discovery) => self.metadata(discovery).await?.token_endpoint.clone(),
        };
        let mut form = TokenEndpointRequest::new(url);
        self.ask(&mut form);
        self.auth.authenticate(&mut form).await?;
        let (request, hidden) = form.encode()?;
        let came = send(&self.effects, request, &hidden).await?;
        let token = decode(&came.answer(), &self.rules, &hidden)?;
        self.warn_of_missing_scopes(&token);
        Ok(token)
    }

    pub(super) async fn metadata(&self, of: &Discovery) -> Result<Arc<Metadata>, IssuerError> {
        let mut hidden = Hidden::default();
        self.auth.hide(&mut hidden);
        of.metadata(&self.effects, &hidden).await
    }

    fn ask(&self, form: &mut TokenEndpointRequest) {
        form.param("grant_type", self.request.grant.as_str());
        if !self.request.scopes.is_empty() {
            form.param("scope", &self.request.scopes.to_string());
        }
        if let Some(audience) = &self.request.audience {
            form.param("audience", audience);
        }
        for resource in &self.request.resources {
            form.param("resource", resource);
        }
        for (name, value) in &self.request.params {
            form.param(name, value);
        }
    }

    /// An issuer that grants less than was asked says so (RFC 6749 section 3.3); that the scopes
    /// which are missing are needed is for the API to say.
    fn warn_of_missing_scopes(&self, token: &Token) {
        let Some(granted) = token.scope() else { return };
        let missing = self.request.scopes.missing_from(granted);
        if !missing.is_empty() {
            let missing = printable(&missing.to_string());
            tracing::warn!(host = %self.host, %missing, "the issuer did not grant every scope");
        }
    }
}

/// Sends a request and notes when, and when the answer was there.
pub(super) async fn send(
    effects: &Effects,
    request: Request<Bytes>,
    hidden: &Hidden,
) -> Result<Came, IssuerError> {
    let sent_at = effects.clock.now();
    let response = effects.http.send(request).await.map_err(|error| told(error, hidden))?;
    Ok(Came { response, sent_at, received_at: effects.clock.now() })
}

/// Says why there was no answer: a text that others may have had a part in.
pub(super) fn told(error: HttpError, hidden: &Hidden) -> IssuerError {
    let mut error = IssuerError::from(error);
    error.description = error.description.map(|text| hidden.shown(&text));
    error
}

/// An answer with its times.
pub(super) struct Came {
    pub(super) response: Response<Bytes>,
    sent_at: Timestamp,
    received_at: Timestamp,
}

impl Came {
    pub(super) fn answer(&self) -> Answer<'_> {
        Answer {
            status: self.response.status(),
            headers: self.response.headers(),
            body: self.response.body(),
            sent_at: self.sent_at,
            received_at: self.received_at,
        }
    }
}

#[async_trait]
impl Issuer for ClientCredentials {
    async fn issue(&self, timeout: Duration) -> Result<Token, IssuerError> {
        within(timeout, self.attempt()).await
    }

    async fn revoke(&self, token: &Token, timeout: Duration) -> Result<(), IssuerError> {
        within(timeout, revoke(self, token)).await
    }

    fn host(&self) -> &str {
        &self.host
    }

    fn revocation_host(&self) -> &str {
        self.revocation_host.as_deref().unwrap_or(&self.host)
    }
}

impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCredentials").field("host", &self.host).finish_non_exhaustive()
    }
}

async fn within<T>(
    timeout: Duration,
    attempt: impl Future<Output = Result<T, IssuerError>>,
) -> Result<T, IssuerError> {
    tokio::time::timeout(timeout, attempt).await.unwrap_or_else(|_| {
        let text = format!(
            "no complete answer within {} s",
            (timeout.as_secs_f64() * 10.0).round() / 10.0
        );
        Err(IssuerError::without_answer(IssuerErrorClass::Transient, text))
    })
}

fn own_param(name: &str) -> Result<(), Error> {
    let Some(own) = OWN_PARAMS.iter().find(|own| **own == name) else { return Ok(()) };
    let hint = match *own {
        "scope" => "write scopes = [...]",
        "audience" => "write audience = \"...\"",
        "resource" => "write resource = [...]",
        _ => "remove it",
    };
    let what = format!("`params` sets {own}, which daypass sets itself");
    Err(Error::new(Code::ConfigInvalid, what).with_hint(hint))
}

#[cfg(test)]
mod tests;
