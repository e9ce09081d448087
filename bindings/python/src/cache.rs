//! What `token_cache` keeps for one function and one set of arguments: a source of the library,
//! whose issuer is the function.

use std::collections::BTreeMap;
use std::mem;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use daypass::{
    AccessToken, Cached, CachedParts, Clock, Code, Effects, Endpoint, Error, Fresh, Labels,
    MemoryStore, MinTtl, OpenStore, ReqwestClient, Sealer, StoreError, Style, SystemClock,
    TokenRequest, TokenSource, TokenStore, TrustConfig,
};
use pyo3::prelude::*;
use pyo3::types::PyString;
use zeroize::Zeroizing;

use crate::jobs::{Function, Message, Waiter, Waiters};
use crate::shown::Shown;
use crate::{arguments, environment, error, logging, runtime, wait};

/// What records are sealed with, when processes share them.
#[pyclass(frozen, module = "daypass._daypass")]
pub(crate) struct Key {
    secret: Zeroizing<Vec<u8>>,
}

#[pymethods]
impl Key {
    #[new]
    fn new(secret: &Bound<'_, PyAny>) -> PyResult<Self> {
        let secret = match secret.cast::<PyString>() {
            Ok(text) => text.to_str()?.as_bytes().to_vec(),
            Err(_) => secret.extract::<Vec<u8>>()?,
        };
        Ok(Self { secret: Zeroizing::new(secret) })
    }

    fn __repr__(&self) -> &'static str {
        "<Key>"
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(error::not_to_be_pickled("Key", "give each process its own"))
    }
}

/// The cached token of one function with one set of arguments.
#[pyclass(frozen, module = "daypass._daypass")]
pub(crate) struct Entry {
    name: String,
    arguments: String,
    key: Option<Py<Key>>,
    /// Locked with the GIL only, see `runtime`.
    state: Mutex<State>,
}

struct State {
    generation: u64,
    live: Option<Live>,
    shown: Shown,
}

#[derive(Clone)]
struct Live {
    source: Arc<Cached>,
    function: Arc<Function>,
    waiters: Arc<Waiters>,
}

impl Entry {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the source of this process.
    fn live(&self, py: Python<'_>) -> PyResult<Live> {
        let mut state = self.lock();
        if state.generation != runtime::generation() {
            state.generation = runtime::generation();
            // Threads that this process lacks may hold its locks: it is not even dropped.
            mem::forget(state.live.take());
        }
        if let Some(live) = &state.live {
            return Ok(live.clone());
        }
        let live = self.open(py).map_err(|failed| error::exception(py, &failed))?;
        state.live = Some(live.clone());
        Ok(live)
    }

    fn open(&self, py: Python<'_>) -> Result<Live, Error> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let env = environment::captured();
        let cache_key = env.var("DAYPASS_CACHE_KEY").filter(|key| !key.is_empty());
        let cache_key = cache_key.map(str::as_bytes);
        let failed = |error: StoreError| Error::new(Code::StoreFailed, error.to_string());
        let secret = self.key.as_ref().map_or(&[][..], |key| key.bind(py).get().secret.as_slice());
        let credential = Sealer::credential_id(cache_key, secret).map_err(failed)?;
        let store: Arc<dyn TokenStore> = if self.key.is_some() {
            let sealer = Sealer::derive(cache_key, secret).map_err(failed)?;
            let opened = OpenStore::open(&env, &clock, sealer)?;
            opened.warning.iter().for_each(|warning| tracing::warn!("{warning}"));
            opened.store
        } else {
            Arc::new(MemoryStore::new(Arc::clone(&clock)))
        };
        let waiters = Arc::new(Waiters::default());
        let function = Arc::new(Function::new(self.name.clone(), Arc::clone(&waiters)));
        let endpoint = Endpoint::TokenUrl(format!("python:{}", self.name));
        let params = BTreeMap::from([("arguments".to_owned(), self.arguments.clone())]);
        let request = TokenRequest {
            params,
            ..TokenRequest::client_credentials(endpoint, self.name.as_str(), credential)
        };
        let trust = TrustConfig { ca_file: None, ssl_cert_file: None, proxy: None, no_proxy: None };
        let source = Cached::new(CachedParts {
            request,
            store,
            issuer: Arc::clone(&function) as _,
            effects: Effects { clock, http: Arc::new(ReqwestClient::new(trust)), jitter: || 0.5 },
            // A token near its end is replaced by a caller that is there to do it.
            style: Style::OneShot,
            labels: Labels { client: self.name.clone(), ..Labels::default() },
        });
        Ok(Live { source: Arc::new(source), function, waiters })
    }

    /// What an error is: the function's own exception, which the caller knows, or ours.
    fn told(py: Python<'_>, failed: &Error) -> Option<PyErr> {
        (failed.code() != Code::ConfigTls).then(|| error::exception(py, failed))
    }
}

#[pymethods]
impl Entry {
    #[new]
    #[pyo3(signature = (name, arguments, key=None))]
    fn new(name: String, arguments: String, key: Option<Py<Key>>) -> Self {
        let generation = runtime::generation();
        let state = Mutex::new(State { generation, live: None, shown: Shown::default() });
        Self { name, arguments, key, state }
    }

    /// The text at hand, or None where one must be waited for.
    fn hit(&self, py: Python<'_>) -> Option<Py<PyString>> {
        let mut state = self.lock();
        if state.generation != runtime::generation() || logging::is_pending() {
            return None;
        }
        let State { live, shown, .. } = &mut *state;
        match live.as_ref()?.source.cached(MinTtl::TOKEN) {
            Fresh::Fresh(token) => Some(shown.text(py, token.token().access_token())),
            Fresh::Due(_) | Fresh::Miss => None,
        }
    }

    /// Waits for the text. Calls `run(job)` on this thread when it is this caller's turn to call
    /// the function. None: the function raised.
    #[pyo3(signature = (run, timeout=None))]
    fn wait(
        &self,
        py: Python<'_>,
        run: &Bound<'_, PyAny>,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Option<Py<PyString>>> {
        let want = arguments::want(None, timeout, false, MinTtl::TOKEN)?;
        logging::refresh(py);
        let live = self.live(py)?;
        live.function.note_patience(want.timeout);
        let (sender, mut messages) = channel();
        let number = live.waiters.add(Waiter::Thread(sender.clone()));
        let source = Arc::clone(&live.source);
        drop(runtime::handle(py)?.spawn(async move {
            let granted = source.token(want).await;
            // Nobody waits any more: a signal came.
            let _ = sender.send(Message::Done(Box::new(granted)));
        }));
        let waited = loop {
            match wait::receive(py, &mut messages) {
                Ok(Message::Job(job)) => {
                    if let Err(raised) = run.call1((job,)) {
                        break Err(raised);
                    }
                }
                Ok(Message::Done(granted)) => break Ok(granted),
                Err(interrupted) => break Err(interrupted),
            }
        };
        live.waiters.remove(number);
        logging::drain_logs(py)?;
        match *waited? {
            Ok(granted) => Ok(Some(self.lock().shown.text(py, granted.token.access_token()))),
            // Its own call took longer than its patience: then this is what it waited for.
            Err(failed) if failed.code() == Code::TokenDeadline => match self.hit(py) {
                Some(text) => Ok(Some(text)),
                None => Err(error::exception(py, &failed)),
            },
            Err(failed) => Self::told(py, &failed).map_or(Ok(None), Err),
        }
    }

    /// Starts what `wait` does. Calls `on(job, text, error)` from another thread: with a job when
    /// the function is to be called, at the end without one. Returns what `leave` is called with.
    #[pyo3(signature = (on, timeout=None))]
    fn begin(
        &self,
        py: Python<'_>,
        on: Py<PyAny>,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<u64> {
        let want = arguments::want(None, timeout, false, MinTtl::TOKEN)?;
        logging::refresh(py);
        let live = self.live(py)?;
        live.function.note_patience(want.timeout);
        let handle = runtime::handle(py)?;
        let on = Arc::new(on);
        let number = live.waiters.add(Waiter::Callback(handle.clone(), Arc::clone(&on)));
        let source = Arc::clone(&live.source);
        drop(handle.clone().spawn(async move {
            let granted = source.token(want).await;
            runtime::call_back(&handle, move |py| {
                let none = py.None();
                // A loop that is closed waits for nothing.
                let _ = match granted {
                    Ok(granted) => {
                        let text = granted.token.access_token().secret();
                        on.call1(py, (none.clone_ref(py), text, none))
                    }
                    Err(failed) => {
                        let raised = Self::told(py, &failed).map(|raised| raised.into_value(py));
                        on.call1(py, (none.clone_ref(py), none, raised))
                    }
                };
            });
        }));
        Ok(number)
    }

    /// Says that this caller waits no more.
    fn leave(&self, number: u64) {
        let state = self.lock();
        if state.generation == runtime::generation()
            && let Some(live) = &state.live
        {
            live.waiters.remove(number);
        }
    }

    /// Tells that an API refused the token with this text.
    fn reject(&self, py: Python<'_>, text: &str) -> PyResult<()> {
        let source = self.live(py)?.source;
        if let Ok(token) = AccessToken::new(text) {
            let rejected = wait::block(py, async move { source.reject(&token).await })?;
            logging::drain_logs(py)?;
            rejected.map_err(|failed| error::exception(py, &failed))?;
        }
        Ok(())
    }

    /// Forgets the token, also in the store.
    fn forget(&self, py: Python<'_>) -> PyResult<()> {
        let source = self.live(py)?.source;
        let forgotten = wait::block(py, async move { source.forget().await })?;
        forgotten.map(drop).map_err(|failed| {
            let hint = "try again; the token ends by itself too";
            error::of(py, Code::StoreFailed, format!("the token is not forgotten: {failed}"), hint)
        })
    }
}
