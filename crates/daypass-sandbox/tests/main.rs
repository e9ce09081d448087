//! The sandbox's behaviours, one module each.

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
