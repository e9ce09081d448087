//! Whether and when to try again after a failed attempt: one pure function.
//!
//! Owns the pauses of the failure table. Who waits, renews the lease and records a throttle is
//! the flight.

use std::time::Duration;

use super::IssuerErrorClass;

/// The longest first pause after an attempt without a usable answer.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause of that kind.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// The first pause when the issuer asks to wait and does not say how long.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait of that kind.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// The least wait when the issuer says how long; some say 0.
const LEAST_WAIT: Duration = Duration::from_secs(1);

/// What to do after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Try again after this pause.
    After(Duration),
    /// Tell the caller.
    GiveUp,
}

/// Decides what follows the failed attempt number `attempt` (the first is 1), when the caller
/// waits for another `left`. `jitter` is a random number in `0.0..1.0`.
pub(crate) fn next_attempt(
    class: IssuerErrorClass,
    attempt: u32,
    left: Duration,
    jitter: f64,
) -> Next {
    let pause = match class {
        IssuerErrorClass::Transient => {
            let spread = if (0.0..=1.0).contains(&jitter) { jitter } else { 1.0 };
            doubled(FIRST_PAUSE, attempt, LONGEST_PAUSE).mul_f64(spread)
        }
        IssuerErrorClass::Throttled(Some(told)) => told.max(LEAST_WAIT),
        IssuerErrorClass::Throttled(None) => doubled(FIRST_WAIT, attempt, LONGEST_WAIT),
        IssuerErrorClass::Rejected
        | IssuerErrorClass::BareRejected
        | IssuerErrorClass::Unusable
        | IssuerErrorClass::Setup
        | IssuerErrorClass::CannotRevoke => return Next::GiveUp,
    };
    if pause < left { Next::After(pause) } else { Next::GiveUp }
}

fn doubled(first: Duration, attempt: u32, longest: Duration) -> Duration {
    let times = 2_u32.checked_pow(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
    first.saturating_mul(times).min(longest)
}

#[cfg(test)]
mod tests {
    use IssuerErrorClass::*;
    use Next::*;
    use proptest::prelude::*;

    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn each_class_has_its_pause() {
        for (class, attempt, left, jitter, next) in [
            (Transient, 1, LONG, 1.0, After(ms(200))),
            (Transient, 1, LONG, 0.5, After(ms(100))),
            (Transient, 1, LONG, 0.0, After(ms(0))),
            (Transient, 2, LONG, 1.0, After(ms(400))),
            (Transient, 5, LONG, 1.0, After(ms(3200))),
            (Transient, 6, LONG, 1.0, After(ms(5000))),
            (Transient, u32::MAX, LONG, 0.1, After(ms(500))),
            (Transient, 0, LONG, 1.0, After(ms(200))),
            (Transient, 1, ms(201), 1.0, After(ms(200))),
            (Transient, 1, ms(200), 1.0, GiveUp),
            (Transient, 1, ms(0), 0.0, GiveUp),
            (Transient, 1, LONG, f64::NAN, After(ms(200))),
            (Transient, 1, LONG, f64::INFINITY, After(ms(200))),
            (Transient, 1, LONG, -1.0, After(ms(200))),
            (Throttled(Some(ms(7000))), 1, LONG, 0.5, After(ms(7000))),
            (Throttled(Some(ms(7000))), 9, ms(7001), 0.5, After(ms(7000))),
            (Throttled(Some(ms(7000))), 1, ms(7000), 0.5, GiveUp),
            (Throttled(Some(ms(0))), 1, LONG, 0.5, After(ms(1000))),
            (Throttled(Some(Duration::MAX)), 1, LONG, 0.5, GiveUp),
            (Throttled(None), 1, LONG, 0.5, After(ms(1000))),
            (Throttled(None), 2, LONG, 0.5, After(ms(2000))),
            (Throttled(None), 6, LONG, 0.5, After(ms(30_000))),
            (Throttled(None), 40, LONG, 0.5, After(ms(30_000))),
            (Throttled(None), 1, ms(1000), 0.5, GiveUp),
            (Rejected, 1, LONG, 0.5, GiveUp),
            (BareRejected, 1, LONG, 0.5, GiveUp),
            (Unusable, 1, LONG, 0.5, GiveUp),
            (Setup, 1, LONG, 0.5, GiveUp),
            (CannotRevoke, 1, LONG, 0.5, GiveUp),
        ] {
            let got = next_attempt(class, attempt, left, jitter);
            assert_eq!(got, next, "{class:?} {attempt} {left:?} {jitter}");
        }
    }

    proptest! {
        #[test]
        fn a_pause_always_ends_before_the_deadline(
            attempt: u32, left: u64, jitter: f64, told in proptest::option::of(any::<u64>())
        ) {
            for class in [Transient, Throttled(told.map(ms))] {
                match next_attempt(class, attempt, ms(left), jitter) {
                    After(pause) => prop_assert!(pause < ms(left)),
                    GiveUp => {}
                }
            }
        }
    }
}
