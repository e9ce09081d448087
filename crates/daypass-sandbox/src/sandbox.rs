//! The sandbox itself: one request in, one reply out.
//!
//! No sockets and no waiting here: `serve.rs` acts replies out. `sandbox/steer.rs` has what tests look at and turn.

mod steer;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde_json::json;

use crate::builder::{Flavour, SandboxBuilder};
use crate::call::{Call, Settings, State};
use crate::clock::{Now, WallClock};
use crate::fault::{Endpoint, Fault};
use crate::log::Entry;
use crate::reply::{self, Ending, Gauge, InFlight, Reply};
use crate::{api, control, metadata, revocation, token_endpoint};

pub use steer::Snapshot;

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
