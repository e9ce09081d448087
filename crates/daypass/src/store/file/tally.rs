//! Counting without the lease: one byte at the end of a file for every token handed out. The next
//! holder adds the bytes to the record. A count may get lost in between; nothing depends on it.

use std::io::Write;

use rustix::fs::OFlags;

use super::folder::Folder;
use super::names::Name;
use crate::store::Tally;
use crate::{CacheKey, Source};

/// The largest file; who comes later is not counted.
const MAX_LEN: usize = 1024 * 1024;
/// The same for reading: many may have appended at the same time.
const MAX_READ: usize = 2 * MAX_LEN;

const fn code(source: Source) -> u8 {
    match source {
        Source::Memory => b'm',
        Source::Store => b's',
        Source::Agent => b'a',
        Source::Issuer => b'i',
        Source::Waited => b'w',
    }
}

const ALL: [Source; 5] =
    [Source::Memory, Source::Store, Source::Agent, Source::Issuer, Source::Waited];

/// Counts one. The file is there as long as the record is.
pub(super) fn count(folder: &Folder, key: &CacheKey, source: Source) {
    let flags = OFlags::WRONLY | OFlags::APPEND;
    if let Ok((mut file, stat)) = folder.file(&Name::Tally(*key), flags)
        && usize::try_from(stat.st_size).is_ok_and(|size| size < MAX_LEN)
    {
        let _ = file.write(&[code(source)]);
    }
}

/// Returns what was counted behind the first `seen` bytes of the file, and its length.
pub(super) fn counted(folder: &Folder, key: &CacheKey, seen: usize) -> (Tally, usize) {
    let bytes = folder.read(&Name::Tally(*key), MAX_READ).ok().flatten().unwrap_or_default();
    // A file that got shorter was emptied: all of it is new.
    let new = bytes.get(seen..).unwrap_or(&bytes);
    let mut tally = Tally::default();
    for source in ALL {
        let n = new.iter().filter(|byte| **byte == code(source)).count();
        tally.add(source, u64::try_from(n).unwrap_or(u64::MAX));
    }
    (tally, bytes.len())
}

/// Empties the file, and makes it if there is none: all of it is in the record now.
pub(super) fn empty(folder: &Folder, key: &CacheKey) {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
    let _ = folder.file(&Name::Tally(*key), flags);
}
