//! A profile's source: opened from the environment, asked from any thread, anew after a fork.

use std::ffi::OsString;
use std::mem;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use daypass::{AccessToken, Env, Error, Fresh, Granted, MinTtl, TokenSource, Want};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::recipe::{Facts, Opened, Recipe};
use crate::shown::Shown;
use crate::token::Token;
use crate::{arguments, environment, error, logging, runtime, wait};

struct State {
    generation: u64,
    source: Arc<dyn TokenSource>,
    shown: Shown,
}

/// Hands out tokens of one profile: what `daypass.TokenSource` is made from.
#[pyclass(frozen, subclass, weakref, module = "daypass._daypass")]
pub(crate) struct Source {
    recipe: Recipe,
    facts: Facts,
    /// Locked with the GIL only, see `runtime`.
    state: Mutex<State>,
}

impl Source {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the source of this process.
    fn current(&self, py: Python<'_>) -> PyResult<Arc<dyn TokenSource>> {
        let generation = runtime::generation();
        {
            let state = self.lock();
            if state.generation == generation {
                return Ok(Arc::clone(&state.source));
            }
        }
        let opened = py.detach(|| self.recipe.open());
        let opened = opened.map_err(|failed| error::exception(py, &failed))?;
        let mut state = self.lock();
        if state.generation != generation {
            // Threads that this process lacks may hold its locks: it is not even dropped.
            mem::forget(mem::replace(&mut state.source, opened.source));
            state.generation = generation;
        }
        Ok(Arc::clone(&state.source))
    }

    /// The token at hand, if it needs no attention.
    fn hit(&self, py: Python<'_>, min_ttl: MinTtl) -> Option<Py<PyString>> {
        let mut state = self.lock();
        if state.generation != runtime::generation() {
            return None;
        }
        let State { source, shown, .. } = &mut *state;
        match source.cached(min_ttl) {
            Fresh::Fresh(token) => Some(shown.text(py, token.token().access_token())),
            Fresh::Due(_) | Fresh::Miss => None,
        }
    }

    fn fetch(&self, py: Python<'_>, want: Want) -> PyResult<Granted> {
        logging::refresh(py);
        let source = self.current(py)?;
        let granted = wait::block(py, async move { source.token(want).await })?;
        logging::drain_logs(py)?;
        granted.map_err(|failed| error::exception(py, &failed))
    }
}

#[pymethods]
impl Source {
    #[new]
    #[pyo3(signature = (profile=None, *, config=None, env=None))]
    fn new(
        py: Python<'_>,
        profile: Option<String>,
        config: Option<PathBuf>,
        env: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let env = match env {
            Some(env) => {
                let copy = PyDict::new(py);
                copy.call_method1("update", (env,))?;
                let pairs: Vec<(OsString, OsString)> = copy
                    .iter()
                    .map(|(n, v)| Ok((n.extract()?, v.extract()?)))
                    .collect::<PyResult<_>>()?;
                Env::from_os(pairs)
            }
            None => environment::captured(),
        };
        let recipe = Recipe { env, directory: std::env::current_dir().ok(), config, profile };
        logging::refresh(py);
        let opened = py.detach(|| recipe.open());
        logging::drain_logs(py)?;
        let Opened { source, facts } = opened.map_err(|failed| error::exception(py, &failed))?;
        let generation = runtime::generation();
        let state = Mutex::new(State { generation, source, shown: Shown::default() });
        Ok(Self { recipe, facts, state })
    }

    /// Returns a valid token.
    #[pyo3(signature = (*, min_ttl=None, timeout=None, fresh=false))]
    fn token(
        &self,
        py: Python<'_>,
        min_ttl: Option<&Bound<'_, PyAny>>,
        timeout: Option<&Bound<'_, PyAny>>,
        fresh: bool,
    ) -> PyResult<Py<PyString>> {
        if !fresh && let Some(token) = self._hit(py, min_ttl, timeout)? {
            return Ok(token);
        }
        let want = arguments::want(min_ttl, timeout, fresh, self.facts.min_ttl)?;
        let granted = self.fetch(py, want)?;
        Ok(self.lock().shown.text(py, granted.token.access_token()))
    }

    /// Returns a valid token with its times.
    #[pyo3(signature = (*, min_ttl=None, timeout=None, fresh=false))]
    fn get(
        &self,
        py: Python<'_>,
        min_ttl: Option<&Bound<'_, PyAny>>,
        timeout: Option<&Bound<'_, PyAny>>,
        fresh: bool,
    ) -> PyResult<Token> {
        let want = arguments::want(min_ttl, timeout, fresh, self.facts.min_ttl)?;
        self.fetch(py, want).map(Token::new)
    }

    /// Tells that an API refused this token with a 401; `worked`: that it accepted it before, so
    /// that the credential is not the problem.
    #[pyo3(signature = (token, *, worked=false))]
    fn reject(&self, py: Python<'_>, token: &str, worked: bool) -> PyResult<()> {
        logging::refresh(py);
        let source = self.current(py)?;
        // What is no token of ours is nothing to mark.
        if let Ok(token) = AccessToken::new(token) {
            let rejected =
                wait::block(py, async move { rejected(&*source, &token, worked).await })?;
            logging::drain_logs(py)?;
            rejected.map_err(|failed| error::exception(py, &failed))?;
        }
        Ok(())
    }

    /// Starts what `get` does, and calls `done(token, error)` from another thread at its end.
    #[pyo3(signature = (done, *, min_ttl=None, timeout=None, fresh=false))]
    fn _begin(
        &self,
        py: Python<'_>,
        done: Py<PyAny>,
        min_ttl: Option<&Bound<'_, PyAny>>,
        timeout: Option<&Bound<'_, PyAny>>,
        fresh: bool,
    ) -> PyResult<()> {
        let want = arguments::want(min_ttl, timeout, fresh, self.facts.min_ttl)?;
        logging::refresh(py);
        let source = self.current(py)?;
        let handle = runtime::handle(py)?;
        drop(handle.clone().spawn(async move {
            let granted = source.token(want).await.map(|granted| Some(Token::new(granted)));
            runtime::call_back(&handle, move |py| tell(py, &done, granted));
        }));
        Ok(())
    }

    /// Starts what `reject` does, and calls `done(None, error)` from another thread at its end.
    #[pyo3(signature = (done, token, *, worked=false))]
    fn _begin_reject(
        &self,
        py: Python<'_>,
        done: Py<PyAny>,
        token: &str,
        worked: bool,
    ) -> PyResult<()> {
        let source = self.current(py)?;
        let handle = runtime::handle(py)?;
        let token = AccessToken::new(token);
        drop(handle.clone().spawn(async move {
            let rejected = match token {
                Ok(token) => rejected(&*source, &token, worked).await.map(|()| None),
                Err(_) => Ok(None),
            };
            runtime::call_back(&handle, move |py| tell(py, &done, rejected));
        }));
        Ok(())
    }

    /// The token at hand, or None where one must be waited for.
    #[pyo3(signature = (min_ttl=None, timeout=None))]
    fn _hit(
        &self,
        py: Python<'_>,
        min_ttl: Option<&Bound<'_, PyAny>>,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Option<Py<PyString>>> {
        let min_ttl = match (min_ttl, timeout) {
            (None, None) => self.facts.min_ttl,
            // What is wrong in them is told whether or not there is a token.
            _ => arguments::want(min_ttl, timeout, false, self.facts.min_ttl)?.min_ttl,
        };
        Ok(if logging::is_pending() { None } else { self.hit(py, min_ttl) })
    }

    /// The profile's name.
    #[getter]
    fn profile(&self) -> &str {
        &self.facts.name
    }

    /// The API's base address, where it is known.
    #[getter]
    fn api_url(&self, py: Python<'_>) -> Option<String> {
        let Recipe { env, profile, .. } = &self.recipe;
        // Where an agent hands the tokens out, it knows best what they are for.
        let told = py.detach(|| environment::agent_api(env, profile.as_deref()));
        told.or_else(|| self.facts.api_url.clone())
    }

    /// The hosts that the profile's tokens may go to, where it says so.
    #[getter]
    fn hosts(&self) -> Vec<String> {
        self.facts.hosts.clone()
    }

    fn __repr__(&self) -> String {
        format!("<TokenSource {} at {}>", self.facts.name, self.facts.place)
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(error::not_to_be_pickled(
            "TokenSource",
            "make one in each process; they share the cache",
        ))
    }
}

async fn rejected(
    source: &dyn TokenSource,
    token: &AccessToken,
    worked: bool,
) -> Result<(), Error> {
    if worked { source.reject_worked(token).await } else { source.reject(token).await }
}

/// Calls `done(value, None)` or `done(None, exception)`. What it raises has no other reader.
fn tell(py: Python<'_>, done: &Py<PyAny>, result: Result<Option<Token>, Error>) {
    let called = match result {
        Ok(value) => done.call1(py, (value, py.None())),
        Err(failed) => done.call1(py, (py.None(), error::exception(py, &failed).into_value(py))),
    };
    if let Err(raised) = called {
        raised.write_unraisable(py, Some(done.bind(py)));
    }
}
