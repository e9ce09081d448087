//! One Tokio runtime for the process, made when it is first needed, and forgotten after a fork.
//!
//! A forked child has the memory of its parent and none of its threads. The generation says in
//! which process something was made: what is of an older one is made anew, never waited for. All
//! locks here are held with the GIL only, which the forking thread has: none is held by a thread
//! that the child lacks.

use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use daypass::Code;
use pyo3::prelude::*;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::{error, logging};

static GENERATION: AtomicU64 = AtomicU64::new(0);
static RUNTIME: Mutex<Option<Runtime>> = Mutex::new(None);

/// Threads that call back into Python; they wait for the GIL most of the time.
const CALLBACK_THREADS: usize = 4;

/// Returns how often the process and its ancestors forked.
pub(crate) fn generation() -> u64 {
    GENERATION.load(Ordering::Relaxed)
}

/// Returns the runtime of this process.
pub(crate) fn handle(py: Python<'_>) -> PyResult<Handle> {
    let mut runtime = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(runtime) = runtime.as_ref() {
        return Ok(runtime.handle().clone());
    }
    let made = Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(CALLBACK_THREADS)
        .thread_name("daypass")
        .enable_all()
        .build()
        .map_err(|cause| {
            let why = daypass::printable(&cause.to_string());
            let hint = "is the limit of open files or threads reached (ulimit -n, -u)?";
            error::of(py, Code::Internal, format!("no event loop: {why}"), hint)
        })?;
    let handle = made.handle().clone();
    *runtime = Some(made);
    Ok(handle)
}

/// Calls back into Python from a thread of the runtime; not at all once the interpreter ends.
pub(crate) fn call_back(handle: &Handle, work: impl FnOnce(Python<'_>) + Send + 'static) {
    drop(handle.spawn_blocking(move || {
        let _ = Python::try_attach(work);
    }));
}

/// What `os.register_at_fork` runs in the child.
#[pyfunction]
pub(crate) fn after_fork_in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    let runtime = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner).take();
    // Its threads are the parent's: ending it would wait for them.
    mem::forget(runtime);
    logging::forget();
}
