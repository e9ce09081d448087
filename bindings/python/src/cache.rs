//! What `token_cache` keeps for one function and one set of arguments: a source of the library,
//! whose issuer is the function.

use std::collections::BTreeMap;
use std::mem;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use daypass::{
    AccessToken, Cached, CachedParts, Clock, Code, CredentialId, Effects, Endpoint, Error, Fresh,
    Labels, MinTtl, ReqwestClient, StoreError, Style, SystemClock, TokenRequest, TokenSource,
    TokenStore, TrustConfig,
};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::index::Index;
use crate::jobs::{Function, Message, Waiter, Waiters};
use crate::key::{self, Key};
use crate::shown::Shown;
use crate::{arguments, error, logging, runtime, wait};

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

    fn place(&self, py: Python<'_>) -> Result<(Arc<dyn TokenStore>, CredentialId), Error> {
        key::place(self.key.as_ref().map(|key| key.bind(py).get()))
    }

    fn request(&self, credential: CredentialId, about: &str, what: &str) -> TokenRequest {
        let endpoint = Endpoint::TokenUrl(format!("python:{}", self.name));
        TokenRequest {
            params: BTreeMap::from([(about.to_owned(), what.to_owned())]),
            ..TokenRequest::client_credentials(endpoint, self.name.as_str(), credential)
        }
    }

    fn index_at(&self, store: &Arc<dyn TokenStore>, credential: CredentialId) -> Index {
        Index::new(Arc::clone(store), self.request(credential, "index", "").key())
    }

    fn open(&self, py: Python<'_>) -> Result<Live, Error> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let (store, credential) = self.place(py)?;
        let index = self.key.is_some().then(|| self.index_at(&store, credential));
        let noted = index.map(|index| (index, self.arguments.clone()));
        let waiters = Arc::new(Waiters::default());
        let function = Arc::new(Function::new(self.name.clone(), Arc::clone(&waiters), noted));
        let request = self.request(credential, "arguments", &self.arguments);
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

    fn index(&self, py: Python<'_>) -> PyResult<Index> {
        let (store, credential) = self.place(py).map_err(|failed| error::exception(py, &failed))?;
        Ok(self.index_at(&store, credential))
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
    /// the function. None: the function raised, or this is a child that it forked.
    #[pyo3(signature = (run, timeout=None))]
    fn wait(
        &self,
        py: Python<'_>,
        run: &Bound<'_, PyAny>,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Option<Py<PyString>>> {
        let want = arguments::want(None, timeout, false, MinTtl::TOKEN)?;
        logging::refresh(py);
        let generation = runtime::generation();
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
                    let called = run.call1((job,));
                    if runtime::generation() != generation {
                        // The function forked, and this is the child: what would tell it the end
                        // is the parent's. `run` has what the function returned.
                        mem::forget((live, messages));
                        return called.map(|_| None);
                    }
                    if let Err(raised) = called {
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

    /// The text that the store has, where processes share it.
    fn stored(&self, py: Python<'_>) -> PyResult<Option<String>> {
        if self.key.is_none() {
            return Ok(None);
        }
        let source = self.live(py)?.source;
        let record = wait::block(py, async move { source.record().await })?;
        let token = record.map_err(|failed| unreadable(py, &failed))?.and_then(|r| r.token);
        Ok(token.map(|token| token.access_token().secret().to_owned()))
    }

    /// The arguments with which processes that share the key called the function.
    fn known(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let index = self.index(py)?;
        let known = wait::block(py, async move { index.arguments().await })?;
        known.map_err(|failed| unreadable(py, &failed))
    }

    /// Forgets the arguments.
    fn unlist(&self, py: Python<'_>) -> PyResult<()> {
        let index = self.index(py)?;
        wait::block(py, async move { index.forget().await })?
            .map_err(|failed| unreadable(py, &failed))
    }

    /// Tells that an API refused the token with this text; `worked`: that it accepted it before.
    #[pyo3(signature = (text, *, worked=false))]
    fn reject(&self, py: Python<'_>, text: &str, worked: bool) -> PyResult<()> {
        let source = self.live(py)?.source;
        if let Ok(token) = AccessToken::new(text) {
            let rejected = wait::block(py, async move {
                if worked {
                    source.reject_worked(&token).await
                } else {
                    source.reject(&token).await
                }
            })?;
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

fn unreadable(py: Python<'_>, failed: &StoreError) -> PyErr {
    let hint = "check that the cache folder is yours and has space left";
    error::of(py, Code::StoreFailed, format!("the cache cannot be used: {failed}"), hint)
}
