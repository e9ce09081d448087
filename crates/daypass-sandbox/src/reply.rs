//! What the sandbox answers and how the connection behaves then; and the few ways an answer is built.
//!
//! A [`Reply`] is data: nothing here waits. The HTTP server acts it out, and so can a test with paused time.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::Value;

/// The answer to one request. `Debug` shows no body and no header value: they may carry a token.
pub struct Reply {
    /// How long to wait before anything is sent.
    pub delay: Duration,
    /// What is sent, if [`ending`](Self::ending) lets it through.
    pub response: Response<Bytes>,
    /// How the connection behaves after the delay.
    pub ending: Ending,
    /// Counts a token request as under way until it is dropped: keep it until the answer has been given.
    pub in_flight: InFlight,
}

/// How the connection behaves once the delay is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// The whole response is sent.
    Complete,
    /// Nothing more ever comes; the connection stays open.
    Stall {
        /// Whether the status line and the headers are sent before.
        headers: bool,
    },
    /// The body comes in small pieces.
    Slow {
        /// Bytes a piece, at least 1.
        chunk: usize,
        /// Time between two pieces.
        every: Duration,
    },
    /// `content-length` promises more than is sent; then the connection closes.
    Truncated {
        /// Bytes of the body that are sent.
        after: usize,
    },
    /// The connection closes without an answer.
    Reset,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("delay", &self.delay)
            .field("status", &self.response.status())
            .field("body_bytes", &self.response.body().len())
            .field("ending", &self.ending)
            .finish_non_exhaustive()
    }
}

/// How many token requests are under way, and the most there ever were.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    current: AtomicUsize,
    max: AtomicUsize,
}

impl Gauge {
    pub(crate) fn max(&self) -> usize {
        self.max.load(Ordering::SeqCst)
    }

    pub(crate) fn forget_max(&self) {
        self.max.store(self.current.load(Ordering::SeqCst), Ordering::SeqCst);
    }
}

/// A request that has arrived and is not answered yet. Dropping it ends that.
#[derive(Debug)]
pub struct InFlight(Option<Arc<Gauge>>);

impl InFlight {
    pub(crate) fn uncounted() -> Self {
        Self(None)
    }

    pub(crate) fn counted(gauge: &Arc<Gauge>) -> Self {
        let current = gauge.current.fetch_add(1, Ordering::SeqCst) + 1;
        gauge.max.fetch_max(current, Ordering::SeqCst);
        Self(Some(Arc::clone(gauge)))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(gauge) = &self.0 {
            gauge.current.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// A JSON answer, not to be stored by anyone (RFC 6749 5.1).
pub(crate) fn json(status: StatusCode, value: &Value) -> Response<Bytes> {
    raw_json(status, value.to_string())
}

/// A JSON answer from text that is meant to be JSON.
pub(crate) fn raw_json(status: StatusCode, text: impl Into<Bytes>) -> Response<Bytes> {
    typed(status, "application/json", text)
}

/// An answer of any content type.
pub(crate) fn typed(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Bytes> {
    let mut response = empty(status);
    *response.body_mut() = body.into();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// An answer with neither body nor content type.
pub(crate) fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// 405 with the methods that are allowed (RFC 9110 15.5.6).
pub(crate) fn method_not_allowed(allow: &'static str) -> Response<Bytes> {
    let body = serde_json::json!({ "message": "method not allowed", "allow": allow });
    with(json(StatusCode::METHOD_NOT_ALLOWED, &body), http::header::ALLOW, allow)
}

/// Adds a header; a value that can't be one is left out.
pub(crate) fn with(
    mut response: Response<Bytes>,
    name: HeaderName,
    value: &str,
) -> Response<Bytes> {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
    response
}
