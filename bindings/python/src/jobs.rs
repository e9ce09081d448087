//! A function's calls for a token: made by those who wait, in their thread or event loop.
//!
//! The flight asks an [`Issuer`]; this one has no endpoint to ask. It offers the call as a job to
//! whoever waits, so the user's function runs where it was called, with that thread's locals, its
//! context and its traceback.

use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use daypass::{
    AccessToken, Clock, Error, Granted, Issuer, IssuerError, IssuerErrorClass, SystemClock,
    Timestamp, Token,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::index::Index;
use crate::runtime;

/// What a waiting caller is told.
pub(crate) enum Message {
    /// Call the function.
    Job(Job),
    /// It is over.
    Done(Box<Result<Granted, Error>>),
}

/// Who waits: a thread, or a callback that passes messages on to an event loop.
pub(crate) enum Waiter {
    Thread(Sender<Message>),
    Callback(Handle, Arc<Py<PyAny>>),
}

impl Waiter {
    /// Offers a job; gives it back when nobody is there any more.
    fn offer(&self, job: Job) -> Result<(), Job> {
        match self {
            Self::Thread(sender) => sender.send(Message::Job(job)).map_err(|lost| match lost.0 {
                Message::Job(job) => job,
                Message::Done(_) => Job::taken(),
            }),
            Self::Callback(handle, callback) => {
                let callback = Arc::clone(callback);
                runtime::call_back(handle, move |py| {
                    // A loop that is closed drops the job, which tells the flight.
                    let _ = callback.call1(py, (job, py.None(), py.None()));
                });
                Ok(())
            }
        }
    }
}

/// Those who wait for one function's token.
#[derive(Default)]
pub(crate) struct Waiters(Mutex<(u64, Vec<(u64, Waiter)>)>);

impl Waiters {
    fn lock(&self) -> MutexGuard<'_, (u64, Vec<(u64, Waiter)>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, waiter: Waiter) -> u64 {
        let mut waiters = self.lock();
        waiters.0 += 1;
        let number = waiters.0;
        waiters.1.push((number, waiter));
        number
    }

    /// Returns whether nobody is left.
    pub(crate) fn remove(&self, number: u64) -> bool {
        let mut waiters = self.lock();
        waiters.1.retain(|(other, _)| *other != number);
        waiters.1.is_empty()
    }

    /// Gives the job to somebody, each in turn.
    fn offer(&self, mut job: Job) -> Result<(), Job> {
        let mut waiters = self.lock();
        for _ in 0..waiters.1.len() {
            waiters.1.rotate_left(1);
            let Some((_, waiter)) = waiters.1.last() else { break };
            match waiter.offer(job) {
                Ok(()) => return Ok(()),
                Err(back) => job = back,
            }
        }
        Err(job)
    }
}

/// What came of a call.
pub(crate) enum Outcome {
    Returned { text: String, lifetime: Duration },
    Raised,
}

/// One call of the function, to be made by whoever holds this. Dropped, it counts as not made.
#[pyclass(frozen, module = "daypass._daypass")]
pub(crate) struct Job {
    /// In which process it is of use: a child forked by the function has nobody to tell.
    generation: u64,
    reply: Mutex<Option<oneshot::Sender<Outcome>>>,
}

impl Job {
    fn new() -> (Self, oneshot::Receiver<Outcome>) {
        let (reply, outcome) = oneshot::channel();
        (Self { generation: runtime::generation(), reply: Mutex::new(Some(reply)) }, outcome)
    }

    const fn taken() -> Self {
        Self { generation: 0, reply: Mutex::new(None) }
    }

    /// Whom to tell, once. Waking the parent's runtime in a child could wait for ever.
    fn take(&self) -> Option<oneshot::Sender<Outcome>> {
        let reply = self.reply.lock().unwrap_or_else(PoisonError::into_inner).take();
        if self.generation == runtime::generation() {
            return reply;
        }
        mem::forget(reply);
        None
    }

    fn send(&self, outcome: Outcome) {
        // A flight that is over is not told.
        let _ = self.take().map(|reply| reply.send(outcome));
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        drop(self.take());
    }
}

#[pymethods]
impl Job {
    /// Tells what the function returned, as text, and how many seconds it lives.
    fn returned(&self, text: String, lifetime: f64) -> PyResult<()> {
        let lifetime = Duration::try_from_secs_f64(lifetime)
            .map_err(|_| PyValueError::new_err(format!("a token can't live {lifetime} s")))?;
        self.send(Outcome::Returned { text, lifetime });
        Ok(())
    }

    /// Tells that the function raised.
    fn raised(&self) {
        self.send(Outcome::Raised);
    }

    /// Tells that the call was broken off: somebody else is to make it.
    fn broken_off(&self) {
        drop(self.take());
    }
}

/// The call under way: one that outlives its attempt is waited for, not made twice.
struct UnderWay {
    began: Timestamp,
    outcome: oneshot::Receiver<Outcome>,
}

/// An index, and the arguments to note there.
pub(crate) type Noted = (Index, String);

/// Asks those who wait.
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) waiters: Arc<Waiters>,
    /// Where the arguments are noted, where processes share the token.
    index: Option<Noted>,
    /// The longest that anybody wanted to wait, in milliseconds.
    patience: AtomicU64,
    under_way: tokio::sync::Mutex<Option<UnderWay>>,
}

impl Function {
    pub(crate) fn new(name: String, waiters: Arc<Waiters>, index: Option<Noted>) -> Self {
        let patience = AtomicU64::new(0);
        Self { name, waiters, index, patience, under_way: tokio::sync::Mutex::default() }
    }

    /// Notes how long a caller wants to wait.
    pub(crate) fn note_patience(&self, timeout: Duration) {
        let millis = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        self.patience.fetch_max(millis, Ordering::Relaxed);
    }

    /// Whether to wait for a call that is under way already. What ended while nobody waited has
    /// aged; and what takes longer than anybody wanted to wait may never end: the event loop that
    /// it is made in may have been closed.
    fn is_worth_waiting_for(&self, call: &UnderWay) -> bool {
        // A flight ends a little before its callers' patience does, and tells them.
        let patience = Duration::from_millis(self.patience.load(Ordering::Relaxed)).mul_f64(0.85);
        call.outcome.is_empty() && call.began.until(SystemClock.now()) < patience
    }

    fn start(&self) -> Result<UnderWay, IssuerError> {
        let (job, outcome) = Job::new();
        self.waiters.offer(job).map_err(|_| failed("nobody waits for it any more"))?;
        Ok(UnderWay { began: SystemClock.now(), outcome })
    }
}

fn failed(what: &str) -> IssuerError {
    let description = Some(what.to_owned());
    IssuerError { class: IssuerErrorClass::Transient, status: None, error: None, description }
}

/// The function raised: told to those who wait as it is, by `Entry`. Not tried again.
fn raised() -> IssuerError {
    let description = Some("the function raised an exception".to_owned());
    IssuerError { class: IssuerErrorClass::Setup, status: None, error: None, description }
}

#[async_trait]
impl Issuer for Function {
    async fn issue(&self, patience: Duration) -> Result<Token, IssuerError> {
        let mut under_way = self.under_way.lock().await;
        let old = under_way.take().filter(|call| self.is_worth_waiting_for(call));
        let call = under_way.insert(match old {
            Some(call) => call,
            None => self.start()?,
        });
        let began = call.began;
        let outcome = match timeout(patience, &mut call.outcome).await {
            Ok(outcome) => outcome,
            Err(_) => return Err(failed("the function has not returned yet")),
        };
        *under_way = None;
        match outcome {
            Ok(Outcome::Returned { text, lifetime }) => {
                if let Some((index, arguments)) = &self.index {
                    index.note(arguments).await;
                }
                let token = AccessToken::new(&text).map_err(|why| failed(&why.to_string()))?;
                let now = SystemClock.now();
                Ok(Token::new(token, None, began, now, began.saturating_add(lifetime)))
            }
            Ok(Outcome::Raised) => Err(raised()),
            Err(_) => Err(failed("the caller that called it went away")),
        }
    }

    async fn revoke(&self, _: &Token, _: Duration) -> Result<(), IssuerError> {
        Err(IssuerError {
            class: IssuerErrorClass::CannotRevoke,
            status: None,
            error: None,
            description: None,
        })
    }

    fn host(&self) -> &str {
        &self.name
    }
}
