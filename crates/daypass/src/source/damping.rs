//! How fast tokens are replaced that an API refuses: pure.
//!
//! The first refusal of a token is taken at its word. When its replacement is refused too, the
//! credential or its permissions are the problem, and fetching is damped: 1, 2, 4 ... 60 s.

use std::time::Duration;

use crate::store::{Rejected, Retry};
use crate::{Fingerprint, Timestamp};

/// The longest pause between two replacements, and between two early refreshes.
pub(super) const MAX_PAUSE: Duration = Duration::from_secs(60);

/// A token that lived this long before it was refused did work: counting starts anew.
const WORKED: Duration = Duration::from_secs(120);

/// Returns the mark for a token sent for at `sent_at` that is refused at `now`.
pub(super) fn mark(
    previous: Option<Rejected>,
    token: Fingerprint,
    sent_at: Timestamp,
    now: Timestamp,
) -> Rejected {
    let times = match previous {
        Some(previous) if sent_at.until(now) < WORKED => previous.times.saturating_add(1),
        _ => 1,
    };
    let pause = if times == 1 { Duration::ZERO } else { doubled(1, times - 1) };
    Rejected { fingerprint: token, times, until: now.saturating_add(pause) }
}

/// Returns the pause after another attempt that brought nothing: 5, 10, 20 ... 60 s.
pub(super) fn pause(previous: Option<Retry>, now: Timestamp) -> Retry {
    let failures = previous.map_or(0, |retry| retry.failures).saturating_add(1);
    Retry { at: now.saturating_add(doubled(5, failures)), failures }
}

/// Returns `first` seconds, doubled `nth - 1` times, at most [`MAX_PAUSE`].
fn doubled(first: u64, nth: u32) -> Duration {
    let factor = 1u64.checked_shl(nth.saturating_sub(1)).unwrap_or(u64::MAX);
    Duration::from_secs(first.saturating_mul(factor)).min(MAX_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn replacements_that_are_refused_at_once_are_damped_up_to_a_minute() {
        let token = Fingerprint::of("t");
        let mut mark_ = mark(None, token, at(0), at(1000));
        let mut pauses = vec![];
        for _ in 0..9 {
            pauses.push(at(1000).until(mark_.until).as_secs());
            mark_ = mark(Some(mark_), token, at(1000), at(1000));
        }
        assert_eq!(pauses, [0, 1, 2, 4, 8, 16, 32, 60, 60]);
    }

    #[test]
    fn a_replacement_that_worked_for_two_minutes_starts_the_count_anew() {
        let token = Fingerprint::of("t");
        let often = Rejected { fingerprint: token, times: 8, until: at(0) };
        assert_eq!(mark(Some(often), token, at(0), at(119)).times, 9);
        assert_eq!(mark(Some(often), token, at(0), at(120)).times, 1);
        let most = Rejected { times: u32::MAX, ..often };
        assert_eq!(mark(Some(most), token, at(0), at(0)).until, at(60));
    }

    #[test]
    fn early_refreshes_that_bring_nothing_pause_from_five_seconds_to_a_minute() {
        let mut retry = pause(None, at(0));
        let mut pauses = vec![];
        for _ in 0..6 {
            pauses.push(at(0).until(retry.at).as_secs());
            retry = pause(Some(retry), at(0));
        }
        assert_eq!(pauses, [5, 10, 20, 40, 60, 60]);
    }
}
