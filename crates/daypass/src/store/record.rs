//! What is known about one key: the token, refusals, rejections, and what happened to it.

use std::time::Duration;

use super::Fence;
use crate::{Fingerprint, Reason, Source, Timestamp, Token};

/// What a store keeps under one key.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// The write that this record stems from.
    pub fence: Fence,
    /// The cached token.
    pub token: Option<Token>,
    /// Why the cached token was fetched.
    pub reason: Option<Reason>,
    /// The issuer's last refusal, while it is remembered.
    pub refusal: Option<Refusal>,
    /// The last token that an API refused, and how often that happened in a row.
    pub rejected: Option<Rejected>,
    /// When the issuer may be asked again after an attempt that brought nothing.
    pub retry: Option<Retry>,
    /// Under a throttle key: until when the token endpoint asks to be left alone.
    pub throttled_until: Option<Timestamp>,
    /// How many tokens were handed out, by source.
    pub tally: Tally,
    /// The last events, oldest first; at most [`Record::MAX_EVENTS`].
    pub events: Vec<Event>,
}

impl Record {
    /// How many events a record keeps.
    pub const MAX_EVENTS: usize = 20;

    /// Returns when the last thing in it ends: the token, or what is remembered about refusals,
    /// pauses and throttles. `None` where there is no such thing.
    pub(crate) fn ends_at(&self) -> Option<Timestamp> {
        [
            self.token.as_ref().map(Token::expires_at),
            self.refusal.as_ref().map(|refusal| refusal.until),
            self.rejected.map(|rejected| rejected.until),
            self.retry.map(|retry| retry.at),
            self.throttled_until,
        ]
        .into_iter()
        .flatten()
        .max()
    }

    /// Adds an event and forgets the oldest beyond [`Record::MAX_EVENTS`].
    pub fn note(&mut self, at: Timestamp, kind: EventKind) {
        self.events.push(Event { at, kind });
        let surplus = self.events.len().saturating_sub(Self::MAX_EVENTS);
        self.events.drain(..surplus);
    }
}

/// An issuer's refusal (RFC 6749 section 5.2), remembered so that it is not asked again at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The `error` code, or the HTTP status where there was none; printable.
    pub error: String,
    /// The `error_description`; printable.
    pub description: Option<String>,
    /// The HTTP status of the answer; 0 when the refusal is no answer's (metadata, RFC 8414).
    pub status: u16,
    /// When it came.
    pub at: Timestamp,
    /// Until when it is remembered.
    pub until: Timestamp,
}

/// A token that an API refused with a 401.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Which token.
    pub fingerprint: Fingerprint,
    /// How many tokens in a row were refused soon after they were fetched; at least 1.
    pub times: u32,
    /// Until when no replacement is fetched.
    pub until: Timestamp,
}

/// A pause after attempts that failed or brought a token that lives no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// When the issuer may be asked again.
    pub at: Timestamp,
    /// How many attempts in a row brought nothing; at least 1.
    pub failures: u32,
}

/// How many tokens were handed out, by [`Source`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// From a process's memory, as far as it was counted.
    pub memory: u64,
    /// From the store.
    pub store: u64,
    /// From an agent.
    pub agent: u64,
    /// By asking the issuer.
    pub issuer: u64,
    /// By waiting for somebody else who asked.
    pub waited: u64,
}

impl Tally {
    /// Counts one.
    pub fn add(&mut self, source: Source, n: u64) {
        let count = match source {
            Source::Memory => &mut self.memory,
            Source::Store => &mut self.store,
            Source::Agent => &mut self.agent,
            Source::Issuer => &mut self.issuer,
            Source::Waited => &mut self.waited,
        };
        *count = count.saturating_add(n);
    }

    /// Adds the counts of `other`.
    pub fn merge(&mut self, other: Self) {
        self.add(Source::Memory, other.memory);
        self.add(Source::Store, other.store);
        self.add(Source::Agent, other.agent);
        self.add(Source::Issuer, other.issuer);
        self.add(Source::Waited, other.waited);
    }
}

/// Something that happened to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: EventKind,
}

/// What can happen to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// The issuer gave a token.
    Fetched {
        /// Why it was asked.
        reason: Reason,
        /// Which token came.
        fingerprint: Fingerprint,
        /// How long the token lives.
        lifetime: Duration,
        /// How long the issuer took.
        took: Duration,
    },
    /// Fetching failed; the text is printable.
    Failed(String),
    /// The issuer asked to wait.
    Throttled(Duration),
    /// An API refused the token.
    Rejected(Fingerprint),
    /// Somebody forgot the token.
    Forgotten,
    /// The token was revoked at the issuer.
    Revoked(Fingerprint),
}
