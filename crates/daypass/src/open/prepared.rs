//! A profile whose token can be looked up, and the way from there to one that can be asked for.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use super::trust::Trust;
use super::{Opened, StorePlace};
use crate::http::ReqwestClient;
use crate::issuer::{ClientCredentials, ClientCredentialsParts};
use crate::source::{self, Moment};
use crate::store::TokenStore;
use crate::{
    Cached, CachedParts, Clock, Effects, Error, Granted, Labels, MinTtl, Profile, Reason, Record,
    SecretText, Source, Style, TokenRequest, short_client_id,
};

/// A profile whose token can be looked up. Nothing of it can ask the issuer yet.
pub struct Prepared {
    /// What was resolved.
    pub profile: Profile,
    /// The client identifier.
    pub client_id: String,
    /// The client secret; a child process must not inherit it.
    pub client_secret: SecretText,
    /// Where tokens are kept.
    pub place: StorePlace,
    /// What a person should know, in order.
    pub warnings: Vec<String>,
    pub(super) request: TokenRequest,
    pub(super) trust: Trust,
    pub(super) store: Arc<dyn TokenStore>,
    pub(super) clock: Arc<dyn Clock>,
    /// Whether the caller named the profile: whoever asks again must do so too.
    pub(super) named: bool,
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared")
            .field("profile", &self.profile)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

impl Prepared {
    /// Returns a token that the store has at hand and that needs no attention: without waiting
    /// and without a runtime.
    pub fn peek(&self, min_ttl: MinTtl) -> Option<Granted> {
        let record = source::peek(&*self.store, &self.request.key(), min_ttl, self.moment())?;
        granted(*record, Source::Store)
    }

    /// Waits while another process asks the issuer for this token, and returns what that brings;
    /// without a runtime. Calls `pause` for each time to let pass, until it answers `false`. `None`
    /// means: [`open`](Prepared::open) the profile and ask its source.
    pub fn wait(&self, min_ttl: MinTtl, pause: impl FnMut(Duration) -> bool) -> Option<Granted> {
        let moment = || self.moment();
        let record = source::wait(&*self.store, &self.request.key(), min_ttl, moment, pause)?;
        granted(*record, Source::Waited)
    }

    fn moment(&self) -> Moment {
        let now = self.clock.now();
        Moment { now, began: now, jitter: jitter(), known: None }
    }

    /// Adds what is needed to ask the issuer.
    ///
    /// # Errors
    ///
    /// `config.*`: the issuer or the API can't be asked as configured.
    pub fn open(self, style: Style) -> Result<Opened, Error> {
        let labels = self.labels();
        let Self { profile, client_id, client_secret, place, warnings, .. } = self;
        let effects = |trust| {
            let http = Arc::new(ReqwestClient::new(trust));
            Effects { clock: Arc::clone(&self.clock), http, jitter }
        };
        let api_effects = self.trust.api(&profile)?.map(effects);
        let effects = effects(self.trust.config());
        let issuer = ClientCredentials::new(ClientCredentialsParts {
            request: self.request.clone(),
            secret: SecretString::from(client_secret.expose()),
            auth: profile.client_auth,
            dialect: profile.dialect,
            max_ttl: profile.max_ttl,
            assume_ttl: profile.assume_ttl,
            revocation: profile.revocation(),
            token_hosts: profile.token_hosts.clone(),
            effects: effects.clone(),
            api_effects,
        })?;
        let source = Cached::new(CachedParts {
            request: self.request,
            store: self.store,
            issuer: Arc::new(issuer),
            effects,
            style,
            labels,
        });
        Ok(Opened { source, profile, client_id, client_secret, place, warnings })
    }

    fn labels(&self) -> Labels {
        Labels {
            client: format!("client {}", short_client_id(&self.client_id)),
            client_from: self.profile.client_id.variable().map(str::to_owned),
            rejected_hint: Some(self.profile.rejected_hint()),
            lifetime_hint: Some(self.profile.lifetime_hint().to_owned()),
            fresh_hint: Some(match self.named {
                true => format!("daypass token {} --fresh", self.profile.name),
                false => "daypass token --fresh".to_owned(),
            }),
        }
    }
}

fn granted(record: Record, source: Source) -> Option<Granted> {
    let reason = record.reason.unwrap_or(Reason::Cold);
    Some(Granted { token: record.token?, source, reason })
}

/// A number in `0.0..1.0` from the operating system. It spreads load and is no secret: the
/// cryptography library's generator would have to be started for it, also for a hit.
fn jitter() -> f64 {
    let mut bytes = [0; 4];
    match rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::NONBLOCK) {
        Ok(4) => f64::from(u32::from_ne_bytes(bytes)) / (f64::from(u32::MAX) + 1.0),
        _ => 0.5,
    }
}
