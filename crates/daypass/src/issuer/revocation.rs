//! Takes a token back at its issuer (RFC 7009, or the provider's own call).
//!
//! Owns where a token may be sent to for that: only to the URL that the user, the preset or the
//! issuer's metadata names. Forgetting the cached copy is the store's.

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, USER_AGENT};
use http::{Method, Request};
use url::Url;

use super::client_credentials::{ClientCredentials, Place, send};
use super::token_endpoint::{AGENT, Hidden, TokenEndpointRequest, refusal};
use super::{IssuerError, IssuerErrorClass};
use crate::{Dialect, Error, Revocation, Token, address};

/// [`Revocation`] with a URL that was checked.
pub(super) enum Revoke {
    Rfc7009(Url),
    Genesys(Url),
}

impl Revoke {
    /// Checks the URL.
    pub(super) fn new(revocation: Revocation) -> Result<Self, Error> {
        let url = |url: &str| address::secure(url).map_err(|unfit| unfit.at("revocation_url"));
        Ok(match revocation {
            Revocation::Rfc7009(text) => Self::Rfc7009(url(&text)?),
            Revocation::Delete(text) => Self::Genesys(url(&text)?),
        })
    }
}

impl Revoke {
    pub(super) fn url(&self) -> &Url {
        let (Self::Rfc7009(url) | Self::Genesys(url)) = self;
        url
    }
}

/// Revokes `token`. One that is already invalid counts as revoked.
pub(super) async fn revoke(issuer: &ClientCredentials, token: &Token) -> Result<(), IssuerError> {
    let discovered;
    let revocation = match (&issuer.revocation, &issuer.endpoint) {
        (Some(revocation), _) => revocation,
        (None, Place::Discovered(discovery)) => {
            let metadata = issuer.metadata(discovery).await?;
            let url = metadata.revocation_endpoint.clone().ok_or_else(cannot_revoke)?;
            discovered = Revoke::Rfc7009(url);
            &discovered
        }
        (None, Place::Known(_)) => return Err(cannot_revoke()),
    };
    match revocation {
        Revoke::Rfc7009(url) => by_form(issuer, url, token).await,
        Revoke::Genesys(url) => delete(issuer, url, token).await,
    }
}

async fn by_form(issuer: &ClientCredentials, url: &Url, token: &Token) -> Result<(), IssuerError> {
    let mut form = TokenEndpointRequest::new(url.clone());
    form.secret_param("token", token.access_token().secret());
    form.param("token_type_hint", "access_token");
    issuer.auth.authenticate(&mut form).await?;
    let (request, hidden) = form.encode()?;
    let came = send(&issuer.effects, request, &hidden).await?;
    if came.response.status().is_success() {
        return Ok(());
    }
    let mut error = refusal(&came.answer(), issuer.rules.dialect, &hidden);
    match error.error.as_deref() {
        Some("invalid_token") => return Ok(()),
        Some("unsupported_token_type") => error.class = IssuerErrorClass::CannotRevoke,
        _ => {}
    }
    Err(error)
}

async fn delete(issuer: &ClientCredentials, url: &Url, token: &Token) -> Result<(), IssuerError> {
    let request = Request::builder()
        .method(Method::DELETE)
        .uri(url.as_str())
        .header(USER_AGENT, AGENT)
        .header(ACCEPT, "application/json")
        .header(AUTHORIZATION, token.access_token().header())
        .body(Bytes::new())
        .map_err(|_| IssuerError::setup("the revocation URL can't be used"))?;
    let mut hidden = Hidden::default();
    hidden.hide(token.access_token().secret());
    let came = send(&issuer.api_effects, request, &hidden).await?;
    match came.response.status().as_u16() {
        200..=299 | 401 => Ok(()),
        _ => Err(refusal(&came.answer(), Dialect::Rfc, &hidden)),
    }
}

fn cannot_revoke() -> IssuerError {
    let text = "no revocation endpoint is known for this issuer";
    IssuerError::without_answer(IssuerErrorClass::CannotRevoke, text)
}
