//! The error answers of the token and revocation endpoints: RFC 6749 5.2, and Genesys' own form of it.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::WWW_AUTHENTICATE;
use http::{Response, StatusCode};
use serde_json::json;

use crate::builder::Flavour;
use crate::reply;

/// An error with its code and description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OauthError {
    error: Cow<'static, str>,
    description: Cow<'static, str>,
    /// The client used the `Authorization` header, so the answer carries a challenge.
    challenge: bool,
}

impl OauthError {
    pub(crate) fn new(error: &str, description: &str) -> Self {
        Self {
            error: error.to_owned().into(),
            description: description.to_owned().into(),
            challenge: false,
        }
    }

    pub(crate) fn fixed(error: &'static str, description: &'static str) -> Self {
        let (error, description) = (Cow::Borrowed(error), Cow::Borrowed(description));
        Self { error, description, challenge: false }
    }

    pub(crate) fn invalid_request(description: &'static str) -> Self {
        Self::fixed("invalid_request", description)
    }

    pub(crate) fn invalid_client(challenge: bool) -> Self {
        let error = Self::fixed("invalid_client", "authentication failed");
        Self { challenge, ..error }
    }

    pub(crate) fn answer(&self, flavour: Flavour) -> Response<Bytes> {
        let Self { error, description, challenge } = self;
        if flavour == Flavour::Genesys {
            let body = json!({
                "error": error, "description": description, "error_description": description,
            });
            return reply::json(StatusCode::BAD_REQUEST, &body);
        }
        let status = match error.as_ref() {
            "invalid_client" => StatusCode::UNAUTHORIZED,
            _ => StatusCode::BAD_REQUEST,
        };
        let body = json!({ "error": error, "error_description": description });
        let response = reply::json(status, &body);
        if *challenge {
            return reply::with(response, WWW_AUTHENTICATE, "Basic realm=\"sandbox\"");
        }
        response
    }
}
