//! What all parts of a source share: what it is bound to, its memory, and how a record's token gets
//! there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::cached::Style;
use super::damping;
use super::flight::Flights;
use super::judge::Moment;
use super::replaced::Replaced;
use super::report::Labels;
use super::slot::{Held, Slot};
use super::unkept::Unkept;
use crate::issuer::Issuer;
use crate::store::{Record, StoreError, TokenStore};
use crate::{CacheKey, Effects, Granted, Reason, Source, Timestamp, Token, TokenRequest};

pub(super) struct Inner {
    pub(super) request: TokenRequest,
    pub(super) key: CacheKey,
    pub(super) throttle_key: CacheKey,
    pub(super) store: Arc<dyn TokenStore>,
    pub(super) issuer: Arc<dyn Issuer>,
    pub(super) effects: Effects,
    pub(super) labels: Labels,
    pub(super) slot: Slot,
    pub(super) replaced: Arc<Replaced>,
    pub(super) unkept: Unkept,
    pub(super) unkept_throttle: Unkept,
    pub(super) style: Style,
    pub(super) began: Timestamp,
    pub(super) jitter: f64,
    pub(super) flights: Flights,
    pub(super) store_failures: AtomicU64,
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
        if let Some(before) = self.slot.put(Arc::new(held)) {
            let before = before.granted(Source::Memory).token;
            let lives = |token: &Token| !self.remaining(token).is_zero();
            if before.fingerprint() != token.fingerprint() && lives(&before) {
                self.replaced.add(before, lives);
            }
        }
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
}
