//! daypass.
