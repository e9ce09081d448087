//! What the store would not take, for as long as the process lives.
//!
//! An API that refuses every token, or an issuer that refuses the client or asks to be left alone,
//! is not to be asked again and again only because a folder cannot be written. What somebody else writes later counts more.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::store::Record;

/// The last record that could not be written.
#[derive(Default)]
pub(super) struct Unkept(Mutex<Option<Record>>);

impl Unkept {
    fn lock(&self) -> MutexGuard<'_, Option<Record>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a record, with the fence of the one that it was to follow.
    pub(super) fn keep(&self, record: Record) {
        *self.lock() = Some(record);
    }

    /// Forgets it: the store works again.
    pub(super) fn clear(&self) {
        *self.lock() = None;
    }

    /// Returns the record that counts: the stored one if it was written since.
    pub(super) fn over(&self, stored: Record) -> Record {
        let mut kept = self.lock();
        kept.take_if(|kept| kept.fence < stored.fence);
        kept.clone().unwrap_or(stored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fence;

    #[test]
    fn what_is_written_later_counts_more() {
        let record = |fence| Record { fence: Fence(fence), ..Record::default() };
        let unkept = Unkept::default();
        assert_eq!(unkept.over(record(3)).fence, Fence(3));
        unkept.keep(record(3));
        assert_eq!(unkept.over(Record::default()).fence, Fence(3));
        assert_eq!(unkept.over(record(3)).fence, Fence(3));
        assert_eq!(unkept.over(record(4)).fence, Fence(4));
        assert_eq!(unkept.over(Record::default()).fence, Fence(0), "it is gone for good");
        unkept.keep(record(5));
        unkept.clear();
        assert_eq!(unkept.over(record(1)).fence, Fence(1));
    }
}
