//! The memory of one source: the token at hand, read without a lock.
//!
//! Wall-clock times are turned into ticks once, when a token comes in; from then on nothing that
//! happens to the wall clock can revive it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwapOption, Guard};

use super::decide::{Decision, Life, decide, margin};
use super::judge::Known;
use super::{Fresh, MinTtl, Want};
use crate::{Fingerprint, Granted, Reason, Source, Ticks, Timestamp, Token};

/// A token in the slot, with its end on the clock that never jumps back.
#[derive(Debug)]
pub(crate) struct Held {
    token: Token,
    reason: Reason,
    lifetime: Duration,
    ends: Ticks,
    /// Until the last tenth of its life: so long nobody who prefers some time to be left, rather
    /// than requiring it, has anything to decide.
    good_until: Ticks,
    /// This consumer's early-refresh margin.
    margin: Duration,
    /// No early refresh before: the last one brought nothing.
    pause_ends: Ticks,
    /// An API refused it.
    refused: AtomicBool,
}

impl Held {
    pub(crate) fn new(
        token: &Token,
        reason: Reason,
        ends: Ticks,
        jitter: f64,
        pause_ends: Ticks,
    ) -> Self {
        let lifetime = token.lifetime();
        Self {
            token: token.clone(),
            reason,
            lifetime,
            ends,
            good_until: ends.saturating_sub(lifetime / 10),
            margin: margin(lifetime, jitter),
            pause_ends,
            refused: AtomicBool::new(false),
        }
    }

    pub(super) fn known(&self, now: Ticks) -> Known {
        let (fingerprint, sent_at) = (self.token.fingerprint(), self.token.sent_at());
        Known { fingerprint, sent_at, remaining: self.life(now).remaining }
    }

    pub(super) fn life(&self, now: Ticks) -> Life {
        Life { lifetime: self.lifetime, remaining: now.until(self.ends) }
    }

    pub(super) fn is_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    pub(super) fn granted(&self, source: Source) -> Granted {
        Granted { token: self.token.clone(), source, reason: self.reason }
    }
}

/// A borrowed look at the token at hand. Hold it briefly and not across an await.
pub struct TokenRef(Guard<Option<Arc<Held>>>);

impl TokenRef {
    #[expect(clippy::expect_used, reason = "made only around a full slot, see Slot::cached")]
    fn held(&self) -> &Held {
        self.0.as_ref().expect("a full slot")
    }

    /// Returns the token.
    pub fn token(&self) -> &Token {
        &self.held().token
    }

    pub(crate) fn granted(&self, source: Source) -> Granted {
        self.held().granted(source)
    }
}

impl fmt::Debug for TokenRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.token().fmt(f)
    }
}

#[derive(Default)]
pub(crate) struct Slot(ArcSwapOption<Held>);

impl Slot {
    pub(super) fn held(&self) -> Option<Arc<Held>> {
        self.0.load_full()
    }

    pub(crate) fn token(&self) -> Option<Token> {
        self.0.load().as_ref().map(|held| held.token.clone())
    }

    /// Returns what was there.
    pub(crate) fn put(&self, held: Arc<Held>) -> Option<Arc<Held>> {
        self.0.swap(Some(held))
    }

    pub(super) fn clear(&self) {
        self.0.store(None);
    }

    /// Marks the token at hand as refused, if it is this one.
    pub(crate) fn refuse(&self, fingerprint: Fingerprint) {
        if let Some(held) = self.0.load().as_ref()
            && held.token.fingerprint() == fingerprint
        {
            held.refused.store(true, Ordering::Relaxed);
        }
    }

    /// Returns the token at hand's fingerprint, if it was refused.
    pub(super) fn refused(&self) -> Option<Fingerprint> {
        let guard = self.0.load();
        guard.as_ref().filter(|held| held.is_refused()).map(|held| held.token.fingerprint())
    }

    /// Whether the token at hand arrived at `began` or later.
    pub(crate) fn received_since(&self, began: Timestamp) -> bool {
        self.0.load().as_ref().is_some_and(|held| held.token.received_at() >= began)
    }

    /// The token at hand, when no better one can be had: it is valid and long enough if that was
    /// required.
    pub(crate) fn spare(&self, now: Ticks, want: &Want) -> Option<Granted> {
        if want.force {
            return None;
        }
        let held = self.held()?;
        let life = held.life(now);
        let enough = match want.min_ttl {
            MinTtl::Preferred(_) => !life.remaining.is_zero(),
            MinTtl::Required(min_ttl) => !life.remaining.is_zero() && life.remaining >= min_ttl,
        };
        (enough && !held.is_refused()).then(|| {
            tracing::warn!("no new token could be had; the cached one is still valid");
            held.granted(Source::Memory)
        })
    }

    /// The hot path.
    pub(crate) fn cached(&self, now: Ticks, min_ttl: MinTtl) -> Fresh {
        let guard = self.0.load();
        let Some(held) = guard.as_ref() else { return Fresh::Miss };
        if held.is_refused() {
            return Fresh::Miss;
        }
        if now < held.good_until && matches!(min_ttl, MinTtl::Preferred(_)) {
            return Fresh::Fresh(TokenRef(guard));
        }
        match decide(held.life(now), min_ttl, held.margin) {
            Decision::Use => Fresh::Fresh(TokenRef(guard)),
            Decision::UseAndRefresh if held.pause_ends > now => Fresh::Fresh(TokenRef(guard)),
            Decision::UseAndRefresh => Fresh::Due(TokenRef(guard)),
            Decision::Fetch | Decision::Unsatisfiable { .. } => Fresh::Miss,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::AccessToken;

    proptest! {
        #[test]
        fn the_short_cut_decides_as_the_decision_does(
            lifetime in 0u64..100_000, age in 0u64..100_000, cap in 0u64..1000, jitter in 0.0..1.0
        ) {
            let s = Duration::from_secs;
            let at = Timestamp::from_millis(0);
            let text = AccessToken::new("token").unwrap();
            let token = Token::new(text, None, at, at, at.saturating_add(s(lifetime)));
            let start = Ticks::from_nanos(7);
            let ends = start.saturating_add(s(lifetime));
            let held = Held::new(&token, Reason::Cold, ends, jitter, start);
            let (now, min_ttl) = (start.saturating_add(s(age)), MinTtl::Preferred(s(cap)));
            let decided = decide(held.life(now), min_ttl, held.margin);
            let slot = Slot::default();
            slot.put(Arc::new(held));
            let came = match slot.cached(now, min_ttl) {
                Fresh::Fresh(_) => Decision::Use,
                Fresh::Due(_) => Decision::UseAndRefresh,
                Fresh::Miss => Decision::Fetch,
            };
            prop_assert_eq!(came, decided);
        }
    }
}
