//! The end of a client's connection while the client still sends: an answer that came before its body
//! was read. To close what has unread bytes resets it, and the client loses the answer with it. So
//! writing ends first, and what still comes is thrown away for a while (RFC 9112 section 9.6).
//!
//! And the end of what a client sends while its request is under way: it may have closed one direction
//! only, and wait for the answer (RFC 9112 section 9.6 again), or be gone, and its request with it. TCP
//! does not tell the two apart; on Linux the kernel does, which knows whether a process has that end.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use crate::crowd::Connection;
use crate::peer::Peers;

/// How long a client that still sends has to read the answer and close.
const LINGER: Duration = Duration::from_secs(5);

/// How long one is waited for that sends nothing just now: it may be in the middle of it. Who has
/// nothing to send closes when the answer ends, and is not waited for.
const PAUSE: Duration = Duration::from_millis(250);

/// How often it is asked whether a client that sends no more is still there.
const LOOK: Duration = Duration::from_secs(1);

pub(super) struct Linger {
    stream: TcpStream,
    peers: Arc<Peers>,
    guest: Connection,
    /// When a client that sends no more is looked for again.
    look: Option<Pin<Box<Sleep>>>,
    shut: bool,
    /// Whether bytes came after the end.
    sends: bool,
    left: Option<Pin<Box<Sleep>>>,
}

impl Linger {
    pub(super) fn new(stream: TcpStream, peers: Arc<Peers>, guest: Connection) -> Self {
        Self { stream, peers, guest, look: None, shut: false, sends: false, left: None }
    }

    /// Whether the client has gone away. It wakes when it might have; to ask costs no system call as
    /// long as the client may still send.
    fn is_gone(&mut self, cx: &mut Context<'_>) -> bool {
        match self.stream.poll_read_ready(cx) {
            Poll::Pending => return false,
            Poll::Ready(Err(_)) => return true,
            Poll::Ready(Ok(())) => {}
        }
        let ready = pin!(self.stream.ready(Interest::READABLE));
        let ready = ready.poll(&mut Context::from_waker(Waker::noop()));
        if !matches!(ready, Poll::Ready(Ok(ready)) if ready.is_read_closed()) {
            return false;
        }
        loop {
            if let Some(look) = &mut self.look
                && look.as_mut().poll(cx).is_pending()
            {
                return false;
            }
            if !self.peers.is_there(&self.stream) {
                return true;
            }
            self.look = Some(Box::pin(sleep(LOOK)));
        }
    }

    /// Throws away what there is. Ready when no more comes, or nothing does for a while.
    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut scratch = [0; 16 * 1024];
        loop {
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => break,
            }
            if !std::mem::replace(&mut self.sends, true) {
                self.left = Some(Box::pin(sleep(LINGER)));
            }
            if self.left.as_mut().is_some_and(|left| left.as_mut().poll(cx).is_ready()) {
                return Poll::Ready(());
            }
        }
        self.left.get_or_insert_with(|| Box::pin(sleep(PAUSE))).as_mut().poll(cx)
    }
}

impl AsyncRead for Linger {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Linger {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // This is asked in each turn of a connection, when nothing is left to be written.
        if self.guest.is_busy() && self.is_gone(cx) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.shut {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            self.shut = true;
        }
        self.poll_discard(cx).map(Ok)
    }
}
