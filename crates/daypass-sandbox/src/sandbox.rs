//! The sandbox itself: one request in, one reply out; and what tests look at and turn.
//!
//! No sockets and no waiting here. `serve.rs` acts replies out.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde::Serialize;
use serde_json::json;

use crate::builder::{Flavour, SandboxBuilder};
use crate::call::{Call, Settings, State};
use crate::client::Client;
use crate::clock::{Now, WallClock, millis};
use crate::fault::{Endpoint, Fault, PlannedFault};
use crate::log::Entry;
use crate::reply::{self, Ending, Gauge, InFlight, Reply};
use crate::{api, control, metadata, revocation, token_endpoint};

/// An authorization server and a protected API in memory. Clones share everything.
#[derive(Clone)]
pub struct Sandbox {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Settings,
    clock: WallClock,
    state: Mutex<State>,
    gauge: Arc<Gauge>,
}

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

impl Default for Sandbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Sandbox {
    /// A sandbox with the default client and the manners of the RFCs.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Starts to set up a sandbox.
    pub fn builder() -> SandboxBuilder {
        SandboxBuilder::new()
    }

    pub(crate) fn assemble(settings: Settings, state: State, clock: WallClock) -> Self {
        let (state, gauge) = (Mutex::new(state), Arc::default());
        Self { inner: Arc::new(Inner { settings, clock, state, gauge }) }
    }

    /// Answers a request that has arrived whole. Returns at once, whatever the faults say.
    pub fn handle(&self, request: Request<Bytes>) -> Reply {
        if self.inner.settings.control && control::is_control(&request) {
            let response = control::answer(self, &request);
            let in_flight = InFlight::uncounted();
            return Reply { delay: Duration::ZERO, response, ending: Ending::Complete, in_flight };
        }
        let endpoint = Endpoint::of(request.uri().path());
        let in_flight = match endpoint {
            Endpoint::Token => InFlight::counted(&self.inner.gauge),
            _ => InFlight::uncounted(),
        };
        let (mut state, now) = self.lock();
        let faults = state.script.take(endpoint);
        let mut entry = Entry::new(now.0, endpoint, request.method(), request.uri().path());
        entry.faults = faults.iter().map(Fault::name).collect();

        let mut call = Call {
            request: &request,
            now,
            settings: &self.inner.settings,
            state: &mut state,
            entry: &mut entry,
            faults: &faults,
        };
        let response = answer(&mut call, endpoint);
        let (mut delay, mut ending) = (Duration::ZERO, Ending::Complete);
        faults.iter().for_each(|fault| fault.disturb(&mut delay, &mut ending));
        let silent = matches!(ending, Ending::Reset | Ending::Stall { headers: false });
        entry.status = (!silent).then(|| response.status().as_u16());
        entry.clean(|text| state.hide(text));
        state.log.push(entry);
        Reply { delay, response, ending, in_flight }
    }

    /// The state, and now. The clock is read before the lock is taken: it belongs to the caller.
    fn lock(&self) -> (MutexGuard<'_, State>, Now) {
        let wall = (self.inner.clock)();
        let state = self.inner.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Now::new(wall, state.offset_ms);
        (state, now)
    }

    fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.lock().0)
    }

    /// Registers a client from now on; one with the same id is replaced, its tokens live on.
    pub fn register(&self, client: Client) {
        self.lock().0.clients.insert(client.id.clone(), client);
    }

    /// Lets every request at an endpoint meet a fault, until [`clear_faults`](Self::clear_faults). A standing fault
    /// of the same name there is replaced.
    pub fn stand(&self, at: Endpoint, fault: Fault) {
        self.plan(PlannedFault { at, times: None, fault });
    }

    /// Lets the next requests at an endpoint meet these faults, one each, after those already in the queue.
    pub fn script(&self, at: Endpoint, faults: impl IntoIterator<Item = Fault>) {
        let times = Some(std::num::NonZeroU32::MIN);
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
        state.log = crate::log::Log::default();
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

    /// The most token requests that were under way at once: from arrival until the [`Reply`] was dropped.
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

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox")
            .field("flavour", &self.inner.settings.flavour)
            .field("state", &self.snapshot())
            .finish()
    }
}

impl Endpoint {
    fn of(path: &str) -> Self {
        match path {
            "/oauth/token" | "/token" => Self::Token,
            "/oauth/revoke" => Self::Revocation,
            "/.well-known/oauth-authorization-server" | "/.well-known/openid-configuration" => {
                Self::Metadata
            }
            "/api" => Self::Api,
            path if path.starts_with("/api/") => Self::Api,
            _ => Self::Other,
        }
    }
}

fn answer(call: &mut Call<'_>, endpoint: Endpoint) -> Response<Bytes> {
    match endpoint {
        Endpoint::Token | Endpoint::Revocation => {
            token_endpoint::observe(call.request, call.entry);
        }
        Endpoint::Api => api::observe(call),
        _ => {}
    }
    if call.faults.contains(&Fault::RevokeAll) {
        call.state.tokens.revoke_all();
    }
    let (now, flavour) = (call.now, call.settings.flavour);
    let instead = call.faults.iter().rev().find_map(|fault| fault.instead(now, flavour));
    let mut response = match (instead, endpoint, flavour) {
        (Some(response), ..) => response,
        (None, Endpoint::Token, _) => token_endpoint::answer(call),
        (None, Endpoint::Api, _) => api::answer(call),
        (None, Endpoint::Revocation, Flavour::Standard) => revocation::answer(call),
        (None, Endpoint::Metadata, Flavour::Standard) => metadata::answer(call),
        _ => reply::json(StatusCode::NOT_FOUND, &json!({ "message": "nothing is here" })),
    };
    if call.request.method() == Method::HEAD {
        response.body_mut().clear();
    }
    response
}
