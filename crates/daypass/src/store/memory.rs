//! The store of a process without a place of its own on disk, and the reference model of what
//! every store does.
//!
//! A key's entry lives while somebody holds its lease or its record still means something;
//! after that it takes no memory.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;

use super::{Fence, Lease, Peek, Record, StoreError, Tally, TokenStore};
use crate::{CacheKey, Clock, Source, Ticks};

/// How long a record is kept after all in it has ended: the counters of damping (60 s at most)
/// outlive their pause.
const KEEP: Duration = Duration::from_secs(300);

/// Below this many entries nothing is swept.
const FIRST_SWEEP: usize = 64;

/// Keeps records in the memory of this process. Clones of the `Arc` around it share them.
pub struct MemoryStore {
    shared: Arc<Shared>,
}

impl MemoryStore {
    /// Returns an empty store.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let entries = Mutex::new(Entries {
            by_key: HashMap::new(),
            last_fence: Fence::default(),
            sweep_at: FIRST_SWEEP,
        });
        Self { shared: Arc::new(Shared { clock, entries }) }
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.shared.entries().by_key.len();
        f.debug_struct("MemoryStore").field("keys", &keys).finish_non_exhaustive()
    }
}

struct Shared {
    clock: Arc<dyn Clock>,
    entries: Mutex<Entries>,
}

struct Entries {
    by_key: HashMap<CacheKey, Entry>,
    /// One counter for all keys: an entry that was dropped and made anew never repeats a fence.
    last_fence: Fence,
    /// The number of entries at which dead ones are looked for.
    sweep_at: usize,
}

#[derive(Default)]
struct Entry {
    record: Option<Record>,
    held: Option<Held>,
    /// What was counted since the lease was taken: its holder's record does not have it.
    counted: Tally,
    /// Wakes those who wait for the record or the lease.
    changed: Arc<Notify>,
}

struct Held {
    fence: Fence,
    ends: Ticks,
}

impl Shared {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the record is of no use any more.
    fn is_dead(&self, record: Option<&Record>) -> bool {
        let ends = record.and_then(Record::ends_at);
        ends.is_none_or(|ends| ends.saturating_add(KEEP) <= self.clock.now())
    }

    fn record(&self, key: &CacheKey) -> Option<Record> {
        self.entries().by_key.get(key)?.record.clone()
    }

    /// Removes dead entries when there are twice as many as last time.
    fn sweep(&self, entries: &mut Entries) {
        if entries.by_key.len() >= entries.sweep_at {
            entries
                .by_key
                .retain(|_, entry| entry.held.is_some() || !self.is_dead(entry.record.as_ref()));
            entries.by_key.shrink_to_fit();
            entries.sweep_at = FIRST_SWEEP.max(entries.by_key.len().saturating_mul(2));
        }
    }
}

#[async_trait]
impl TokenStore for MemoryStore {
    fn peek(&self, key: &CacheKey) -> Peek {
        Peek::Known(self.shared.record(key).map(Box::new))
    }

    async fn load(&self, key: &CacheKey) -> Result<Option<Record>, StoreError> {
        Ok(self.shared.record(key))
    }

    async fn claim(
        &self,
        key: &CacheKey,
        lease: Duration,
    ) -> Result<Option<Box<dyn Lease>>, StoreError> {
        let mut entries = self.shared.entries();
        let now = self.shared.clock.ticks();
        if entries.by_key.get(key).is_some_and(|entry| entry.is_held(now)) {
            return Ok(None);
        }
        self.shared.sweep(&mut entries);
        let fence = Fence(entries.last_fence.0.saturating_add(1));
        entries.last_fence = fence;
        let entry = entries.by_key.entry(*key).or_default();
        entry.held = Some(Held { fence, ends: now.saturating_add(lease) });
        entry.counted = Tally::default();
        let record = entry.record.clone();
        let shared = Arc::clone(&self.shared);
        Ok(Some(Box::new(MemoryLease { shared, key: *key, fence, length: lease, record })))
    }

    async fn changed(&self, key: &CacheKey, since: Fence) {
        loop {
            let (notified, left) = {
                let entries = self.shared.entries();
                let Some(entry) = entries.by_key.get(key) else { return };
                let Some(held) = &entry.held else { return };
                let left = self.shared.clock.ticks().until(held.ends);
                if entry.fence() != since || left.is_zero() {
                    return;
                }
                (Arc::clone(&entry.changed).notified_owned(), left)
            };
            if tokio::time::timeout(left, notified).await.is_ok() {
                return;
            }
        }
    }

    fn count(&self, key: &CacheKey, source: Source) {
        if let Some(entry) = self.shared.entries().by_key.get_mut(key)
            && let Some(record) = &mut entry.record
        {
            record.tally.add(source, 1);
            entry.counted.add(source, 1);
        }
    }
}

impl Entry {
    fn is_held(&self, now: Ticks) -> bool {
        self.held.as_ref().is_some_and(|held| now < held.ends)
    }

    fn fence(&self) -> Fence {
        self.record.as_ref().map_or_else(Fence::default, |record| record.fence)
    }
}

struct MemoryLease {
    shared: Arc<Shared>,
    key: CacheKey,
    fence: Fence,
    length: Duration,
    record: Option<Record>,
}

impl MemoryLease {
    /// Runs `work` on the entry, if it is still this lease's.
    fn with<T>(&self, work: impl FnOnce(&mut Entry) -> T) -> Result<T, StoreError> {
        let mut entries = self.shared.entries();
        match entries.by_key.get_mut(&self.key) {
            Some(entry) if entry.held.as_ref().is_some_and(|held| held.fence == self.fence) => {
                Ok(work(entry))
            }
            _ => Err(StoreError::Lost),
        }
    }
}

#[async_trait]
impl Lease for MemoryLease {
    fn record(&self) -> Option<&Record> {
        self.record.as_ref()
    }

    async fn renew(&mut self) -> Result<(), StoreError> {
        let ends = self.shared.clock.ticks().saturating_add(self.length);
        self.with(|entry| entry.held = Some(Held { fence: self.fence, ends }))
    }

    async fn finish(self: Box<Self>, record: Option<Record>) -> Result<(), StoreError> {
        let Some(mut record) = record else { return Ok(()) };
        record.fence = self.fence;
        self.with(|entry| {
            record.tally.merge(entry.counted);
            entry.record = Some(record);
        })
    }
}

/// Frees the lease, and the entry if nothing in it is of use.
impl Drop for MemoryLease {
    fn drop(&mut self) {
        let mut entries = self.shared.entries();
        let Some(entry) = entries.by_key.get_mut(&self.key) else { return };
        if entry.held.as_ref().is_some_and(|held| held.fence == self.fence) {
            entry.held = None;
            entry.changed.notify_waiters();
            if self.shared.is_dead(entry.record.as_ref()) {
                entries.by_key.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::{self, Place, key, record_with_token};
    use crate::testing::TestClock;

    fn place() -> Place {
        let clock = Arc::new(TestClock::new());
        Place::new(Arc::new(MemoryStore::new(clock.clone())), clock)
    }

    conformance::suite!(place);

    #[tokio::test(start_paused = true)]
    async fn dead_keys_take_no_memory() {
        let clock = Arc::new(TestClock::new());
        let store = MemoryStore::new(clock.clone());
        for n in 0..10_000 {
            drop(store.claim(&key(n), Duration::from_secs(1)).await.unwrap().unwrap());
            store.changed(&key(n), Fence(0)).await;
        }
        assert_eq!(store.shared.entries().by_key.len(), 0);

        for n in 0..10_000 {
            let lease = store.claim(&key(n), Duration::from_secs(1)).await.unwrap().unwrap();
            let record = record_with_token("t", clock.now(), Duration::from_secs(300));
            lease.finish(Some(record)).await.unwrap();
        }
        assert_eq!(store.shared.entries().by_key.len(), 10_000);
        tokio::time::advance(Duration::from_secs(600)).await;
        for n in 10_000..30_000 {
            let lease = store.claim(&key(n), Duration::from_secs(1)).await.unwrap().unwrap();
            lease.finish(Some(Record::default())).await.unwrap();
        }
        assert_eq!(store.shared.entries().by_key.len(), 10_000, "the sweep is due at 20,000");
        let leases: Vec<_> = (0..10_000).map(|n| key(30_000 + n)).collect();
        let mut held = Vec::new();
        for key in &leases {
            held.push(store.claim(key, Duration::from_secs(1)).await.unwrap().unwrap());
        }
        held.push(store.claim(&key(50_000), Duration::from_secs(1)).await.unwrap().unwrap());
        assert!(store.shared.entries().by_key.len() <= 10_001);
        drop(held);
        assert_eq!(store.shared.entries().by_key.len(), 0);
        assert!(store.shared.entries().by_key.capacity() <= 40_000);
    }
}
