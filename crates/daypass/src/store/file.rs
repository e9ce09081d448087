//! Records in a folder that processes of one user on one machine share.
//!
//! A record is one sealed file. Reading it takes neither a lock nor a runtime; a torn or changed
//! one counts as none. Writers take turns (see `lock`) and rename; nothing is synced to disk,
//! since a lost record costs one request. Calls into the file system are made where they stand:
//! they are short, and none of them waits for another process.

mod folder;
mod lease;
mod lock;
mod names;
mod private;
mod sweep;
mod tally;
mod told;
mod turn;
mod watch;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

pub use self::private::private_folder;
pub(crate) use self::private::replaceable;

use self::folder::Folder;
use self::lease::FileLease;
use self::lock::Locks;
use self::names::Name;
use self::watch::Watch;
use super::envelope::{self, Kind, Unsealed};
use super::{Fence, Lease, MAX_RECORD, Peek, Record, Sealer, StoreError, TokenStore};
use crate::{CacheKey, Clock, Source};

/// How long a waiter pauses where the folder can't be read.
const UNREADABLE: Duration = Duration::from_millis(25);

/// Keeps the records of one credential in a folder. Other credentials may use the same folder.
pub struct FileStore {
    inner: Arc<Inner>,
}

struct Inner {
    locks: Locks,
    sealer: Sealer,
}

impl FileStore {
    /// Opens a folder, or makes it, with mode 0700.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unsafe`] when others could read or replace what is kept there: the text says
    /// which folder is the cause and what to do. [`StoreError::Failed`] when it can't be opened or
    /// made.
    pub fn open(
        path: impl AsRef<Path>,
        clock: Arc<dyn Clock>,
        sealer: Sealer,
    ) -> Result<Self, StoreError> {
        let folder = Arc::new(Folder::open(path.as_ref())?);
        Ok(Self { inner: Arc::new(Inner { locks: Locks { folder, clock }, sealer }) })
    }

    /// Whether there is something at this path: opening it makes nothing.
    pub(crate) fn is_there(path: &Path) -> bool {
        !matches!(private::open_unchecked(path), Err(rustix::io::Errno::NOENT))
    }

    /// Removes files of no use any more, as far as they are daypass's own: records that ended,
    /// and what killed processes left behind. Looks at 200 files at most; returns how many it
    /// removed. Writing a record does this once an hour.
    ///
    /// # Errors
    ///
    /// [`StoreError::Failed`] when the folder can't be listed.
    pub fn sweep(&self) -> Result<usize, StoreError> {
        sweep::sweep(&self.inner)
    }
}

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStore").field("folder", &self.inner.locks.folder).finish()
    }
}

/// Whether a folder has a token of a client at an endpoint (see `TokenRequest::family`), of
/// whatever credential. Needs no secret. A folder that can't be read has none.
pub(crate) fn has_family(folder: &Path, family: [u8; 8]) -> bool {
    let Ok(folder) = private::open_unchecked(folder) else { return false };
    let is_one = |name: &Name| matches!(name, Name::Record(key) if key.0.starts_with(&family));
    folder::names(&folder).is_ok_and(|names| {
        names
            .iter()
            .filter(|name| is_one(name))
            .any(|name| folder::head(&folder, name).is_some_and(|head| envelope::says_token(&head)))
    })
}

impl Inner {
    /// Reads a record, without what was counted since it was written. One that does not open is
    /// none, with a warning.
    fn record(&self, key: &CacheKey) -> Result<Option<Record>, StoreError> {
        Ok(self.read(key)?.and_then(|record| match record {
            Ok(record) => Some(record),
            Err(reason) => {
                tracing::warn!(%reason, "a record in the cache folder does not open");
                None
            }
        }))
    }

    /// Reads a record that may be another credential's.
    fn read(&self, key: &CacheKey) -> Result<Option<Result<Record, Unsealed>>, StoreError> {
        let sealed = self.locks.folder.read(&Name::Record(*key), MAX_RECORD)?;
        Ok(sealed.map(|sealed| self.sealer.open(key, Kind::RECORD, sealed)))
    }
}

#[async_trait]
impl TokenStore for FileStore {
    /// Its tally lacks what was counted since the record was written.
    fn peek(&self, key: &CacheKey) -> Peek {
        Peek::Known(self.inner.record(key).ok().flatten().map(Box::new))
    }

    async fn load(&self, key: &CacheKey) -> Result<Option<Record>, StoreError> {
        let Some(mut record) = self.inner.record(key)? else { return Ok(None) };
        record.tally.merge(tally::counted(&self.inner.locks.folder, key, 0).0);
        Ok(Some(record))
    }

    async fn claim(
        &self,
        key: &CacheKey,
        lease: Duration,
    ) -> Result<Option<Box<dyn Lease>>, StoreError> {
        let lease = FileLease::claim(&self.inner, key, lease)?;
        Ok(lease.map(|lease| Box::new(lease) as Box<dyn Lease>))
    }

    async fn changed(&self, key: &CacheKey, since: Fence) {
        match Watch::begin(&self.inner, key, since) {
            Ok(None) => {}
            Ok(Some(mut watch)) => {
                while let Ok(Some(pause)) = watch.look() {
                    tokio::time::sleep(pause).await;
                }
            }
            // The caller learns why from the next call.
            Err(_) => tokio::time::sleep(UNREADABLE).await,
        }
    }

    fn changed_blocking(
        &self,
        key: &CacheKey,
        since: Fence,
        pause: &mut dyn FnMut(Duration) -> bool,
    ) {
        let Ok(Some(mut watch)) = Watch::begin(&self.inner, key, since) else { return };
        while let Ok(Some(length)) = watch.look() {
            if !pause(length) {
                return;
            }
        }
    }

    fn count(&self, key: &CacheKey, source: Source) {
        tally::count(&self.inner.locks.folder, key, source);
    }
}

#[cfg(test)]
mod tests;
