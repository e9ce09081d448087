//! Waiting for a record to change or for its lock to be free: when to look, and at what.
//!
//! There is nothing to wake waiters, so they look again and again. They keep nothing locked. How
//! the time between two looks passes is the caller's business: with a runtime or without.

use std::time::Duration;

use rustix::fs::Stat;

use super::Inner;
use super::folder::unchanged;
use super::names::Name;
use super::turn::fence;
use crate::store::{Fence, StoreError};
use crate::{CacheKey, Ticks};

/// The pause between two looks: the first, and the longest ones. No token comes within the first
/// milliseconds, and hundreds who look would keep the one that asks from its processor.
const FIRST_LOOK: Duration = Duration::from_millis(5);
const LAST_LOOK: Duration = Duration::from_millis(12);
const LATE_LOOK: Duration = Duration::from_millis(50);
/// After this time looks become rarer.
const LATE: Duration = Duration::from_secs(3);

/// One wait for a record to change.
pub(super) struct Watch<'a> {
    inner: &'a Inner,
    key: &'a CacheKey,
    /// The record's file, as it was when its fence was read.
    first: Option<Stat>,
    start: Ticks,
    held: u64,
    pause: Duration,
}

impl<'a> Watch<'a> {
    /// Begins to wait; `None` when the record is not the one with the fence `since` any more.
    pub(super) fn begin(
        inner: &'a Inner,
        key: &'a CacheKey,
        since: Fence,
    ) -> Result<Option<Self>, StoreError> {
        let first = inner.locks.folder.stat(&Name::Record(*key))?;
        let base = fence(inner.record(key)?.as_ref());
        if base != since.0 {
            return Ok(None);
        }
        let start = inner.locks.clock.ticks();
        let held = base.saturating_add(1);
        Ok(Some(Self { inner, key, first, start, held, pause: FIRST_LOOK }))
    }

    /// Looks, and returns for how long to pause before the next look; `None` when the record may
    /// have changed, or when the lock may be free.
    pub(super) fn look(&mut self) -> Result<Option<Duration>, StoreError> {
        let now = self.inner.locks.folder.stat(&Name::Record(*self.key))?;
        if !unchanged(self.first.as_ref(), now.as_ref()) {
            return Ok(None);
        }
        let left = self.inner.holder_left(self.key, &mut self.held)?;
        let pause = left.map(|left| self.pause.min(left));
        let late = self.start.until(self.inner.locks.clock.ticks()) > LATE;
        self.pause = (self.pause * 3 / 2).min(if late { LATE_LOOK } else { LAST_LOOK });
        Ok(pause)
    }
}
