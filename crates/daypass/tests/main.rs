//! What only the whole library can show, or several processes.

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

mod faults;
mod layers;
mod lifecycle;
mod log;
mod real;
mod reopened;
mod store_limits;
mod store_torture;
mod world;
