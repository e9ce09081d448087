//! The gateway over real sockets on loopback.

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

mod accepts;
mod faults;
mod halves;
mod https;
mod lifetimes;
mod nginx;
mod refused;
mod smuggling;
mod streams;
mod upstream;
mod world;
