//! Errors of the library as the exceptions of the package: the class follows from the code's.

use daypass::{Class, Code, Error};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// `daypass._errors`, once it is needed.
static ERRORS: PyOnceLock<Py<PyModule>> = PyOnceLock::new();

const fn class_name(code: Code) -> &'static str {
    match code.class() {
        Class::Config => "ConfigError",
        Class::Rejected => "Rejected",
        Class::Unavailable => "Unavailable",
        Class::Store => "StoreError",
        Class::Internal => "Error",
    }
}

/// Makes the exception for an error.
pub(crate) fn exception(py: Python<'_>, error: &Error) -> PyErr {
    let make = || -> PyResult<Bound<'_, PyAny>> {
        let module = ERRORS
            .get_or_try_init(py, || PyResult::Ok(py.import("daypass._errors")?.unbind()))?
            .bind(py);
        let retry_after = error.retry_after().map(|after| after.as_secs_f64());
        let arguments = (error.message(), error.code().as_str(), error.hint(), retry_after);
        module.getattr(class_name(error.code()))?.call1(arguments)
    };
    match make() {
        Ok(exception) => PyErr::from_value(exception),
        Err(failed) => failed,
    }
}

/// The exception for an error of ours, made where no library is involved.
pub(crate) fn of(py: Python<'_>, code: Code, message: impl Into<String>, hint: &str) -> PyErr {
    exception(py, &Error::new(code, message).with_hint(hint))
}

/// What copying or pickling a thing with a secret in it is answered with.
pub(crate) fn not_to_be_pickled(what: &str, instead: &str) -> PyErr {
    PyTypeError::new_err(format!("a {what} can't be pickled or copied: {instead}"))
}
