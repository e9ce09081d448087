//! One file per verb.

pub(crate) mod demo;
pub(crate) mod exec;
pub(crate) mod forget;
pub(crate) mod manual;
pub(crate) mod sandbox;
pub(crate) mod status;
pub(crate) mod token;
pub(crate) mod trust;

use std::future::Future;

use daypass::{Code, Error};

/// Runs `work` on a runtime of one thread: this one.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Error::new(Code::Internal, format!("no event loop: {}", error.kind()))
                .with_hint("is the limit of open files reached (ulimit -n)?")
        })?
        .block_on(work)
}

/// The agent is asked where `DAYPASS_AGENT` is set, never the issuer instead: a step that was
/// given an agent has no credentials, and must not look for some.
pub(crate) fn refuse_agent(context: &crate::context::Context) -> Result<(), Error> {
    match context.env.var_os("DAYPASS_AGENT") {
        None => Ok(()),
        Some(_) => {
            Err(Error::new(Code::Usage, "DAYPASS_AGENT is set, but this version knows no agent")
                .with_hint("unset DAYPASS_AGENT"))
        }
    }
}
