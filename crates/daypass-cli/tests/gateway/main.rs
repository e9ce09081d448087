//! `daypass gateway` and `exec --gateway` with the programs that people use: the vendor's SDKs, curl,
//! requests, Node, a browser. The sandbox plays Genesys Cloud.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "helpers of tests are tests; clippy knows those in test functions only"
)]

mod command;
mod descriptors;
mod memory;
mod strangers;
mod tools;
mod world;
