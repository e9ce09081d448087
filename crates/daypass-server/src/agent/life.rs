//! How long an agent lives: until nobody has asked for a while, or until its time is over. By the
//! clock that does not stop in suspend.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use daypass::{Clock, Ticks};

/// The longest sleep between two looks at the clock: tokio's stops in suspend.
const LOOK: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) struct Life {
    idle_timeout: Option<Duration>,
    lifetime: Option<Duration>,
    started: Ticks,
    /// When something was asked last.
    used: AtomicU64,
    busy: AtomicUsize,
}

/// What is left of an agent's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) idle: Option<Duration>,
    pub(super) lifetime: Option<Duration>,
}

/// Why an agent's life is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    Idle,
    Lifetime,
}

impl Life {
    pub(super) fn new(
        clock: &dyn Clock,
        idle_timeout: Option<Duration>,
        lifetime: Option<Duration>,
    ) -> Self {
        let started = clock.ticks();
        let used = AtomicU64::new(started.as_nanos());
        Self { idle_timeout, lifetime, started, used, busy: AtomicUsize::new(0) }
    }

    fn touch(&self, clock: &dyn Clock) {
        self.used.fetch_max(clock.ticks().as_nanos(), Ordering::Relaxed);
    }

    /// Keeps the agent from being idle until it is dropped.
    pub(super) fn busy<'a>(&'a self, clock: &'a Arc<dyn Clock>) -> Busy<'a> {
        self.busy.fetch_add(1, Ordering::Relaxed);
        Busy { life: self, clock }
    }

    pub(super) fn left(&self, clock: &dyn Clock) -> Left {
        let now = clock.ticks();
        let busy = self.busy.load(Ordering::Relaxed) > 0;
        let used = if busy { now } else { Ticks::from_nanos(self.used.load(Ordering::Relaxed)) };
        let until = |start: Ticks, length: Duration| now.until(start.saturating_add(length));
        Left {
            idle: self.idle_timeout.map(|length| until(used, length)),
            lifetime: self.lifetime.map(|length| until(self.started, length)),
        }
    }

    /// Returns when it is over.
    /// `used` counts what is done besides: a part was in use when it has grown; `busy` is whether one
    /// is in use right now.
    pub(super) async fn over(
        &self,
        clock: &dyn Clock,
        used: impl Fn() -> u64,
        busy: impl Fn() -> bool,
    ) -> Over {
        let mut seen = used();
        loop {
            let now = used();
            if now != seen || busy() {
                seen = now;
                self.touch(clock);
            }
            let Left { idle, lifetime } = self.left(clock);
            if lifetime.is_some_and(|left| left.is_zero()) {
                return Over::Lifetime;
            }
            if idle.is_some_and(|left| left.is_zero()) {
                return Over::Idle;
            }
            let next = [idle, lifetime].into_iter().flatten().fold(LOOK, Duration::min);
            tokio::time::sleep(next).await;
        }
    }
}

/// Somebody is being served.
pub(super) struct Busy<'a> {
    life: &'a Life,
    clock: &'a Arc<dyn Clock>,
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.life.touch(&**self.clock);
        self.life.busy.fetch_sub(1, Ordering::Relaxed);
    }
}
