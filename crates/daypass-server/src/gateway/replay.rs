//! The memory that is kept of requests that are under way, so that they can be sent again after a
//! 401 (SECURITY rules: a limit per request and one in all).
//!
//! A body is not collected first: it streams to the API while a copy grows beside it. Past a limit
//! the copy is dropped and the body goes on streaming; it is then sent once and no more.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http::HeaderMap;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::body::{BodyError, Stall};
use super::headers;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayLimits {
    /// Bytes of one request's body.
    pub per_request: usize,
    /// Bytes of all bodies together.
    pub in_all: usize,
}

impl Default for ReplayLimits {
    fn default() -> Self {
        Self { per_request: 1024 * 1024, in_all: 16 * 1024 * 1024 }
    }
}

/// What is left of the memory in all.
#[derive(Debug)]
pub(super) struct Budget {
    limits: ReplayLimits,
    used: AtomicUsize,
}

impl Budget {
    pub(super) fn new(limits: ReplayLimits) -> Arc<Self> {
        Arc::new(Self { limits, used: AtomicUsize::new(0) })
    }

    /// Whether a body that says how long it is could be kept at all.
    pub(super) fn could_keep(&self, size: &SizeHint) -> bool {
        usize::try_from(size.lower()).is_ok_and(|bytes| bytes <= self.limits.per_request)
    }

    /// Takes `bytes` for a request that has `has` of them already.
    fn take(&self, has: usize, bytes: usize) -> bool {
        let whole = has.saturating_add(bytes);
        let fits = |used: usize| {
            used.checked_add(bytes)
                .filter(|used| *used <= self.limits.in_all && whole <= self.limits.per_request)
        };
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// The copy of a body, held while its request is under way.
pub(super) struct Kept(Arc<Mutex<Shared>>);

/// The body as it is sent: what the copy has, then what the client still sends.
pub(super) struct Copied {
    shared: Arc<Mutex<Shared>>,
    /// Which sending this is; an earlier one gets no more.
    turn: u32,
    /// Pieces of the copy that were sent.
    sent: usize,
    size: SizeHint,
}

struct Shared {
    incoming: Incoming,
    stall: Stall,
    copy: Vec<Piece>,
    /// Bytes of the copy.
    bytes: usize,
    budget: Arc<Budget>,
    /// Whether the copy has everything so far.
    whole: bool,
    ended: bool,
    turn: u32,
    /// Who waits for the client.
    waiting: Option<Waker>,
}

#[derive(Clone)]
enum Piece {
    Data(Bytes),
    Trailers(HeaderMap),
}

/// Splits a client's body into one that is sent and the copy that grows with it.
pub(super) fn keep(incoming: Incoming, budget: Arc<Budget>) -> (Copied, Kept) {
    let size = incoming.size_hint();
    let shared = Arc::new(Mutex::new(Shared {
        incoming,
        stall: Stall::default(),
        copy: Vec::new(),
        bytes: 0,
        budget,
        whole: true,
        ended: false,
        turn: 0,
        waiting: None,
    }));
    (Copied { shared: Arc::clone(&shared), turn: 0, sent: 0, size }, Kept(shared))
}

impl Kept {
    /// Returns the body once more, from its start. `None` if it grew past what is kept.
    pub(super) fn again(&self, size: SizeHint) -> Option<Copied> {
        let mut shared = lock(&self.0);
        if !shared.whole {
            return None;
        }
        shared.turn += 1;
        if let Some(earlier) = shared.waiting.take() {
            earlier.wake();
        }
        Some(Copied { shared: Arc::clone(&self.0), turn: shared.turn, sent: 0, size })
    }
}

impl Drop for Kept {
    /// The answer is there: what still streams needs no copy.
    fn drop(&mut self) {
        lock(&self.0).forget();
    }
}

impl Shared {
    fn forget(&mut self) {
        self.whole = false;
        self.copy = Vec::new();
        self.budget.give_back(std::mem::take(&mut self.bytes));
    }

    fn note(&mut self, frame: &Frame<Bytes>) {
        if !self.whole {
            return;
        }
        let piece = match (frame.data_ref(), frame.trailers_ref()) {
            // A copy, not a share: a share would keep the connection's whole buffer.
            (Some(data), _) => Piece::Data(Bytes::copy_from_slice(data)),
            (None, Some(trailers)) => Piece::Trailers(trailers.clone()),
            (None, None) => return,
        };
        let bytes = piece.bytes();
        if self.budget.take(self.bytes, bytes) {
            self.bytes += bytes;
            self.copy.push(piece);
        } else {
            self.forget();
        }
    }
}

impl Piece {
    /// What it costs to keep, with what each piece costs besides.
    fn bytes(&self) -> usize {
        const EACH: usize = 64;
        EACH + match self {
            Self::Data(data) => data.len(),
            Self::Trailers(fields) => {
                fields.iter().map(|(name, value)| name.as_str().len() + value.len() + EACH).sum()
            }
        }
    }

    fn frame(self) -> Frame<Bytes> {
        match self {
            Self::Data(data) => Frame::data(data),
            Self::Trailers(fields) => Frame::trailers(fields),
        }
    }
}

impl Body for Copied {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        let mut shared = lock(&this.shared);
        if shared.turn != this.turn {
            return Poll::Ready(Some(Err(BodyError::Superseded)));
        }
        if let Some(piece) = shared.copy.get(this.sent) {
            this.sent += 1;
            return Poll::Ready(Some(Ok(piece.clone().frame())));
        }
        if shared.ended {
            return Poll::Ready(None);
        }
        let Shared { incoming, stall, .. } = &mut *shared;
        let polled = Pin::new(incoming).poll_frame(cx);
        if polled.is_pending() {
            shared.waiting = Some(cx.waker().clone());
            ready!(stall_of(&mut shared).poll(cx));
            return Poll::Ready(Some(Err(BodyError::Stalled)));
        }
        stall.moved();
        match ready!(polled) {
            Some(Ok(frame)) => {
                let frame = frame.map_data(Bytes::from);
                let frame = without_forbidden(frame);
                shared.note(&frame);
                if shared.whole {
                    this.sent += 1;
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(error)) => Poll::Ready(Some(Err(BodyError::Client(error)))),
            None => {
                shared.ended = true;
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        let shared = lock(&self.shared);
        shared.turn == self.turn && shared.ended && self.sent >= shared.copy.len()
    }

    fn size_hint(&self) -> SizeHint {
        self.size
    }
}

fn stall_of(shared: &mut Shared) -> &mut Stall {
    &mut shared.stall
}

/// Fields after a body go through the same rules as those before it.
pub(super) fn without_forbidden(mut frame: Frame<Bytes>) -> Frame<Bytes> {
    if let Some(fields) = frame.trailers_mut() {
        headers::trailers(fields);
    }
    frame
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_per_request_and_in_all_and_comes_back() {
        let budget = Budget::new(ReplayLimits { per_request: 100, in_all: 250 });
        assert!(budget.take(0, 100) && !budget.take(100, 1) && budget.take(0, 100));
        assert!(!budget.take(0, 51) && budget.take(0, 50));
        assert!(!budget.take(0, 1) && !budget.take(0, usize::MAX) && !budget.take(usize::MAX, 1));
        budget.give_back(250);
        assert_eq!(budget.used.load(Ordering::Relaxed), 0);
        assert!(budget.could_keep(&SizeHint::with_exact(100)));
        assert!(!budget.could_keep(&SizeHint::with_exact(101)));
        assert!(budget.could_keep(&SizeHint::default()));
    }
}
