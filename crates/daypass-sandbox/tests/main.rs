//! The sandbox's behaviours, one module each.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests; clippy knows those in test functions only"
)]

mod api;
mod arbitrary;
mod control;
mod faults;
mod genesys;
mod log;
mod metadata;
mod revocation;
mod served;
mod steering;
mod support;
mod token_endpoint;
