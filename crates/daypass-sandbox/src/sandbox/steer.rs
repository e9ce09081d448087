//! What tests and the control API turn and look at.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::Serialize;

use super::Sandbox;
use crate::call::State;
use crate::client::Client;
use crate::clock::millis;
use crate::fault::{Endpoint, Fault, PlannedFault};
use crate::log::{Entry, Log};

/// The sandbox at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Snapshot {
    /// The sandbox's time in milliseconds since the Unix epoch.
    pub now_ms: i64,
    /// How far that is ahead of the clock it was given, in milliseconds.
    pub offset_ms: i64,
    /// The ids of the registered clients.
    pub clients: Vec<String>,
    /// Requests at the token endpoint.
    pub token_requests: u64,
    /// Tokens issued.
    pub tokens_issued: u64,
    /// Tokens that are neither expired nor revoked.
    pub tokens_live: usize,
    /// The most token requests that were under way at once.
    pub max_concurrent_token_requests: usize,
    /// Requests at the API.
    pub api_calls: u64,
    /// Of these, the ones answered 401.
    pub unauthorized: u64,
    /// What is planned, standing faults first.
    pub faults: Vec<PlannedFault>,
}

impl Sandbox {
    fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.lock().0)
    }

    /// Registers a client from now on; one with the same id is replaced, its tokens live on.
    pub fn register(&self, client: Client) {
        self.lock().0.register(client);
    }

    /// Lets every request at an endpoint meet a fault, until [`clear_faults`](Self::clear_faults). A standing fault
    /// of the same name there is replaced.
    pub fn stand(&self, at: Endpoint, fault: Fault) {
        self.plan(PlannedFault { at, times: None, fault });
    }

    /// Lets the next requests at an endpoint meet these faults, one each, after those already in the queue.
    pub fn script(&self, at: Endpoint, faults: impl IntoIterator<Item = Fault>) {
        let times = Some(NonZeroU32::MIN);
        faults.into_iter().for_each(|fault| self.plan(PlannedFault { at, times, fault }));
    }

    /// Plans a fault as it was read from JSON or the command line.
    pub fn plan(&self, planned: PlannedFault) {
        self.lock().0.script.plan(planned);
    }

    /// Forgets every planned fault.
    pub fn clear_faults(&self) {
        self.lock().0.script.clear();
    }

    /// Sets the sandbox's time forward.
    pub fn advance(&self, by: Duration) {
        self.shift(millis(by));
    }

    /// Sets the sandbox's time back.
    pub fn rewind(&self, by: Duration) {
        self.shift(-millis(by));
    }

    pub(crate) fn shift(&self, ms: i64) {
        let (mut state, _) = self.lock();
        state.offset_ms = state.offset_ms.saturating_add(ms);
    }

    /// Revokes the token with this number, counted from 1; false when it is unknown or was revoked before.
    pub fn revoke(&self, number: u64) -> bool {
        self.lock().0.tokens.revoke(number)
    }

    /// Revokes every token.
    pub fn revoke_all(&self) {
        self.lock().0.tokens.revoke_all();
    }

    /// Forgets tokens, faults, log, counts and clock offset. Clients stay.
    pub fn reset(&self) {
        let (mut state, _) = self.lock();
        state.tokens.reset();
        state.script.clear();
        state.log = Log::default();
        state.offset_ms = 0;
        self.inner.gauge.forget_max();
    }

    /// What the sandbox saw, oldest first: the last 10,000 requests, those under `/_sandbox/` left out.
    pub fn log(&self) -> Vec<Entry> {
        self.read(|state| state.log.entries())
    }

    /// Requests at the token endpoint, whatever came of them.
    pub fn token_requests(&self) -> u64 {
        self.read(|state| state.log.token_requests)
    }

    /// Tokens issued.
    pub fn tokens_issued(&self) -> u64 {
        self.read(|state| state.tokens.issued())
    }

    /// Requests at the API, whatever came of them.
    pub fn api_calls(&self) -> u64 {
        self.read(|state| state.log.api_calls)
    }

    /// Requests at the API that were answered 401.
    pub fn unauthorized(&self) -> u64 {
        self.read(|state| state.log.unauthorized)
    }

    /// The most token requests that were under way at once: from arrival until the [`Reply`](crate::Reply) was dropped.
    pub fn max_concurrent_token_requests(&self) -> usize {
        self.inner.gauge.max()
    }

    /// Everything above at one moment.
    pub fn snapshot(&self) -> Snapshot {
        let (state, now) = self.lock();
        Snapshot {
            now_ms: now.0,
            offset_ms: state.offset_ms,
            clients: state.clients.keys().cloned().collect(),
            token_requests: state.log.token_requests,
            tokens_issued: state.tokens.issued(),
            tokens_live: state.tokens.live(now),
            max_concurrent_token_requests: self.inner.gauge.max(),
            api_calls: state.log.api_calls,
            unauthorized: state.log.unauthorized,
            faults: state.script.planned(),
        }
    }
}
