//! Freshness: one pure function.

use std::time::Duration;

use super::MinTtl;

/// The longest early-refresh margin.
const MAX_MARGIN: Duration = Duration::from_secs(300);

/// How long a token lives in all, and how long it still does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Life {
    pub(super) lifetime: Duration,
    pub(super) remaining: Duration,
}

/// What to do with the token at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Hand it out.
    Use,
    /// Hand it out, and fetch the next one.
    UseAndRefresh,
    /// Fetch another.
    Fetch,
    /// No token of this lifetime can be good enough.
    Unsatisfiable { lifetime: Duration },
}

/// Returns how long before its end a token is replaced: 10 % of its lifetime, at most 300 s,
/// shortened by up to half. `jitter` is in `0.0..1.0`; each consumer has its own, so that not
/// all come at once.
pub(super) fn margin(lifetime: Duration, jitter: f64) -> Duration {
    (lifetime / 10).min(MAX_MARGIN).mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 2.0)
}

/// Decides what to do with a token that still lives for `life.remaining`.
pub(super) fn decide(life: Life, min_ttl: MinTtl, margin: Duration) -> Decision {
    let wanted = min_ttl.for_lifetime(life.lifetime);
    if wanted > life.lifetime {
        Decision::Unsatisfiable { lifetime: life.lifetime }
    } else if life.remaining.is_zero() || life.remaining < wanted {
        Decision::Fetch
    } else if life.remaining <= margin {
        Decision::UseAndRefresh
    } else {
        Decision::Use
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_table() {
        use Decision::*;
        let token = MinTtl::TOKEN;
        let exactly = |seconds| MinTtl::Required(s(seconds));
        for (lifetime, remaining, min_ttl, expected) in [
            (3600, 3600, token, Use),
            (3600, 301, token, Use),
            (3600, 300, token, UseAndRefresh),
            (3600, 60, token, UseAndRefresh),
            (3600, 59, token, Fetch),
            (3600, 0, token, Fetch),
            (3600, 0, exactly(0), Fetch),
            (3600, 1, exactly(0), UseAndRefresh),
            (3600, 900, exactly(900), Use),
            (3600, 899, exactly(900), Fetch),
            (3600, 3600, exactly(3600), Use),
            (3600, 3600, exactly(3601), Unsatisfiable { lifetime: s(3600) }),
            (3600, 0, exactly(3601), Unsatisfiable { lifetime: s(3600) }),
            (300, 31, token, Use),
            (300, 30, token, UseAndRefresh),
            (300, 29, token, Fetch),
            (5, 5, token, Use),
            (3600, 400, MinTtl::EXEC, Use),
            (3600, 300, MinTtl::EXEC, UseAndRefresh),
            (3600, 299, MinTtl::EXEC, Fetch),
            (0, 0, token, Fetch),
        ] {
            let life = Life { lifetime: s(lifetime), remaining: s(remaining) };
            let margin = margin(s(lifetime), 0.0);
            assert_eq!(
                decide(life, min_ttl, margin),
                expected,
                "{lifetime} {remaining} {min_ttl:?}"
            );
        }
    }

    #[test]
    fn the_margin_adapts_and_is_shortened_by_half_at_most() {
        assert_eq!(margin(s(86_400), 0.0), s(300));
        assert_eq!(margin(s(3600), 0.0), s(300));
        assert_eq!(margin(s(3600), 1.0), s(150));
        assert_eq!(margin(s(5), 0.0), Duration::from_millis(500));
    }

    proptest! {
        #[test]
        fn nothing_expired_or_below_min_ttl_is_handed_out(
            lifetime in 0u64..200_000, part in 0.0f64..=1.0, jitter in -1.0f64..2.0,
            wanted in 0u64..200_000, required in any::<bool>()
        ) {
            let life = Life { lifetime: s(lifetime), remaining: s(lifetime).mul_f64(part) };
            let min_ttl =
                if required { MinTtl::Required(s(wanted)) } else { MinTtl::Preferred(s(wanted)) };
            match decide(life, min_ttl, margin(life.lifetime, jitter)) {
                Decision::Use | Decision::UseAndRefresh => {
                    prop_assert!(!life.remaining.is_zero());
                    prop_assert!(life.remaining >= min_ttl.for_lifetime(life.lifetime));
                }
                Decision::Fetch => prop_assert!(
                    life.remaining.is_zero() || life.remaining < min_ttl.for_lifetime(life.lifetime)
                ),
                Decision::Unsatisfiable { .. } => prop_assert!(required && wanted > lifetime),
            }
        }
    }
}
