//! One file per verb.

pub(crate) mod agent;
pub(crate) mod cache;
pub(crate) mod demo;
pub(crate) mod exec;
pub(crate) mod forget;
pub(crate) mod gateway;
pub(crate) mod manual;
pub(crate) mod sandbox;
pub(crate) mod status;
pub(crate) mod token;
pub(crate) mod trust;

use std::future::Future;
use std::io;
use std::os::unix::net::UnixStream;

use daypass::{Code, Error, printable};

use crate::cli::Failure;

/// More than the descriptors that a runtime takes for itself, in pairs.
const RUNTIME_PAIRS: usize = 4;

/// Runs `work` on a runtime of one thread: this one.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime = has_descriptors()
        .and_then(|()| tokio::runtime::Builder::new_current_thread().enable_all().build());
    let runtime = runtime.map_err(|error| {
        // Not the kind: for this error it says "uncategorized".
        let why = printable(&error.to_string());
        Error::new(Code::Internal, format!("no event loop: {why}"))
            .with_hint("is the limit of open files reached (ulimit -n)?")
    })?;
    runtime.block_on(work)
}

/// As [`block_on`], for work that says with which exit code it fails; the event loop does so with
/// that of `exec`.
pub(crate) fn block_on_failing<T>(
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let done = block_on(async { Ok(work.await) });
    done.map_err(|error| Failure { error, exit_code: crate::supervise::FAILED })?
}

/// Where descriptors run out, tokio's part for signals panics; this fails.
fn has_descriptors() -> io::Result<()> {
    (0..RUNTIME_PAIRS).map(|_| UnixStream::pair()).collect::<io::Result<Vec<_>>>().map(drop)
}
