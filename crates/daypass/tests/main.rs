//! What only several processes can show.

mod store_limits;
mod store_torture;
