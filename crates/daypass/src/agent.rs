//! The agent as its clients see it: where it is, what is said on the wire, and a [`TokenSource`]
//! that asks it.
//!
//! The agent itself, which holds the credentials and listens, is not part of the library. What is
//! said is small HTTP/1.1 on a unix socket, one exchange a connection, with the version in the
//! path: `docs/agent.md` describes it. One codec ([`wire`]) serves two shells: a blocking one for
//! commands, which have no runtime, and an asynchronous one for [`AgentClient`].
//!
//! [`TokenSource`]: crate::TokenSource

mod address;
mod answer;
mod blocking;
mod client;
mod exchange;
mod peer;
mod problem;
#[cfg(test)]
mod tests;
mod wire;

pub use address::AgentAddress;
pub use answer::{AgentLabel, AgentToken};
pub use client::AgentClient;
pub use peer::{Peer, peer_of};
pub use problem::Problem;
pub use wire::{AgentMinTtl, AgentWant, Join, Joined, Revoked, field};
