//! From an issuer identifier to its endpoints (RFC 8414, OpenID Connect Discovery 1.0).
//!
//! Owns the rule that decides whether metadata may say where a secret goes: its `issuer` is the
//! configured one, its endpoints are https on the issuer's host and port or on a host that the user
//! listed.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, USER_AGENT};
use http::{HeaderMap, Request, StatusCode};
use tokio::sync::Mutex;
use url::Url;

use super::client_credentials::told;
use super::token_endpoint::{AGENT, Answer, Hidden, Object, object, refusal};
use super::{IssuerError, IssuerErrorClass};
use crate::address::{self, host_of};
use crate::{Code, Dialect, Effects, Error, Ticks, Timestamp, printable};

const FIELDS: &[&str] = &["issuer", "token_endpoint", "revocation_endpoint"];

/// How long metadata is believed: a server that moves an endpoint says so there.
const BELIEVED: Duration = Duration::from_secs(3600);

/// An issuer whose endpoints are looked up when they are needed.
pub(super) struct Discovery {
    issuer: String,
    url: Url,
    token_hosts: Vec<String>,
    /// What was found, and when; locked while it is looked for.
    found: Mutex<Option<(Ticks, Arc<Metadata>)>>,
}

/// What the metadata says, as far as it may be believed.
#[derive(Debug)]
pub(super) struct Metadata {
    pub(super) token_endpoint: Url,
    pub(super) revocation_endpoint: Option<Url>,
}

impl Discovery {
    /// Takes an issuer identifier. `token_hosts` are the hosts, besides its own, where its
    /// endpoints may be.
    ///
    /// # Errors
    ///
    /// `config.invalid` and `config.insecure_url`, as for every URL.
    pub(super) fn new(issuer: &str, token_hosts: Vec<String>) -> Result<Self, Error> {
        let url = address::secure(issuer).map_err(|unfit| unfit.at("issuer"))?;
        if url.query().is_some() {
            return Err(Error::new(Code::ConfigInvalid, "`issuer` has a query (?...)")
                .with_hint("an issuer identifier has none (RFC 8414 section 2)"));
        }
        Ok(Self { issuer: issuer.to_owned(), url, token_hosts, found: Mutex::default() })
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// Returns the metadata. It is looked up once an hour; while that fails for a while, what it
    /// said last still counts.
    /// What it says of itself is shown without what is `hidden`.
    pub(super) async fn metadata(
        &self,
        effects: &Effects,
        hidden: &Hidden,
    ) -> Result<Arc<Metadata>, IssuerError> {
        let mut found = self.found.lock().await;
        let now = effects.clock.ticks();
        if let Some((at, metadata)) = &*found
            && at.until(now) < BELIEVED
        {
            return Ok(Arc::clone(metadata));
        }
        match self.look_up(effects, hidden).await {
            Ok(metadata) => {
                let metadata = Arc::new(metadata);
                *found = Some((now, Arc::clone(&metadata)));
                Ok(metadata)
            }
            Err(error) => {
                let passes = matches!(
                    error.class,
                    IssuerErrorClass::Transient | IssuerErrorClass::Throttled(_)
                );
                let last = found.as_ref().map(|(_, metadata)| Arc::clone(metadata));
                last.filter(|_| passes).ok_or(error)
            }
        }
    }

    async fn look_up(&self, effects: &Effects, hidden: &Hidden) -> Result<Metadata, IssuerError> {
        let mut failure = self.rejected(
            "has no metadata (RFC 8414, OpenID): is `issuer` right? \
             `token_url` names the endpoint without it",
        );
        for place in self.places() {
            let response = effects.http.send(asking(&place)?).await;
            let response = response.map_err(|error| told(error, hidden))?;
            let status = response.status();
            let fields = object(response.body(), FIELDS);
            match fields {
                Some(fields) if status.is_success() => return self.read(&fields, hidden),
                _ if status.is_success() => {
                    failure.class = IssuerErrorClass::Transient;
                    failure.description =
                        Some(format!("the metadata at {} can't be read", host_of(&self.url)));
                }
                _ if status.is_redirection() || is_absent(status) => {}
                _ => {
                    let (headers, now) = (response.headers(), effects.clock.now());
                    return Err(unavailable(status, headers, now, hidden));
                }
            }
        }
        Err(failure)
    }

    /// Returns where metadata may be: OpenID appends to the path, RFC 8414 section 3.1 inserts
    /// before it.
    fn places(&self) -> [Url; 2] {
        let path = self.url.path().trim_end_matches('/');
        let [mut openid, mut oauth] = [self.url.clone(), self.url.clone()];
        openid.set_path(&format!("{path}/.well-known/openid-configuration"));
        oauth.set_path(&format!("/.well-known/oauth-authorization-server{path}"));
        [openid, oauth]
    }

    fn read(&self, fields: &Object, hidden: &Hidden) -> Result<Metadata, IssuerError> {
        let issuer = fields.text("issuer").unwrap_or_default();
        if issuer != self.issuer {
            let (says, asked) = (hidden.shown(issuer), printable(&self.issuer));
            return Err(self.rejected(&format!("calls itself {says}, but `issuer` is {asked}")));
        }
        let Some(token_endpoint) = fields.text("token_endpoint") else {
            return Err(self.rejected("names no token_endpoint"));
        };
        let token_endpoint = self.endpoint(token_endpoint, hidden)?;
        let revocation_endpoint = fields.text("revocation_endpoint");
        let revocation_endpoint =
            revocation_endpoint.and_then(|url| self.endpoint(url, hidden).ok());
        Ok(Metadata { token_endpoint, revocation_endpoint })
    }

    fn endpoint(&self, url: &str, hidden: &Hidden) -> Result<Url, IssuerError> {
        let unusable = || self.rejected("names a token_endpoint that is no https URL");
        let url = address::secure(url).map_err(|_| unusable())?;
        // Another port is another server, which may be another user's.
        let same = url.host() == self.url.host()
            && url.port_or_known_default() == self.url.port_or_known_default();
        if !same && !self.is_listed(&url) {
            let host = hidden.shown(&address::host(&url).unwrap_or_default());
            return Err(self.rejected(&format!(
                "names a token_endpoint on {host}: list that in token_hosts if it is right"
            )));
        }
        Ok(url)
    }

    /// Whether the user listed the URL's host, with or without its port.
    fn is_listed(&self, url: &Url) -> bool {
        let (host, with_port) = (url.host_str().unwrap_or_default(), host_of(url));
        let is = |listed: &String| {
            listed.eq_ignore_ascii_case(host) || listed.eq_ignore_ascii_case(&with_port)
        };
        self.token_hosts.iter().any(is)
    }

    fn rejected(&self, what: &str) -> IssuerError {
        let what = format!("{} {what}", host_of(&self.url));
        IssuerError::without_answer(IssuerErrorClass::Rejected, what)
    }
}

fn asking(url: &Url) -> Result<Request<Bytes>, IssuerError> {
    Request::get(url.as_str())
        .header(USER_AGENT, AGENT)
        .header(ACCEPT, "application/json")
        .body(Bytes::new())
        .map_err(|_| IssuerError::setup("the issuer's URL can't be used"))
}

/// Whether the status says that there is no metadata in this place.
fn is_absent(status: StatusCode) -> bool {
    status.is_client_error() && !matches!(status.as_u16(), 407 | 408 | 429)
}

/// Returns what a status means that says nothing about whether there is metadata.
fn unavailable(
    status: StatusCode,
    headers: &HeaderMap,
    now: Timestamp,
    hidden: &Hidden,
) -> IssuerError {
    let answer = Answer { status, headers, body: b"", sent_at: now, received_at: now };
    refusal(&answer, Dialect::Rfc, hidden)
}

#[cfg(test)]
mod tests;
