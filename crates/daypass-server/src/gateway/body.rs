//! Bodies on their way: what a client sends, what the API answers, what the gateway says itself.
//! All stream; none is collected.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Sleep, sleep};

use super::replay::{Copied, without_forbidden};
use super::upstream::Lease;

/// How long a client may send nothing of a body that it promised.
pub(super) const STALL: Duration = Duration::from_secs(60);

/// Why a request's body did not come to its end.
#[derive(Debug)]
pub(super) enum BodyError {
    /// The client's connection broke, or its framing was wrong.
    Client(hyper::Error),
    /// The client sent nothing for [`STALL`].
    Stalled,
    /// The request is being sent anew.
    Superseded,
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client(_) => "the client's body broke off",
            Self::Stalled => "the client stopped sending its body",
            Self::Superseded => "the request is sent anew",
        })
    }
}

impl std::error::Error for BodyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Client(error) => Some(error),
            _ => None,
        }
    }
}

/// The time since something last moved; costs nothing while things move.
#[derive(Default)]
pub(super) struct Stall(Option<Pin<Box<Sleep>>>);

impl Stall {
    pub(super) fn moved(&mut self) {
        self.0 = None;
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.get_or_insert_with(|| Box::pin(sleep(STALL))).as_mut().poll(cx)
    }
}

/// A request's body.
pub(super) enum RequestBody {
    Empty,
    /// Sent once.
    Once(Incoming, Stall),
    /// Sent, and kept to be sent again.
    Kept(Copied),
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Once(incoming, stall) => {
                let Poll::Ready(frame) = Pin::new(incoming).poll_frame(cx) else {
                    ready!(stall.poll(cx));
                    return Poll::Ready(Some(Err(BodyError::Stalled)));
                };
                stall.moved();
                let frame = frame.map(|frame| frame.map(without_forbidden));
                Poll::Ready(frame.map(|frame| frame.map_err(BodyError::Client)))
            }
            Self::Kept(copied) => Pin::new(copied).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Once(incoming, _) => incoming.is_end_stream(),
            Self::Kept(copied) => copied.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Once(incoming, _) => incoming.size_hint(),
            Self::Kept(copied) => copied.size_hint(),
        }
    }
}

/// An answer's body.
pub(super) enum AnswerBody {
    /// What the gateway says itself.
    Whole(Option<Bytes>),
    /// The API's.
    Upstream(Streamed),
}

/// The API's body, with the connection that it comes from: it is used again when the body has
/// come to its end.
pub(super) struct Streamed {
    incoming: Incoming,
    lease: Option<Lease>,
    /// What broke it off, once what came before is on its way to the client.
    broken: Option<hyper::Error>,
}

impl Streamed {
    pub(super) fn new(incoming: Incoming, lease: Option<Lease>) -> Self {
        let mut streamed = Self { incoming, lease, broken: None };
        if streamed.incoming.is_end_stream() {
            streamed.ended();
        }
        streamed
    }

    /// Nobody reads the rest: a short one is read away, so that the connection can be used again.
    pub(super) fn let_go(mut self) {
        const SHORT: u64 = 16 * 1024;
        let short = self.size_hint().upper().is_some_and(|bytes| bytes <= SHORT);
        if short && self.lease.is_some() {
            tokio::spawn(async move { while let Some(Ok(_)) = self.frame().await {} });
        }
    }

    fn poll_incoming(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let mut incoming = Pin::new(&mut self.incoming);
        let Some(Lease::Reader(link)) = &mut self.lease else { return incoming.poll_frame(cx) };
        // What comes, comes when the connection is driven: nobody else has anything to wake.
        let unwoken = &mut Context::from_waker(Waker::noop());
        if let Poll::Ready(frame) = incoming.as_mut().poll_frame(unwoken) {
            return Poll::Ready(frame);
        }
        link.drive(cx);
        incoming.poll_frame(unwoken)
    }

    fn ended(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.give_back();
        }
    }
}

impl Body for Streamed {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Some(error) = self.broken.take() {
            return Poll::Ready(Some(Err(error)));
        }
        match ready!(self.poll_incoming(cx)) {
            Some(Ok(frame)) => {
                if self.incoming.is_end_stream() {
                    self.ended();
                }
                Poll::Ready(Some(Ok(without_forbidden(frame))))
            }
            // At an error the client's connection is closed with all that it has not yet taken.
            Some(Err(error)) => {
                self.broken = Some(error);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            None => {
                self.ended();
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Upstream(streamed) => Pin::new(streamed).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Upstream(streamed) => streamed.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Upstream(streamed) => streamed.size_hint(),
        }
    }
}
