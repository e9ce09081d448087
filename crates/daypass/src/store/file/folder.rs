//! The folder: opened once and checked ([`private`](super::private)), then used only through its
//! descriptor. What is opened in it is checked again: a regular file, ours, with one link, closed to
//! others.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use zeroize::Zeroizing;

use super::names::Name;
use super::private::{OTHERS, failed, open, shown};
use crate::Timestamp;
use crate::store::StoreError;

/// An open folder that is safe to keep secrets in.
pub(super) struct Folder {
    path: PathBuf,
    uid: u32,
    /// Replaced when somebody removed the folder under us.
    fd: RwLock<OwnedFd>,
}

impl Folder {
    /// Opens a folder, makes it first if it is not there, and checks that it is safe.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        // Without a trailing slash: behind one, a symbolic link would be followed.
        let path = std::path::absolute(path)
            .map_err(|error| failed(path, "find", &error))?
            .components()
            .collect::<PathBuf>();
        let uid = rustix::process::geteuid().as_raw();
        let fd = open(&path, uid)?;
        Ok(Self { path, uid, fd: RwLock::new(fd) })
    }

    /// Opens or makes the folder anew, after it was removed.
    pub(super) fn reopen(&self) -> Result<(), StoreError> {
        let fd = open(&self.path, self.uid)?;
        *self.fd.write().unwrap_or_else(PoisonError::into_inner) = fd;
        Ok(())
    }

    fn fd(&self) -> RwLockReadGuard<'_, OwnedFd> {
        self.fd.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a file of ours, as it must be; one that is not is [`Errno::PERM`]. One that is made
    /// is closed to others.
    pub(super) fn file(&self, name: &Name, flags: OFlags) -> Result<(File, Stat), Errno> {
        self.named(&name.to_string(), flags)
    }

    /// Opens a file of ours that belongs to no key.
    pub(super) fn named(&self, name: &str, flags: OFlags) -> Result<(File, Stat), Errno> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&*self.fd(), name, flags, Mode::RUSR | Mode::WUSR)?;
        let stat = rustix::fs::fstat(&fd)?;
        let safe = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
            && stat.st_uid == self.uid
            // None, when somebody has just replaced it.
            && stat.st_nlink <= 1
            && !Mode::from_raw_mode(stat.st_mode).intersects(OTHERS);
        if safe { Ok((File::from(fd), stat)) } else { Err(Errno::PERM) }
    }

    /// Reads a whole file; `None` if it is not there. One that is not as it must be, or larger
    /// than `limit`, is a warning and `None`.
    pub(super) fn read(
        &self,
        name: &Name,
        limit: usize,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        let (file, stat) = match self.file(name, OFlags::RDONLY) {
            Ok(opened) => opened,
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::PERM | Errno::LOOP | Errno::NXIO | Errno::ISDIR) => {
                tracing::warn!(
                    folder = %shown(&self.path),
                    "a file in the cache folder is no private file of ours; it is passed by"
                );
                return Ok(None);
            }
            Err(errno) => return Err(self.failed("read", errno)),
        };
        let Some(size) = usize::try_from(stat.st_size).ok().filter(|size| *size <= limit) else {
            tracing::warn!(folder = %shown(&self.path), "a file in the cache folder is too large");
            return Ok(None);
        };
        let mut bytes = Zeroizing::new(vec![0; size]);
        let mut left = bytes.as_mut_slice();
        while !left.is_empty() {
            let read = rustix::io::retry_on_intr(|| rustix::io::read(&file, &mut *left));
            match read.map_err(|errno| self.failed("read", errno))? {
                0 => break,
                n => left = left.get_mut(n..).unwrap_or_default(),
            }
        }
        let missing = left.len();
        bytes.truncate(size - missing);
        Ok(Some(bytes))
    }

    /// Returns what is known about a file, if it is there.
    pub(super) fn stat(&self, name: &Name) -> Result<Option<Stat>, StoreError> {
        self.stat_named(&name.to_string())
    }

    /// Returns what is known about a file that belongs to no key, if it is there.
    pub(super) fn stat_named(&self, name: &str) -> Result<Option<Stat>, StoreError> {
        match rustix::fs::statat(&*self.fd(), name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(self.failed("look at", errno)),
        }
    }

    /// Whether a file of this name is there.
    pub(super) fn has(&self, name: &Name) -> Result<bool, StoreError> {
        self.stat(name).map(|stat| stat.is_some())
    }

    /// Removes a file; whether it was there. What can't be removed stays for the sweeper.
    pub(super) fn remove(&self, name: &Name) -> bool {
        rustix::fs::unlinkat(&*self.fd(), name.to_string(), AtFlags::empty()).is_ok()
    }

    /// Puts one file in the place of another, in one step.
    pub(super) fn rename(&self, from: &Name, to: &Name) -> Result<(), Errno> {
        let fd = self.fd();
        rustix::fs::renameat(&*fd, from.to_string(), &*fd, to.to_string())
    }

    /// Returns all names of ours.
    pub(super) fn names(&self) -> Result<Vec<Name>, StoreError> {
        names(&self.fd()).map_err(|errno| self.failed("list", errno))
    }

    /// Says what could not be done with a file in the folder.
    pub(super) fn failed(&self, what: &str, error: impl Into<io::Error>) -> StoreError {
        failed(&self.path, &format!("{what} a file in"), &error.into())
    }
}

/// Returns all names of ours in a folder.
pub(super) fn names(folder: &OwnedFd) -> Result<Vec<Name>, Errno> {
    let entries = Dir::read_from(folder)?;
    let name = |entry: rustix::fs::DirEntry| Name::parse(entry.file_name().to_str().ok()?);
    entries.filter_map(|entry| entry.map(name).transpose()).collect()
}

/// Returns the first bytes of a file, if it has so many.
pub(super) fn head<const N: usize>(folder: &OwnedFd, name: &Name) -> Option<[u8; N]> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat(folder, name.to_string(), flags, Mode::empty()).ok()?;
    let mut head = [0; N];
    File::from(file).read_exact(&mut head).ok()?;
    Some(head)
}

/// Returns when a file was last written, by the wall clock.
pub(super) fn modified(stat: &Stat) -> Timestamp {
    let seconds: i64 = stat.st_mtime;
    let nanos = i64::try_from(stat.st_mtime_nsec).unwrap_or(0);
    Timestamp::from_millis(seconds.saturating_mul(1000).saturating_add(nanos / 1_000_000))
}

/// Whether both are the same file with the same content, as far as that can be told unopened.
pub(super) fn unchanged(one: Option<&Stat>, other: Option<&Stat>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(a), Some(b)) => {
            is_same(a, b)
                && a.st_size == b.st_size
                && (a.st_mtime, a.st_mtime_nsec) == (b.st_mtime, b.st_mtime_nsec)
        }
        _ => false,
    }
}

/// Whether both are the same file.
pub(super) fn is_same(one: &Stat, other: &Stat) -> bool {
    (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}

impl fmt::Debug for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.path))
    }
}
