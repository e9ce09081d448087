//! The sandbox: a local authorization server and API, for the tests of those who use the package.

use std::mem;
use std::sync::{Mutex, PoisonError};

use daypass_sandbox::{Client, Flavour, PlannedFault, ServerThread};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;

use crate::{arguments, runtime};

/// A running sandbox. Knows the client `sandbox` with the secret `sandbox-secret`.
#[pyclass(frozen, module = "daypass.sandbox")]
pub(crate) struct Sandbox {
    sandbox: daypass_sandbox::Sandbox,
    url: String,
    generation: u64,
    server: Mutex<Option<ServerThread>>,
}

#[pymethods]
impl Sandbox {
    #[new]
    #[pyo3(signature = (*, flavour="standard", lifetime=None, rate_limit=None))]
    fn new(
        py: Python<'_>,
        flavour: &str,
        lifetime: Option<&Bound<'_, PyAny>>,
        rate_limit: Option<u32>,
    ) -> PyResult<Self> {
        let mut client = Client::new("sandbox", "sandbox-secret");
        if let Some(lifetime) = lifetime {
            client = client.lifetime(arguments::duration("lifetime", lifetime)?);
        }
        let flavour = match flavour {
            "standard" => Flavour::Standard,
            "genesys" => Flavour::Genesys,
            other => {
                let what = format!("flavour={other:?}: there are \"standard\" and \"genesys\"");
                return Err(PyValueError::new_err(what));
            }
        };
        let sandbox = daypass_sandbox::Sandbox::builder()
            .flavour(flavour)
            .client(client)
            .api_rate_limit(rate_limit)
            .control(true)
            .build();
        let serving = sandbox.clone();
        let server = py.detach(|| daypass_sandbox::Server::spawn_thread(serving));
        let server = server.map_err(|error| PyOSError::new_err(error.to_string()))?;
        let (url, generation) = (server.url(), runtime::generation());
        Ok(Self { sandbox, url, generation, server: Mutex::new(Some(server)) })
    }

    /// Where it listens: `http://127.0.0.1:PORT`.
    #[getter]
    fn url(&self) -> &str {
        &self.url
    }

    /// How often it was asked for a token.
    #[getter]
    fn token_requests(&self) -> u64 {
        self.sandbox.token_requests()
    }

    /// How many API calls it saw.
    #[getter]
    fn api_calls(&self) -> u64 {
        self.sandbox.api_calls()
    }

    /// How many of these it answered with 401.
    #[getter]
    fn unauthorized(&self) -> u64 {
        self.sandbox.unauthorized()
    }

    /// Revokes every token.
    fn revoke_all(&self) {
        self.sandbox.revoke_all();
    }

    /// Sets its clock forward. daypass's own stays where it is.
    fn advance(&self, by: &Bound<'_, PyAny>) -> PyResult<()> {
        self.sandbox.advance(arguments::duration("by", by)?);
        Ok(())
    }

    /// Plans a fault as on the command line: `status=503*3`, `api:unauthorized*2`, `stall`.
    fn fault(&self, text: &str) -> PyResult<()> {
        let planned: PlannedFault =
            text.parse().map_err(|error: daypass_sandbox::FaultError| {
                PyValueError::new_err(error.to_string())
            })?;
        self.sandbox.plan(planned);
        Ok(())
    }

    /// Forgets every planned fault.
    fn clear_faults(&self) {
        self.sandbox.clear_faults();
    }

    /// Forgets tokens, faults and counts.
    fn reset(&self) {
        self.sandbox.reset();
    }

    /// Ends it.
    fn close(&self, py: Python<'_>) {
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner).take();
        if self.generation == runtime::generation() {
            py.detach(|| drop(server));
        } else {
            // Its thread is the parent's.
            mem::forget(server);
        }
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyAny>) {
        self.close(py);
    }

    fn __repr__(&self) -> String {
        format!("<Sandbox {}>", self.url)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if self.generation != runtime::generation() {
            let server = self.server.get_mut().unwrap_or_else(PoisonError::into_inner).take();
            mem::forget(server);
        }
    }
}
