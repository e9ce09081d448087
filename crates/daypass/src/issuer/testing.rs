//! Effects for tests: scripted answers, a record of what was sent, a clock of one second a look.

use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use tracing::field::{Field, Visit};
use tracing::{Metadata, Subscriber, span};

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

/// Keeps each event as one text: its fields in order.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(super) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("daypass")
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}
