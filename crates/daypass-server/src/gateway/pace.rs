//! Holding requests back before the API's limit is hit (`--pace`): pure.
//!
//! One token is one budget: so many requests in a window, as the API itself says in
//! `inin-ratelimit-*` (Genesys Cloud), or in `RateLimit-*` (the IETF draft, in both its forms).
//! What others do with the same token is in the API's count too.

use std::time::Duration;

use daypass::Ticks;
use http::HeaderMap;

/// The longest that a window is believed to last: what an API says must not hold requests back for
/// as long as it likes. Past it they go, and the API's own 429 tells.
const LONGEST: Duration = Duration::from_secs(60);

/// What an answer says about the budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// Requests in a window; some only say what is left.
    allowed: Option<u64>,
    left: u64,
    reset: Duration,
}

impl Told {
    pub(super) fn read(headers: &HeaderMap) -> Option<Self> {
        let told = Self::as_said(headers)?;
        Some(Self { reset: told.reset.min(LONGEST), ..told })
    }

    fn as_said(headers: &HeaderMap) -> Option<Self> {
        let number = |name: &str| {
            let text = headers.get(name)?.to_str().ok()?;
            let digits = text.split([',', ';']).next()?.trim();
            digits.parse::<u64>().ok()
        };
        if let Some(allowed) = number("inin-ratelimit-allowed") {
            let left = allowed.saturating_sub(number("inin-ratelimit-count")?);
            let reset = Duration::from_secs(number("inin-ratelimit-reset")?);
            return Some(Self { allowed: Some(allowed), left, reset });
        }
        if let Some(left) = number("ratelimit-remaining") {
            let reset = Duration::from_secs(number("ratelimit-reset")?);
            return Some(Self { allowed: number("ratelimit-limit"), left, reset });
        }
        // RateLimit: "default";r=50;t=30
        let text = headers.get("ratelimit")?.to_str().ok()?;
        let item = text.split(',').next()?;
        let parameter = |name: &str| {
            item.split(';').find_map(|part| part.trim().strip_prefix(name)?.parse::<u64>().ok())
        };
        let reset = Duration::from_secs(parameter("t=")?);
        Some(Self { allowed: None, left: parameter("r=")?, reset })
    }
}

/// The budget of one token, as far as it is known.
#[derive(Debug, Default)]
pub(super) struct Budget {
    /// When the window ends; none until the API has said so.
    ends: Option<Ticks>,
    left: u64,
    allowed: Option<u64>,
    /// How long windows are, as far as it was seen.
    window: Duration,
    under_way: u64,
}

impl Budget {
    /// Takes one request, or says until when to wait.
    pub(super) fn take(&mut self, now: Ticks) -> Result<(), Ticks> {
        if let Some(ends) = self.ends {
            if now >= ends {
                // A window of the same kind begins; the next answer says more.
                self.ends = self.allowed.map(|_| now.saturating_add(self.window));
                self.left = self.allowed.unwrap_or(0).saturating_sub(self.under_way);
            }
            if self.ends.is_some() {
                self.left = match self.left {
                    0 => return Err(self.ends.unwrap_or(now)),
                    left => left - 1,
                };
            }
        }
        self.under_way += 1;
        Ok(())
    }

    /// A request has its answer, or none.
    pub(super) fn done(&mut self, told: Option<Told>, now: Ticks) {
        self.under_way = self.under_way.saturating_sub(1);
        let Some(told) = told else { return };
        let ends = now.saturating_add(told.reset);
        // Answers overtake each other: one of the window that is over says nothing.
        let known = self.ends.filter(|known| *known > now);
        let slack = Duration::from_secs(1);
        if known.is_some_and(|known| ends.saturating_add(slack) < known) {
            return;
        }
        let newer = known.is_none_or(|known| ends > known.saturating_add(slack));
        // What is under way may not be counted yet.
        let left = told.left.saturating_sub(self.under_way);
        self.left = if newer { left } else { left.min(self.left) };
        self.ends = Some(if newer { ends } else { known.unwrap_or(ends) });
        self.allowed = told.allowed.or(self.allowed);
        self.window = self.window.max(told.reset);
    }

    /// Another token begins with a budget of its own.
    pub(super) fn forget(&mut self) {
        *self = Self { under_way: self.under_way, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn told(fields: &[(&'static str, &'static str)]) -> Option<Told> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        Told::read(&headers)
    }

    fn says(left: u64, reset: u64) -> Option<Told> {
        Some(Told { allowed: Some(300), left, reset: Duration::from_secs(reset) })
    }

    fn at(seconds: u64) -> Ticks {
        Ticks::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn the_budget_is_read_in_every_form() {
        let genesys = |count, allowed, reset| {
            told(&[
                ("inin-ratelimit-count", count),
                ("inin-ratelimit-allowed", allowed),
                ("inin-ratelimit-reset", reset),
            ])
        };
        assert_eq!(genesys("7", "300", "42"), says(293, 42));
        assert_eq!(genesys("301", "300", "1"), says(0, 1));
        assert_eq!(genesys("x", "300", "1"), None);
        let three = [
            ("ratelimit-limit", "300, 300;w=60"),
            ("ratelimit-remaining", "5"),
            ("ratelimit-reset", "9"),
        ];
        assert_eq!(told(&three), says(5, 9));
        let one = told(&[("ratelimit", "\"default\";r=50;t=30, \"day\";r=1;t=9")]);
        assert_eq!(one, Some(Told { allowed: None, left: 50, reset: Duration::from_secs(30) }));
        let years = told(&[("ratelimit-remaining", "0"), ("ratelimit-reset", "99999999")]);
        assert_eq!(years.map(|told| told.reset), Some(LONGEST));
        assert_eq!(told(&[]), None);
        assert_eq!(told(&[("ratelimit", "\"default\";r=50")]), None);
    }

    #[test]
    fn requests_are_held_back_before_the_limit_and_go_on_in_the_next_window() {
        let mut budget = Budget::default();
        assert_eq!(budget.take(at(0)), Ok(()), "nothing is known yet");
        budget.done(says(2, 10), at(0));
        assert_eq!((budget.take(at(1)), budget.take(at(1))), (Ok(()), Ok(())));
        assert_eq!(budget.take(at(1)), Err(at(10)));
        assert_eq!(budget.take(at(9)), Err(at(10)));
        for _ in 0..298 {
            assert_eq!(budget.take(at(10)), Ok(()), "300 less two that are under way");
        }
        assert_eq!(budget.take(at(10)), Err(at(20)));
    }

    #[test]
    fn what_is_under_way_counts_as_used() {
        let mut budget = Budget::default();
        for _ in 0..5 {
            assert_eq!(budget.take(at(0)), Ok(()));
        }
        budget.done(says(6, 10), at(1));
        assert_eq!((budget.take(at(1)), budget.take(at(1))), (Ok(()), Ok(())));
        assert_eq!(budget.take(at(1)), Err(at(11)));
        budget.done(None, at(1));
        assert_eq!(budget.take(at(1)), Err(at(11)), "an answer that says nothing changes nothing");
    }

    #[test]
    fn an_answer_of_an_earlier_window_says_nothing() {
        let mut budget = Budget::default();
        budget.done(says(0, 60), at(100));
        budget.done(says(200, 1), at(101));
        assert_eq!(budget.take(at(102)), Err(at(160)));
        budget.forget();
        assert_eq!(budget.take(at(102)), Ok(()));
    }
}
