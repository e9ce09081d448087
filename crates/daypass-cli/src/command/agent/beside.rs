//! `daypass agent --gateway`: the agent is also a gateway to the API of its first profile, and both
//! live and end together.

use std::collections::BTreeMap;
use std::time::Duration;

use daypass::Error;
use daypass_server::{Agent, Counts};
use serde::{Deserialize, Serialize};

use super::Agent as Flags;
use crate::command::gateway::{self, Planned, Running};
use crate::context::Context;

/// How long requests that are under way may take at the end; then they are cut off.
const DRAIN: Duration = Duration::from_secs(5);

/// What is told of the gateway.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Told {
    url: String,
    /// For the environment of those who use it: its address, and local credentials in the variables
    /// where tools look for real ones.
    pub(super) env: BTreeMap<String, String>,
}

/// The gateway of an agent; there need not be one.
pub(super) struct Beside(Option<(Running, Told)>);

impl Beside {
    pub(super) const NONE: Self = Self(None);

    /// Starts a gateway. Needs the event loop.
    pub(super) fn start(
        context: &Context,
        agent: &Agent,
        planned: Planned,
        args: &Flags,
        counts: Counts,
    ) -> Result<Self, Error> {
        let running = Running::start(agent, planned, &args.manners, args.gateway_port, counts)?;
        let env = running.variables(&context.env, None).into_iter().collect();
        let told = Told { url: running.server.url(), env };
        Ok(Self(Some((running, told))))
    }

    /// Returns what is to be told, once.
    pub(super) fn told(&mut self) -> Option<Told> {
        let (_, told) = self.0.as_mut()?;
        let empty = Told { url: String::new(), env: BTreeMap::new() };
        Some(std::mem::replace(told, empty))
    }

    /// Waits for its end, which it comes to for a defect only; for ever where there is none.
    pub(super) async fn ended(&mut self) -> Error {
        match &mut self.0 {
            Some((running, _)) => running.server.ended().await,
            None => std::future::pending().await,
        }
        gateway::ended()
    }

    /// Ends it.
    pub(super) async fn end(self) {
        let Some((mut running, _)) = self.0 else { return };
        if tokio::time::timeout(DRAIN, running.server.drain()).await.is_err() {
            running.server.shutdown().await;
        }
    }
}
