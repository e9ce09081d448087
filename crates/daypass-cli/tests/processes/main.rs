//! The `daypass` binary as many processes: at once, killed, stopped, spied on, attacked.
//!
//! `DAYPASS_SOAK=1` runs the full counts and prints what was measured in lines that begin with
//! `soak:`. What a test needs and does not find fails it: strace, flock, setpriv and mount are
//! there on Debian and Ubuntu or installed by tests/real/install.

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
mod attackers;
mod hitpath;
mod kernel;
mod killed;
mod sentinel;
mod stampede;
mod world;
