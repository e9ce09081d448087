//! One flight: how a token is come by when memory has none. It belongs to nobody: it goes on
//! when the caller that started it goes away, and all who wait share what it brings.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::attempt::{self, Attempted};
use super::inner::Inner;
use super::judge::{Ask, Concern, Moment, Verdict, judge};
use crate::store::Record;
use crate::{Error, Granted, Reason, Source, Timestamp};

/// How long a holder may be silent before somebody else takes over. Longer than one attempt.
pub(super) const LEASE: Duration = Duration::from_secs(15);

/// What a flight is for and how long it may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mission {
    pub(super) ask: Ask,
    /// A forced token must have come at this time or later.
    pub(super) since: Timestamp,
    pub(super) deadline: Instant,
    /// It replaces a token that is still good: it waits for nobody.
    pub(super) early: bool,
}

/// What a flight brings.
#[derive(Clone, Debug)]
pub(crate) enum Landing {
    Granted(Box<Granted>),
    /// Somebody else is already replacing the token.
    LeftToOthers,
}

type Landed = Option<Result<Landing, Error>>;

/// The flight under way, if there is one.
#[derive(Default)]
pub(crate) struct Flights(Mutex<Option<Flight>>);

/// A place to wait for a flight.
#[derive(Clone)]
pub(crate) struct Flight {
    landed: watch::Receiver<Landed>,
    early: bool,
}

impl Flight {
    /// Waits for the end of the flight.
    pub(crate) async fn landing(&mut self) -> Result<Landing, Error> {
        match self.landed.wait_for(Option::is_some).await.map(|landed| landed.clone()) {
            Ok(Some(landing)) => landing,
            // The flight panicked, or its runtime ended.
            _ => Err(Error::internal("a token request ended without a result")),
        }
    }

    pub(crate) fn was_early(&self) -> bool {
        self.early
    }

    fn is_under_way(&self) -> bool {
        self.landed.borrow().is_none() && self.landed.has_changed().is_ok()
    }
}

impl Flights {
    /// Returns the flight under way, or starts what `fly` makes; and whether it was started. An
    /// `early` one replaces a token that is still good.
    pub(crate) fn join_or_start<F>(&self, early: bool, fly: impl FnOnce() -> F) -> (Flight, bool)
    where
        F: Future<Output = Result<Landing, Error>> + Send + 'static,
    {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = current.as_ref().filter(|flight| flight.is_under_way()) {
            return (flight.clone(), false);
        }
        let (done, landed) = watch::channel(None);
        let flight = Flight { landed, early };
        *current = Some(flight.clone());
        let flying = fly();
        tokio::spawn(async move {
            let landing = flying.await;
            done.send_replace(Some(landing));
        });
        (flight, true)
    }
}

/// Reads the record, waits for whoever is asking the issuer, or asks it.
pub(super) async fn fly(inner: &Inner, mission: &Mission) -> Result<Landing, Error> {
    let mut source = Source::Store;
    loop {
        let record = match inner.store.load(&inner.key).await {
            Ok(record) => inner.unkept.over(record.unwrap_or_default()),
            Err(error) => {
                inner.store_failed(&error);
                let record = inner.unkept.over(inner.remembered());
                let reason = match settle(inner, mission, &record, Source::Memory) {
                    Settled::Done(landing) => return landing,
                    Settled::Fetch(reason) => reason,
                };
                return asked(attempt::fetch(inner, mission, None, record, reason).await?);
            }
        };
        let reason = match settle(inner, mission, &record, source) {
            Settled::Done(landing) => return landing,
            Settled::Fetch(reason) => reason,
        };
        match inner.store.claim(&inner.key, LEASE).await {
            Err(error) => {
                inner.store_failed(&error);
                return asked(attempt::fetch(inner, mission, None, record, reason).await?);
            }
            Ok(None) if mission.early => return Ok(Landing::LeftToOthers),
            Ok(None) => {
                source = Source::Waited;
                let changed = inner.store.changed(&inner.key, record.fence);
                if timeout_at(mission.deadline, changed).await.is_err() {
                    return attempt::spare(inner, mission, &record).map_or_else(
                        || Err(inner.labels.out_of_time(inner.issuer.host())),
                        |granted| Ok(Landing::Granted(Box::new(granted))),
                    );
                }
            }
            Ok(Some(lease)) => {
                let record = inner.unkept.over(lease.record().cloned().unwrap_or_default());
                match settle(inner, mission, &record, source) {
                    Settled::Done(landing) => {
                        // Nothing is written: what could fail here is only the giving up.
                        let _ = lease.finish(None).await;
                        return landing;
                    }
                    Settled::Fetch(reason) => {
                        match attempt::fetch(inner, mission, Some(lease), record, reason).await? {
                            Attempted::Granted(granted) => return Ok(Landing::Granted(granted)),
                            Attempted::LeaseLost => source = Source::Waited,
                        }
                    }
                }
            }
        }
    }
}

/// Without a lease none can be lost.
fn asked(attempted: Attempted) -> Result<Landing, Error> {
    match attempted {
        Attempted::Granted(granted) => Ok(Landing::Granted(granted)),
        Attempted::LeaseLost => Err(Error::internal("a lease was lost that nobody held")),
    }
}

enum Settled {
    Done(Result<Landing, Error>),
    Fetch(Reason),
}

/// Hands out the record's token or its refusal, where it has one that fits.
fn settle(inner: &Inner, mission: &Mission, record: &Record, source: Source) -> Settled {
    let moment = Moment { began: mission.since, ..inner.moment() };
    let done = match judge(record, &mission.ask, moment) {
        Verdict::Fetch(reason) => return Settled::Fetch(reason),
        Verdict::Serve(concern) => {
            warn_of(concern, record.token.as_ref().map(|token| moment.remaining(token)));
            if source != Source::Memory {
                inner.store.count(&inner.key, source);
            }
            let granted = inner.grant(record, source).map(Box::new);
            granted.map(Landing::Granted).ok_or_else(|| Error::internal("a record lost its token"))
        }
        Verdict::Refused { refusal, left } => {
            Err(inner.labels.remembered(&refusal, refusal.at.until(moment.now), left))
        }
        Verdict::TooShort { wanted, has } => Err(inner.labels.too_short(wanted, has)),
    };
    Settled::Done(done)
}

fn warn_of(concern: Concern, remaining: Option<Duration>) {
    let left = remaining.unwrap_or_default().as_secs();
    match concern {
        Concern::None | Concern::Due => {}
        Concern::Short => {
            tracing::warn!("the cached token lives {left} s more; no other can be had right now");
        }
        Concern::Damped { times, left } => tracing::warn!(
            "{times} tokens in a row were refused by the API: the credential or its permissions \
             are the problem; no new token is fetched for {} s",
            left.as_secs().max(1)
        ),
    }
}
