//! What tests of several modules share: a clock that follows tokio's.

use std::sync::atomic::{AtomicI64, Ordering};

use tokio::time::Instant;

use crate::{Clock, Ticks, Timestamp};

/// A clock that moves with tokio's, which tests pause and advance. Its wall can also be set
/// forward and back by itself, as administrators do.
pub(crate) struct TestClock {
    start: Instant,
    wall_offset: AtomicI64,
}

impl TestClock {
    const FIRST_TICKS: u64 = 1_000_000_000;
    const FIRST_WALL: i64 = 1_700_000_000_000;

    /// Starts a clock. Within a test that pauses time, make it after the pause.
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), wall_offset: AtomicI64::new(0) }
    }

    /// Sets the wall clock alone, forward or back, by milliseconds.
    pub(crate) fn advance_wall(&self, millis: i64) {
        self.wall_offset.fetch_add(millis, Ordering::Relaxed);
    }

    fn nanos(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let passed = i64::try_from(self.nanos() / 1_000_000).unwrap_or(i64::MAX);
        Timestamp::from_millis(Self::FIRST_WALL + passed + self.wall_offset.load(Ordering::Relaxed))
    }

    fn ticks(&self) -> Ticks {
        Ticks::from_nanos(Self::FIRST_TICKS + self.nanos())
    }
}

#[tokio::test(start_paused = true)]
async fn the_test_clock_follows_paused_time_and_its_wall_can_be_set() {
    let clock = TestClock::new();
    let (wall, ticks) = (clock.now(), clock.ticks());
    tokio::time::advance(std::time::Duration::from_secs(5)).await;
    assert_eq!(clock.now().as_millis() - wall.as_millis(), 5_000);
    assert_eq!(ticks.until(clock.ticks()), std::time::Duration::from_secs(5));
    clock.advance_wall(-60_000);
    assert_eq!(clock.now().as_millis() - wall.as_millis(), -55_000);
    assert_eq!(ticks.until(clock.ticks()), std::time::Duration::from_secs(5));
}
