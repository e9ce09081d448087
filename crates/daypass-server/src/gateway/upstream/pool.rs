//! The connections to the API that are open.
//!
//! The upstream is one authority, so this is a stack: whoever used a connection last is used
//! next. With HTTP/2 there is one connection for all.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::Context;
use std::time::Duration;

use http::{Request, Response};
use hyper::client::conn::http2;
use tokio::time::{sleep, timeout};

use super::ANSWER;
use super::connect::{Connector, NoConnection};
use super::link::{Http1, Unanswered};
use crate::gateway::body::{RequestBody, Streamed};

/// Connections that are kept at most.
const MOST: usize = 512;
/// A connection that nobody used for two to three of these is closed: less than the 60 s after
/// which many load balancers do it.
const SWEEP: Duration = Duration::from_secs(16);

/// What the API speaks.
const UNKNOWN: u8 = 0;
const HTTP1: u8 = 1;
const HTTP2: u8 = 2;

/// One connection that a request can be sent on.
pub(super) enum Link {
    Http1(Http1),
    Http2(http2::SendRequest<RequestBody>),
}

pub(super) struct Pool {
    idle: Mutex<Vec<(u32, Http1)>>,
    shared: Mutex<Option<http2::SendRequest<RequestBody>>>,
    /// Held while the first connection is made, and each one with HTTP/2.
    opening: tokio::sync::Mutex<()>,
    speaks: AtomicU8,
    sweeping: AtomicBool,
    sweeps: AtomicU32,
}

impl Pool {
    /// `negotiates` is whether a connection shows only when it is open what the API speaks.
    pub(super) fn new(negotiates: bool) -> Self {
        Self {
            idle: Mutex::default(),
            shared: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
            speaks: AtomicU8::new(if negotiates { UNKNOWN } else { HTTP1 }),
            sweeping: AtomicBool::new(false),
            sweeps: AtomicU32::new(0),
        }
    }

    /// Takes a connection that is open and free.
    pub(super) fn take(&self) -> Option<Link> {
        if self.speaks.load(Ordering::Relaxed) == HTTP2 {
            let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
            return shared.clone().filter(|link| !link.is_closed()).map(Link::Http2);
        }
        loop {
            let (_, mut link) = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            if link.is_open() {
                return Some(Link::Http1(link));
            }
        }
    }

    /// Makes a connection, or takes one that somebody else made meanwhile for all.
    pub(super) async fn open(&self, connector: &Connector) -> Result<Link, NoConnection> {
        if self.speaks.load(Ordering::Relaxed) == HTTP1 {
            return connector.open().await;
        }
        let _opening = self.opening.lock().await;
        match self.speaks.load(Ordering::Relaxed) {
            HTTP1 => return connector.open().await,
            HTTP2 => {
                if let Some(link) = self.take() {
                    return Ok(link);
                }
            }
            _ => {}
        }
        let link = connector.open().await?;
        match &link {
            Link::Http1(_) => self.speaks.store(HTTP1, Ordering::Relaxed),
            Link::Http2(sender) => {
                let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
                *shared = Some(sender.clone());
                self.speaks.store(HTTP2, Ordering::Relaxed);
            }
        }
        Ok(link)
    }

    /// Closes the connections that nobody uses.
    pub(super) fn forget_idle(&self) {
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        drop(idle);
    }

    /// Keeps a connection that is free.
    fn put(self: Arc<Self>, link: Http1) {
        let now = self.sweeps.load(Ordering::Relaxed);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MOST {
            idle.push((now, link));
        }
        drop(idle);
        if !self.sweeping.swap(true, Ordering::Relaxed) {
            tokio::spawn(sweep(Arc::downgrade(&self)));
        }
    }

    /// Closes what nobody used for long. Returns whether anything is left.
    fn age(&self) -> bool {
        let now = self.sweeps.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain_mut(|(since, link)| now.wrapping_sub(*since) < 3 && link.is_open());
        if idle.is_empty() {
            self.sweeping.store(false, Ordering::Relaxed);
        }
        !idle.is_empty()
    }
}

async fn sweep(pool: Weak<Pool>) {
    loop {
        sleep(SWEEP).await;
        match pool.upgrade() {
            Some(pool) if pool.age() => {}
            _ => return,
        }
    }
}

/// The connection that an answer still comes from.
pub(in crate::gateway) enum Lease {
    /// Whoever reads the answer drives it.
    Reader(Reader),
    /// A task drives it: the request is still being sent, and that must not wait for the reader.
    Task,
}

pub(in crate::gateway) struct Reader {
    link: Http1,
    pool: Arc<Pool>,
}

impl Reader {
    /// Lets more of the answer come.
    pub(in crate::gateway) fn drive(&mut self, cx: &mut Context<'_>) {
        self.link.drive(cx);
    }

    fn give_back(self) {
        let Self { mut link, pool } = self;
        if link.is_free() {
            return pool.put(link);
        }
        tokio::spawn(async move {
            if link.freed().await {
                pool.put(link);
            }
        });
    }
}

impl Lease {
    fn new(link: Http1, pool: &Arc<Pool>, still_sending: bool) -> Self {
        let reader = Reader { link, pool: Arc::clone(pool) };
        if still_sending {
            reader.give_back();
            return Self::Task;
        }
        Self::Reader(reader)
    }

    /// The answer has come to its end.
    pub(in crate::gateway) fn give_back(self) {
        if let Self::Reader(reader) = self {
            reader.give_back();
        }
    }
}

impl Link {
    /// Sends a request.
    pub(super) async fn send(
        self,
        request: Request<RequestBody>,
        pool: &Arc<Pool>,
    ) -> Result<Response<Streamed>, Unanswered> {
        match self {
            Self::Http1(mut link) => {
                let answered = link.send(request).await?;
                let lease = Lease::new(link, pool, answered.still_sending);
                Ok(answered.answer.map(|body| Streamed::new(body, Some(lease))))
            }
            Self::Http2(link) => Box::pin(send_http2(link, request)).await,
        }
    }
}

async fn send_http2(
    mut link: http2::SendRequest<RequestBody>,
    request: Request<RequestBody>,
) -> Result<Response<Streamed>, Unanswered> {
    match timeout(ANSWER, link.try_send_request(request)).await {
        Ok(Ok(answer)) => Ok(answer.map(|body| Streamed::new(body, None))),
        Ok(Err(mut error)) => {
            let request = error.take_message().map(Box::new);
            Err(Unanswered::Broken(error.into_error(), request))
        }
        Err(_) => Err(Unanswered::Timeout),
    }
}
