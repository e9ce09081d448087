//! What only several processes can show.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy knows the tests here, but not the functions that they call"
)]

mod store_limits;
mod store_torture;
