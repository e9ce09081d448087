//! Bytes that are kept in the order in which they came, in few pieces however small they came. What
//! is counted is what is held: the room of every piece, and what a piece costs besides. Pure.
//!
//! They are copied: a share of what was read would keep the connection's whole buffer.

use bytes::{Bytes, BytesMut};

/// The smallest piece, in bytes.
const LEAST: usize = 1024;
/// The piece that is made at most for what is still to come.
const MOST: usize = 64 * 1024;
/// What a piece costs besides its room.
pub(super) const EACH: usize = 128;

/// A text that grows.
#[derive(Debug, Default)]
pub(super) struct Segments {
    full: Vec<Bytes>,
    open: BytesMut,
    length: usize,
    room: usize,
    pieces: usize,
}

impl Segments {
    /// Bytes that are kept.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// Bytes of memory that this takes.
    pub(super) fn held(&self) -> usize {
        self.room + self.pieces * EACH
    }

    /// Appends; `most` is how long all of it may become. Returns how much more memory this takes
    /// than before.
    pub(super) fn append(&mut self, data: &[u8], most: usize) -> usize {
        let before = self.held();
        let (first, rest) = data.split_at(data.len().min(self.left_in_open()));
        self.open.extend_from_slice(first);
        self.length += first.len();
        if !rest.is_empty() {
            let to_come = most.saturating_sub(self.length);
            let room = self.length.clamp(LEAST, MOST).min(to_come).max(rest.len());
            let full = std::mem::replace(&mut self.open, BytesMut::with_capacity(room));
            if !full.is_empty() {
                self.full.push(full.freeze());
            }
            self.room += room;
            self.pieces += 1;
            self.open.extend_from_slice(rest);
            self.length += rest.len();
        }
        self.held() - before
    }

    /// Returns a piece that starts at `at`; `None` at the end.
    pub(super) fn at(&mut self, at: usize) -> Option<Bytes> {
        let mut start = 0;
        for piece in &self.full {
            let end = start + piece.len();
            if at < end {
                return Some(piece.slice(at - start..));
            }
            start = end;
        }
        if self.open.len() <= at - start {
            return None;
        }
        // What is there so far is shared from now on; the room behind it is still to be filled.
        let piece = self.open.split().freeze();
        self.full.push(piece.clone());
        self.pieces += 1;
        Some(piece.slice(at - start..))
    }

    fn left_in_open(&self) -> usize {
        self.open.capacity() - self.open.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(segments: &mut Segments) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(piece) = segments.at(all.len()) {
            all.extend_from_slice(&piece);
        }
        all
    }

    #[test]
    fn small_parts_take_few_pieces_and_what_is_counted_is_what_is_held() {
        for part in [1, 7, 1000, 65_536, 100_000] {
            let mut segments = Segments::default();
            let mut counted = 0;
            let data = vec![b'x'; part];
            let times = 1_000_000 / part;
            for _ in 0..times {
                counted += segments.append(&data, 1 << 20);
            }
            assert_eq!(segments.length(), times * part);
            assert_eq!(counted, segments.held());
            let room =
                segments.full.iter().map(Bytes::len).sum::<usize>() + segments.open.capacity();
            assert!(room <= segments.held(), "{part}");
            assert!(segments.held() < times * part + MOST + 32 * EACH, "{part}: {counted}");
            assert!(segments.full.len() < 32, "{part}");
            assert_eq!(read(&mut segments).len(), times * part);
        }
    }

    #[test]
    fn no_more_is_taken_than_may_come() {
        let mut segments = Segments::default();
        let taken = segments.append(b"hello", 10);
        assert_eq!(taken, 10 + EACH);
        assert_eq!(segments.append(b" all!", 10), 0);
    }

    #[test]
    fn what_was_read_stays_as_it_was_while_more_comes() {
        let mut segments = Segments::default();
        let mut expected = Vec::new();
        for round in 0..200_u8 {
            let part = vec![round; usize::from(round) * 3 + 1];
            segments.append(&part, 1 << 20);
            expected.extend_from_slice(&part);
            if round % 50 == 0 {
                assert_eq!(read(&mut segments), expected);
            }
        }
        assert_eq!(read(&mut segments), expected);
    }
}
