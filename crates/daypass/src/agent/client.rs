//! A token source that asks an agent: a slot in memory, and one exchange at a time.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, timeout_at};

use super::answer::AgentToken;
use super::exchange::{self, GRACE, PROMPT};
use super::wire::{self, AgentWant};
use crate::source::{Flights, Held, Landing, Slot};
use crate::{
    AccessToken, AgentAddress, Clock, Error, Fresh, Granted, MinTtl, Source, Timestamp,
    TokenSource, Want,
};

/// No early refresh so soon after one that brought the same token: the agent is getting another.
const PAUSE: Duration = Duration::from_secs(5);
/// The margin before a token's end in which the agent is asked again: the shortest there is, so
/// that the agent has its successor by then.
const JITTER: f64 = 1.0;

/// Hands out the tokens of an agent's profile. Needs no credentials.
#[derive(Clone)]
pub struct AgentClient {
    inner: Arc<Inner>,
}

struct Inner {
    address: AgentAddress,
    profile: Option<String>,
    clock: Arc<dyn Clock>,
    began: Timestamp,
    slot: Slot,
    flights: Flights,
}

impl fmt::Debug for AgentClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentClient")
            .field("address", &self.inner.address)
            .field("profile", &self.inner.profile)
            .finish_non_exhaustive()
    }
}

impl AgentClient {
    /// A source of the agent's tokens of this profile, or of its first. Nobody is asked yet.
    pub fn new(address: AgentAddress, profile: Option<String>, clock: Arc<dyn Clock>) -> Self {
        let began = clock.now();
        let (slot, flights) = (Slot::default(), Flights::default());
        Self { inner: Arc::new(Inner { address, profile, clock, began, slot, flights }) }
    }

    fn at_hand(&self, want: &Want) -> Fresh {
        let inner = &self.inner;
        if want.force && !inner.slot.received_since(inner.began) {
            return Fresh::Miss;
        }
        inner.slot.cached(inner.clock.ticks(), want.min_ttl)
    }

    fn spare(&self, want: &Want) -> Option<Granted> {
        self.inner.slot.spare(self.inner.clock.ticks(), want)
    }
}

impl Inner {
    /// Asks the agent and keeps what it gives.
    async fn ask(&self, want: Want) -> Result<Landing, Error> {
        let wanted = AgentWant {
            profile: self.profile.as_deref(),
            min_ttl: want.min_ttl.into(),
            received_since: want.force.then_some(self.began),
            timeout: want.timeout,
        };
        let patience = want.timeout.saturating_add(GRACE);
        let answer = exchange::ask(&self.address, &wire::token(&wanted), patience).await?;
        let AgentToken { granted, warning, .. } = answer.token(&self.address)?;
        if let Some(warning) = warning {
            tracing::warn!("{warning}");
        }
        self.keep(&granted);
        Ok(Landing::Granted(Box::new(granted)))
    }

    /// Tells the agent that an API refused a token, and whether it accepted that token before.
    async fn tell_of(&self, refused: &AccessToken, worked: bool) -> Result<(), Error> {
        self.slot.refuse(refused.fingerprint());
        let request = wire::reject(self.profile.as_deref(), refused.secret(), worked);
        exchange::ask(&self.address, &request, PROMPT).await?.success(&self.address).map(drop)
    }

    fn keep(&self, granted: &Granted) {
        let token = &granted.token;
        let left = token.remaining(self.clock.now());
        let same = self.slot.token().is_some_and(|had| had.fingerprint() == token.fingerprint());
        let pause = if same { PAUSE.min(left / 4) } else { Duration::ZERO };
        let now = self.clock.ticks();
        let (ends, pause_ends) = (now.saturating_add(left), now.saturating_add(pause));
        self.slot.put(Arc::new(Held::new(token, granted.reason, ends, JITTER, pause_ends)));
    }
}

#[async_trait]
impl TokenSource for AgentClient {
    fn cached(&self, min_ttl: MinTtl) -> Fresh {
        self.inner.slot.cached(self.inner.clock.ticks(), min_ttl)
    }

    async fn token(&self, want: Want) -> Result<Granted, Error> {
        let inner = &self.inner;
        let deadline = Instant::now() + want.timeout.saturating_add(GRACE);
        loop {
            let due = match self.at_hand(&want) {
                Fresh::Fresh(token) => return Ok(token.granted(Source::Memory)),
                Fresh::Due(token) => Some(token.granted(Source::Memory)),
                Fresh::Miss => None,
            };
            let (mut flight, mine) = inner.flights.join_or_start(due.is_some(), || {
                let inner = Arc::clone(inner);
                async move { inner.ask(want).await }
            });
            if let Some(due) = due {
                return Ok(due);
            }
            let landing = timeout_at(deadline, flight.landing()).await;
            match landing
                .unwrap_or_else(|_| Err(exchange::silent(&inner.address, want.timeout, None)))
            {
                Ok(Landing::Granted(granted)) if mine => return Ok(*granted),
                // Somebody's flight; when it was for less than is wanted here, another one.
                Ok(_) => {
                    if let Fresh::Fresh(token) | Fresh::Due(token) = self.at_hand(&want) {
                        return Ok(token.granted(Source::Agent));
                    }
                }
                Err(error) if mine || !flight.was_early() || Instant::now() >= deadline => {
                    return self.spare(&want).ok_or(error);
                }
                Err(_) => {}
            }
        }
    }

    async fn reject(&self, token: &AccessToken) -> Result<(), Error> {
        self.inner.tell_of(token, false).await
    }

    async fn reject_worked(&self, token: &AccessToken) -> Result<(), Error> {
        self.inner.tell_of(token, true).await
    }
}
