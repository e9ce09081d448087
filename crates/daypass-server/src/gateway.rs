//! The gateway: a reverse proxy on loopback that puts a valid token on each request.
//!
//! Programs that know nothing of daypass talk plain http to it, with a local credential that is
//! worth nothing elsewhere; it talks to one API, and answers a 401 with another token and the same
//! request. Files, from the outside in: `listen`, `serve` and `linger`, `timer` (connections); `admit` with
//! `target`, `guard`, `local`, `login` (who may ask for what); `exchange` with `headers`,
//! `outgoing`, `replay` (with `segments`), `refusal`, `challenge`, `suspicion`, `throttled`, `pace` (a request on its way);
//! `tokens`; `upstream` (the API); `answer` (what the gateway says itself).

mod admit;
mod answer;
mod body;
mod challenge;
mod counts;
mod exchange;
mod guard;
mod headers;
mod linger;
mod listen;
mod local;
mod login;
mod outgoing;
mod pace;
mod paced;
mod refusal;
mod replay;
mod segments;
mod serve;
mod suspicion;
mod target;
mod throttled;
mod timer;
mod tokens;
mod upstream;

use std::fmt;
use std::hash::RandomState;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use daypass::{Clock, Error, TokenSource};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::descriptors::shares;
use crate::peer::Peers;
pub use counts::{Counts, CountsNow};
pub use local::LocalCredentials;
pub use replay::ReplayLimits;
pub use upstream::Upstream;

use exchange::Exchange;
use guard::Authorities;
use serve::{Door, Stop, serve};
use suspicion::Good;

/// How long a request waits for a token, unless it is said: less than most programs wait for an
/// answer, so that they are told why there is none.
pub const TOKEN_TIMEOUT: Duration = Duration::from_secs(10);

const CONNECTIONS: usize = 1024;

/// How a gateway is made.
pub struct GatewaySettings {
    /// Where tokens come from: one source, or a pool that is used in turn.
    pub sources: Vec<Arc<dyn TokenSource>>,
    /// The API.
    pub upstream: Upstream,
    /// The local credentials that are accepted.
    pub local: Vec<LocalCredentials>,
    /// The port; 0 takes a free one.
    pub port: u16,
    /// Further ports (0 for free ones) that want no credential, only a process of the same user:
    /// for tools that cannot send one. Not possible where the peer's user is not known.
    pub open_ports: Vec<u16>,
    /// How long a request waits for a token before it is told that there is none.
    pub token_timeout: Duration,
    /// Connections that a port has at once. One more takes the place of the one that has had no
    /// request under way for the longest. There are less where the limit of open files is too low
    /// for two descriptors each.
    pub connections: usize,
    /// What is kept of requests to send them again.
    pub replay: ReplayLimits,
    /// Waits as the API says before a throttled request is sent again, so long in all.
    pub retry_throttled: Option<Duration>,
    /// Holds requests back before the API's limit is hit.
    pub pace: bool,
    /// The clocks.
    pub clock: Arc<dyn Clock>,
    /// Where it is counted what was done.
    pub counts: Counts,
}

impl GatewaySettings {
    /// The settings that are used unless others are wanted.
    pub fn new(
        sources: Vec<Arc<dyn TokenSource>>,
        upstream: Upstream,
        local: LocalCredentials,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            sources,
            upstream,
            local: vec![local],
            port: 0,
            open_ports: Vec::new(),
            token_timeout: TOKEN_TIMEOUT,
            connections: CONNECTIONS,
            replay: ReplayLimits::default(),
            retry_throttled: None,
            pace: false,
            clock,
            counts: Counts::default(),
        }
    }
}

impl fmt::Debug for GatewaySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatewaySettings")
            .field("upstream", &self.upstream)
            .field("port", &self.port)
            .field("open_ports", &self.open_ports)
            .finish_non_exhaustive()
    }
}

/// A gateway that runs. Dropping it ends it at once, with every connection.
#[derive(Debug)]
pub struct Gateway {
    port: u16,
    open_ports: Vec<u16>,
    counts: Counts,
    stop: watch::Sender<Stop>,
    doors: JoinSet<()>,
}

impl Gateway {
    /// Starts a gateway on the Tokio runtime that this is called in.
    ///
    /// # Errors
    ///
    /// `usage` when a port cannot be had on both 127.0.0.1 and `::1`, or an open one is wanted
    /// where the peer's user cannot be known.
    pub fn start(settings: GatewaySettings) -> Result<Self, Error> {
        let user = cfg!(target_os = "linux").then(|| rustix::process::geteuid().as_raw());
        if user.is_none() && !settings.open_ports.is_empty() {
            return Err(Error::new(
                daypass::Code::Usage,
                "a port without a credential needs Linux, where the peer's user is known",
            )
            .with_hint("use the secret path instead"));
        }
        let main = listen::listen(settings.port)?;
        let open = settings.open_ports.iter().map(|port| listen::listen(*port));
        let open = open.collect::<Result<Vec<_>, _>>()?;
        let port = main.number;
        let open_ports = open.iter().map(|port| port.number).collect();
        let tokens = tokens::Tokens::new(settings.sources, settings.token_timeout);
        let clock = settings.clock;
        let paced = settings.pace.then(|| paced::Paced::new(tokens.len(), Arc::clone(&clock)));
        let exchange = Arc::new(Exchange {
            upstream: settings.upstream,
            tokens,
            local: settings.local,
            budget: replay::Budget::new(settings.replay),
            counts: settings.counts.clone(),
            clock,
            paced,
            retry_throttled: settings.retry_throttled,
            suspicions: Mutex::default(),
            suspecting: AtomicBool::new(false),
            good: Good::default(),
            paths: RandomState::new(),
        });
        let share = shares().gateway / (1 + settings.open_ports.len());
        let connections = settings.connections.min(share);
        let (stop, stopped) = watch::channel(Stop::No);
        let peers = Arc::new(Peers::new());
        let mut doors = JoinSet::new();
        settings.counts.is_at(port);
        for (port, open) in
            std::iter::once((main, false)).chain(open.into_iter().map(|p| (p, true)))
        {
            let door = Door {
                exchange: Arc::clone(&exchange),
                authorities: Authorities::new(port.number),
                peers: Arc::clone(&peers),
                user,
                open,
                crowd: settings.counts.crowd(connections),
            };
            doors.spawn(serve(port, door, stopped.clone()));
        }
        Ok(Self { port, open_ports, counts: settings.counts, stop, doors })
    }

    /// Returns the port, on 127.0.0.1 and `::1`.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the ports that want no credential, in the order in which they were asked for.
    pub fn open_ports(&self) -> &[u16] {
        &self.open_ports
    }

    /// Returns the base URL, `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Returns what was done so far.
    pub fn counts(&self) -> CountsNow {
        self.counts.now()
    }

    /// Returns when the gateway has ended by itself, which it does for a defect only.
    pub async fn ended(&mut self) {
        drop(self.doors.join_next().await);
    }

    /// Accepts no more connections, lets what is under way end, and returns then.
    pub async fn drain(&mut self) {
        self.stop.send_replace(Stop::Drain);
        while self.doors.join_next().await.is_some() {}
    }

    /// Ends at once, with every connection.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(Stop::Now);
        while self.doors.join_next().await.is_some() {}
    }
}
