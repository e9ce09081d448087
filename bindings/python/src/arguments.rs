//! What callers write for durations: `"10m"`, a number of seconds, or a `timedelta`.

use std::time::Duration;

use daypass::{MinTtl, Want, parse_duration};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

/// How long a caller waits unless told otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Reads a duration; `name` is the argument's, for the message.
pub(crate) fn duration(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Duration> {
    if let Ok(text) = value.extract::<String>() {
        return parse_duration(&text)
            .map_err(|error| PyValueError::new_err(format!("{name}={text:?}: {error}")));
    }
    let seconds = match value.extract::<f64>() {
        Ok(seconds) => seconds,
        Err(_) => value
            .call_method0("total_seconds")
            .and_then(|seconds| seconds.extract::<f64>())
            .map_err(|_| {
                PyTypeError::new_err(format!(
                    "{name} is a number of seconds, a text such as \"10m\", or a timedelta"
                ))
            })?,
    };
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| PyValueError::new_err(format!("{name} can't be {seconds} s")))
}

/// How many seconds a duration has; `name` is the argument's, for the message.
#[pyfunction]
pub(crate) fn seconds(name: &str, value: &Bound<'_, PyAny>) -> PyResult<f64> {
    duration(name, value).map(|duration| duration.as_secs_f64())
}

/// What a caller wants; `fallback` is the profile's own `min_ttl`.
pub(crate) fn want(
    min_ttl: Option<&Bound<'_, PyAny>>,
    timeout: Option<&Bound<'_, PyAny>>,
    fresh: bool,
    fallback: MinTtl,
) -> PyResult<Want> {
    let min_ttl = match min_ttl {
        Some(value) => MinTtl::Required(duration("min_ttl", value)?),
        None => fallback,
    };
    let timeout = timeout.map(|value| duration("timeout", value)).transpose()?.unwrap_or(TIMEOUT);
    Ok(Want { min_ttl, timeout, force: fresh })
}
