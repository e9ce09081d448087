//! What a record means for a caller: pure.
//!
//! Times that a record shares are capped when they are read, so that a clock which was wrong
//! when they were written cannot block anybody for longer than the rule allows.

use std::time::Duration;

use super::damping::MAX_PAUSE;
use super::decide::{Decision, Life, decide, margin};
use super::{MinTtl, Want};
use crate::store::{EventKind, Record, Refusal};
use crate::{Fingerprint, Reason, Timestamp, Token};

/// How long a refusal (RFC 6749 section 5.2) is remembered.
pub(super) const REFUSAL: Duration = Duration::from_secs(30);
/// How long a bare 401 or 403, or an unusable answer, is remembered.
pub(super) const BARE_REFUSAL: Duration = Duration::from_secs(5);
/// The longest time that a throttle is believed.
pub(super) const MAX_THROTTLE: Duration = Duration::from_secs(300);

/// What a flight is for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    pub(super) min_ttl: MinTtl,
    pub(super) force: bool,
    /// A token that is good but due is to be replaced.
    pub(super) refresh: bool,
    /// A token that this process knows to be refused, whatever the record says.
    pub(super) refused: Option<Fingerprint>,
}

impl Ask {
    pub(super) fn new(want: &Want, refused: Option<Fingerprint>) -> Self {
        Self { min_ttl: want.min_ttl, force: want.force, refresh: false, refused }
    }
}

/// What surrounds a judgement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) now: Timestamp,
    /// When this source was opened: a forced token must have come later.
    pub(crate) began: Timestamp,
    /// This consumer's share of the early-refresh margin, in `0.0..1.0`.
    pub(crate) jitter: f64,
    /// The token in memory.
    pub(crate) known: Option<Known>,
}

/// How long a token that is in memory still lives, by the clock that never jumps back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) fingerprint: Fingerprint,
    /// Some issuers hand out the same text again, and it lives on.
    pub(crate) sent_at: Timestamp,
    pub(crate) remaining: Duration,
}

impl Known {
    fn is(&self, token: &Token) -> bool {
        self.fingerprint == token.fingerprint() && self.sent_at == token.sent_at()
    }
}

impl Moment {
    /// Returns how long a token still lives. A wall clock that was set back makes none that was in
    /// memory live longer.
    pub(super) fn remaining(&self, token: &Token) -> Duration {
        let by_the_wall = token.remaining(self.now);
        match self.known {
            Some(known) if known.is(token) => by_the_wall.min(known.remaining),
            _ => by_the_wall,
        }
    }
}

/// What to do about a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Hand its token out.
    Serve(Concern),
    /// Ask the issuer.
    Fetch(Reason),
    /// The issuer refused a moment ago.
    Refused { refusal: Refusal, left: Duration },
    /// No token that the issuer gives lives long enough.
    TooShort { wanted: Duration, has: Duration },
}

/// What a caller should be warned of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Concern {
    None,
    /// It is due to be replaced.
    Due,
    /// It lives less long than preferred, and no other can be had now.
    Short,
    /// An API refused it, and so were its predecessors: fetching is damped.
    Damped {
        times: u32,
        left: Duration,
    },
}

/// Returns how long `until` is ahead, at most `cap`; zero when it has passed.
pub(super) fn ahead(now: Timestamp, until: Timestamp, cap: Duration) -> Duration {
    now.until(until).min(cap)
}

/// Judges a record.
pub(super) fn judge(record: &Record, ask: &Ask, moment: Moment) -> Verdict {
    let Moment { now, .. } = moment;
    // Who forces passes a refusal from before; one that came since is the answer.
    let counts = |refusal: &Refusal| !ask.force || refusal.at > moment.began;
    let fetch = |reason| match standing_refusal(record, now) {
        Some((refusal, left)) if counts(&refusal) => Verdict::Refused { refusal, left },
        _ => Verdict::Fetch(reason),
    };
    let cold = if ask.force { Reason::Forced } else { Reason::Cold };
    let Some(token) = &record.token else { return fetch(cold) };
    let life = Life { lifetime: token.lifetime(), remaining: moment.remaining(token) };
    if life.remaining.is_zero() {
        return fetch(if ask.force { Reason::Forced } else { Reason::Expiring });
    }
    if let Some(verdict) = refused_by_an_api(record, token, ask, moment) {
        return match verdict {
            Verdict::Fetch(reason) => fetch(reason),
            serve => serve,
        };
    }
    if ask.force && token.received_at() < moment.began {
        return fetch(Reason::Forced);
    }
    let pausing = record.retry.is_some_and(|retry| !ahead(now, retry.at, MAX_PAUSE).is_zero());
    let held_back = pausing || standing_refusal(record, now).is_some();
    // The last token lived no longer: the next one would not either. After a failure nobody knows.
    let settled = pausing && !last_attempt_failed(record);
    match decide(life, ask.min_ttl, margin(life.lifetime, moment.jitter)) {
        Decision::Use => Verdict::Serve(Concern::None),
        Decision::UseAndRefresh if held_back => Verdict::Serve(Concern::None),
        Decision::UseAndRefresh if ask.refresh => Verdict::Fetch(Reason::Expiring),
        Decision::UseAndRefresh => Verdict::Serve(Concern::Due),
        Decision::Fetch => match ask.min_ttl {
            MinTtl::Preferred(_) if held_back => Verdict::Serve(Concern::Short),
            MinTtl::Preferred(_) => Verdict::Fetch(Reason::Expiring),
            MinTtl::Required(wanted) if settled => {
                Verdict::TooShort { wanted, has: life.remaining }
            }
            MinTtl::Required(_) => fetch(Reason::MinTtl),
        },
        Decision::Unsatisfiable { lifetime } if settled => {
            Verdict::TooShort { wanted: ask.min_ttl.for_lifetime(lifetime), has: lifetime }
        }
        Decision::Unsatisfiable { .. } => fetch(Reason::MinTtl),
    }
}

/// What to do when an API has refused the cached token; `None` when none has.
///
/// Damping holds back replacements. It takes nothing from what a caller requires: one who forces,
/// or whom the marked token does not live long enough for, is judged as if it were not marked.
fn refused_by_an_api(record: &Record, token: &Token, ask: &Ask, moment: Moment) -> Option<Verdict> {
    let now = moment.now;
    let mark = record.rejected.filter(|mark| mark.fingerprint == token.fingerprint());
    let known_here = ask.refused == Some(token.fingerprint());
    if mark.is_none() && !known_here {
        return None;
    }
    let left = mark.map_or(Duration::ZERO, |mark| ahead(now, mark.until, MAX_PAUSE));
    match mark {
        Some(mark) if !left.is_zero() => {
            let old = ask.force && token.received_at() < moment.began;
            let enough = match ask.min_ttl {
                MinTtl::Required(wanted) => moment.remaining(token) >= wanted,
                MinTtl::Preferred(_) => true,
            };
            let serves = !old && enough;
            serves.then_some(Verdict::Serve(Concern::Damped { times: mark.times, left }))
        }
        _ => Some(Verdict::Fetch(Reason::Rejected)),
    }
}

/// Whether the issuer gave nothing when it was last asked.
fn last_attempt_failed(record: &Record) -> bool {
    let mut attempts = record.events.iter().rev().filter_map(|event| match event.kind {
        EventKind::Fetched { .. } => Some(false),
        EventKind::Failed(_) | EventKind::Throttled(_) => Some(true),
        _ => None,
    });
    attempts.next().unwrap_or(false)
}

/// Returns the refusal that is still remembered, and for how long it is.
fn standing_refusal(record: &Record, now: Timestamp) -> Option<(Refusal, Duration)> {
    let refusal = record.refusal.as_ref()?;
    let left = ahead(now, refusal.until, REFUSAL);
    (!left.is_zero()).then(|| (refusal.clone(), left))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AccessToken;
    use crate::store::{Rejected, Retry};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    const NOW: i64 = 100_000;

    /// A one-hour token that still lives for `left` seconds.
    fn record(left: i64) -> Record {
        let sent = NOW - 3600 + left;
        let access_token = AccessToken::new("token").unwrap();
        let token = Token::new(access_token, None, at(sent), at(sent), at(sent + 3600));
        Record { token: Some(token), ..Record::default() }
    }

    fn refusal(until: i64) -> Option<Refusal> {
        Some(Refusal {
            error: "invalid_client".into(),
            description: None,
            status: 401,
            at: at(NOW - 1),
            until: at(until),
        })
    }

    fn ask(min_ttl: MinTtl) -> Ask {
        Ask { min_ttl, force: false, refresh: true, refused: None }
    }

    fn judged(record: &Record, ask: &Ask) -> Verdict {
        judge(record, ask, Moment { now: at(NOW), began: at(NOW), jitter: 0.0, known: None })
    }

    const TOKEN: MinTtl = MinTtl::TOKEN;
    const LONG: MinTtl = MinTtl::Required(Duration::from_secs(1800));
    const IMPOSSIBLE: MinTtl = MinTtl::Required(Duration::from_secs(7200));

    #[test]
    fn without_trouble_freshness_alone_decides() {
        use Concern::{Due, None};
        use Verdict::{Fetch, Serve};
        for (left, min_ttl, expected) in [
            (3600, TOKEN, Serve(None)),
            (200, TOKEN, Fetch(Reason::Expiring)),
            (30, TOKEN, Fetch(Reason::Expiring)),
            (-1, TOKEN, Fetch(Reason::Expiring)),
            (1000, LONG, Fetch(Reason::MinTtl)),
            (3600, IMPOSSIBLE, Fetch(Reason::MinTtl)),
        ] {
            assert_eq!(judged(&record(left), &ask(min_ttl)), expected, "{left} {min_ttl:?}");
        }
        let waiting = Ask { refresh: false, ..ask(TOKEN) };
        assert_eq!(judged(&record(200), &waiting), Serve(Due));
        assert_eq!(judged(&Record::default(), &ask(TOKEN)), Fetch(Reason::Cold));
    }

    #[test]
    fn a_refusal_is_remembered_but_never_hides_a_valid_token() {
        let refused = |left| Record { refusal: refusal(NOW + 20), ..record(left) };
        assert_eq!(judged(&refused(3600), &ask(TOKEN)), Verdict::Serve(Concern::None));
        assert_eq!(judged(&refused(200), &ask(TOKEN)), Verdict::Serve(Concern::None));
        assert_eq!(judged(&refused(30), &ask(TOKEN)), Verdict::Serve(Concern::Short));
        assert!(matches!(judged(&refused(1000), &ask(LONG)), Verdict::Refused { .. }));
        assert!(matches!(judged(&refused(-1), &ask(TOKEN)), Verdict::Refused { left, .. }
            if left == Duration::from_secs(20)));
        let forced = Ask { force: true, ..ask(TOKEN) };
        assert_eq!(judged(&refused(-1), &forced), Verdict::Fetch(Reason::Forced));
        // Of fifty forced steps one is refused, and the others share that.
        let moment = Moment { now: at(NOW), began: at(NOW - 2), jitter: 0.0, known: None };
        assert!(matches!(judge(&refused(-1), &forced, moment), Verdict::Refused { .. }));
    }

    #[test]
    fn shared_memory_is_capped_when_it_is_read() {
        let wrong_clock = Record { refusal: refusal(NOW + 1_000_000), ..Record::default() };
        assert!(matches!(judged(&wrong_clock, &ask(TOKEN)), Verdict::Refused { left, .. }
            if left == REFUSAL));
        let mark = Rejected {
            fingerprint: Fingerprint::of("token"),
            times: 2,
            until: at(NOW + 1_000_000),
        };
        let damped = Record { rejected: Some(mark), ..record(3600) };
        assert!(matches!(judged(&damped, &ask(TOKEN)),
            Verdict::Serve(Concern::Damped { left, .. }) if left == MAX_PAUSE));
    }

    #[test]
    fn a_pause_spares_the_issuer_while_a_token_is_good() {
        let pausing =
            |left| Record { retry: Some(Retry { at: at(NOW + 5), failures: 1 }), ..record(left) };
        assert_eq!(judged(&pausing(200), &ask(TOKEN)), Verdict::Serve(Concern::None));
        assert_eq!(judged(&pausing(30), &ask(TOKEN)), Verdict::Serve(Concern::Short));
        assert_eq!(judged(&pausing(-1), &ask(TOKEN)), Verdict::Fetch(Reason::Expiring));
        let short = |has| Verdict::TooShort { wanted: Duration::from_secs(7200), has };
        let hour = Duration::from_secs(3600);
        assert_eq!(judged(&pausing(3000), &ask(IMPOSSIBLE)), short(hour));
    }

    #[test]
    fn an_issuer_that_gave_nothing_says_nothing_about_how_long_its_tokens_live() {
        let mut failed =
            Record { retry: Some(Retry { at: at(NOW + 5), failures: 1 }), ..record(1000) };
        failed.note(at(NOW - 1), EventKind::Failed("HTTP 503".into()));
        failed.note(at(NOW), EventKind::Rejected(Fingerprint::of("other")));
        assert_eq!(judged(&failed, &ask(LONG)), Verdict::Fetch(Reason::MinTtl));
        assert_eq!(judged(&failed, &ask(IMPOSSIBLE)), Verdict::Fetch(Reason::MinTtl));
        assert_eq!(judged(&failed, &ask(TOKEN)), Verdict::Serve(Concern::None));
        failed.note(at(NOW), EventKind::Throttled(Duration::from_secs(1)));
        assert_eq!(judged(&failed, &ask(LONG)), Verdict::Fetch(Reason::MinTtl));
    }

    #[test]
    fn a_token_that_an_api_refused_is_replaced_unless_that_is_damped() {
        let mark = |until| {
            Some(Rejected { fingerprint: Fingerprint::of("token"), times: 2, until: at(until) })
        };
        let marked = |until| Record { rejected: mark(until), ..record(3600) };
        assert_eq!(judged(&marked(NOW), &ask(TOKEN)), Verdict::Fetch(Reason::Rejected));
        assert_eq!(
            judged(&marked(NOW + 4), &ask(TOKEN)),
            Verdict::Serve(Concern::Damped { times: 2, left: Duration::from_secs(4) })
        );
        let other =
            Rejected { fingerprint: Fingerprint::of("other"), times: 2, until: at(NOW + 4) };
        let replaced = Record { rejected: Some(other), ..record(3600) };
        assert_eq!(judged(&replaced, &ask(TOKEN)), Verdict::Serve(Concern::None));
        let here = Ask { refused: Some(Fingerprint::of("token")), ..ask(TOKEN) };
        assert_eq!(judged(&record(3600), &here), Verdict::Fetch(Reason::Rejected));
    }

    #[test]
    fn a_token_that_was_in_memory_ends_by_the_clock_that_never_jumps_back() {
        let known = |text: &str, left, sent_at| {
            let remaining = Duration::from_secs(left);
            Some(Known { fingerprint: Fingerprint::of(text), sent_at: at(sent_at), remaining })
        };
        let sent = NOW - 600;
        let moment = Moment { now: at(NOW), began: at(NOW), jitter: 0.0, known: None };
        for (known, expected) in [
            (known("token", 0, sent), Verdict::Fetch(Reason::Expiring)),
            (known("token", 3000, sent), Verdict::Serve(Concern::None)),
            (known("token", 9999, sent), Verdict::Serve(Concern::None)),
            (known("token", 0, sent - 1), Verdict::Serve(Concern::None)),
            (known("other", 0, sent), Verdict::Serve(Concern::None)),
        ] {
            let moment = Moment { known, ..moment };
            assert_eq!(judge(&record(3000), &ask(TOKEN), moment), expected, "{known:?}");
        }
    }

    #[test]
    fn damping_takes_nothing_from_what_a_caller_requires() {
        let fingerprint = Fingerprint::of("token");
        let mark = Rejected { fingerprint, times: 3, until: at(NOW + 4) };
        let damped = |left| Record { rejected: Some(mark), ..record(left) };
        let forced = Ask { force: true, ..ask(TOKEN) };
        assert_eq!(judged(&damped(3000), &forced), Verdict::Fetch(Reason::Forced));
        assert_eq!(judged(&damped(1000), &ask(LONG)), Verdict::Fetch(Reason::MinTtl));
        assert_eq!(judged(&damped(3600), &ask(IMPOSSIBLE)), Verdict::Fetch(Reason::MinTtl));
        assert!(matches!(judged(&damped(3000), &ask(LONG)), Verdict::Serve(_)));
    }

    #[test]
    fn force_wants_a_token_that_came_after_this_process_began() {
        let forced = Ask { force: true, ..ask(TOKEN) };
        assert_eq!(judged(&record(3599), &forced), Verdict::Fetch(Reason::Forced));
        assert_eq!(judged(&record(3600), &forced), Verdict::Serve(Concern::None));
    }
}
