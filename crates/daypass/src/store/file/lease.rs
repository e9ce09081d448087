//! The right to write one record in a folder.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rustix::fs::OFlags;
use rustix::io::Errno;

use super::lock::Lock;
use super::names::Name;
use super::{Inner, sweep, tally};
use crate::CacheKey;
use crate::store::envelope::Kind;
use crate::store::{Fence, Lease, Record, StoreError};

pub(super) struct FileLease {
    inner: Arc<Inner>,
    lock: Box<Lock>,
    record: Option<Record>,
    /// So many bytes of the tally file are in `record`.
    counted: usize,
}

impl FileLease {
    pub(super) fn claim(
        inner: &Arc<Inner>,
        key: &CacheKey,
        length: Duration,
    ) -> Result<Option<Self>, StoreError> {
        let Some((lock, mut record)) = inner.take_turn(key, length)? else { return Ok(None) };
        let mut counted = 0;
        if let Some(record) = &mut record {
            let (tally, length) = tally::counted(&inner.locks.folder, key, 0);
            record.tally.merge(tally);
            counted = length;
        }
        Ok(Some(Self { inner: Arc::clone(inner), lock, record, counted }))
    }

    fn write(&mut self, mut record: Record) -> Result<(), StoreError> {
        let folder = &self.inner.locks.folder;
        let key = self.lock.key;
        record.fence = Fence(self.lock.fence);
        record.tally.merge(tally::counted(folder, &key, self.counted).0);
        let sealed = self.inner.sealer.seal(&key, Kind::RECORD, &record)?;
        let ticket = self.lock.ticket();
        let (mut file, _) = match folder.file(&ticket, OFlags::WRONLY) {
            Err(Errno::NOENT) => return Err(StoreError::Lost),
            other => other.map_err(|errno| folder.failed("write", errno))?,
        };
        file.write_all(&sealed).map_err(|error| folder.failed("write", error))?;
        drop(file);
        let written = self.inner.record(&key)?.map_or(0, |record| record.fence.0);
        if written >= self.lock.fence || !self.lock.is_ours()? {
            return Err(StoreError::Lost);
        }
        // Whoever took over meanwhile has removed the file, and this fails.
        match folder.rename(&ticket, &Name::Record(key)) {
            Err(Errno::NOENT) => return Err(StoreError::Lost),
            other => other.map_err(|errno| folder.failed("write", errno))?,
        }
        self.lock.written = true;
        tally::empty(folder, &key);
        Ok(())
    }

    /// Removes the record, if it still `is_dead`; whether it was.
    pub(super) fn remove(self, is_dead: impl FnOnce(Option<&Record>) -> bool) -> bool {
        let folder = &self.inner.locks.folder;
        is_dead(self.record.as_ref()) && {
            folder.remove(&Name::Tally(self.lock.key));
            folder.remove(&Name::Record(self.lock.key))
        }
    }
}

#[async_trait]
impl Lease for FileLease {
    fn record(&self) -> Option<&Record> {
        self.record.as_ref()
    }

    async fn renew(&mut self) -> Result<(), StoreError> {
        if self.lock.renew()? { Ok(()) } else { Err(StoreError::Lost) }
    }

    async fn finish(mut self: Box<Self>, record: Option<Record>) -> Result<(), StoreError> {
        let Some(record) = record else { return Ok(()) };
        self.write(record)?;
        let inner = Arc::clone(&self.inner);
        drop(self);
        sweep::if_due(&inner);
        Ok(())
    }
}
