//! Turns what went wrong into the error that a person meets.

use std::time::Duration;

use super::judge::MAX_THROTTLE;
use crate::issuer::{IssuerError, IssuerErrorClass};
use crate::store::Refusal;
use crate::{Code, Error, span};

/// What messages say about a source: never a secret.
#[derive(Clone, Debug, Default)]
pub struct Labels {
    /// The client as a message names it, such as `client 1f2e...`.
    pub client: String,
    /// The variable that names it, such as `GC_CLIENT_ID`, for when it may be the wrong one.
    pub client_from: Option<String>,
    /// What to do about `invalid_client`.
    pub rejected_hint: Option<String>,
    /// What to do about tokens that live too short.
    pub lifetime_hint: Option<String>,
    /// The command that asks the issuer at once.
    pub fresh_hint: Option<String>,
}

impl Labels {
    /// The issuer refused, or could not be asked.
    pub(super) fn issuer_error(&self, host: &str, error: &IssuerError) -> Error {
        let client = &self.client_and_variable();
        match error.class {
            IssuerErrorClass::Rejected if error.status.is_none() => Error::new(
                Code::IssuerRejected,
                format!("no token for {client}: {}", described(error)),
            )
            .with_hint("check `issuer`: its metadata says where tokens come from"),
            IssuerErrorClass::Rejected
                if error.error.is_none()
                    && matches!(error.status, Some(300..=399 | 404 | 405 | 410)) =>
            {
                Error::new(Code::IssuerRejected, format!("{host} answered {error} for {client}"))
                    .with_hint("the secret is not the problem: check token_url, or issuer")
            }
            IssuerErrorClass::Rejected | IssuerErrorClass::BareRejected => self
                .refused(format!("{host} answered {error} for {client}"), error.error.as_deref()),
            IssuerErrorClass::Unusable => Error::new(
                Code::IssuerInvalidResponse,
                format!("{host} answered {client} with a token that cannot be used: {error}"),
            )
            .with_hint("ask whoever runs the authorization server; daypass does not pass it on"),
            IssuerErrorClass::Throttled(after) => self.throttled(host, after),
            IssuerErrorClass::Setup => {
                Error::new(Code::ConfigTls, format!("{host} cannot be asked: {}", described(error)))
                    .with_hint("check ca_file, SSL_CERT_FILE and the proxy settings")
            }
            IssuerErrorClass::CannotRevoke => Error::new(
                Code::IssuerCannotRevoke,
                format!("{host} has no way to revoke a token"),
            )
            .with_hint(
                "if it has a revocation endpoint, name it: revocation_url, or issuer; daypass \
                         forget removes the token from the cache, and it ends by itself",
            ),
            IssuerErrorClass::Transient => Error::new(
                Code::IssuerUnavailable,
                format!("{host} gave no usable answer for {client}: {}", described(error)),
            )
            .with_hint("nothing valid is cached; check the network and the issuer, then try again"),
        }
    }

    /// The issuer refused to revoke, or could not be asked.
    pub(super) fn revocation_error(&self, host: &str, error: &IssuerError) -> Error {
        let client = &self.client_and_variable();
        match error.class {
            IssuerErrorClass::Rejected
            | IssuerErrorClass::BareRejected
            | IssuerErrorClass::Unusable => Error::new(
                Code::IssuerRejected,
                format!("{host} refused to revoke the token of {client}: {error}"),
            )
            .with_hint(
                "the token is still cached and valid; check revocation_url, and whether this \
                 client may revoke tokens",
            ),
            IssuerErrorClass::Transient => Error::new(
                Code::IssuerUnavailable,
                format!("{host} did not revoke the token of {client}: {}", described(error)),
            )
            .with_hint(
                "the token is still cached and valid; check the network and the issuer, then try \
                 again",
            ),
            _ => self.issuer_error(host, error),
        }
    }

    fn client_and_variable(&self) -> String {
        match &self.client_from {
            Some(variable) => format!("{} ({variable})", self.client),
            None => self.client.clone(),
        }
    }

    fn refused(&self, message: String, code: Option<&str>) -> Error {
        let error = Error::new(Code::IssuerRejected, message);
        match (code, &self.rejected_hint) {
            (Some("invalid_client") | None, Some(hint)) => error.with_hint(hint),
            (Some("invalid_scope"), _) => {
                error.with_hint("ask for other scopes, or have the client allowed to use these")
            }
            (Some("unauthorized_client"), _) => {
                error.with_hint("allow the client_credentials grant on the client")
            }
            (Some("invalid_target"), _) => {
                error.with_hint("the issuer knows no such audience or resource")
            }
            (Some("unsupported_grant_type"), _) => error.with_hint(
                "this token endpoint does not know the client_credentials grant: is token_url the \
                 right one?",
            ),
            (Some("invalid_request"), _) => error.with_hint(
                "the issuer misses something, such as scopes, audience, resource or params",
            ),
            _ => error.with_hint("check client id, client secret and token URL"),
        }
    }

    /// The refusal is remembered and the issuer is not asked.
    pub(super) fn remembered(&self, refusal: &Refusal, ago: Duration, left: Duration) -> Error {
        let code = match refusal.status {
            200..300 => Code::IssuerInvalidResponse,
            _ => Code::IssuerRejected,
        };
        let what = match (&refusal.description, refusal.status) {
            (Some(description), 0) => description.clone(),
            (Some(description), _) => format!("{} ({description})", refusal.error),
            (None, _) => refusal.error.clone(),
        };
        let error = Error::new(
            code,
            format!(
                "the same refusal as {} ago, {what} for {}; the issuer is not asked again for {}",
                seconds(ago),
                self.client_and_variable(),
                seconds(left)
            ),
        )
        .with_retry_after(left);
        match &self.fresh_hint {
            Some(hint) => error.with_hint(format!("fixed it? {hint} asks now")),
            None => error,
        }
    }

    /// The token endpoint asks to wait longer than the caller wants to.
    pub(super) fn throttled(&self, host: &str, after: Option<Duration>) -> Error {
        // One probe goes out after that, whatever it asks for.
        let after = after.map(|after| after.min(MAX_THROTTLE));
        let how_long = after.map_or_else(String::new, |after| format!(" for {}", seconds(after)));
        let error = Error::new(
            Code::IssuerThrottled,
            format!("{host} asks to be left alone{how_long}: too many token requests"),
        )
        .with_hint("something else asks for a token per step: run it through daypass too");
        match after {
            Some(after) => error.with_retry_after(after),
            None => error,
        }
    }

    /// No token of this issuer lives as long as is wanted.
    pub(super) fn too_short(&self, wanted: Duration, has: Duration) -> Error {
        let error = Error::new(
            Code::TokenMinTtl,
            format!(
                "{} wanted, but {} gets tokens that live {}",
                span(wanted),
                self.client,
                span(told(has))
            ),
        );
        match &self.lifetime_hint {
            Some(hint) => error.with_hint(hint),
            None => error.with_hint("ask for less, or have the issuer's token lifetime raised"),
        }
    }

    /// The issuer's token has no life left by the time it arrives.
    pub(super) fn born_dead(&self, host: &str) -> Error {
        Error::new(
            Code::IssuerInvalidResponse,
            format!("{host} gave {} a token that had ended when it arrived", self.client),
        )
        .with_hint("the issuer took longer to answer than its tokens live; have it raised")
    }

    /// The flight's time is over while somebody else is asking.
    pub(super) fn out_of_time(&self, host: &str) -> Error {
        Error::new(
            Code::TokenDeadline,
            format!("no token in time: another process is asking {host}, but has no answer yet"),
        )
        .with_hint("try again, or wait longer with --timeout")
    }

    /// The caller's time is over while somebody else is asking.
    pub(super) fn deadline(&self, host: &str, waited: Duration) -> Error {
        Error::new(
            Code::TokenDeadline,
            format!(
                "no token within {}: {host} is being asked, but has not answered",
                seconds(waited)
            ),
        )
        .with_hint("try again, or wait longer with --timeout")
    }
}

/// What went wrong; the status only where nothing else is known.
fn described(error: &IssuerError) -> String {
    match (&error.error, &error.description) {
        (None, Some(description)) => description.clone(),
        _ => error.to_string(),
    }
}

/// A lifetime without what the network took of it.
fn told(lifetime: Duration) -> Duration {
    const MINUTE: u64 = 60;
    const AWAY: u64 = 5;
    match lifetime.as_secs() {
        seconds if seconds > 10 * MINUTE && seconds % MINUTE >= MINUTE - AWAY => {
            Duration::from_secs(seconds.next_multiple_of(MINUTE))
        }
        _ => lifetime,
    }
}

/// Whole seconds, at least 1.
fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_millis().div_ceil(1000).max(1))
}
