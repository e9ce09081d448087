//! The HTTP/1.1 server: listens on loopback, reads requests whole, acts the core's replies out.
//!
//! Plain HTTP, and nobody but this machine: tokens of a sandbox are worth nothing elsewhere.

mod body;
pub(crate) mod thread;

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use crate::reply::{self, Ending, InFlight, Reply};
use crate::sandbox::Sandbox;
use body::ReplyBody;
use thread::ServerThread;

/// Connections that may wait to be accepted; the kernel may allow fewer.
const BACKLOG: u32 = 4096;
/// The largest request body, in bytes.
const LARGEST_BODY: usize = 64 * 1024 * 1024;
/// How often a port that is free on 127.0.0.1 is looked for on `::1` too.
const PORT_TRIES: usize = 16;
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address is not on loopback.
    #[error(
        "{0} is not a loopback address; the sandbox speaks plain HTTP and serves this machine only"
    )]
    NotLoopback(SocketAddr),
    /// The address can't be listened on.
    #[error("can't listen on {addr}: {source}")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The server's own thread or runtime can't be started.
    #[error("can't start the server's thread: {0}")]
    Thread(#[source] io::Error),
}

/// A running server. Dropping it ends it, with every connection.
#[derive(Debug)]
pub struct Server {
    /// Where it listens; the port is the real one.
    pub addr: SocketAddr,
    stop: oneshot::Sender<()>,
    task: AbortOnDrop,
}

#[derive(Debug)]
struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Server {
    /// Serves on one loopback address; port 0 takes a free one. Needs a tokio runtime with I/O and time.
    ///
    /// # Errors
    /// [`ServeError::NotLoopback`] and [`ServeError::Listen`].
    pub async fn start(sandbox: Sandbox, addr: SocketAddr) -> Result<Self, ServeError> {
        let (listener, addr) = listen(addr)?;
        Ok(Self::run(sandbox, addr, listener, None))
    }

    /// Serves on 127.0.0.1 and on `::1` with the same port; port 0 takes one that is free on both. `addr` is the
    /// former.
    ///
    /// # Errors
    /// [`ServeError::Listen`] when one of the two can't be had.
    pub async fn start_on_both(sandbox: Sandbox, port: u16) -> Result<Self, ServeError> {
        let on = |ip: IpAddr, port| listen(SocketAddr::new(ip, port));
        let mut tries = 1;
        loop {
            let (v4, addr) = on(Ipv4Addr::LOCALHOST.into(), port)?;
            match on(Ipv6Addr::LOCALHOST.into(), addr.port()) {
                Ok((v6, _)) => return Ok(Self::run(sandbox, addr, v4, Some(v6))),
                Err(_) if port == 0 && tries < PORT_TRIES => tries += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Serves on a free port of 127.0.0.1, from a thread of its own.
    ///
    /// # Errors
    /// [`ServeError::Thread`] and [`ServeError::Listen`].
    pub fn spawn_thread(sandbox: Sandbox) -> Result<ServerThread, ServeError> {
        ServerThread::start(sandbox)
    }

    fn run(sandbox: Sandbox, addr: SocketAddr, a: TcpListener, b: Option<TcpListener>) -> Self {
        let (stop, stopped) = oneshot::channel();
        let task = AbortOnDrop(tokio::spawn(accept_all(sandbox, a, b, stopped)));
        Self { addr, stop, task }
    }

    /// The base URL, `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Stops listening, ends every connection and waits until that has happened.
    pub async fn shutdown(self) {
        let Self { stop, mut task, .. } = self;
        drop(stop);
        // The task can't fail: it was neither aborted nor does it panic.
        drop((&mut task.0).await);
    }
}

fn listen(addr: SocketAddr) -> Result<(TcpListener, SocketAddr), ServeError> {
    if !addr.ip().is_loopback() {
        return Err(ServeError::NotLoopback(addr));
    }
    let attempt = || {
        let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        socket.bind(addr)?;
        let listener = socket.listen(BACKLOG)?;
        let addr = listener.local_addr()?;
        Ok((listener, addr))
    };
    attempt().map_err(|source| ServeError::Listen { addr, source })
}

async fn accept_all(
    sandbox: Sandbox,
    a: TcpListener,
    b: Option<TcpListener>,
    mut stopped: oneshot::Receiver<()>,
) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            _ = &mut stopped => break,
            Some(_) = connections.join_next() => continue,
            accepted = a.accept() => accepted,
            accepted = accept(b.as_ref()) => accepted,
        };
        match accepted {
            Ok((stream, _)) => drop(connections.spawn(serve(sandbox.clone(), stream))),
            // Too many open files, mostly: wait for connections to end.
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
    connections.shutdown().await;
}

async fn accept(listener: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => pending().await,
    }
}

async fn serve(sandbox: Sandbox, stream: TcpStream) {
    // Slow bodies come in pieces that must not be gathered; if it fails they are.
    drop(stream.set_nodelay(true));
    let service = service_fn(|request| respond(&sandbox, request));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // Errors here are clients that went away, and resets that were asked for.
    drop(connection.await);
}

/// The connection is to close without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection closes without an answer")]
struct Closed;

async fn respond(
    sandbox: &Sandbox,
    request: Request<Incoming>,
) -> Result<Response<ReplyBody>, Closed> {
    let (head, body) = request.into_parts();
    let reply = match Limited::new(body, LARGEST_BODY).collect().await {
        Ok(body) => sandbox.handle(Request::from_parts(head, body.to_bytes())),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => too_large(),
        Err(_) => return Err(Closed),
    };
    let Reply { delay, response, ending, in_flight } = reply;
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    match ending {
        Ending::Reset => Err(Closed),
        Ending::Stall { headers: false } => {
            let never: Infallible = pending().await;
            match never {}
        }
        // Released before the last byte: who asks again after the answer was never at the endpoint twice.
        Ending::Complete => {
            drop(in_flight);
            Ok(body::act_out(response, ending, InFlight::uncounted()))
        }
        _ => Ok(body::act_out(response, ending, in_flight)),
    }
}

fn too_large() -> Reply {
    Reply {
        delay: Duration::ZERO,
        response: reply::empty(StatusCode::PAYLOAD_TOO_LARGE),
        ending: Ending::Complete,
        in_flight: InFlight::uncounted(),
    }
}
