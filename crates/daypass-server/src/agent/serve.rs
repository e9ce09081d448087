//! The socket's loop: who may connect, how many, how long, and how it ends.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::PoisonError;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::http::header::{HOST, ORIGIN};
use axum::response::IntoResponse as _;
use daypass::{Code, Error, peer_of, printable};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixStream};
use tokio::time::{sleep, timeout};
use tower_service::Service as _;

use super::life::Over;
use super::socket::AgentSocket;
use super::{Agent, api, reply};
use crate::crowd::{Connection, Crowd, Room};
use crate::descriptors;
use crate::peer::Peers;

/// How many connections are served at once. One more takes the place of the one that has had no
/// request under way for the longest.
const CONNECTIONS: usize = if cfg!(test) { 32 } else { descriptors::AGENT };
/// How many of them may be for metrics.
const WATCHERS: usize = 8;
/// How long a request's head may take, and how long a connection may be idle.
const HEAD: Duration = Duration::from_secs(10);
/// How long a connection may last: longer than the longest wait for a token.
const CONNECTION: Duration = Duration::from_secs(330);
/// The longest head of a request, in bytes.
const MAX_HEAD: usize = 16 * 1024;
const MAX_FIELDS: usize = 64;
/// How long what is under way may take once the end has come.
const DRAIN: Duration = Duration::from_secs(30);
/// How long to wait when connections cannot be taken for want of descriptors.
const BREATH: Duration = Duration::from_millis(100);

/// Why an agent ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// It was told to by whoever runs it.
    Told,
    /// Somebody asked it to on the socket.
    Asked,
    /// Nobody asked for anything.
    Idle,
    /// Its time was over.
    Lifetime,
}

pub(super) async fn serve(
    agent: &Agent,
    mut socket: AgentSocket,
    stop: impl Future<Output = ()>,
) -> Result<Why, Error> {
    let inner = &agent.inner;
    let failed =
        |error: io::Error| Error::new(Code::Internal, format!("the agent's socket fails: {error}"));
    let listener = socket.listen().map_err(failed)?;
    agent.listen().await?;
    let watchers = watch(agent);
    let graceful = GracefulShutdown::new();
    let crowd = Crowd::new(CONNECTIONS.min(descriptors::shares().agent));
    let router = api::router(agent);
    let mut told = false;
    let mut stop = pin!(stop);
    let used = || inner.parts.iter().map(|part| part.used()).sum();
    let busy = || inner.parts.iter().any(|part| part.is_busy());
    let mut over = pin!(inner.life.over(&*inner.clock, used, busy));
    let why = loop {
        // Whoever is not welcome takes nobody's room.
        let accepted = async {
            let (stream, _) = listener.accept().await?;
            let welcome = is_welcome(agent, &stream);
            let room = if welcome { Some(crowd.enter().await) } else { None };
            Ok::<_, io::Error>(room.map(|room| (stream, room)))
        };
        tokio::select! {
            accepted = accepted => match accepted {
                Ok(Some((stream, room))) => serve_in(room, &graceful, stream, router.clone()),
                Ok(None) => {}
                Err(error) => {
                    crowd.send_one_away();
                    if !std::mem::replace(&mut told, true) {
                        tracing::warn!("no connection can be taken: {error}");
                    }
                    sleep(BREATH).await;
                }
            },
            () = &mut stop => break Why::Told,
            () = inner.stop.notified() => break Why::Asked,
            over = &mut over => break match over {
                Over::Idle => Why::Idle,
                Over::Lifetime => Why::Lifetime,
            },
        }
    };
    watchers.iter().for_each(tokio::task::JoinHandle::abort);
    // Whoever connects from now on is told that nobody is there, instead of waiting for nothing.
    socket.close();
    drop(listener);
    if timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("the agent ends, though somebody still waits for an answer");
    }
    drop(socket);
    Ok(why)
}

/// Whether the peer is this user, beyond doubt. Nothing is said to anybody else.
fn is_welcome(agent: &Agent, stream: &UnixStream) -> bool {
    match peer_of(stream) {
        Ok(peer) if peer.is_own() => true,
        Ok(peer) => {
            agent.inner.metrics.turned_away();
            tracing::warn!("a process of uid {} was turned away", peer.uid);
            false
        }
        Err(_) => false,
    }
}

/// Serves one connection in its room, elsewhere.
fn serve_in<S>(room: Room, graceful: &GracefulShutdown, stream: S, router: Router)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let guest = room.of();
    let served = connection(graceful, stream, guest.clone(), router);
    let task = tokio::spawn(async move {
        served.await;
        drop(room);
    });
    guest.served_by(task.abort_handle());
}

/// Serves one connection; the future is to be driven elsewhere.
fn connection<S>(
    graceful: &GracefulShutdown,
    stream: S,
    guest: Connection,
    router: Router,
) -> impl Future<Output = ()> + use<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let (mut router, busy) = (router.clone(), guest.begin());
        async move {
            let answer = router.call(request.map(Body::new)).await?;
            Ok::<_, Infallible>(answer.map(|body| busy.until_sent(body)))
        }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_FIELDS)
        .serve_connection(TokioIo::new(stream), service);
    let served = graceful.watch(served);
    async move {
        // A client that went away, or spoke no HTTP, or was too slow: nobody is left to be told.
        let _ = timeout(CONNECTION, served).await;
    }
}

/// Listens for those who watch, on both loopback addresses or on none.
pub(super) async fn listen(agent: &Agent, port: u16) -> Result<(), Error> {
    let failed = |error: io::Error| {
        Error::new(Code::Usage, format!("the port for metrics cannot be listened on: {error}"))
            .with_hint("is it taken? --metrics-port 0 takes a free one")
    };
    let first = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(failed)?;
    let port = first.local_addr().map_err(failed)?.port();
    let mut listeners = vec![first];
    match TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await {
        Ok(second) => listeners.push(second),
        // A machine without IPv6.
        Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {}
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
        Err(error) => return Err(failed(error)),
    }
    let _ = agent.inner.metrics_at.set(port);
    tracing::info!("metrics are at http://127.0.0.1:{port}/metrics");
    *agent.inner.watching.lock().unwrap_or_else(PoisonError::into_inner) = listeners;
    Ok(())
}

/// Answers those who watch.
fn watch(agent: &Agent) -> Vec<tokio::task::JoinHandle<()>> {
    let mut listeners = agent.inner.watching.lock().unwrap_or_else(PoisonError::into_inner);
    let port = agent.inner.metrics_at.get().copied().unwrap_or_default();
    let router = api::watching().with_state(agent.clone());
    listeners
        .drain(..)
        .map(|listener| tokio::spawn(watched(agent.clone(), listener, router.clone(), port)))
        .collect()
}

async fn watched(agent: Agent, listener: TcpListener, router: Router, port: u16) {
    let crowd = Crowd::new(WATCHERS);
    let peers = Peers::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            crowd.send_one_away();
            sleep(BREATH).await;
            continue;
        };
        if !peers.is_own(&stream) {
            agent.inner.metrics.turned_away();
            continue;
        }
        let room = crowd.enter().await;
        let guest = room.of();
        let (router, own) = (router.clone(), guest.clone());
        let task = tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let (mut router, busy) = (router.clone(), own.begin());
                async move {
                    let _busy = busy;
                    if is_from_elsewhere(&request, port) {
                        let error = Error::new(Code::AgentRefused, "this is for this machine only");
                        return Ok::<_, Infallible>(reply::problem(&error).into_response());
                    }
                    router.call(request.map(Body::new)).await
                }
            });
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD)
                .max_buf_size(MAX_HEAD)
                .serve_connection(TokioIo::new(stream), service);
            let _ = timeout(CONNECTION, served).await;
            drop(room);
        });
        guest.served_by(task.abort_handle());
    }
}

/// Whether a page in a browser sent this, or somebody who calls this machine by another name.
fn is_from_elsewhere(request: &Request<Incoming>, port: u16) -> bool {
    let headers = request.headers();
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let ours = [
        SocketAddr::from((Ipv4Addr::LOCALHOST, port)).to_string(),
        SocketAddr::from((Ipv6Addr::LOCALHOST, port)).to_string(),
        format!("localhost:{port}"),
    ];
    let foreign = !ours.iter().any(|own| host.eq_ignore_ascii_case(own));
    if foreign {
        tracing::debug!("metrics were asked of {}", printable(host));
    }
    foreign || headers.contains_key(ORIGIN)
}
