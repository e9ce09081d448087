//! One connection to the API with HTTP/1.1.
//!
//! It has no task of its own: whoever waits for its answer drives it. A request that comes in on
//! one connection and goes out on another is then the work of one task, without handing over and
//! waking up in between. A connection that nobody uses is not driven at all.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use tokio::task::coop::unconstrained;
use tokio::time::{Instant, Sleep, sleep_until};

use super::ANSWER;
use crate::gateway::body::RequestBody;

type Connection = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// Why a request has no answer.
pub(super) enum Unanswered {
    /// With the request, if nothing of it was sent.
    Broken(hyper::Error, Option<Box<Request<RequestBody>>>),
    Timeout,
}

/// An answer, and whether its connection must be driven further for the sake of the request.
pub(super) struct Answered {
    pub(super) answer: Response<Incoming>,
    pub(super) still_sending: bool,
}

pub(super) struct Http1 {
    sender: http1::SendRequest<RequestBody>,
    /// None when it has ended.
    connection: Option<Connection>,
    /// One for all requests: to put off the end of a wait costs less than to begin and end one.
    patience: Option<Pin<Box<Sleep>>>,
}

impl Http1 {
    pub(super) fn new(
        sender: http1::SendRequest<RequestBody>,
        connection: impl Future<Output = hyper::Result<()>> + Send + 'static,
    ) -> Self {
        Self { sender, connection: Some(Box::pin(connection)), patience: None }
    }

    /// Whether the API still listens here, as far as that is known.
    pub(super) fn is_open(&mut self) -> bool {
        // Whoever drove it last is not woken any more.
        self.drive(&mut Context::from_waker(Waker::noop()));
        !self.sender.is_closed()
    }

    /// Whether the last answer has come to its end, and its request too.
    pub(super) fn is_free(&self) -> bool {
        self.sender.is_ready()
    }

    /// Lets what can be read and written be read and written.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        drive(&mut self.connection, cx);
    }

    /// Drives until the connection is free. Returns whether it is: it may also end.
    pub(super) async fn freed(&mut self) -> bool {
        poll_fn(|cx| {
            self.drive(cx);
            match (self.sender.is_closed(), self.is_free()) {
                (true, _) => Poll::Ready(false),
                (false, true) => Poll::Ready(true),
                (false, false) => Poll::Pending,
            }
        })
        .await
    }

    pub(super) async fn send(
        &mut self,
        request: Request<RequestBody>,
    ) -> Result<Answered, Unanswered> {
        let has_body = !request.body().is_end_stream();
        let deadline = Instant::now() + ANSWER;
        let patience = self.patience.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        patience.as_mut().reset(deadline);
        // What comes of it comes out of the connection, which is driven first each time: no other
        // waker is needed, and no share of the task's budget, which could make it seem pending.
        let mut answer = pin!(unconstrained(self.sender.try_send_request(request)));
        let connection = &mut self.connection;
        let sent = poll_fn(|cx| {
            drive(connection, cx);
            match answer.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(answer) => Poll::Ready(Some(answer)),
                Poll::Pending => patience.as_mut().poll(cx).map(|()| None),
            }
        });
        match sent.await {
            Some(Ok(answer)) => Ok(Answered { answer, still_sending: has_body && !self.is_free() }),
            Some(Err(mut error)) => {
                let request = error.take_message().map(Box::new);
                Err(Unanswered::Broken(error.into_error(), request))
            }
            None => Err(Unanswered::Timeout),
        }
    }
}

/// What it ended with is told to whoever waits for an answer.
fn drive(connection: &mut Option<Connection>, cx: &mut Context<'_>) {
    if let Some(running) = connection
        && running.as_mut().poll(cx).is_ready()
    {
        *connection = None;
    }
}
