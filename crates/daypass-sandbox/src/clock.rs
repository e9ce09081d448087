//! The sandbox's idea of now: an injected wall clock plus an offset that tests move.
//!
//! Owns the crate's only call to the system clock and the HTTP-date of RFC 9110 5.6.7.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A wall clock, as the builder takes it.
pub(crate) type WallClock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// Reads the system clock.
pub(crate) fn system() -> WallClock {
    #[expect(clippy::disallowed_methods, reason = "the one default clock of the sandbox")]
    Arc::new(SystemTime::now)
}

/// An instant in milliseconds since the Unix epoch; before 1970 it is negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Now(pub(crate) i64);

impl Now {
    pub(crate) fn new(wall: SystemTime, offset_ms: i64) -> Self {
        let ms = match wall.duration_since(UNIX_EPOCH) {
            Ok(since) => millis(since),
            Err(before) => -millis(before.duration()),
        };
        Self(ms.saturating_add(offset_ms))
    }

    pub(crate) fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    pub(crate) fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(millis(by)))
    }

    /// Milliseconds from `earlier` to this instant; negative when it is the other way round.
    pub(crate) fn ms_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Whole milliseconds, saturating.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Formats an instant as an IMF-fixdate, `Sun, 06 Nov 1994 08:49:37 GMT`. Years outside 1970..9999 are clamped.
pub(crate) fn http_date(at: Now) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    const LAST: u64 = 253_402_300_799;

    let seconds = u64::try_from(at.seconds()).unwrap_or(0).min(LAST);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let name = |names: &'static [&'static str], i: u64| {
        usize::try_from(i).ok().and_then(|i| names.get(i)).copied().unwrap_or_default()
    };
    format!(
        "{}, {day:02} {} {year:04} {:02}:{:02}:{:02} GMT",
        name(&DAYS, days % 7),
        name(&MONTHS, month - 1),
        second / 3600,
        second / 60 % 60,
        second % 60,
    )
}

/// Year, month (1..=12) and day of a number of days since 1970-01-01, by counting in eras of 400 years that
/// begin on a first of March.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_dates_are_those_of_the_rfc() {
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_827_696, "Tue, 29 Feb 2000 12:34:56 GMT"),
            (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (i64::MAX / 1000, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(http_date(Now(seconds * 1000)), text);
        }
        assert_eq!(http_date(Now(-1)), "Thu, 01 Jan 1970 00:00:00 GMT");
    }

    #[test]
    fn an_offset_saturates_at_both_ends() {
        assert_eq!(Now::new(UNIX_EPOCH, i64::MIN).plus(Duration::MAX), Now(-1));
        assert_eq!(Now::new(UNIX_EPOCH + Duration::from_secs(1), i64::MAX), Now(i64::MAX));
        assert_eq!(Now::new(UNIX_EPOCH - Duration::from_secs(2), 500), Now(-1500));
    }
}
