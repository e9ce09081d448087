//! The timer of one client's connection.
//!
//! hyper begins a wait for each request's fields and ends it when they are there. A wait of the
//! runtime's own is put into its wheel and taken out each time, under a lock; here one stays, and
//! is put off.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};

type Wait = Pin<Box<tokio::time::Sleep>>;

/// A timer for waits of which each ends before the next begins; others cost more, and work too.
#[derive(Clone, Default)]
pub(super) struct OneTimer(Arc<Mutex<Option<Wait>>>);

impl OneTimer {
    fn kept(&self) -> std::sync::MutexGuard<'_, Option<Wait>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Timer for OneTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        let deadline = tokio::time::Instant::from_std(deadline);
        let kept = self.kept().take();
        let mut wait = kept.unwrap_or_else(|| Box::pin(tokio::time::sleep_until(deadline)));
        wait.as_mut().reset(deadline);
        Box::pin(Lent { wait: Some(wait), timer: self.clone() })
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }
}

struct Lent {
    wait: Option<Wait>,
    timer: OneTimer,
}

impl Sleep for Lent {}

impl Future for Lent {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.wait.as_mut().map_or(Poll::Ready(()), |wait| wait.as_mut().poll(cx))
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        *self.timer.kept() = self.wait.take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_wait_lasts_as_long_as_it_should_also_one_that_was_begun_before() {
        let timer = OneTimer::default();
        let second = Duration::from_secs(1);
        let start = timer.now();
        timer.sleep(second * 75).await;
        assert_eq!(timer.now() - start, second * 75);
        for (begun, length) in [(75, 10), (75, 5), (3, 20)] {
            let mut dropped = timer.sleep(second * begun);
            let waited = std::future::poll_fn(|cx| Poll::Ready(dropped.as_mut().poll(cx))).await;
            assert!(waited.is_pending());
            drop(dropped);
            let (one, other) = (timer.sleep(second * length), timer.sleep(second * 2));
            let start = timer.now();
            other.await;
            assert_eq!(timer.now() - start, second * 2);
            one.await;
            assert_eq!(timer.now() - start, second * length);
        }
    }
}
