//! The token source with a slot in memory, a store behind it and one flight at a time.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, timeout_at};

use super::flight::{self, Flight, Flights, Landing, Mission};
use super::inner::Inner;
use super::judge::{Ask, Concern, Moment, Verdict, judge};
use super::replaced::Replaced;
use super::report::Labels;
use super::slot::Slot;
use super::unkept::Unkept;
use super::{Fresh, MinTtl, TokenSource, Want};
use crate::issuer::Issuer;
use crate::store::{Peek, Record, StoreError, TokenStore};
use crate::{AccessToken, CacheKey, Effects, Error, Granted, Source, Timestamp, TokenRequest};

/// How long a one-shot process waits for an early refresh before it hands out what it has.
pub(super) const EARLY_REFRESH: Duration = Duration::from_secs(2);
/// How long a background refresh may take in all.
const BACKGROUND: Duration = Duration::from_secs(60);

/// Whether the process stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// It ends after this token: due tokens are refreshed in the foreground, for 2 s at most.
    OneShot,
    /// It goes on: due tokens are refreshed in the background.
    LongLived,
}

/// What a [`Cached`] source is made of.
pub struct CachedParts {
    /// What is asked for.
    pub request: TokenRequest,
    /// Where the token is kept.
    pub store: Arc<dyn TokenStore>,
    /// Who gives it.
    pub issuer: Arc<dyn Issuer>,
    /// Clock and randomness.
    pub effects: Effects,
    /// Whether the process stays.
    pub style: Style,
    /// What messages say.
    pub labels: Labels,
}

/// Hands out tokens for one request: from memory, else from the store, else from the issuer,
/// which is asked by one caller at a time among all who share the store.
#[derive(Clone)]
pub struct Cached {
    pub(super) inner: Arc<Inner>,
}

impl fmt::Debug for Cached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached").field("key", &self.inner.key).finish_non_exhaustive()
    }
}

impl Cached {
    /// Opens a source. Nothing is read and nobody is asked yet.
    pub fn new(parts: CachedParts) -> Self {
        Self::with(parts, Arc::default())
    }

    fn with(parts: CachedParts, replaced: Arc<Replaced>) -> Self {
        let CachedParts { request, store, issuer, effects, style, labels } = parts;
        Self {
            inner: Arc::new(Inner {
                key: request.key(),
                throttle_key: request.throttle_key(),
                request,
                store,
                issuer,
                labels,
                slot: Slot::default(),
                replaced,
                unkept: Unkept::default(),
                unkept_throttle: Unkept::default(),
                style,
                began: effects.clock.now(),
                jitter: (effects.jitter)(),
                effects,
                flights: Flights::default(),
                store_failures: AtomicU64::new(0),
            }),
        }
    }

    /// Opens another slot of a pool: the same request, with a token of its own. 0 is the slot that
    /// is used without a pool.
    #[must_use]
    pub fn in_pool(&self, pool_slot: u32) -> Self {
        let inner = &self.inner;
        let parts = CachedParts {
            request: TokenRequest { pool_slot, ..inner.request.clone() },
            store: Arc::clone(&inner.store),
            issuer: Arc::clone(&inner.issuer),
            effects: inner.effects.clone(),
            style: inner.style,
            labels: inner.labels.clone(),
        };
        Self::with(parts, Arc::clone(&inner.replaced))
    }

    /// Returns a token that the store has at hand and that needs no attention: without waiting
    /// and without a runtime. `None` means: call [`TokenSource::token`].
    pub fn peek(&self, min_ttl: MinTtl) -> Option<Granted> {
        let inner = &self.inner;
        let record = peek(&*inner.store, &inner.key, min_ttl, inner.moment())?;
        inner.grant(&record, Source::Store)
    }

    /// Returns the record as the store has it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't be used.
    pub async fn record(&self) -> Result<Option<Record>, StoreError> {
        self.inner.store.load(&self.inner.key).await
    }

    /// Returns how often the store failed and was passed by.
    pub fn store_failures(&self) -> u64 {
        self.inner.store_failures.load(Ordering::Relaxed)
    }

    /// Returns the key that the token is kept under.
    pub fn key(&self) -> CacheKey {
        self.inner.key
    }

    /// Counts a token that was handed on to somebody who did not ask here himself.
    pub fn count(&self, source: Source) {
        self.inner.store.count(&self.inner.key, source);
    }

    /// Returns the host that tokens are asked of.
    pub fn issuer_host(&self) -> &str {
        self.inner.issuer.host()
    }

    /// What the slot has for this caller, forced or not.
    fn at_hand(&self, want: &Want, since: Timestamp) -> Fresh {
        let inner = &self.inner;
        if want.force && !inner.slot.received_since(since) {
            return Fresh::Miss;
        }
        inner.slot.cached(inner.effects.clock.ticks(), want.min_ttl)
    }

    fn join_or_start(&self, mission: Mission) -> (Flight, bool) {
        let inner = &self.inner;
        inner.flights.join_or_start(mission.early, || {
            let inner = Arc::clone(inner);
            async move { flight::fly(&inner, &mission).await }
        })
    }

    /// Asks for the due token's successor and hands out the due one if none comes in time.
    async fn refreshed(&self, due: Granted, want: &Want, since: Timestamp) -> Granted {
        let inner = &self.inner;
        let ask = Ask { refresh: true, ..Ask::new(want, None) };
        match inner.style {
            Style::LongLived => {
                let deadline = Instant::now() + BACKGROUND;
                self.join_or_start(Mission { ask, since, deadline, early: true });
                due
            }
            Style::OneShot => {
                let patience = EARLY_REFRESH.min(want.timeout);
                let deadline = Instant::now() + patience;
                let ahead = ahead_of(deadline, patience);
                let mission = Mission { ask, since, deadline: ahead, early: true };
                let (mut flight, _) = self.join_or_start(mission);
                match timeout_at(deadline, flight.landing()).await {
                    Ok(Ok(Landing::Granted(granted))) => *granted,
                    _ => due,
                }
            }
        }
    }

    /// As [`TokenSource::token`], for somebody who began at another time than this source: forced
    /// means received at `since` or later.
    ///
    /// # Errors
    ///
    /// Those of [`TokenSource::token`].
    pub async fn token_since(&self, want: Want, since: Timestamp) -> Result<Granted, Error> {
        let inner = &self.inner;
        let deadline = Instant::now() + want.timeout;
        loop {
            let due = match self.at_hand(&want, since) {
                Fresh::Fresh(token) => return Ok(token.granted(Source::Memory)),
                Fresh::Due(token) => Some(token.granted(Source::Memory)),
                Fresh::Miss => None,
            };
            if let Some(due) = due {
                return Ok(self.refreshed(due, &want, since).await);
            }
            let ask = Ask::new(&want, inner.slot.refused());
            let ahead = ahead_of(deadline, want.timeout);
            let mission = Mission { ask, since, deadline: ahead, early: false };
            let (mut flight, mine) = self.join_or_start(mission);
            let landing = match timeout_at(deadline, flight.landing()).await {
                Ok(landing) => landing,
                Err(_) => {
                    return self
                        .spare(&want)
                        .ok_or_else(|| inner.labels.deadline(inner.issuer.host(), want.timeout));
                }
            };
            match landing {
                Ok(Landing::Granted(granted)) if mine => {
                    // What the store had may be due.
                    let due = granted.source == Source::Store
                        && matches!(self.at_hand(&want, since), Fresh::Due(_));
                    return Ok(if due {
                        self.refreshed(*granted, &want, since).await
                    } else {
                        *granted
                    });
                }
                // Somebody's flight; when it was for less than is wanted here, another one.
                Ok(_) => {
                    if let Fresh::Fresh(token) | Fresh::Due(token) = self.at_hand(&want, since) {
                        return Ok(token.granted(Source::Waited));
                    }
                }
                Err(error) if mine || !flight.was_early() => {
                    return self.spare(&want).ok_or(error);
                }
                Err(_) => {}
            }
        }
    }

    /// The token in memory, when no better one can be had.
    fn spare(&self, want: &Want) -> Option<Granted> {
        self.inner.slot.spare(self.inner.effects.clock.ticks(), want)
    }
}

/// Returns the store's record if its token can be handed out as it is, and counts that.
pub(crate) fn peek(
    store: &dyn TokenStore,
    key: &CacheKey,
    min_ttl: MinTtl,
    moment: Moment,
) -> Option<Box<Record>> {
    let Peek::Known(Some(record)) = store.peek(key) else { return None };
    let ask = Ask { min_ttl, force: false, refresh: true, refused: None };
    let usable = judge(&record, &ask, moment) == Verdict::Serve(Concern::None);
    usable.then(|| {
        store.count(key, Source::Store);
        record
    })
}

#[async_trait]
impl TokenSource for Cached {
    fn cached(&self, min_ttl: MinTtl) -> Fresh {
        self.inner.slot.cached(self.inner.effects.clock.ticks(), min_ttl)
    }

    async fn token(&self, want: Want) -> Result<Granted, Error> {
        self.token_since(want, self.inner.began).await
    }

    async fn reject(&self, token: &AccessToken) -> Result<(), Error> {
        self.inner.reject(token.fingerprint(), false).await;
        Ok(())
    }

    async fn reject_worked(&self, token: &AccessToken) -> Result<(), Error> {
        self.inner.reject(token.fingerprint(), true).await;
        Ok(())
    }
}

/// A flight's deadline, a little before that of its caller: so that it can still write down and
/// tell how it ended.
fn ahead_of(deadline: Instant, patience: Duration) -> Instant {
    let margin = (patience / 10).min(Duration::from_millis(250));
    deadline.checked_sub(margin).unwrap_or(deadline)
}
