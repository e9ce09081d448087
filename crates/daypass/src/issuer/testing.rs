//! Effects for tests: scripted answers, a record of what was sent, a clock of one second a look.

#[path = "../../tests/log.rs"]
mod log;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};

pub(super) use self::log::Log;
use crate::{Clock, Effects, HttpClient, HttpError, Ticks, Timestamp};

/// A secret that no message may show.
pub(super) const SENTINEL: &str = "sentinel-5ec2e7";

/// Answers with what it was given, in that order, and then not at all.
#[derive(Default)]
pub(super) struct Script {
    replies: Mutex<VecDeque<Result<Response<Bytes>, HttpError>>>,
    seen: Mutex<Vec<Request<Bytes>>>,
}

impl Script {
    /// Adds an answer.
    pub(super) fn reply(&self, status: u16, body: impl Into<String>) {
        let response = Response::builder().status(status);
        self.push(Ok(response.body(Bytes::from(body.into())).unwrap()));
    }

    pub(super) fn push(&self, reply: Result<Response<Bytes>, HttpError>) {
        self.replies.lock().unwrap().push_back(reply);
    }

    /// Returns the requests since the last call.
    pub(super) fn seen(&self) -> Vec<Request<Bytes>> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

#[async_trait]
impl HttpClient for Script {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        self.seen.lock().unwrap().push(request);
        let reply = self.replies.lock().unwrap().pop_front();
        match reply {
            Some(reply) => reply,
            None => std::future::pending().await,
        }
    }
}

/// Shows a time one second later at each look.
struct Looks(AtomicI64);

impl Clock for Looks {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1000 * self.0.fetch_add(1, Ordering::Relaxed))
    }

    fn ticks(&self) -> Ticks {
        Ticks::from_nanos(0)
    }
}

pub(super) fn effects() -> (Arc<Script>, Effects) {
    let script = Arc::new(Script::default());
    let http = Arc::clone(&script) as _;
    let clock = Arc::new(Looks(AtomicI64::new(1000)));
    (script, Effects { clock, http, jitter: || 0.5 })
}
