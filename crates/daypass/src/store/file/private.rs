//! A folder that is this user's alone: nobody else may read or change what is in it, nor put
//! another folder in its place. It is ours with mode 0700, and whoever may write to a folder above
//! it is we or root, unless the sticky bit forbids to rename what is others'.

use std::fmt;
use std::fs::DirBuilder;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::printable;
use crate::store::StoreError;

const PRIVATE_FOLDER: u32 = 0o700;
pub(super) const OTHERS: Mode = Mode::RWXG.union(Mode::RWXO);
const OTHERS_WRITE: Mode = Mode::WGRP.union(Mode::WOTH);

/// Makes a folder if it is not there, and checks that it is this user's alone, as for the cache.
///
/// # Errors
///
/// [`StoreError::Unsafe`] if others could read, write or replace it; [`StoreError::Failed`] if it
/// cannot be made or opened. The text calls it `name`, such as "the agent's folder".
pub fn private_folder(path: &Path, name: &str) -> Result<(), StoreError> {
    let renamed = |text: String| text.replace("the cache folder", name);
    match open(path, rustix::process::geteuid().as_raw()) {
        Ok(_) => Ok(()),
        Err(StoreError::Unsafe(text)) => Err(StoreError::Unsafe(renamed(text))),
        Err(StoreError::Failed(text)) => Err(StoreError::Failed(renamed(text))),
        Err(other) => Err(other),
    }
}

/// Opens a folder, makes it first if it is not there, and checks that it is safe.
pub(super) fn open(path: &Path, uid: u32) -> Result<OwnedFd, StoreError> {
    let fd = match open_unchecked(path) {
        Err(Errno::NOENT) => {
            // Below a folder of somebody else's nothing is made: it would be there to stay.
            check_ancestors(path, uid)?;
            let made = DirBuilder::new().recursive(true).mode(PRIVATE_FOLDER).create(path);
            made.map_err(|error| failed(path, "make", &error))?;
            open_unchecked(path)
        }
        other => other,
    };
    let fd = fd.map_err(|errno| match rustix::fs::lstat(path) {
        Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink => {
            StoreError::Unsafe(format!(
                "the cache folder {} is a symbolic link: name the folder that it leads to",
                shown(path)
            ))
        }
        _ => failed(path, "open", &errno.into()),
    })?;
    let stat = rustix::fs::fstat(&fd).map_err(|errno| failed(path, "open", &errno.into()))?;
    if stat.st_uid != uid {
        return Err(StoreError::Unsafe(format!(
            "the cache folder {} belongs to uid {}, and this process runs as uid {uid}: name \
             another folder",
            shown(path),
            stat.st_uid
        )));
    }
    let mode = Mode::from_raw_mode(stat.st_mode);
    if mode.intersects(OTHERS) {
        return Err(StoreError::Unsafe(format!(
            "the cache folder {0} is open to others (mode {1:03o}): chmod 700 {0}",
            shown(path),
            mode.as_raw_mode() & 0o777
        )));
    }
    check_ancestors(path, uid)?;
    Ok(fd)
}

/// Checks all folders above the cache folder.
fn check_ancestors(folder: &Path, uid: u32) -> Result<(), StoreError> {
    match replaceable(folder, uid) {
        Ok(None) => Ok(()),
        Ok(Some(by)) => Err(StoreError::Unsafe(format!(
            "the cache folder {} can be replaced by others, through {by}name another folder",
            shown(folder)
        ))),
        Err((ancestor, error)) => Err(failed(&ancestor, "look at", &error)),
    }
}

/// A folder that lets others replace what is below it.
pub(crate) struct Replaceable {
    folder: PathBuf,
    owner: u32,
    mode: Mode,
    /// Whether its mode is what lets them, and not its owner.
    open: bool,
}

/// What is wrong, and the start of what to do; what else could be done has to follow.
impl fmt::Display for Replaceable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (folder, mode) = (shown(&self.folder), self.mode.as_raw_mode() & 0o7777);
        write!(f, "{folder} (uid {}, mode {mode:04o}); ", self.owner)?;
        if self.open { write!(f, "chmod go-w {folder}, or ") } else { Ok(()) }
    }
}

/// Returns a folder above `path` in which others could put another thing in its place, if there is
/// one. A folder that is not there yet is passed by.
pub(crate) fn replaceable(
    path: &Path,
    uid: u32,
) -> Result<Option<Replaceable>, (PathBuf, io::Error)> {
    for ancestor in path.ancestors().skip(1) {
        let stat = match rustix::fs::lstat(ancestor) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => continue,
            Err(errno) => return Err((ancestor.to_owned(), errno.into())),
        };
        let mode = Mode::from_raw_mode(stat.st_mode);
        let is_link = FileType::from_raw_mode(stat.st_mode) == FileType::Symlink;
        let open = mode.intersects(OTHERS_WRITE) && !mode.contains(Mode::SVTX) && !is_link;
        if open || (stat.st_uid != uid && stat.st_uid != 0) {
            let folder = ancestor.to_owned();
            return Ok(Some(Replaceable { folder, owner: stat.st_uid, mode, open }));
        }
        if is_link {
            let target = std::fs::canonicalize(ancestor);
            let target = target.map_err(|error| (ancestor.to_owned(), error))?;
            if let Some(found) = replaceable(&target.join("_"), uid)? {
                return Ok(Some(found));
            }
        }
    }
    Ok(None)
}

/// Opens a folder as it is, without any check: enough to look whether a name is there.
pub(super) fn open_unchecked(path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, path, flags, Mode::empty())
}

/// Says what could not be done.
pub(super) fn failed(path: &Path, what: &str, error: &io::Error) -> StoreError {
    let why = match error.kind() {
        ErrorKind::NotADirectory => "it is not a folder".to_owned(),
        ErrorKind::PermissionDenied if error.raw_os_error() == Some(Errno::PERM.raw_os_error()) => {
            "not permitted, or no private file of this user".to_owned()
        }
        _ => error.to_string(),
    };
    StoreError::Failed(format!("can't {what} the cache folder {}: {why}", shown(path)))
}

pub(super) fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}
