//! A response body that behaves as an [`Ending`] says: whole, slow, cut short, or never.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Response};
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use crate::reply::{Ending, InFlight};

/// Between the last byte of a truncated body and the end of its connection: the server must have written it.
const FLUSH_PAUSE: Duration = Duration::from_millis(20);

/// A body with what is left of it.
pub(crate) struct ReplyBody {
    rest: Bytes,
    /// Bytes a piece.
    chunk: usize,
    /// Time between two pieces.
    every: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    finish: Finish,
    /// The request counts as under way until its answer has been given.
    _in_flight: InFlight,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Finish {
    Done,
    Hang,
    Abort,
}

/// Makes the response that hyper sends.
pub(crate) fn act_out(
    mut response: Response<Bytes>,
    ending: Ending,
    in_flight: InFlight,
) -> Response<ReplyBody> {
    let whole = response.body().len();
    let mut promise = |bytes: usize| {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(bytes));
    };
    let (sent, chunk, every, finish) = match ending {
        Ending::Stall { .. } => {
            promise(whole.max(1));
            (0, 1, Duration::ZERO, Finish::Hang)
        }
        Ending::Truncated { after } => {
            let sent = after.min(whole);
            promise(whole.max(sent + 1));
            (sent, sent.max(1), Duration::ZERO, Finish::Abort)
        }
        Ending::Slow { chunk, every } => (whole, chunk.max(1), every, Finish::Done),
        Ending::Complete | Ending::Reset => (whole, whole.max(1), Duration::ZERO, Finish::Done),
    };
    response.map(|mut rest| {
        rest.truncate(sent);
        ReplyBody { rest, chunk, every, timer: None, finish, _in_flight: in_flight }
    })
}

/// The body ends before its promised length.
#[derive(Debug, thiserror::Error)]
#[error("the body was to be cut here")]
pub(crate) struct Cut;

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        if let Some(timer) = self.timer.as_mut() {
            ready!(timer.as_mut().poll(cx));
            self.timer = None;
            if self.rest.is_empty() {
                return Poll::Ready(Some(Err(Cut)));
            }
        }
        if self.rest.is_empty() {
            return match self.finish {
                Finish::Done => Poll::Ready(None),
                Finish::Hang => Poll::Pending,
                Finish::Abort => {
                    self.timer = Some(Box::pin(sleep(FLUSH_PAUSE)));
                    self.poll_frame(cx)
                }
            };
        }
        let chunk = self.chunk.min(self.rest.len());
        let piece = self.rest.split_to(chunk);
        if !self.rest.is_empty() && !self.every.is_zero() {
            self.timer = Some(Box::pin(sleep(self.every)));
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.finish == Finish::Done && self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        match self.finish {
            Finish::Done => SizeHint::with_exact(self.rest.len() as u64),
            Finish::Hang | Finish::Abort => SizeHint::default(),
        }
    }
}
