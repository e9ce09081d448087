//! A token with its times. Its value can be asked for and is never shown.

use daypass::{Clock, Granted, SystemClock};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::error;

/// A token, where it came from and why it was fetched. `repr` and `str` hide its value.
#[pyclass(frozen, module = "daypass")]
pub(crate) struct Token {
    granted: Granted,
}

impl Token {
    pub(crate) const fn new(granted: Granted) -> Self {
        Self { granted }
    }

    fn seconds_left(&self) -> f64 {
        self.granted.token.remaining(SystemClock.now()).as_secs_f64()
    }
}

#[pymethods]
impl Token {
    /// The token itself. What is done with it is the caller's responsibility.
    #[getter]
    fn access_token<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        PyString::new(py, self.granted.token.access_token().secret())
    }

    /// When it ends: an aware datetime, in UTC.
    #[getter]
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of this age fit")]
    fn expires_at<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let datetime = py.import("datetime")?;
        let utc = datetime.getattr("timezone")?.getattr("utc")?;
        let seconds = self.granted.token.expires_at().as_millis() as f64 / 1000.0;
        datetime.getattr("datetime")?.call_method1("fromtimestamp", (seconds, utc))
    }

    /// How many seconds it still lives; 0.0 when it has ended.
    #[getter]
    fn expires_in(&self) -> f64 {
        self.seconds_left()
    }

    /// Where it was taken from: memory, store, agent, issuer or waited.
    #[getter]
    fn source(&self) -> &'static str {
        self.granted.source.as_str()
    }

    /// Why it was fetched: cold, expiring, min_ttl, rejected or forced.
    #[getter]
    fn reason(&self) -> &'static str {
        self.granted.reason.as_str()
    }

    /// The scopes that were granted, separated by spaces, where the issuer named them.
    #[getter]
    fn scope(&self) -> Option<String> {
        self.granted.token.scope().map(ToString::to_string)
    }

    /// Tells tokens apart without telling them, such as `#ab12`.
    #[getter]
    fn fingerprint(&self) -> String {
        self.granted.token.fingerprint().to_string()
    }

    fn __repr__(&self) -> String {
        let (token, left) = (self.fingerprint(), self.seconds_left());
        format!("<Token {token}, {left:.0} s left, {}, {}>", self.source(), self.reason())
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(error::not_to_be_pickled(
            "Token",
            "let each process ask for its own; they share the cache",
        ))
    }
}
