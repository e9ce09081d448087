//! The memory of one source: the token at hand, read without a lock.
//!
//! Wall-clock times are turned into ticks once, when a token comes in; from then on nothing that
//! happens to the wall clock can revive it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwapOption, Guard};

use super::decide::{Decision, Life, decide};
use super::{Fresh, MinTtl};
use crate::{Reason, Source, Ticks, Token};

/// A token in the slot, with its end on the clock that never jumps back.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) token: Token,
    pub(super) reason: Reason,
    /// Where the token came from when it entered this process.
    pub(super) source: Source,
    pub(super) lifetime: Duration,
    pub(super) ends: Ticks,
    /// This holder's early-refresh margin.
    pub(super) margin: Duration,
    /// An API refused it.
    pub(super) rejected: AtomicBool,
    /// No early refresh before these ticks: the last one brought nothing.
    pub(super) no_refresh_before: AtomicU64,
}

impl Held {
    pub(super) fn life(&self, now: Ticks) -> Life {
        Life { lifetime: self.lifetime, remaining: now.until(self.ends) }
    }
}

/// A borrowed look at the token at hand. Hold it briefly and not across an await.
pub struct TokenRef(Guard<Option<Arc<Held>>>);

impl TokenRef {
    /// Returns the token.
    #[expect(clippy::expect_used, reason = "made only around a full slot, see Slot::cached")]
    pub fn token(&self) -> &Token {
        &self.0.as_ref().expect("a full slot").token
    }
}

impl fmt::Debug for TokenRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.token().fmt(f)
    }
}

#[derive(Default)]
pub(super) struct Slot(ArcSwapOption<Held>);

impl Slot {
    pub(super) fn held(&self) -> Option<Arc<Held>> {
        self.0.load_full()
    }

    pub(super) fn put(&self, held: Arc<Held>) {
        self.0.store(Some(held));
    }

    /// The hot path.
    pub(super) fn cached(&self, now: Ticks, min_ttl: MinTtl) -> Fresh {
        let guard = self.0.load();
        let Some(held) = guard.as_ref() else { return Fresh::Miss };
        if held.rejected.load(Ordering::Relaxed) {
            return Fresh::Miss;
        }
        match decide(held.life(now), min_ttl, held.margin) {
            Decision::Use => Fresh::Fresh(TokenRef(guard)),
            Decision::UseAndRefresh => {
                if held.no_refresh_before.load(Ordering::Relaxed) > now.as_nanos() {
                    return Fresh::Fresh(TokenRef(guard));
                }
                Fresh::Due(TokenRef(guard))
            }
            Decision::Fetch | Decision::Unsatisfiable { .. } => Fresh::Miss,
        }
    }
}
