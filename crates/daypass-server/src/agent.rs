//! The agent: opened profiles, and what is done with them for those who ask on the socket.
//!
//! An agent has no opinion of its own about tokens: each profile is a source of the library
//! (long-lived: refreshed ahead while tokens are asked for, and not when nobody asks). What is here
//! is who may ask ([`socket`], `serve`), what may be asked (`api`, `query`), and how long an agent
//! lives (`life`).

mod api;
mod held;
mod lent;
mod life;
mod notify;
mod profiles;
mod query;
mod reply;
mod serve;
mod socket;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use daypass::{Clock, Error, Opened, Timestamp, TokenSource};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::Notify;

pub use self::held::Reopen;
pub use self::notify::notify;
pub use self::serve::Why;
pub use self::socket::{AgentSocket, Bound};

use self::life::Life;
use self::profiles::Profiles;
use crate::metrics::Metrics;

/// How an agent behaves.
#[derive(Clone, Debug, Default)]
pub struct AgentSettings {
    /// It ends when nobody has asked for anything for so long.
    pub idle_timeout: Option<Duration>,
    /// It ends after this time, whatever happens.
    pub lifetime: Option<Duration>,
    /// Whether those who ask may have tokens revoked.
    pub allow_revoke: bool,
    /// Whether it lives and dies with a command, so that nobody else may stop it.
    pub bound: bool,
    /// The port of both loopback addresses for `/metrics` and `/healthz`; 0 takes a free one.
    pub metrics_port: Option<u16>,
}

/// Something that lives in the same process and has its own counts: the gateway.
pub trait Part: Send + Sync {
    /// Returns its name in the status.
    fn name(&self) -> &'static str;

    /// Returns what the status says of it.
    fn status(&self) -> serde_json::Value;

    /// Returns how often it was used: while that grows, the agent is not idle.
    fn used(&self) -> u64;

    /// Returns whether it is in use right now, as by a long stream: then the agent is not idle either.
    fn is_busy(&self) -> bool;

    /// Adds its metrics.
    fn register(&self, registry: &mut Registry);
}

/// An agent. Cheap to clone: all copies are one.
#[derive(Clone)]
pub struct Agent {
    inner: Arc<Inner>,
}

struct Inner {
    settings: AgentSettings,
    clock: Arc<dyn Clock>,
    started: Timestamp,
    profiles: Profiles,
    metrics: Metrics,
    life: Life,
    parts: Vec<Arc<dyn Part>>,
    stop: Notify,
    /// The port for metrics.
    metrics_at: OnceLock<u16>,
    /// The listeners on that port, until they are served.
    watching: Mutex<Vec<TcpListener>>,
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent").field("settings", &self.inner.settings).finish_non_exhaustive()
    }
}

impl Agent {
    /// Makes an agent without profiles. It counts what `parts` do, too.
    pub fn new(settings: AgentSettings, clock: Arc<dyn Clock>, parts: Vec<Arc<dyn Part>>) -> Self {
        let metrics = Metrics::new(clock.now(), &parts);
        let life = Life::new(&*clock, settings.idle_timeout, settings.lifetime);
        let started = clock.now();
        let (profiles, stop) = (Profiles::default(), Notify::new());
        let metrics_at = OnceLock::new();
        let watching = Mutex::default();
        let inner = Inner {
            settings,
            clock,
            started,
            profiles,
            metrics,
            life,
            parts,
            stop,
            metrics_at,
            watching,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Takes a profile in. The first is the one that is meant where none is named. Returns its
    /// name. One that is there already is fine if it means the same. Where the issuer refuses the
    /// client, `reopen` reads its secret again, from where it was.
    ///
    /// # Errors
    ///
    /// `config.ambiguous`: the agent has another profile of that name.
    pub fn hold(&self, opened: Opened, reopen: Option<Reopen>) -> Result<String, Error> {
        if self.inner.settings.allow_revoke {
            opened.source.keep_replaced();
        }
        self.inner.profiles.hold(opened, reopen)
    }

    /// Returns a profile's source `slots` times, with a token of its own each: for whoever lives in
    /// this process. Where the issuer refuses the client, they follow a rotated secret too.
    ///
    /// # Errors
    ///
    /// `config.unknown_profile`: the agent has no such profile.
    pub fn sources(&self, profile: &str, slots: u32) -> Result<Vec<Arc<dyn TokenSource>>, Error> {
        let held = self.inner.profiles.find(Some(profile))?;
        let lent = |slot| Arc::new(lent::Lent::new(Arc::clone(&held), slot)) as _;
        Ok((0..slots.max(1)).map(lent).collect())
    }

    /// Returns the names of the profiles, the first first.
    pub fn profiles(&self) -> Vec<String> {
        self.inner.profiles.names()
    }

    /// Returns where the metrics are, once the port for them is taken.
    pub fn metrics_url(&self) -> Option<String> {
        let port = self.inner.metrics_at.get()?;
        Some(format!("http://127.0.0.1:{port}/metrics"))
    }

    /// Takes the port for metrics, if one is wanted: before anybody is told that the agent is ready.
    ///
    /// # Errors
    ///
    /// `usage`: it is taken.
    pub async fn listen(&self) -> Result<(), Error> {
        match self.inner.settings.metrics_port {
            Some(port) if self.inner.metrics_at.get().is_none() => serve::listen(self, port).await,
            _ => Ok(()),
        }
    }

    /// Answers on the socket until somebody says stop, or until its time is over; then no more
    /// connections are taken, and what is under way is finished. Dropping the future ends it at
    /// once.
    ///
    /// # Errors
    ///
    /// `internal`: the socket fails for good. `usage`: the port for metrics is taken.
    pub async fn serve(
        &self,
        socket: AgentSocket,
        stop: impl Future<Output = ()>,
    ) -> Result<Why, Error> {
        serve::serve(self, socket, stop).await
    }
}
