//! An API may answer before it has read the whole request, and close its connection then. What is
//! still written to it fails before the answer is read, and the HTTP library would give up there.
//!
//! So what cannot be written is thrown away, and whoever waits learns from reading what became of
//! the request: an answer, or that the connection broke.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};

pub(super) struct Early<T> {
    io: T,
    closed: bool,
}

impl<T> Early<T> {
    pub(super) fn new(io: T) -> Self {
        Self { io, closed: false }
    }

    fn or_thrown_away<N>(
        &mut self,
        done: Poll<io::Result<N>>,
        thrown_away: N,
    ) -> Poll<io::Result<N>> {
        match done {
            Poll::Ready(Err(_)) => {
                self.closed = true;
                Poll::Ready(Ok(thrown_away))
            }
            done => done,
        }
    }
}

impl<T: Read + Unpin> Read for Early<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<T: Write + Unpin> Write for Early<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.closed {
            return Poll::Ready(Ok(buf.len()));
        }
        let done = Pin::new(&mut self.io).poll_write(cx, buf);
        self.or_thrown_away(done, buf.len())
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all = || bufs.iter().map(|buf| buf.len()).sum();
        if self.closed {
            return Poll::Ready(Ok(all()));
        }
        let done = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.or_thrown_away(done, all())
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.closed {
            return Poll::Ready(Ok(()));
        }
        let done = Pin::new(&mut self.io).poll_flush(cx);
        self.or_thrown_away(done, ())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
