//! Whose turn it is to write a record: finding the lock to take, or who holds it.

use std::time::Duration;

use super::Inner;
use super::lock::{Lock, Seen, Take};
use super::names::Name;
use crate::CacheKey;
use crate::store::{Record, StoreError};

/// How many holders may hang one after the other, before the store gives up on a key.
const MAX_PASSED_OVER: u64 = 64;
/// How often a claim starts over because others were faster.
const TRIES: usize = 16;

/// A lock, and the record that it follows.
pub(super) type Turn = (Box<Lock>, Option<Record>);

pub(super) fn fence(record: Option<&Record>) -> u64 {
    record.map_or(0, |record| record.fence.0)
}

impl Inner {
    /// Takes the lock that follows the record, and returns it with the record; `None` while
    /// somebody else holds it.
    pub(super) fn take_turn(
        &self,
        key: &CacheKey,
        length: Duration,
    ) -> Result<Option<Turn>, StoreError> {
        'again: for _ in 0..TRIES {
            let base = fence(self.record(key)?.as_ref());
            for n in (1..=MAX_PASSED_OVER).map(|n| base.saturating_add(n)) {
                let mut lock = match self.locks.take(key, n, length)? {
                    Take::Ours(lock) => lock,
                    Take::PassedOver => continue,
                    Take::Held { left } if left.is_zero() => continue,
                    Take::Held { .. } => return Ok(None),
                };
                // Somebody may have taken or renewed a lock below since it was passed over. From
                // now on nobody does: they would see this one. So these are the tickets that count.
                for below in base.saturating_add(1)..n {
                    match self.locks.look(key, below)? {
                        Seen::Free => {}
                        Seen::Held { left: Duration::ZERO, ticket } => {
                            if let Some(ticket) = ticket {
                                self.locks.folder.remove(&Name::Temp(*key, ticket));
                            }
                        }
                        Seen::Absent | Seen::Held { .. } => continue 'again,
                    }
                }
                let record = self.record(key)?;
                lock.base = fence(record.as_ref());
                if lock.base >= n {
                    continue 'again;
                }
                return Ok(Some((lock, record)));
            }
            return Err(StoreError::Failed(format!(
                "{MAX_PASSED_OVER} processes hang that were to write one cached token"
            )));
        }
        Ok(None)
    }

    /// Returns how long the holder of the lock `fence`, or of one above it, is left alone; `None`
    /// if there is no such holder.
    pub(super) fn holder_left(
        &self,
        key: &CacheKey,
        fence: &mut u64,
    ) -> Result<Option<Duration>, StoreError> {
        for _ in 0..MAX_PASSED_OVER {
            let above = fence.saturating_add(1);
            match self.locks.look(key, *fence)? {
                Seen::Absent => return Ok(None),
                Seen::Held { left, .. } if !left.is_zero() => return Ok(Some(left)),
                Seen::Free if !self.locks.folder.has(&Name::Lock(*key, above))? => return Ok(None),
                Seen::Free | Seen::Held { .. } => *fence = above,
            }
        }
        Ok(None)
    }
}
