//! A token endpoint that asks to be left alone: one record, shared by all requests of the
//! credential at that endpoint. When the time is over, one request probes and the others wait.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::attempt::{Held, wait};
use super::flight::LEASE;
use super::inner::Inner;
use super::judge::{MAX_THROTTLE, ahead};
use crate::store::{Fence, Lease, Record};

/// How long a throttle without a stated time lasts.
const UNSTATED: Duration = Duration::from_secs(1);

/// The lease on the throttle record, held by the one who probes.
pub(super) type Probe = Option<Box<dyn Lease>>;

/// Whether the token endpoint may be asked now.
pub(super) enum Gate {
    Open(Probe),
    /// Not within the caller's time; it is shut for so long.
    Shut(Duration),
    /// The lease on the token record was lost while waiting.
    LeaseLost,
}

/// Waits until the token endpoint may be asked. A store that fails keeps nobody out.
pub(super) async fn gate(inner: &Inner, deadline: Instant, lease: &mut Held) -> Gate {
    let key = &inner.throttle_key;
    loop {
        let record = inner
            .unkept_throttle
            .over(inner.store.load(key).await.ok().flatten().unwrap_or_default());
        let Some(until) = record.throttled_until else { return Gate::Open(None) };
        let left = ahead(inner.effects.clock.now(), until, MAX_THROTTLE);
        if !left.is_zero() {
            if Instant::now() + left >= deadline {
                return Gate::Shut(left);
            }
            if !wait(lease, inner, left).await {
                return Gate::LeaseLost;
            }
            continue;
        }
        match inner.store.claim(key, LEASE).await {
            // Within the process there is one flight anyway.
            Err(_) => return Gate::Open(None),
            Ok(Some(probe)) => {
                let seen = probe.record().and_then(|record| record.throttled_until);
                match seen {
                    Some(now_until) if now_until == until => return Gate::Open(Some(probe)),
                    None => {
                        give_up(Some(probe)).await;
                        return Gate::Open(None);
                    }
                    Some(_) => give_up(Some(probe)).await,
                }
            }
            Ok(None) => {
                let soon = deadline.min(Instant::now() + LEASE / 3);
                let _ = timeout_at(soon, inner.store.changed(key, record.fence)).await;
                if Instant::now() >= deadline {
                    return Gate::Shut(UNSTATED);
                }
                if !wait(lease, inner, Duration::from_millis(1)).await {
                    return Gate::LeaseLost;
                }
            }
        }
    }
}

/// The endpoint asks to wait: tells all who share the store, or else all of this process.
pub(super) async fn note(inner: &Inner, probe: Probe, after: Option<Duration>) {
    let until =
        inner.effects.clock.now().saturating_add(after.unwrap_or(UNSTATED).min(MAX_THROTTLE));
    let throttled = Record { throttled_until: Some(until), ..Record::default() };
    let lease = match probe {
        Some(probe) => Ok(Some(probe)),
        None => inner.store.claim(&inner.throttle_key, LEASE).await,
    };
    match lease {
        Ok(Some(lease)) => finish(inner, lease, throttled).await,
        // Somebody who holds it is writing the same.
        Ok(None) => {}
        Err(error) => {
            inner.store_failed(&error);
            let stored = inner.store.load(&inner.throttle_key).await.ok().flatten();
            let fence = stored.unwrap_or_default().fence;
            inner.unkept_throttle.keep(Record { fence, ..throttled });
        }
    }
}

/// The probe came through: all may ask again.
pub(super) async fn lift(inner: &Inner, probe: Probe) {
    if let Some(probe) = probe {
        finish(inner, probe, Record::default()).await;
    }
}

/// The probe brought no answer: the next one probes.
pub(super) async fn give_up(probe: Probe) {
    if let Some(probe) = probe {
        // Nothing is written: what could fail here is only the giving up.
        let _ = probe.finish(None).await;
    }
}

async fn finish(inner: &Inner, lease: Box<dyn Lease>, record: Record) {
    let fence = lease.record().map_or_else(Fence::default, |record| record.fence);
    match lease.finish(Some(record.clone())).await {
        Ok(()) => inner.unkept_throttle.clear(),
        Err(error) => {
            inner.store_failed(&error);
            inner.unkept_throttle.keep(Record { fence, ..record });
        }
    }
}
