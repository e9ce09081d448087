//! The command as people meet it: real processes, a sandbox for an issuer, nothing of this
//! machine's environment but `PATH`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "helpers of tests are tests; clippy knows those in test functions only"
)]

mod agent;
mod agent_exec;
mod cache;
mod config;
mod demo;
mod environment;
mod errors;
mod exec;
mod exec_environment;
mod forget;
mod formats;
mod local;
mod manual;
mod min_ttl;
mod out;
mod reject;
mod sandbox;
mod status;
mod store;
mod terminal;
mod token;
mod told;
mod trust;
mod usage;
mod world;
