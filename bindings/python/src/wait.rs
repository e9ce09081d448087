//! Waiting for the runtime: without the GIL, and not longer than the user's patience (Ctrl-C).

use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use daypass::Code;
use pyo3::prelude::*;

use crate::{error, runtime};

/// How often a waiting thread looks for signals.
const SIGNALS: Duration = Duration::from_millis(50);

/// Runs `work` on the runtime and waits for it. What it does goes on when a signal ends the
/// waiting.
pub(crate) fn block<T: Send + 'static>(
    py: Python<'_>,
    work: impl Future<Output = T> + Send + 'static,
) -> PyResult<T> {
    let (done, mut result) = sync_channel(1);
    drop(runtime::handle(py)?.spawn(async move {
        // Nobody waits any more: a signal came.
        let _ = done.send(work.await);
    }));
    receive(py, &mut result)
}

/// Waits for a message.
pub(crate) fn receive<T: Send>(py: Python<'_>, messages: &mut Receiver<T>) -> PyResult<T> {
    loop {
        // A receiver may not be shared with other threads, but handed over: detaching asks for that.
        let exclusive = &mut *messages;
        match py.detach(move || exclusive.recv_timeout(SIGNALS)) {
            Ok(message) => return Ok(message),
            Err(RecvTimeoutError::Timeout) => py.check_signals()?,
            Err(RecvTimeoutError::Disconnected) => {
                let hint = "this is a defect of daypass: please report it";
                return Err(error::of(
                    py,
                    Code::Internal,
                    "a request ended without a result",
                    hint,
                ));
            }
        }
    }
}
