//! Time as a dependency: wall-clock time for records, boot-time ticks for decisions.
//!
//! This is the only file that reads a system clock.

use std::fmt;
use std::time::Duration;

/// A point in wall-clock time, in milliseconds since the Unix epoch. Records carry it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Makes a timestamp from milliseconds since the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Returns the milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Returns the time `duration` later; saturates.
    pub fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }

    /// Returns the time `duration` earlier; saturates.
    pub fn saturating_sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis(duration)))
    }

    /// Returns how long it is from `self` until `later`, or zero when that has passed.
    pub fn until(self, later: Self) -> Duration {
        let between = i128::from(later.0) - i128::from(self.0);
        Duration::from_millis(u64::try_from(between.max(0)).unwrap_or(u64::MAX))
    }
}

/// A duration in whole milliseconds, as far as an `i64` reaches.
fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// RFC 3339, in UTC, to the second.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.0.div_euclid(1000)) {
            Ok(at) => write!(f, "{at}"),
            Err(_) => f.write_str("9999-12-31T23:59:59Z"),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}.{:03}", self.0.rem_euclid(1000))
    }
}

/// A point on a clock that never jumps back and does not stop in suspend, in nanoseconds since
/// an arbitrary start. Decisions within a process use it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ticks(u64);

impl Ticks {
    /// Makes a point from nanoseconds since the clock's start.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Returns the nanoseconds since the clock's start.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Returns the point `duration` later; saturates.
    pub fn saturating_add(self, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }

    /// Returns the point `duration` earlier; saturates.
    pub fn saturating_sub(self, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(nanos))
    }

    /// Returns how long it is from `self` until `later`, or zero when that has passed.
    pub const fn until(self, later: Self) -> Duration {
        Duration::from_nanos(later.0.saturating_sub(self.0))
    }
}

/// The two clocks.
pub trait Clock: Send + Sync {
    /// Returns the wall-clock time, for records that outlive the process.
    fn now(&self) -> Timestamp;

    /// Returns the time on a clock that never jumps back, for decisions within the process.
    fn ticks(&self) -> Ticks;
}

/// The machine's clocks: `CLOCK_REALTIME`, and `CLOCK_BOOTTIME` (elsewhere than on Linux the
/// monotonic clock).
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the wall clock is read")]
    fn now(&self) -> Timestamp {
        let epoch = Timestamp(0);
        match std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) {
            Ok(since) => epoch.saturating_add(since),
            Err(before) => epoch.saturating_sub(before.duration()),
        }
    }

    fn ticks(&self) -> Ticks {
        #[cfg(target_os = "linux")]
        const CLOCK: rustix::time::ClockId = rustix::time::ClockId::Boottime;
        #[cfg(not(target_os = "linux"))]
        const CLOCK: rustix::time::ClockId = rustix::time::ClockId::Monotonic;
        let now = rustix::time::clock_gettime(CLOCK);
        let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
        let nanos = u64::try_from(now.tv_nsec).unwrap_or(0);
        Ticks(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_reads_as_rfc_3339() {
        assert_eq!(Timestamp::from_millis(1_700_000_000_999).to_string(), "2023-11-14T22:13:20Z");
    }

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        let last = Timestamp::from_millis(i64::MAX);
        assert_eq!(last.saturating_add(Duration::from_secs(1)), last);
        assert_eq!(last.to_string(), "9999-12-31T23:59:59Z");
        let first = Timestamp::from_millis(i64::MIN);
        assert_eq!(first.saturating_sub(Duration::MAX), first);
        assert!(first.until(last) > Duration::from_secs(1_000_000_000));
        assert_eq!(last.until(first), Duration::ZERO);
    }

    #[test]
    fn ticks_move_forward() {
        let clock = SystemClock;
        let before = clock.ticks();
        assert!(clock.ticks() >= before);
        assert!(Ticks::from_nanos(5).until(Ticks::from_nanos(2)).is_zero());
    }
}
