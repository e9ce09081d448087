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
use super::segments::Segments;

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

    /// Takes `bytes` of memory for a request whose copy is `whole` bytes long by then.
    fn take(&self, whole: usize, bytes: usize) -> bool {
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
    size: SizeHint,
}

struct Shared {
    incoming: Incoming,
    stall: Stall,
    copy: Segments,
    trailers: Option<HeaderMap>,
    /// What was taken from the budget.
    taken: usize,
    /// How long the body says it is.
    length: Option<usize>,
    /// Bytes of the copy that were sent in this turn.
    sent: usize,
    sent_trailers: bool,
    budget: Arc<Budget>,
    /// Whether the copy has everything so far, and grows.
    whole: bool,
    ended: bool,
    turn: u32,
    /// Who waits for the client.
    waiting: Option<Waker>,
}

/// Splits a client's body into one that is sent and the copy that grows with it.
pub(super) fn keep(incoming: Incoming, budget: Arc<Budget>) -> (Copied, Kept) {
    let size = incoming.size_hint();
    let shared = Arc::new(Mutex::new(Shared {
        incoming,
        stall: Stall::default(),
        copy: Segments::default(),
        trailers: None,
        taken: 0,
        length: size.exact().and_then(|length| usize::try_from(length).ok()),
        sent: 0,
        sent_trailers: false,
        budget,
        whole: true,
        ended: false,
        turn: 0,
        waiting: None,
    }));
    (Copied { shared: Arc::clone(&shared), turn: 0, size }, Kept(shared))
}

impl Kept {
    /// Returns the body once more, from its start. `None` if it grew past what is kept.
    pub(super) fn again(&self, size: SizeHint) -> Option<Copied> {
        let mut shared = lock(&self.0);
        if !shared.whole {
            return None;
        }
        shared.turn += 1;
        (shared.sent, shared.sent_trailers) = (0, false);
        if let Some(earlier) = shared.waiting.take() {
            earlier.wake();
        }
        Some(Copied { shared: Arc::clone(&self.0), turn: shared.turn, size })
    }
}

impl Drop for Kept {
    /// The answer is there: what still streams needs no copy. What of the copy has not been sent
    /// yet is still to be sent.
    fn drop(&mut self) {
        let mut shared = lock(&self.0);
        shared.whole = false;
        if shared.has_sent_all() {
            shared.forget();
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.forget();
    }
}

impl Shared {
    fn has_sent_all(&self) -> bool {
        self.sent >= self.copy.length() && (self.sent_trailers || self.trailers.is_none())
    }

    fn forget(&mut self) {
        self.whole = false;
        (self.copy, self.trailers, self.sent) = (Segments::default(), None, 0);
        self.budget.give_back(std::mem::take(&mut self.taken));
    }

    /// The next piece of the copy that has not been sent yet.
    fn next_of_copy(&mut self) -> Option<Frame<Bytes>> {
        if let Some(piece) = self.copy.at(self.sent) {
            self.sent += piece.len();
            return Some(Frame::data(piece));
        }
        let trailers = self.trailers.clone().filter(|_| !self.sent_trailers)?;
        self.sent_trailers = true;
        Some(Frame::trailers(trailers))
    }

    /// Keeps what the client sent, and what is sent at once.
    fn note(&mut self, frame: &Frame<Bytes>) {
        if !self.whole {
            return;
        }
        let most = self.budget.limits.per_request;
        let taken = match (frame.data_ref(), frame.trailers_ref()) {
            (Some(data), _) if data.len() <= most.saturating_sub(self.copy.length()) => {
                let taken = self.copy.append(data, self.length.unwrap_or(most).min(most));
                self.sent = self.copy.length();
                taken
            }
            (Some(_), _) => return self.forget(),
            (None, Some(trailers)) => {
                (self.trailers, self.sent_trailers) = (Some(trailers.clone()), true);
                cost(trailers)
            }
            (None, None) => return,
        };
        if self.budget.take(self.copy.length(), taken) {
            self.taken += taken;
        } else {
            self.forget();
        }
    }
}

/// What fields cost to keep, with what a map of them costs besides.
fn cost(fields: &HeaderMap) -> usize {
    const EACH: usize = 256;
    fields.iter().map(|(name, value)| name.as_str().len() + value.len() + EACH).sum()
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
        if let Some(frame) = shared.next_of_copy() {
            return Poll::Ready(Some(Ok(frame)));
        }
        if !shared.whole && shared.taken > 0 {
            shared.forget();
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
        shared.turn == self.turn && shared.ended && shared.has_sent_all()
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
        assert!(budget.take(100, 100) && !budget.take(101, 1) && budget.take(100, 100));
        assert!(!budget.take(51, 51) && budget.take(50, 50));
        assert!(!budget.take(1, 1) && !budget.take(1, usize::MAX) && !budget.take(usize::MAX, 1));
        budget.give_back(250);
        assert_eq!(budget.used.load(Ordering::Relaxed), 0);
        assert!(budget.could_keep(&SizeHint::with_exact(100)));
        assert!(!budget.could_keep(&SizeHint::with_exact(101)));
        assert!(budget.could_keep(&SizeHint::default()));
    }
}
