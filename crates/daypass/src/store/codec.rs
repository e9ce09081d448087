//! The bytes of a record inside its envelope: fixed-width big-endian numbers, length-prefixed
//! texts, a tag byte before what may be absent.
//!
//! Written by hand because a hit in a fresh process reads exactly one record: what is not linked
//! in is not paged in. The envelope's version changes with this layout.

use std::time::Duration;

use zeroize::Zeroizing;

use super::{Event, EventKind, Fence, Record, Refusal, Rejected, Retry, Tally};
use crate::{AccessToken, Fingerprint, Reason, ScopeSet, Timestamp, Token};

/// Writes a record in at most `limit` bytes, or returns `None`: the oldest events, whose texts are
/// the issuer's, make room for what counts. The buffer has room for `spare` more bytes; it never
/// moves, so that no copy of a token stays behind.
pub(super) fn encode(record: &Record, limit: usize, spare: usize) -> Option<Zeroizing<Vec<u8>>> {
    let mut to = Writer { bytes: Zeroizing::new(Vec::with_capacity(limit + spare)), limit };
    to.number(record.fence.0)?;
    to.option(record.token.as_ref(), Writer::token)?;
    to.option(record.reason, |to, reason| to.put(&[reason_code(reason)]))?;
    to.option(record.refusal.as_ref(), Writer::refusal)?;
    to.option(record.rejected, |to, rejected| {
        to.put(&rejected.fingerprint.0)?;
        to.put(&rejected.times.to_be_bytes())?;
        to.time(rejected.until)
    })?;
    to.option(record.retry, |to, retry| {
        to.time(retry.at)?;
        to.put(&retry.failures.to_be_bytes())
    })?;
    to.option(record.throttled_until, Writer::time)?;
    let Tally { memory, store, agent, issuer, waited } = record.tally;
    [memory, store, agent, issuer, waited].into_iter().try_for_each(|n| to.number(n))?;
    let (all, fixed) = (record.events.len(), to.bytes.len());
    (0..=all.min(Record::MAX_EVENTS)).rev().find_map(|count| {
        to.bytes.truncate(fixed);
        to.length(count)?;
        record.events.iter().skip(all - count).try_for_each(|event| to.event(event))
    })?;
    Some(to.bytes)
}

/// Reads a record; `None` if these are not exactly the bytes of one, if its token has characters
/// that no token may have, or if the token ended before it was asked for.
pub(super) fn decode(bytes: &[u8]) -> Option<Record> {
    let mut from = Reader(bytes);
    let record = Record {
        fence: Fence(from.number()?),
        token: from.option(Reader::token)?,
        reason: from.option(Reader::reason)?,
        refusal: from.option(Reader::refusal)?,
        rejected: from.option(|from| {
            Some(Rejected {
                fingerprint: Fingerprint(from.take()?),
                times: u32::from_be_bytes(from.take()?),
                until: from.time()?,
            })
        })?,
        retry: from.option(|from| {
            Some(Retry { at: from.time()?, failures: u32::from_be_bytes(from.take()?) })
        })?,
        throttled_until: from.option(Reader::time)?,
        tally: Tally {
            memory: from.number()?,
            store: from.number()?,
            agent: from.number()?,
            issuer: from.number()?,
            waited: from.number()?,
        },
        events: from.list(Record::MAX_EVENTS, Reader::event)?,
    };
    from.0.is_empty().then_some(record)
}

const fn reason_code(reason: Reason) -> u8 {
    match reason {
        Reason::Cold => 1,
        Reason::Expiring => 2,
        Reason::MinTtl => 3,
        Reason::Rejected => 4,
        Reason::Forced => 5,
    }
}

const FETCHED: u8 = 1;
const FAILED: u8 = 2;
const THROTTLED: u8 = 3;
const REJECTED: u8 = 4;
const FORGOTTEN: u8 = 5;
const REVOKED: u8 = 6;

struct Writer {
    bytes: Zeroizing<Vec<u8>>,
    limit: usize,
}

impl Writer {
    fn put(&mut self, bytes: &[u8]) -> Option<()> {
        let fits = bytes.len() <= self.limit.saturating_sub(self.bytes.len());
        fits.then(|| self.bytes.extend_from_slice(bytes))
    }

    fn number(&mut self, n: u64) -> Option<()> {
        self.put(&n.to_be_bytes())
    }

    fn time(&mut self, at: Timestamp) -> Option<()> {
        self.put(&at.as_millis().to_be_bytes())
    }

    fn duration(&mut self, duration: Duration) -> Option<()> {
        self.number(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
    }

    fn length(&mut self, length: usize) -> Option<()> {
        self.put(&u32::try_from(length).ok()?.to_be_bytes())
    }

    fn text(&mut self, text: &str) -> Option<()> {
        self.length(text.len())?;
        self.put(text.as_bytes())
    }

    fn option<T>(
        &mut self,
        value: Option<T>,
        put: impl FnOnce(&mut Self, T) -> Option<()>,
    ) -> Option<()> {
        match value {
            None => self.put(&[0]),
            Some(value) => {
                self.put(&[1])?;
                put(self, value)
            }
        }
    }

    fn token(&mut self, token: &Token) -> Option<()> {
        self.text(token.access_token().secret())?;
        self.option(token.scope(), |to, scope| {
            to.length(scope.iter().count())?;
            scope.iter().try_for_each(|scope| to.text(scope))
        })?;
        self.time(token.sent_at())?;
        self.time(token.received_at())?;
        self.time(token.expires_at())
    }

    fn refusal(&mut self, refusal: &Refusal) -> Option<()> {
        self.text(&refusal.error)?;
        self.option(refusal.description.as_deref(), Self::text)?;
        self.put(&refusal.status.to_be_bytes())?;
        self.time(refusal.at)?;
        self.time(refusal.until)
    }

    fn event(&mut self, event: &Event) -> Option<()> {
        self.time(event.at)?;
        match &event.kind {
            EventKind::Fetched { reason, fingerprint, lifetime, took } => {
                self.put(&[FETCHED, reason_code(*reason)])?;
                self.put(&fingerprint.0)?;
                self.duration(*lifetime)?;
                self.duration(*took)
            }
            EventKind::Failed(why) => {
                self.put(&[FAILED])?;
                self.text(why)
            }
            EventKind::Throttled(pause) => {
                self.put(&[THROTTLED])?;
                self.duration(*pause)
            }
            EventKind::Rejected(fingerprint) => {
                self.put(&[REJECTED])?;
                self.put(&fingerprint.0)
            }
            EventKind::Forgotten => self.put(&[FORGOTTEN]),
            EventKind::Revoked(fingerprint) => {
                self.put(&[REVOKED])?;
                self.put(&fingerprint.0)
            }
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn number(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    fn time(&mut self) -> Option<Timestamp> {
        self.take().map(i64::from_be_bytes).map(Timestamp::from_millis)
    }

    fn duration(&mut self) -> Option<Duration> {
        self.number().map(Duration::from_nanos)
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(u32::from_be_bytes(self.take()?)).ok()
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.length()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        str::from_utf8(text).ok()
    }

    /// The outer `None` is an error, the inner one an absent value.
    #[expect(clippy::option_option, reason = "read and dissolved by `?` at once")]
    fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.take()? {
            [0] => Some(None),
            [1] => read(self).map(Some),
            _ => None,
        }
    }

    fn list<T>(
        &mut self,
        limit: usize,
        mut read: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        let length = self.length().filter(|length| *length <= limit)?;
        (0..length).map(|_| read(self)).collect()
    }

    fn token(&mut self) -> Option<Token> {
        let access_token = AccessToken::new(self.text()?).ok()?;
        let scope = self.option(|from| {
            let length = from.length()?;
            (0..length).map(|_| from.text()).collect::<Option<ScopeSet>>()
        })?;
        let (sent_at, received_at, expires_at) = (self.time()?, self.time()?, self.time()?);
        (sent_at <= expires_at)
            .then(|| Token::new(access_token, scope, sent_at, received_at, expires_at))
    }

    fn reason(&mut self) -> Option<Reason> {
        Some(match self.take()? {
            [1] => Reason::Cold,
            [2] => Reason::Expiring,
            [3] => Reason::MinTtl,
            [4] => Reason::Rejected,
            [5] => Reason::Forced,
            _ => return None,
        })
    }

    fn refusal(&mut self) -> Option<Refusal> {
        Some(Refusal {
            error: self.text()?.to_owned(),
            description: self.option(Self::text)?.map(str::to_owned),
            status: u16::from_be_bytes(self.take()?),
            at: self.time()?,
            until: self.time()?,
        })
    }

    fn event(&mut self) -> Option<Event> {
        let at = self.time()?;
        let [code] = self.take()?;
        let kind = match code {
            FETCHED => EventKind::Fetched {
                reason: self.reason()?,
                fingerprint: Fingerprint(self.take()?),
                lifetime: self.duration()?,
                took: self.duration()?,
            },
            FAILED => EventKind::Failed(self.text()?.to_owned()),
            THROTTLED => EventKind::Throttled(self.duration()?),
            REJECTED => EventKind::Rejected(Fingerprint(self.take()?)),
            FORGOTTEN => EventKind::Forgotten,
            REVOKED => EventKind::Revoked(Fingerprint(self.take()?)),
            _ => return None,
        };
        Some(Event { at, kind })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::conformance::{assert_same, full_record, record_with_token};

    #[test]
    fn a_record_is_cut_to_nothing_shorter_and_takes_nothing_behind_it() {
        let record = full_record(Timestamp::from_millis(1_700_000_000_123));
        let bytes = encode(&record, 64 * 1024, 0).unwrap();
        assert_same(&decode(&bytes).unwrap(), &record);
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_none(), "{length}");
        }
        assert!(decode(&[&bytes[..], &[0]].concat()).is_none());
        assert!(encode(&record, bytes.len(), 0).is_some());
    }

    #[test]
    fn a_token_that_ended_before_it_was_asked_for_is_no_token() {
        let now = Timestamp::from_millis(0);
        let mut record = record_with_token("t", now, Duration::ZERO);
        assert!(decode(&encode(&record, 1000, 0).unwrap()).is_some());
        let ended = Timestamp::from_millis(-1);
        let access_token = AccessToken::new("t").unwrap();
        record.token = Some(Token::new(access_token, None, now, now, ended));
        assert!(decode(&encode(&record, 1000, 0).unwrap()).is_none());
    }

    #[test]
    fn a_text_that_could_not_be_a_token_is_none_when_it_is_read() {
        let record = record_with_token("good", Timestamp::from_millis(0), Duration::ZERO);
        let mut bytes = encode(&record, 1000, 0).unwrap();
        let at = bytes.windows(4).position(|part| part == b"good").unwrap();
        for bad in [b"go d", b"go\nd", b"go$d", b"go\"d", b"go\xffd"] {
            bytes[at..at + 4].copy_from_slice(bad);
            assert!(decode(&bytes).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn the_oldest_events_make_room_and_nothing_else_does() {
        let record = full_record(Timestamp::from_millis(1_700_000_000_123));
        let whole = encode(&record, 64 * 1024, 0).unwrap().len();
        let bare = encode(&Record { events: vec![], ..record.clone() }, whole, 0).unwrap().len();
        for limit in 0..=whole {
            let Some(bytes) = encode(&record, limit, 0) else {
                assert!(limit < bare, "{limit}");
                continue;
            };
            assert!(limit >= bare && bytes.len() <= limit, "{limit}");
            let mut read = decode(&bytes).unwrap();
            let dropped = record.events.len() - read.events.len();
            assert_eq!(read.events, record.events[dropped..]);
            if dropped > 0 {
                let more =
                    Record { events: record.events[dropped - 1..].to_vec(), ..record.clone() };
                assert!(encode(&more, 64 * 1024, 0).unwrap().len() > limit, "{limit}");
            }
            read.events.clone_from(&record.events);
            assert_same(&read, &record);
        }
    }

    #[test]
    fn only_the_last_events_are_kept() {
        let mut record = Record::default();
        let at = Timestamp::from_millis;
        let event = |n| Event { at: at(n), kind: EventKind::Forgotten };
        record.events = (0..100).map(event).collect();
        let read = decode(&encode(&record, 64 * 1024, 0).unwrap()).unwrap();
        assert_eq!(read.events, (80..100).map(event).collect::<Vec<_>>());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = decode(&bytes);
        }

        #[test]
        fn a_changed_record_never_panics(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let record = full_record(Timestamp::from_millis(0));
            let mut bytes = encode(&record, 64 * 1024, 0).unwrap();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = decode(&bytes);
        }
    }
}
