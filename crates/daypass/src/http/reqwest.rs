//! The HTTP client of the library.
