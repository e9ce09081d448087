//! The store of a process without a place of its own on disk, and the reference model of what
//! every store does.
