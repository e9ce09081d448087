//! The agent, which holds the credentials and hands out tokens on a unix socket, and the gateway,
//! which puts tokens on the requests of programs that don't know daypass.

#![forbid(unsafe_code)]

mod agent;
mod crowd;
mod descriptors;
mod gateway;
mod metrics;
mod peer;
mod status;

pub use agent::{Agent, AgentSettings, AgentSocket, Bound, Part, Reopen, Why, notify};
pub use gateway::{
    Counts, CountsNow, Gateway, GatewaySettings, LocalCredentials, ReplayLimits, TOKEN_TIMEOUT,
    Upstream,
};
pub use status::{
    ErrorStatus, EventStatus, ProfileStatus, RefusalStatus, Row, Served, TokenStatus, store_line,
};
