//! Connections of clients: accepted, checked for their user, served until they end or the gateway
//! is told to stop.

use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::counts::Event;
use super::exchange::Exchange;
use super::guard::Authorities;
use super::linger::Linger;
use super::listen::Port;
use super::timer::OneTimer;
use crate::crowd::{Connection, Crowd};
use crate::descriptors::is_exhausted;
use crate::peer::Peers;

/// How long the fields of a request may take to come, counted from the answer before: so long
/// an idle connection is kept too.
const HEADERS: Duration = Duration::from_secs(75);
/// The longest request line and fields, and the buffer of a connection, in bytes.
const BUFFER: usize = 64 * 1024;
/// After an accept that failed, mostly for want of descriptors.
const PAUSE: Duration = Duration::from_millis(10);

/// How far a stop has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    No,
    /// What is under way may end.
    Drain,
    /// Everything ends.
    Now,
}

/// Everything that one port needs.
pub(super) struct Door {
    pub(super) exchange: Arc<Exchange>,
    pub(super) authorities: Authorities,
    pub(super) peers: Arc<Peers>,
    pub(super) user: Option<u32>,
    /// Whether no credential is wanted.
    pub(super) open: bool,
    pub(super) crowd: Arc<Crowd>,
}

/// Serves a port until it is told to stop.
pub(super) async fn serve(port: Port, door: Door, mut stop: watch::Receiver<Stop>) {
    let door = Arc::new(door);
    let mut connections = JoinSet::new();
    let mut told = false;
    loop {
        let accepted = tokio::select! {
            accepted = accept(&port.v4) => accepted,
            accepted = accept_if(port.v6.as_ref()) => accepted,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            _ = stop.changed() => break,
        };
        match accepted {
            Ok((stream, peer)) if door.is_for(&stream, peer) => {
                let room = tokio::select! {
                    room = door.crowd.enter() => room,
                    _ = stop.changed() => break,
                };
                let guest = room.of();
                let served = connection(stream, Arc::clone(&door), guest.clone(), stop.clone());
                let task = connections.spawn(async move {
                    served.await;
                    drop(room);
                });
                guest.served_by(task);
            }
            Ok(_) => door.exchange.counts.count(Event::Stranger),
            Err(error) => {
                if is_exhausted(&error) {
                    door.make_room();
                    if !std::mem::replace(&mut told, true) {
                        tracing::warn!(
                            "no file descriptor is left for a connection to the gateway: idle ones \
                             are closed for it; raise the limit of open files (ulimit -n)"
                        );
                    }
                }
                sleep(PAUSE).await;
            }
        }
    }
    drop(port);
    let ended = async { while connections.join_next().await.is_some() {} };
    tokio::select! {
        () = ended => {}
        _ = stop.wait_for(|stop| *stop == Stop::Now) => {}
    }
}

async fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    listener.accept().await
}

async fn accept_if(listener: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => pending().await,
    }
}

impl Door {
    /// Closes what is not in use, so that a descriptor gets free.
    fn make_room(&self) {
        self.exchange.upstream.forget_idle();
        self.crowd.send_one_away();
    }

    /// Whether a connection comes from the user that the gateway runs as. Elsewhere than on Linux
    /// that is not known, and local credentials alone decide.
    fn is_for(&self, stream: &TcpStream, peer: SocketAddr) -> bool {
        let Some(user) = self.user else { return true };
        let owner = stream.local_addr().ok().and_then(|local| self.peers.owner(peer, local));
        owner == Some(user)
    }
}

async fn connection(
    stream: TcpStream,
    door: Arc<Door>,
    guest: Connection,
    stop: watch::Receiver<Stop>,
) {
    // If it fails, small answers come later.
    drop(stream.set_nodelay(true));
    let service = service_fn(|request| {
        let (door, busy) = (Arc::clone(&door), guest.begin());
        async move {
            let answer = door.exchange.answer(request, &door.authorities, door.open).await;
            Ok::<_, Infallible>(answer.map(|body| busy.until_sent(body)))
        }
    });
    let mut http = http1::Builder::new();
    http.timer(OneTimer::default())
        .header_read_timeout(HEADERS)
        // Who has gone away altogether is seen by `linger`.
        .half_close(true)
        .max_header_size(BUFFER)
        .max_buf_size(BUFFER);
    let stream = Linger::new(stream, Arc::clone(&door.peers), guest.clone());
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let told = stop.clone();
    let mut stopping = Some(Box::pin(has_stopped(stop)));
    let mut waiting: Option<Waker> = None;
    // Errors here are clients that went away, and what was no HTTP.
    drop(
        poll_fn(|cx| {
            // Whoever waits for a stop waits in a list under a lock: once is enough.
            let waits = waiting.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
            if !waits || told.has_changed().unwrap_or(true) {
                if stopping.as_mut().is_some_and(|stop| stop.as_mut().poll(cx).is_ready()) {
                    stopping = None;
                    connection.as_mut().graceful_shutdown();
                }
                waiting = Some(cx.waker().clone());
            }
            connection.as_mut().poll(cx)
        })
        .await,
    );
}

/// Returns when the gateway is told to stop, or is gone.
async fn has_stopped(mut stop: watch::Receiver<Stop>) {
    drop(stop.wait_for(|stop| *stop != Stop::No).await);
}
