//! Removing what is of no use any more: only names of ours, and what somebody else may still
//! need only under its lock.
//!
//! A record goes a day after everything in it has ended. One that does not open belongs to another
//! credential, whose tokens' ends nobody else can see: it goes eight days after it was written,
//! longer than the longest-lived common tokens; a token that lives on after that costs a request.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustix::fs::OFlags;

use super::Inner;
use super::folder::modified;
use super::lease::FileLease;
use super::names::{Name, SWEPT};
use crate::store::{Record, StoreError};
use crate::{CacheKey, Timestamp};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// How often a folder is swept.
const EVERY: Duration = HOUR;
/// How many names one sweep looks at; the next one starts elsewhere.
const NAMES: usize = 200;
/// How long a record is kept after it was written, if it does not open.
const UNOPENED: Duration = Duration::from_secs(8 * 24 * 3600);
/// The lease for removing a record.
const LEASE: Duration = Duration::from_secs(5);

/// Sweeps the folder if nobody did within the last hour.
pub(super) fn if_due(inner: &Arc<Inner>) {
    let folder = &inner.locks.folder;
    let now = inner.locks.clock.now();
    let Ok(marker) = folder.stat_named(SWEPT) else { return };
    let swept = marker.as_ref().map(modified);
    if swept.is_some_and(|at| at.until(now) < EVERY && now.until(at) < EVERY) {
        return;
    }
    let Ok((marker, _)) = folder.named(SWEPT, OFlags::WRONLY | OFlags::CREATE) else { return };
    let since_epoch = Timestamp::from_millis(0).until(now);
    let marked = marker.set_modified(SystemTime::UNIX_EPOCH + since_epoch).is_ok();
    if marked && let Err(error) = sweep(inner) {
        tracing::warn!(%error, "the cache folder can't be swept");
    }
}

/// Looks at some of the files, and removes those of no use; returns how many.
pub(super) fn sweep(inner: &Arc<Inner>) -> Result<usize, StoreError> {
    let names = inner.locks.folder.names()?;
    let start = usize::try_from(inner.locks.clock.ticks().as_nanos() / 1000).unwrap_or(0);
    let start = start.checked_rem(names.len()).unwrap_or(0);
    let some = names.iter().cycle().skip(start).take(names.len().min(NAMES));
    let sweeper = Sweeper { inner, now: inner.locks.clock.now(), names: &names };
    Ok(some.filter(|name| sweeper.removes(name)).count())
}

struct Sweeper<'a> {
    inner: &'a Arc<Inner>,
    now: Timestamp,
    names: &'a [Name],
}

impl Sweeper<'_> {
    fn removes(&self, name: &Name) -> bool {
        let folder = &self.inner.locks.folder;
        let Ok(Some(stat)) = folder.stat(name) else { return false };
        let age = modified(&stat).until(self.now);
        match name {
            Name::Temp(..) => age > HOUR && folder.remove(name),
            Name::Tally(key) => {
                age > HOUR && folder.has(&Name::Record(*key)) == Ok(false) && folder.remove(name)
            }
            Name::Lock(key, fence) => {
                let old = age > DAY;
                (old || self.record(key).is_some_and(|record| record.fence.0 >= *fence))
                    && self.inner.locks.remove_free(name)
            }
            Name::Record(key) => age > DAY && self.removes_record(key, age),
        }
    }

    fn record(&self, key: &CacheKey) -> Option<Record> {
        self.inner.read(key).ok()??.ok()
    }

    fn is_dead(&self, record: Option<&Record>) -> bool {
        let ends = record.and_then(Record::ends_at);
        ends.is_none_or(|ends| ends.saturating_add(DAY) < self.now)
    }

    fn removes_record(&self, key: &CacheKey, age: Duration) -> bool {
        let folder = &self.inner.locks.folder;
        match self.record(key) {
            Some(record) => {
                self.is_dead(Some(&record))
                    && FileLease::claim(self.inner, key, LEASE).is_ok_and(|lease| {
                        lease.is_some_and(|lease| lease.remove(|r| self.is_dead(r)))
                    })
            }
            // Without its fence its lock is not known: nobody may hold any.
            None => {
                let locked =
                    self.names.iter().any(|name| matches!(name, Name::Lock(of, _) if of == key));
                age > UNOPENED && !locked && {
                    folder.remove(&Name::Tally(*key));
                    folder.remove(&Name::Record(*key))
                }
            }
        }
    }
}
