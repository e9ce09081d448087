//! The end of a client's connection while the client still sends: an answer that came before its body
//! was read. To close what has unread bytes resets it, and the client loses the answer with it. So
//! writing ends first, and what still comes is thrown away for a while (RFC 9112 section 9.6).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// How long a client that still sends has to read the answer and close.
const LINGER: Duration = Duration::from_secs(5);

/// How long one is waited for that sends nothing just now: it may be in the middle of it. Who has
/// nothing to send closes when the answer ends, and is not waited for.
const PAUSE: Duration = Duration::from_millis(250);

pub(super) struct Linger {
    stream: TcpStream,
    shut: bool,
    /// Whether bytes came after the end.
    sends: bool,
    left: Option<Pin<Box<Sleep>>>,
}

impl Linger {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, shut: false, sends: false, left: None }
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
