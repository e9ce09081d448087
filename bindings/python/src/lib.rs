//! The extension module `daypass._daypass`: the library's sources, as Python objects.
//!
//! Only what needs Rust is here: opening, waiting without the GIL, surviving `fork`. What a user
//! of the package calls, and everything about other Python packages, is Python.

mod arguments;
mod cache;
mod environment;
mod error;
mod index;
mod jobs;
mod key;
mod logging;
mod recipe;
mod runtime;
mod sandbox;
mod shown;
mod source;
mod token;
mod wait;

use pyo3::prelude::*;

#[pymodule]
mod _daypass {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::arguments::seconds;
    #[pymodule_export]
    use super::cache::Entry;
    #[pymodule_export]
    use super::environment::environment_id;
    #[pymodule_export]
    use super::jobs::Job;
    #[pymodule_export]
    use super::key::Key;
    #[pymodule_export]
    use super::logging::drain_logs;
    #[pymodule_export]
    use super::nothing;
    #[pymodule_export]
    use super::runtime::after_fork_in_child;
    #[pymodule_export]
    use super::sandbox::Sandbox;
    #[pymodule_export]
    use super::source::Source;
    #[pymodule_export]
    use super::token::Token;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        super::logging::install();
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}

/// Does nothing: what a call of any function of this module costs, for the benchmark.
#[pyfunction]
const fn nothing() {}
