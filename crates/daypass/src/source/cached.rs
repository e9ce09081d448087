//! The token source with a slot in memory, a store behind it and one flight at a time.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, timeout_at};

use super::damping;
use super::flight::{self, Flight, Flights, Landing, Mission};
use super::judge::{Ask, Concern, Moment, Verdict, judge};
use super::report::Labels;
use super::slot::{Held, Slot};
use super::unkept::Unkept;
use super::{Fresh, MinTtl, TokenSource, Want};
use crate::issuer::Issuer;
use crate::store::{EventKind, Lease, Peek, Record, StoreError, TokenStore};
use crate::{
    AccessToken, CacheKey, Code, Effects, Error, Fingerprint, Granted, Reason, Source, Timestamp,
    Token, TokenRequest,
};

/// How long a one-shot process waits for an early refresh before it hands out what it has.
pub(super) const EARLY_REFRESH: Duration = Duration::from_secs(2);
/// How long a background refresh may take in all.
const BACKGROUND: Duration = Duration::from_secs(60);
/// How long to wait for the lease when a record is to be marked or forgotten.
const MARKING: Duration = Duration::from_secs(5);

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

pub(super) struct Inner {
    pub(super) key: CacheKey,
    pub(super) throttle_key: CacheKey,
    pub(super) store: Arc<dyn TokenStore>,
    pub(super) issuer: Arc<dyn Issuer>,
    pub(super) effects: Effects,
    pub(super) labels: Labels,
    pub(super) slot: Slot,
    pub(super) unkept: Unkept,
    pub(super) unkept_throttle: Unkept,
    style: Style,
    began: Timestamp,
    jitter: f64,
    flights: Flights,
    store_failures: AtomicU64,
}

impl fmt::Debug for Cached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached").field("key", &self.inner.key).finish_non_exhaustive()
    }
}

impl Cached {
    /// Opens a source. Nothing is read and nobody is asked yet.
    pub fn new(parts: CachedParts) -> Self {
        let CachedParts { request, store, issuer, effects, style, labels } = parts;
        Self {
            inner: Arc::new(Inner {
                key: request.key(),
                throttle_key: request.throttle_key(),
                store,
                issuer,
                labels,
                slot: Slot::default(),
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

    /// Forgets the token, here and in the store. Refusals and pauses are forgotten with it;
    /// counts and events stay. Returns the token that was forgotten.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't be used or somebody keeps the lease.
    pub async fn forget(&self) -> Result<Option<Token>, StoreError> {
        self.inner.slot.clear();
        self.inner.unkept.clear();
        let now = self.inner.effects.clock.now();
        let mut forgotten = None;
        self.inner
            .amend(|record| {
                forgotten = record.token.take();
                record.reason = None;
                record.refusal = None;
                record.rejected = None;
                record.retry = None;
                if forgotten.is_some() {
                    record.note(now, EventKind::Forgotten);
                }
                true
            })
            .await?;
        Ok(forgotten)
    }

    /// Revokes the token at the issuer and forgets it. Returns whether there was one.
    ///
    /// # Errors
    ///
    /// `issuer.cannot_revoke`, `issuer.rejected`, `issuer.unavailable`: the token is still
    /// cached then. `store.failed` when it is revoked but could not be forgotten.
    pub async fn revoke(&self, timeout: Duration) -> Result<bool, Error> {
        let inner = &self.inner;
        let store_failed = |error: StoreError| {
            Error::new(Code::StoreFailed, format!("the cache cannot be used: {error}"))
        };
        let record = inner.store.load(&inner.key).await.map_err(store_failed)?;
        let cached = record.and_then(|record| record.token).or_else(|| inner.slot.token());
        let Some(token) = cached.filter(|token| !inner.remaining(token).is_zero()) else {
            return Ok(false);
        };
        let revoked = inner.issuer.revoke(&token, timeout).await;
        revoked.map_err(|error| {
            let error = inner.labels.issuer_error(inner.issuer.host(), &error);
            match error.code() {
                Code::IssuerUnavailable => error.with_hint(
                    "the token is still cached and valid; check the network and the issuer, then \
                     try again",
                ),
                _ => error,
            }
        })?;
        inner.slot.clear();
        inner.unkept.clear();
        let now = inner.effects.clock.now();
        inner
            .amend(|record| {
                let fingerprint = token.fingerprint();
                if record.token.as_ref().is_some_and(|t| t.fingerprint() == fingerprint) {
                    record.token = None;
                    record.reason = None;
                }
                record.note(now, EventKind::Revoked(fingerprint));
                true
            })
            .await
            .map_err(store_failed)?;
        Ok(true)
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
        let inner = &self.inner;
        let fingerprint = token.fingerprint();
        inner.slot.refuse(fingerprint);
        let now = inner.effects.clock.now();
        let mark = |record: &mut Record| {
            let sent_at = record.token.as_ref().map_or(now, Token::sent_at);
            record.rejected = Some(damping::mark(record.rejected, fingerprint, sent_at, now));
            record.note(now, EventKind::Rejected(fingerprint));
            true
        };
        let unmarked = |record: &Record| is_cached_unmarked(record, fingerprint);
        if let Err(error) = inner.amend_while(unmarked, mark).await {
            inner.store_failed(&error);
            let stored = inner.store.load(&inner.key).await.ok().flatten();
            let mut record = inner.unkept.over(stored.unwrap_or_else(|| inner.remembered()));
            if unmarked(&record) {
                mark(&mut record);
                inner.unkept.keep(record);
            }
        }
        Ok(())
    }
}

/// A flight's deadline, a little before that of its caller: so that it can still write down and
/// tell how it ended.
fn ahead_of(deadline: Instant, patience: Duration) -> Instant {
    let margin = (patience / 10).min(Duration::from_millis(250));
    deadline.checked_sub(margin).unwrap_or(deadline)
}

fn is_cached_unmarked(record: &Record, fingerprint: Fingerprint) -> bool {
    record.token.as_ref().is_some_and(|token| token.fingerprint() == fingerprint)
        && record.rejected.is_none_or(|mark| mark.fingerprint != fingerprint)
}

impl Inner {
    pub(super) fn moment(&self) -> Moment {
        let known = self.slot.held().map(|held| held.known(self.effects.clock.ticks()));
        let now = self.effects.clock.now();
        Moment { now, began: self.began, jitter: self.jitter, known }
    }

    /// Returns how long a token still lives.
    pub(super) fn remaining(&self, token: &Token) -> Duration {
        self.moment().remaining(token)
    }

    /// Puts a record's token into the slot and hands it out.
    pub(super) fn grant(&self, record: &Record, source: Source) -> Option<Granted> {
        let token = record.token.clone()?;
        let reason = record.reason.unwrap_or(Reason::Cold);
        let now = self.effects.clock.now();
        let pause = record
            .retry
            .map_or(Duration::ZERO, |retry| super::judge::ahead(now, retry.at, damping::MAX_PAUSE));
        let pause_ends = self.effects.clock.ticks().saturating_add(pause);
        let ends = self.effects.clock.ticks().saturating_add(self.remaining(&token));
        let held = Held::new(&token, reason, ends, self.jitter, pause_ends);
        self.slot.put(Arc::new(held));
        Some(Granted { token, source, reason })
    }

    /// The token in memory as a record, for when the store can't be read.
    pub(super) fn remembered(&self) -> Record {
        let held = self.slot.held();
        Record {
            token: held.as_ref().map(|held| held.granted(Source::Memory).token),
            reason: held.map(|held| held.granted(Source::Memory).reason),
            ..Record::default()
        }
    }

    /// Notes that the store was passed by.
    pub(super) fn store_failed(&self, error: &StoreError) {
        if self.store_failures.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!("the cache cannot be used and is passed by: {error}");
        }
    }

    /// Changes the record under a lease.
    async fn amend(&self, change: impl FnOnce(&mut Record) -> bool) -> Result<(), StoreError> {
        self.amend_while(|_| true, change).await
    }

    /// Changes the record under a lease, waiting for it as long as `needed` holds.
    async fn amend_while(
        &self,
        needed: impl Fn(&Record) -> bool,
        change: impl FnOnce(&mut Record) -> bool,
    ) -> Result<(), StoreError> {
        let deadline = Instant::now() + MARKING;
        loop {
            let record = self.store.load(&self.key).await?.unwrap_or_default();
            if !needed(&self.unkept.over(record.clone())) {
                return Ok(());
            }
            if let Some(lease) = self.store.claim(&self.key, MARKING).await? {
                return amend_leased(lease, needed, change).await;
            }
            let waiting = timeout_at(deadline, self.store.changed(&self.key, record.fence));
            if waiting.await.is_err() {
                return Err(StoreError::Failed("somebody else keeps the record".into()));
            }
        }
    }
}

async fn amend_leased(
    lease: Box<dyn Lease>,
    needed: impl Fn(&Record) -> bool,
    change: impl FnOnce(&mut Record) -> bool,
) -> Result<(), StoreError> {
    let mut record = lease.record().cloned().unwrap_or_default();
    let changed = needed(&record) && change(&mut record);
    lease.finish(changed.then_some(record)).await
}
