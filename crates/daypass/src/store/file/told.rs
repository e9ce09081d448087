//! What a lock file says about its holder: until when it is left alone, and what it writes into.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use crate::crypto::SealingKey;
use crate::store::StoreError;
use crate::{Clock, Ticks};

/// The longest lease that is believed.
const MAX_LEASE: Duration = Duration::from_secs(60);

/// What a lock file says about its holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) ends: Ticks,
    /// How long the lease is in all.
    pub(super) length: Duration,
    /// Names the file that the holder writes.
    pub(super) ticket: u64,
}

impl Told {
    const MAGIC: [u8; 8] = *b"lease\0\0\x01";

    pub(super) fn new(clock: &dyn Clock, length: Duration) -> Result<Self, StoreError> {
        let mut ticket = [0; 8];
        SealingKey::random(&mut ticket).map_err(|error| StoreError::Failed(error.to_string()))?;
        let length = length.min(MAX_LEASE);
        let ends = clock.ticks().saturating_add(length);
        Ok(Self { ends, length, ticket: u64::from_be_bytes(ticket) })
    }

    pub(super) fn to_bytes(self) -> [u8; 32] {
        let length = u64::try_from(self.length.as_nanos()).unwrap_or(u64::MAX);
        let numbers = [self.ends.as_nanos(), length, self.ticket].map(u64::to_be_bytes);
        let mut bytes = [0; 32];
        let parts = Self::MAGIC.iter().chain(numbers.as_flattened());
        bytes.iter_mut().zip(parts).for_each(|(to, from)| *to = *from);
        bytes
    }

    pub(super) fn read(file: &File) -> Option<Self> {
        let mut bytes = [0; 32];
        file.read_exact_at(&mut bytes, 0).ok()?;
        let (magic, numbers) = bytes.split_first_chunk::<8>()?;
        let mut numbers = numbers.as_chunks::<8>().0.iter().map(|n| u64::from_be_bytes(*n));
        let ends = Ticks::from_nanos(numbers.next()?);
        let length = Duration::from_nanos(numbers.next()?).min(MAX_LEASE);
        let ticket = numbers.next()?;
        (*magic == Self::MAGIC).then_some(Self { ends, length, ticket })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestClock;

    #[test]
    fn what_a_lock_file_says_is_read_as_it_was_written() {
        let clock = TestClock::new();
        let told = Told::new(&clock, Duration::from_secs(7)).unwrap();
        let mut file = tempfile::tempfile().unwrap();
        assert_eq!(Told::read(&file), None);
        std::io::Write::write_all(&mut file, &told.to_bytes()).unwrap();
        assert_eq!(Told::read(&file), Some(told));
        file.write_all_at(b"x", 0).unwrap();
        assert_eq!(Told::read(&file), None);
        let longest = Told::new(&clock, Duration::MAX).unwrap();
        assert_eq!(longest.length, MAX_LEASE);
    }
}
