//! Asking the issuer, under a lease: attempts, pauses between them, and what is remembered of
//! how it ended.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::MinTtl;
use super::cached::EARLY_REFRESH;
use super::damping;
use super::flight::{LEASE, Mission};
use super::inner::Inner;
use super::judge::{BARE_REFUSAL, REFUSAL};
use super::throttle::{self, Gate};
use crate::issuer::{IssuerError, IssuerErrorClass, Next, next_attempt};
use crate::store::{EventKind, Lease, Record, Refusal, StoreError};
use crate::{Error, Granted, Reason, Source, Timestamp, Token};

/// How long one attempt may take; shorter than a lease.
const ATTEMPT: Duration = Duration::from_secs(10);

/// What a token may lose of its life on its way and still count as whole.
const MOMENT: Duration = Duration::from_secs(1);

/// How a fetch ended, other than with an error.
pub(super) enum Attempted {
    Granted(Box<Granted>),
    /// This holder was too slow: somebody else is asking now.
    LeaseLost,
}

/// The lease, as far as there is a store that gave one.
pub(super) type Held = Option<Box<dyn Lease>>;

/// Asks the issuer until it answers, refuses, or the mission's time is over.
pub(super) async fn fetch(
    inner: &Inner,
    mission: &Mission,
    mut lease: Held,
    record: Record,
    reason: Reason,
) -> Result<Attempted, Error> {
    let mut attempt = 0;
    let deadline = patience(inner, mission, &record, reason);
    let once = comes_back(inner, mission, &record, reason);
    loop {
        let probe = match throttle::gate(inner, deadline, &mut lease).await {
            Gate::Open(probe) => probe,
            Gate::Shut(left) => {
                let error = throttled(left);
                return failed(inner, mission, lease, record, reason, &error).await;
            }
            Gate::LeaseLost => return Ok(Attempted::LeaseLost),
        };
        attempt += 1;
        if attempt > 1 && !renewed(&mut lease, inner).await {
            return Ok(Attempted::LeaseLost);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let error = match inner.issuer.issue(left.min(ATTEMPT)).await {
            Ok(token) => {
                throttle::lift(inner, probe).await;
                return landed(inner, mission, lease, record, reason, token).await;
            }
            Err(error) => error,
        };
        if let IssuerErrorClass::Throttled(after) = error.class {
            throttle::note(inner, probe, after).await;
        } else {
            throttle::give_up(probe).await;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let left = if once { Duration::ZERO } else { left };
        match next_attempt(error.class, attempt, left, (inner.effects.jitter)()) {
            Next::GiveUp => return failed(inner, mission, lease, record, reason, &error).await,
            Next::After(pause) => {
                tracing::info!("{} gave no token ({error}); trying again", inner.issuer.host());
                if !wait(&mut lease, inner, pause).await {
                    return Ok(Attempted::LeaseLost);
                }
            }
        }
    }
}

/// Until when the issuer is asked again and again: while a token is still good, not for long.
fn patience(inner: &Inner, mission: &Mission, record: &Record, reason: Reason) -> Instant {
    match &record.token {
        Some(token) if reason == Reason::Expiring && is_spare(inner, mission, record) => {
            let half = inner.remaining(token) / 2;
            mission.deadline.min(Instant::now() + EARLY_REFRESH.min(half))
        }
        _ => mission.deadline,
    }
}

/// Whether a later early refresh will try again anyway, long before the token ends: then an issuer
/// that is down is asked once each time, as often as `retry` in the record says.
fn comes_back(inner: &Inner, mission: &Mission, record: &Record, reason: Reason) -> bool {
    let next = damping::pause(record.retry, inner.effects.clock.now()).at;
    let pause = inner.effects.clock.now().until(next);
    let good = |token: &Token| inner.remaining(token) > pause.saturating_mul(2);
    reason == Reason::Expiring
        && is_spare(inner, mission, record)
        && record.token.as_ref().is_some_and(good)
}

fn throttled(left: Duration) -> IssuerError {
    IssuerError {
        class: IssuerErrorClass::Throttled(Some(left)),
        status: None,
        error: None,
        description: None,
    }
}

/// Waits for `pause` and keeps the lease meanwhile. Returns whether it is still ours.
pub(super) async fn wait(lease: &mut Held, inner: &Inner, pause: Duration) -> bool {
    let mut left = pause;
    while !left.is_zero() {
        let part = left.min(LEASE / 3);
        sleep(part).await;
        left = left.saturating_sub(part);
        if !renewed(lease, inner).await {
            return false;
        }
    }
    true
}

/// Starts the lease's time anew; a store that fails is passed by.
async fn renewed(lease: &mut Held, inner: &Inner) -> bool {
    let Some(held) = lease else { return true };
    match held.renew().await {
        Ok(()) => true,
        Err(StoreError::Lost) => false,
        Err(error) => {
            inner.store_failed(&error);
            true
        }
    }
}

/// The issuer gave a token: what is kept of it and of the one before.
async fn landed(
    inner: &Inner,
    mission: &Mission,
    lease: Held,
    mut record: Record,
    reason: Reason,
    token: Token,
) -> Result<Attempted, Error> {
    let now = inner.effects.clock.now();
    record.note(
        now,
        EventKind::Fetched {
            reason,
            fingerprint: token.fingerprint(),
            lifetime: token.lifetime(),
            took: token.sent_at().until(token.received_at()),
        },
    );
    record.tally.add(Source::Issuer, 1);
    record.refusal = None;
    if reason != Reason::Rejected {
        record.rejected = None;
    }
    let longer = record.token.take_if(|old| {
        matches!(reason, Reason::Expiring | Reason::MinTtl)
            && inner.remaining(old) >= token.remaining(now)
    });
    let gained = longer.is_none();
    let token = longer.unwrap_or(token);
    if gained {
        record.reason = Some(reason);
    }
    // The moment that a new token was on its way counts as its own, lest nobody could ask for an
    // hour of an hour.
    let way = if gained { token.sent_at().until(now).min(MOMENT) } else { Duration::ZERO };
    let lives = inner.remaining(&token).saturating_add(way);
    if lives <= way {
        let ended = IssuerError {
            class: IssuerErrorClass::Unusable,
            status: Some(200),
            error: None,
            description: Some("the token ended on its way here".to_owned()),
        };
        record.refusal = Some(refusal(&ended, now, BARE_REFUSAL));
    }
    record.token = Some(token);
    let wanted = match mission.ask.min_ttl {
        MinTtl::Required(wanted) if wanted > lives => Some(wanted),
        _ => None,
    };
    record.retry = match (gained, wanted) {
        (true, None) => None,
        _ => Some(damping::pause(record.retry, now)),
    };
    let granted = inner.grant(&record, Source::Issuer);
    finish(inner, lease, record).await;
    match (wanted, granted) {
        (Some(wanted), _) => Err(inner.labels.too_short(wanted, lives)),
        (None, Some(granted)) if granted.token.remaining(now).is_zero() => {
            Err(inner.labels.born_dead(inner.issuer.host()))
        }
        (None, Some(granted)) => Ok(Attempted::Granted(Box::new(granted))),
        (None, None) => Err(Error::internal("a fetched token was lost")),
    }
}

/// The issuer gave none: what is remembered, and what can be handed out all the same.
async fn failed(
    inner: &Inner,
    mission: &Mission,
    lease: Held,
    mut record: Record,
    reason: Reason,
    error: &IssuerError,
) -> Result<Attempted, Error> {
    let now = inner.effects.clock.now();
    let host = inner.issuer.host();
    match error.class {
        // Nobody was asked.
        IssuerErrorClass::Throttled(_) if error.status.is_none() => {}
        IssuerErrorClass::Throttled(after) => {
            record.note(now, EventKind::Throttled(after.unwrap_or_default()));
        }
        _ => record.note(now, EventKind::Failed(error.to_string())),
    }
    if let Some(memory) = remembered_for(error.class) {
        record.refusal = Some(refusal(error, now, memory));
    }
    let valid = record.token.as_ref().is_some_and(|token| !inner.remaining(token).is_zero());
    if valid {
        record.retry = Some(damping::pause(record.retry, now));
    }
    // A token that an API refused is good for something only while nobody can tell better.
    let refused_for_good = reason == Reason::Rejected && remembered_for(error.class).is_some();
    let spare = if refused_for_good { None } else { spare(inner, mission, &record) };
    finish(inner, lease, record).await;
    match spare {
        Some(granted) => {
            tracing::warn!("{host} gave no new token ({error}); the cached one is still valid");
            Ok(Attempted::Granted(Box::new(granted)))
        }
        None => Err(inner.labels.issuer_error(host, error)),
    }
}

/// How long a failure is remembered by all who share the store.
fn remembered_for(class: IssuerErrorClass) -> Option<Duration> {
    match class {
        IssuerErrorClass::Rejected => Some(REFUSAL),
        IssuerErrorClass::BareRejected | IssuerErrorClass::Unusable => Some(BARE_REFUSAL),
        _ => None,
    }
}

fn refusal(error: &IssuerError, now: Timestamp, memory: Duration) -> Refusal {
    let status = error.status.unwrap_or(0);
    Refusal {
        error: error.error.clone().unwrap_or_else(|| format!("HTTP {status}")),
        description: error.description.clone(),
        status,
        at: now,
        until: now.saturating_add(memory),
    }
}

/// The record's token, when no better one can be had.
pub(super) fn spare(inner: &Inner, mission: &Mission, record: &Record) -> Option<Granted> {
    if is_spare(inner, mission, record) { inner.grant(record, Source::Store) } else { None }
}

/// Whether the record's token can be handed out for want of a better one: it is valid, and long
/// enough where that was required; who forces wants none of the old ones.
fn is_spare(inner: &Inner, mission: &Mission, record: &Record) -> bool {
    let remaining = record.token.as_ref().map_or(Duration::ZERO, |token| inner.remaining(token));
    let enough = match mission.ask.min_ttl {
        MinTtl::Preferred(_) => true,
        MinTtl::Required(wanted) => remaining >= wanted,
    };
    !remaining.is_zero() && enough && !mission.ask.force
}

async fn finish(inner: &Inner, lease: Held, record: Record) {
    let Some(lease) = lease else { return inner.unkept.keep(record) };
    match lease.finish(Some(record.clone())).await {
        Ok(()) => inner.unkept.clear(),
        Err(StoreError::Lost) => {
            tracing::info!("somebody else wrote the record meanwhile; this token is not kept");
        }
        Err(error) => {
            inner.store_failed(&error);
            inner.unkept.keep(record);
        }
    }
}
