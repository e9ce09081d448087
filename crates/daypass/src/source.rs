//! Handing out tokens: the slot in memory, one flight per key, freshness and rejection.

mod amend;
mod attempt;
mod cached;
mod damping;
mod decide;
mod flight;
mod inner;
mod judge;
mod replaced;
mod report;
mod slot;
#[cfg(test)]
mod tests;
mod throttle;
mod unkept;
mod wait;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

pub(crate) use cached::peek;
pub use cached::{Cached, CachedParts, Style};
pub(crate) use flight::{Flights, Landing};
pub(crate) use judge::Moment;
pub use report::Labels;
pub use slot::TokenRef;
pub(crate) use slot::{Held, Slot};
pub(crate) use wait::wait;

use crate::{AccessToken, Error, Granted};

/// How long a token must still live to be handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MinTtl {
    /// `cap`, or 10 % of the token's lifetime if that is less. A token that lives less long is
    /// still handed out, with a warning, when no other can be had.
    Preferred(Duration),
    /// Exactly this; less is an error.
    Required(Duration),
}

impl MinTtl {
    /// What `daypass token` and the library use unless told otherwise.
    pub const TOKEN: Self = Self::Preferred(Duration::from_secs(60));
    /// What `daypass exec` uses unless told otherwise: the child can't come back for another.
    pub const EXEC: Self = Self::Preferred(Duration::from_secs(300));

    /// Returns how long a token of this lifetime must still live.
    pub fn for_lifetime(self, lifetime: Duration) -> Duration {
        match self {
            Self::Preferred(cap) => cap.min(lifetime / 10),
            Self::Required(min_ttl) => min_ttl,
        }
    }
}

impl Default for MinTtl {
    fn default() -> Self {
        Self::TOKEN
    }
}

/// What a caller wants of a token.
#[derive(Clone, Copy, Debug)]
pub struct Want {
    /// How long it must still live.
    pub min_ttl: MinTtl,
    /// How long the caller waits for it.
    pub timeout: Duration,
    /// Whether it must have been issued after this source was opened.
    pub force: bool,
}

impl Default for Want {
    fn default() -> Self {
        Self { min_ttl: MinTtl::default(), timeout: Duration::from_secs(30), force: false }
    }
}

/// What a source has at hand, without waiting.
pub enum Fresh {
    /// A token that is good for now.
    Fresh(TokenRef),
    /// A token that is good, but that is due to be replaced: use it and call
    /// [`TokenSource::token`] soon.
    Due(TokenRef),
    /// Nothing: call [`TokenSource::token`].
    Miss,
}

impl fmt::Debug for Fresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fresh(token) => f.debug_tuple("Fresh").field(token).finish(),
            Self::Due(token) => f.debug_tuple("Due").field(token).finish(),
            Self::Miss => f.write_str("Miss"),
        }
    }
}

/// Hands out tokens for one request.
#[async_trait]
pub trait TokenSource: Send + Sync {
    /// Returns the token at hand: no effects, no lock, no allocation.
    fn cached(&self, min_ttl: MinTtl) -> Fresh;

    /// Returns a token as wanted, from wherever it can be had first. Needs a Tokio runtime. When
    /// the future is dropped, a request that is under way goes on.
    ///
    /// # Errors
    ///
    /// `issuer.rejected`, `issuer.throttled`, `issuer.unavailable`, `issuer.invalid_response`,
    /// `token.min_ttl`, `token.deadline`.
    async fn token(&self, want: Want) -> Result<Granted, Error>;

    /// Tells that an API refused `token` with a 401. If it is still the cached one, it is marked
    /// and the next call of [`TokenSource::token`] fetches another; else nothing happens.
    ///
    /// # Errors
    ///
    /// `store.failed` never: a store that fails is passed by.
    async fn reject(&self, token: &AccessToken) -> Result<(), Error>;

    /// As [`TokenSource::reject`], for a token that an API accepted before it refused it, as when
    /// it was revoked. That says nothing against the credential, and is not counted towards
    /// damping. A source that cannot make the difference rejects.
    ///
    /// # Errors
    ///
    /// Those of [`TokenSource::reject`].
    async fn reject_worked(&self, token: &AccessToken) -> Result<(), Error> {
        self.reject(token).await
    }
}
