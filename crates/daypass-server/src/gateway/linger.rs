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

pub(super) struct Linger {
    stream: TcpStream,
    shut: bool,
    /// Runs once unread bytes were found.
    left: Option<Pin<Box<Sleep>>>,
}

impl Linger {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, shut: false, left: None }
    }

    /// Throws away what there is. Ready when no more comes, or when nothing had come at first: then
    /// nobody is sending.
    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut scratch = [0; 16 * 1024];
        loop {
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending if self.left.is_none() => return Poll::Ready(()),
                Poll::Pending => break,
            }
            let left = self.left.get_or_insert_with(|| Box::pin(sleep(LINGER)));
            if left.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
        }
        self.left.as_mut().map_or(Poll::Ready(()), |left| left.as_mut().poll(cx))
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
