//! Where tokens are kept, and how those who share a place take turns.
//!
//! Record and coordination are one thing: what must be atomic is written only through a
//! [`Lease`]. A store may lose data at any time; that costs a request and nothing else.

mod codec;
#[cfg(test)]
pub(crate) mod conformance;
mod envelope;
mod file;
mod memory;
mod record;

use std::time::Duration;

use async_trait::async_trait;

pub(crate) use envelope::Kind;
pub use envelope::Sealer;
pub(crate) use file::has_family;
pub(crate) use file::replaceable;
pub use file::{FileStore, private_folder};
pub use memory::MemoryStore;
pub use record::{Event, EventKind, Record, Refusal, Rejected, Retry, Tally};

use crate::{CacheKey, MAX_ACCESS_TOKEN, Source};

/// Counts the writes under one key; a later writer has a higher fence, and a write with an old
/// fence is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fence(pub u64);

/// What [`TokenStore::peek`] found.
#[derive(Clone, Debug)]
pub enum Peek {
    /// The record as it is now, or that there is none.
    Known(Option<Box<Record>>),
    /// The store can't tell without waiting: use [`TokenStore::load`].
    Ask,
}

/// A place for records, shared by tasks, processes or machines.
#[async_trait]
pub trait TokenStore: Send + Sync {
    /// Reads a record without waiting and without a runtime, where the store can do that. An
    /// unreadable record counts as none.
    fn peek(&self, key: &CacheKey) -> Peek;

    /// Reads a record. One that can't be opened or does not match its key is none.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the place itself can't be used.
    async fn load(&self, key: &CacheKey) -> Result<Option<Record>, StoreError>;

    /// Takes the lease on a key, for `lease` at most; `None` while somebody else holds it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the place itself can't be used.
    async fn claim(
        &self,
        key: &CacheKey,
        lease: Duration,
    ) -> Result<Option<Box<dyn Lease>>, StoreError>;

    /// Returns when the record may differ from the one with the fence `since`, or when the lease
    /// may be free; may return early. Dropping the future is safe.
    async fn changed(&self, key: &CacheKey, since: Fence);

    /// Does what [`changed`](TokenStore::changed) does, for a caller that has no runtime. Calls
    /// `pause` for each time to let pass, until it answers `false`. Returns at once where the
    /// store can't tell without a runtime.
    fn changed_blocking(
        &self,
        key: &CacheKey,
        since: Fence,
        pause: &mut dyn FnMut(Duration) -> bool,
    ) {
        let _ = (key, since, pause);
    }

    /// Notes that a token of this key was handed out, as far as that costs next to nothing.
    fn count(&self, key: &CacheKey, source: Source);
}

/// The right to write one record. Dropping it without [`finish`](Lease::finish) gives it up and
/// writes nothing.
#[async_trait]
pub trait Lease: Send {
    /// Returns the record as it was when the lease was taken, with all that was counted by then.
    fn record(&self) -> Option<&Record>;

    /// Starts the lease's time anew.
    ///
    /// # Errors
    ///
    /// [`StoreError::Lost`] when it has passed to somebody else, or another one when the place
    /// can't be used.
    async fn renew(&mut self) -> Result<(), StoreError>;

    /// Gives the lease up; writes `record` first, if there is one, under the lease's fence
    /// (the `fence` in the record is ignored). What was counted since the lease was taken is
    /// added to its tally.
    ///
    /// # Errors
    ///
    /// [`StoreError::Lost`] when somebody with a higher fence has taken over: nothing was
    /// written. Another one when the place can't be used.
    async fn finish(self: Box<Self>, record: Option<Record>) -> Result<(), StoreError>;
}

/// Why a store could not do its work. The token life cycle passes it by with a warning.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Somebody else has taken the lease over; nothing was written.
    #[error("the lease has passed to somebody else")]
    Lost,
    /// The record is larger than the store takes.
    #[error("the record is larger than {} KiB", crate::store::MAX_RECORD / 1024)]
    TooLarge,
    /// Others could read or change what is kept there.
    #[error("{0}")]
    Unsafe(String),
    /// Reading or writing failed.
    #[error("{0}")]
    Failed(String),
}

/// The largest sealed record, in bytes: room for the longest access token and all that is kept
/// beside it but events, of which the oldest make room.
pub const MAX_RECORD: usize = MAX_ACCESS_TOKEN + 16 * 1024;
