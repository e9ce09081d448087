//! Who is to blame for a 401: the token, or the path. Pure.
//!
//! A path that refuses a token which was fetched for it is suspected. While any is, it is noted
//! which tokens are accepted elsewhere; what refuses a token that was accepted elsewhere since is
//! itself the problem, and costs no further token. A path that accepts one is no longer suspected.
//!
//! A token that was accepted and then is refused was revoked: so it is told to the source, which
//! replaces it at once. Not so while replacements turn out to be of no use: each of those in a row
//! makes the gateway doubt for longer, or many paths of that kind would cost a token each.
//!
//! Nor is a replacement that is refused always of no use: a request may have been starved until it
//! was revoked too. `may_be_starved` decides.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use daypass::{Fingerprint, Ticks};

/// Paths that are suspected at most; the oldest go first.
const PATHS: usize = 64;
/// Tokens that were accepted lately.
const TOKENS: usize = 32;

/// The longest pause that a request waits for, and how long between two looks.
pub(super) const LONGEST_HOLD: Duration = Duration::from_secs(4);
pub(super) const LOOK: Duration = Duration::from_millis(250);

/// The longest doubt after a replacement of no use.
const LONGEST_DOUBT: Duration = Duration::from_secs(60);

/// How often a request is sent again whose tokens others had in use.
const SPARE: u32 = 4;

/// A path without its query, as a number.
pub(super) type Path = u64;

/// Paths that accepted a token lately, as far as they don't share a place here.
#[derive(Debug)]
pub(super) struct Good(Box<[AtomicU64]>);

impl Default for Good {
    fn default() -> Self {
        Self((0..256).map(|_| AtomicU64::default()).collect())
    }
}

impl Good {
    fn place(&self, path: Path) -> Option<&AtomicU64> {
        let places = u64::try_from(self.0.len()).ok()?;
        self.0.get(usize::try_from(path.checked_rem(places)?).ok()?)
    }

    pub(super) fn note(&self, path: Path) {
        if let Some(place) = self.place(path).filter(|place| place.load(Ordering::Relaxed) != path)
        {
            place.store(path, Ordering::Relaxed);
        }
    }

    pub(super) fn has(&self, path: Path) -> bool {
        self.place(path).is_some_and(|place| place.load(Ordering::Relaxed) == path)
    }

    pub(super) fn forget(&self, path: Path) {
        if let Some(place) = self.place(path).filter(|_| self.has(path)) {
            place.store(0, Ordering::Relaxed);
        }
    }
}

/// Whether a replacement that is refused may have been revoked before its request had its turn:
/// another one helps then. `accepted`: others had it in use. If that is not known, it is given the
/// benefit of the doubt once: their answers may be on their way. `good`: this path accepted a token
/// before; one that never did is the problem itself.
pub(super) fn may_be_starved(accepted: bool, good: bool, repeats: u32) -> bool {
    good && repeats < if accepted { SPARE } else { 2 }
}

#[derive(Debug, Default)]
pub(super) struct Suspicions {
    /// With the moment of the last refusal.
    paths: VecDeque<(Path, u64)>,
    /// With the moment of the last acceptance.
    accepted: VecDeque<(Fingerprint, u64)>,
    moment: u64,
    /// Replacements in a row that were refused too.
    useless: u32,
    doubts_until: Option<Ticks>,
}

impl Suspicions {
    /// A replacement was refused too, or accepted.
    pub(super) fn replaced(&mut self, useful: bool, now: Ticks) {
        if useful {
            (self.useless, self.doubts_until) = (0, None);
            return;
        }
        let pause = Duration::from_secs(1 << self.useless.min(6)).min(LONGEST_DOUBT);
        self.useless = self.useless.saturating_add(1);
        self.doubts_until = Some(now.saturating_add(pause));
    }

    /// How much longer a token that was accepted and now is refused is not taken for one that was
    /// revoked.
    pub(super) fn doubts_for(&self, now: Ticks) -> Duration {
        self.doubts_until.map_or(Duration::ZERO, |until| now.until(until))
    }

    /// The present moment, for [`Suspicions::accepted_since`].
    pub(super) fn moment(&self) -> u64 {
        self.moment
    }

    /// Whether a token was accepted after a moment.
    pub(super) fn accepted_since(&self, token: Fingerprint, moment: u64) -> bool {
        self.accepted.iter().any(|(other, at)| *other == token && *at > moment)
    }

    /// Whether acceptances matter.
    pub(super) fn any(&self) -> bool {
        !self.paths.is_empty()
    }

    pub(super) fn suspects(&self, path: Path) -> bool {
        self.paths.iter().any(|(known, _)| *known == path)
    }

    /// A path refused a token that was fetched because it refused the one before.
    pub(super) fn suspect(&mut self, path: Path) {
        self.moment += 1;
        self.paths.retain(|(known, _)| *known != path);
        if self.paths.len() == PATHS {
            self.paths.pop_front();
        }
        self.paths.push_back((path, self.moment));
    }

    /// A path accepted a token.
    pub(super) fn accept(&mut self, path: Path, token: Fingerprint) {
        self.paths.retain(|(known, _)| *known != path);
        if !self.any() {
            self.accepted.clear();
            return;
        }
        self.moment += 1;
        self.accepted.retain(|(known, _)| *known != token);
        if self.accepted.len() == TOKENS {
            self.accepted.pop_front();
        }
        self.accepted.push_back((token, self.moment));
    }

    /// A path refuses a token: whether the path is to blame.
    pub(super) fn blames_path(&mut self, path: Path, token: Fingerprint) -> bool {
        let Some(known) = self.paths.iter_mut().find(|(known, _)| *known == path) else {
            return false;
        };
        let since = known.1;
        let accepted = self.accepted.iter().any(|(other, at)| *other == token && *at > since);
        self.moment += 1;
        known.1 = self.moment;
        accepted
    }
}

/// How long a request that was refused waits, while there is doubt, before it looks for another token
/// again; `None` if it is told at once. A pause that ends soon is waited for: what was revoked is
/// replaced then, and nobody sees a 401. A longer one is not: each of many paths that refuse every
/// token would be held up.
pub(super) fn hold(doubt: Duration) -> Option<Duration> {
    (!doubt.is_zero() && doubt <= LONGEST_HOLD).then(|| doubt.min(LOOK))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Path = 1;
    const BAD: Path = 2;

    #[test]
    fn a_path_is_blamed_once_its_token_was_accepted_elsewhere_since() {
        let (a, b) = (Fingerprint::of("a"), Fingerprint::of("b"));
        let mut all = Suspicions::default();
        assert!(!all.any() && !all.blames_path(BAD, a));
        all.accept(GOOD, a);
        all.suspect(BAD);
        assert!(all.any());
        assert!(!all.blames_path(BAD, b), "nobody has accepted b");
        all.accept(GOOD, b);
        assert!(all.blames_path(BAD, b));
        assert!(!all.blames_path(BAD, b), "not accepted since the last time");
        all.accept(GOOD, b);
        assert!(!all.blames_path(BAD, a), "another token");
        assert!(!all.blames_path(GOOD, b), "a path that nobody suspects");
    }

    #[test]
    fn a_path_that_accepts_a_token_is_no_longer_suspected() {
        let a = Fingerprint::of("a");
        let mut all = Suspicions::default();
        all.suspect(BAD);
        all.accept(BAD, a);
        assert!(!all.any());
        all.accept(GOOD, a);
        assert!(!all.blames_path(BAD, a));
    }

    #[test]
    fn replacements_of_no_use_make_doubt_for_longer_and_longer() {
        let mut all = Suspicions::default();
        let mut now = Ticks::from_nanos(7);
        let second = Duration::from_secs(1);
        assert!(all.doubts_for(now).is_zero());
        for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
            all.replaced(false, now);
            assert_eq!(all.doubts_for(now.saturating_add(second / 2)), second * pause - second / 2);
            now = now.saturating_add(second * pause);
            assert!(all.doubts_for(now).is_zero(), "{pause}");
        }
        all.replaced(false, now);
        all.replaced(true, now);
        assert!(all.doubts_for(now).is_zero());
        all.replaced(false, now);
        assert!(all.doubts_for(now.saturating_add(second)).is_zero());
    }

    #[test]
    fn a_request_may_be_starved_where_requests_were_accepted_before() {
        for (accepted, good, repeats, expected) in [
            (true, true, 1, true),
            (true, true, 3, true),
            (true, true, 4, false),
            (false, true, 1, true),
            (false, true, 2, false),
            (true, false, 1, false),
            (false, false, 1, false),
        ] {
            let found = may_be_starved(accepted, good, repeats);
            assert_eq!(found, expected, "{accepted} {good} {repeats}");
        }
    }

    #[test]
    fn a_path_that_accepted_a_token_is_known_until_another_takes_its_place() {
        let good = Good::default();
        assert!(!good.has(7));
        good.note(7);
        good.note(8);
        assert!(good.has(7) && good.has(8) && !good.has(7 + 256));
        good.forget(7 + 256);
        good.forget(8);
        assert!(good.has(7) && !good.has(8));
        good.note(7 + 256);
        assert!(!good.has(7));
    }

    #[test]
    fn memory_is_bounded() {
        let mut all = Suspicions::default();
        for path in 0..1000 {
            all.suspect(path);
            all.accept(5000, Fingerprint::of(&path.to_string()));
        }
        assert_eq!((all.paths.len(), all.accepted.len()), (PATHS, TOKENS));
    }

    #[test]
    fn only_a_pause_that_ends_soon_is_waited_for() {
        let millis = Duration::from_millis;
        for (doubt, expected) in [
            (0, None),
            (1, Some(1)),
            (250, Some(250)),
            (1000, Some(250)),
            (4000, Some(250)),
            (4001, None),
            (60_000, None),
        ] {
            assert_eq!(hold(millis(doubt)), expected.map(millis), "{doubt}");
        }
    }

    #[test]
    fn a_token_that_is_accepted_elsewhere_meanwhile_is_not_the_problem() {
        let (a, b) = (Fingerprint::of("a"), Fingerprint::of("b"));
        let mut all = Suspicions::default();
        all.suspect(BAD);
        all.accept(GOOD, a);
        let moment = all.moment();
        assert!(!all.accepted_since(a, moment), "that was before");
        all.accept(GOOD, b);
        assert!(!all.accepted_since(a, moment) && all.accepted_since(b, moment));
    }
}
