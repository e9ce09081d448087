//! Taking turns at a record, among processes that may be stopped or killed at any moment.
//!
//! The record with fence 6 is followed by one with fence 7, written by whoever holds the file
//! `<key>.7.lock` with flock(2). The kernel frees the lock of a holder that dies. A holder that
//! hangs is passed over when its lease is past: the next one takes `<key>.8.lock`, and so on.
//!
//! A holder writes the record into a file of its own, whose name (the *ticket*) stands in the
//! lock file, and renames it. Whoever passes a holder over removes that file first: either the
//! rename came before and is seen, or it fails. So no late holder overwrites a newer record.
//!
//! Two who decide at the same moment both write first and look then, so that at least one sees
//! the other and steps back. Lock files below a higher one that is in use stay where they are:
//! they are how the higher one is found. What remains is a holder that is stopped within the few
//! microseconds between the look at its own lease and the removal of its lock file, for longer
//! than that lease: then a third may work beside the second. That costs a request.
//!
//! The end of a lease is in boot-time ticks, which all processes of a machine share and no
//! administrator sets. After a reboot nobody holds a lock, so ticks of another boot never count.
//! A lease that seems to last longer than its whole length was written by another machine's
//! clock; it is believed from the file's time on.

use std::fs::{File, TryLockError};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{OFlags, Stat};
use rustix::io::Errno;

use super::folder::{Folder, is_same, modified};
use super::names::Name;
use super::told::Told;
use crate::store::StoreError;
use crate::token::MAX_SKEW;
use crate::{CacheKey, Clock};

/// How many higher fences are looked at. One would do but for the gap told above.
const LOOK_AHEAD: u64 = 3;
/// How long a holder is left alone that has not said how long it wants to be.
const UNTOLD_LEASE: Duration = Duration::from_secs(30);
/// How often a file is opened that others remove at the same moment.
const TRIES: usize = 16;

/// What somebody finds who looks at a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// There is no such file.
    Absent,
    /// Nobody holds it.
    Free,
    /// Somebody does, for this long (zero if the lease is past), and writes the file of this
    /// ticket.
    Held { left: Duration, ticket: Option<u64> },
}

/// What came of taking a lock.
pub(super) enum Take {
    /// It is ours.
    Ours(Box<Lock>),
    /// Somebody holds it, for this long; zero if the lease is past.
    Held { left: Duration },
    /// Nobody holds it, and it has been passed over.
    PassedOver,
}

/// The lock files of a folder.
#[derive(Clone)]
pub(super) struct Locks {
    pub(super) folder: Arc<Folder>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Locks {
    /// Looks at a lock. Others who look are not disturbed; one who takes it may have to try again.
    pub(super) fn look(&self, key: &CacheKey, fence: u64) -> Result<Seen, StoreError> {
        let (file, stat) = match self.folder.file(&Name::Lock(*key, fence), OFlags::RDONLY) {
            Ok(opened) => opened,
            Err(Errno::NOENT) => return Ok(Seen::Absent),
            Err(errno) => return Err(self.folder.failed("open", errno)),
        };
        match file.try_lock_shared() {
            Ok(()) => {
                let _ = file.unlock();
                Ok(Seen::Free)
            }
            Err(TryLockError::WouldBlock) => {
                let (left, ticket) = self.left(&file, &stat);
                Ok(Seen::Held { left, ticket })
            }
            Err(TryLockError::Error(error)) => Err(self.folder.failed("lock", error)),
        }
    }

    /// Tries to take a lock; never waits.
    pub(super) fn take(
        &self,
        key: &CacheKey,
        fence: u64,
        length: Duration,
    ) -> Result<Take, StoreError> {
        let name = Name::Lock(*key, fence);
        for _ in 0..TRIES {
            let (file, stat) = self.create(&name)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Ok(Take::Held { left: self.left(&file, &stat).0 });
                }
                Err(TryLockError::Error(error)) => return Err(self.folder.failed("lock", error)),
            }
            let before = Told::read(&file);
            let told = Told::new(&*self.clock, length)?;
            let base = fence.saturating_sub(1);
            let locks = self.clone();
            let lock = Lock { locks, key: *key, fence, base, file, stat, told, written: false };
            if !lock.is_in_place()? {
                continue;
            }
            if let Some(before) = before {
                self.folder.remove(&Name::Temp(*key, before.ticket));
            }
            lock.tell()?;
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
            let ticket = self.folder.file(&lock.ticket(), flags);
            ticket.map_err(|errno| self.folder.failed("make", errno))?;
            if lock.is_passed_over()? {
                return Ok(Take::PassedOver);
            }
            if lock.is_in_place()? {
                return Ok(Take::Ours(Box::new(lock)));
            }
        }
        Ok(Take::Held { left: Duration::from_millis(1) })
    }

    /// Removes a lock file that nobody holds; whether it did.
    pub(super) fn remove_free(&self, name: &Name) -> bool {
        let Ok((file, stat)) = self.folder.file(name, OFlags::RDWR) else { return false };
        if file.try_lock().is_err() {
            return false;
        }
        let found = self.folder.stat(name).ok().flatten();
        let removed = found.is_some_and(|found| is_same(&found, &stat)) && self.folder.remove(name);
        let _ = file.unlock();
        removed
    }

    /// Opens a lock file, and makes it if there is none, and the folder too if it was removed.
    fn create(&self, name: &Name) -> Result<(File, Stat), StoreError> {
        let flags = OFlags::RDWR | OFlags::CREATE;
        match self.folder.file(name, flags) {
            Err(Errno::NOENT) => {
                self.folder.reopen()?;
                self.folder.file(name, flags)
            }
            other => other,
        }
        .map_err(|errno| self.folder.failed("make", errno))
    }

    /// Returns for how long the holder of a lock file is left alone, and its ticket.
    fn left(&self, file: &File, stat: &Stat) -> (Duration, Option<u64>) {
        let told = Told::read(file);
        let ticket = told.map(|told| told.ticket);
        let length = match told {
            Some(told) => {
                let left = self.clock.ticks().until(told.ends);
                if left <= told.length {
                    return (left, ticket);
                }
                told.length
            }
            None => UNTOLD_LEASE,
        };
        let (now, since) = (self.clock.now(), modified(stat));
        let left = now.until(since.saturating_add(length));
        // A file from the future says nothing about how long it was held.
        (if now.until(since) > MAX_SKEW { Duration::ZERO } else { left }, ticket)
    }
}

/// A lock that is held. Dropping it frees it.
pub(super) struct Lock {
    pub(super) locks: Locks,
    pub(super) key: CacheKey,
    pub(super) fence: u64,
    /// The fence of the record that this lock follows; lock files in between were passed over.
    pub(super) base: u64,
    file: File,
    stat: Stat,
    told: Told,
    /// The record has this fence: no lock file up to it means anything any more.
    pub(super) written: bool,
}

impl Lock {
    /// Returns the name of the file that this holder writes before it becomes the record.
    pub(super) fn ticket(&self) -> Name {
        Name::Temp(self.key, self.told.ticket)
    }

    /// Starts the lease's time anew; whether it is still ours.
    pub(super) fn renew(&mut self) -> Result<bool, StoreError> {
        self.told.ends = self.locks.clock.ticks().saturating_add(self.told.length);
        self.tell()?;
        self.is_ours()
    }

    /// Whether nobody else has taken over.
    pub(super) fn is_ours(&self) -> Result<bool, StoreError> {
        Ok(!self.is_passed_over()?
            && self.is_in_place()?
            && self.locks.folder.has(&self.ticket())?)
    }

    fn tell(&self) -> Result<(), StoreError> {
        let written = self.file.write_all_at(&self.told.to_bytes(), 0);
        written.map_err(|error| self.locks.folder.failed("write", error))
    }

    /// Whether somebody holds or held a higher fence.
    fn is_passed_over(&self) -> Result<bool, StoreError> {
        let above = (1..=LOOK_AHEAD).map(|n| self.fence.saturating_add(n));
        for fence in above {
            if self.locks.folder.has(&Name::Lock(self.key, fence))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the file that is locked is the one that others find.
    fn is_in_place(&self) -> Result<bool, StoreError> {
        let found = self.locks.folder.stat(&Name::Lock(self.key, self.fence))?;
        Ok(found.is_some_and(|found| is_same(&found, &self.stat)))
    }

    /// Whether the lock files up to this one may go: nobody can be above them yet, or nobody
    /// will ask for them again.
    fn is_removable(&self) -> Result<bool, StoreError> {
        let in_time = self.locks.clock.ticks() < self.told.ends;
        Ok(self.written || (in_time && self.is_in_place()? && !self.is_passed_over()?))
    }
}

/// Unlocks explicitly: a forked child shares the lock and would keep it.
impl Drop for Lock {
    fn drop(&mut self) {
        let folder = &self.locks.folder;
        if !self.written {
            folder.remove(&self.ticket());
        }
        if self.is_removable() == Ok(true) {
            for fence in self.base.saturating_add(1)..=self.fence {
                folder.remove(&Name::Lock(self.key, fence));
            }
        }
        let _ = self.file.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::key;
    use crate::testing::TestClock;

    #[tokio::test(start_paused = true)]
    async fn a_forked_child_that_shares_the_descriptor_does_not_keep_the_lock() {
        let outer = tempfile::tempdir().unwrap();
        let folder = Arc::new(Folder::open(&outer.path().join("store")).unwrap());
        let locks = Locks { folder, clock: Arc::new(TestClock::new()) };
        let lease = Duration::from_secs(10);
        let Ok(Take::Ours(lock)) = locks.take(&key(1), 1, lease) else { panic!("not taken") };
        let shared = lock.file.try_clone().unwrap();
        // Past its lease a holder leaves its file, so that only the unlocking frees it.
        tokio::time::advance(lease).await;
        let past = |seen| matches!(seen, Ok(Seen::Held { left: Duration::ZERO, .. }));
        assert!(past(locks.look(&key(1), 1)));
        drop(lock);
        assert_eq!(locks.look(&key(1), 1), Ok(Seen::Free));
        drop(shared);
    }
}
