//! Client authentication (RFC 6749 2.3.1): reads what a client shows and compares it with what is registered.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Request;
use http::header::AUTHORIZATION;

use crate::client::{AuthMethod, Client};
use crate::form::{Form, decode};
use crate::oauth_error::OauthError;

/// The readings of what the client showed: a Basic header has two. Has no `Debug`: it holds secrets.
pub(crate) struct Credentials {
    readings: Vec<(AuthMethod, String, String)>,
    /// The `Authorization` header was used, so a refusal carries a challenge (RFC 6749 5.2).
    basic: bool,
}

impl Credentials {
    /// Reads the header, else the form.
    ///
    /// # Errors
    /// `invalid_request` when a client shows itself twice, in the header and in the body.
    pub(crate) fn read(request: &Request<Bytes>, form: &Form) -> Result<Self, OauthError> {
        let post = form.value("client_id").zip(form.value("client_secret"));
        let Some(header) = request.headers().get(AUTHORIZATION) else {
            let reading = |(id, secret): (&str, &str)| {
                (AuthMethod::ClientSecretPost, id.into(), secret.into())
            };
            return Ok(Self { readings: post.map(reading).into_iter().collect(), basic: false });
        };
        if form.value("client_secret").is_some() {
            return Err(OauthError::invalid_request(
                "the client authenticates in two ways at once",
            ));
        }
        let readings = match header.to_str().ok().and_then(basic) {
            Some((id, secret)) => vec![
                (AuthMethod::ClientSecretBasic, decode(&id), decode(&secret)),
                (AuthMethod::ClientSecretBasicRaw, id, secret),
            ],
            None => Vec::new(),
        };
        if let Some(id) = form.value("client_id")
            && !readings.iter().any(|(_, shown, _)| shown == id)
        {
            return Err(OauthError::invalid_request("client_id differs from the header's"));
        }
        Ok(Self { readings, basic: true })
    }

    /// What the client calls itself and how it authenticates, for the log.
    pub(crate) fn claimed(&self) -> Option<(AuthMethod, &str)> {
        self.readings.first().map(|(method, id, _)| (*method, id.as_str()))
    }

    /// The registered client that this is, and the accepted way in which it said so.
    ///
    /// # Errors
    /// `invalid_client` for a client that is unknown, has another secret, or authenticates in a way it may not.
    pub(crate) fn verify<'a>(
        &self,
        clients: &'a BTreeMap<String, Client>,
    ) -> Result<(&'a Client, AuthMethod), OauthError> {
        let matching = self.readings.iter().find_map(|(method, id, secret)| {
            let client = clients.get(id)?;
            (client.auth.contains(method) && client.secret == *secret).then_some((client, *method))
        });
        matching.ok_or_else(|| OauthError::invalid_client(self.basic))
    }
}

/// Id and secret of a Basic header (RFC 7617 2), as they are.
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    text.split_once(':').map(|(id, secret)| (id.to_owned(), secret.to_owned()))
}
