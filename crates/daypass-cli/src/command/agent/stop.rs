//! `daypass agent --stop`: ends the agent, and waits until its place is free.

use daypass::{AgentAddress, Clock, Code, Error, SystemClock};
use daypass_server::AgentSocket;

use super::{Agent, PATIENCE, pause};
use crate::context::{Context, Loudness};
use crate::report;

pub(super) fn stop(context: &Context, args: &Agent, address: &AgentAddress) -> Result<(), Error> {
    let gone = AgentSocket::is_free(address);
    if !gone {
        let process = address.process();
        address.stop()?;
        let deadline = SystemClock.ticks().saturating_add(PATIENCE);
        while !AgentSocket::is_free(address) {
            if SystemClock.ticks() >= deadline {
                let error = Error::new(
                    Code::AgentUnreachable,
                    format!("the agent at {address} does not end"),
                );
                return Err(match process {
                    Some(pid) => error.with_hint(format!("kill -9 {pid} ends its process")),
                    None => error,
                });
            }
            pause();
        }
    }
    if args.json {
        let object = serde_json::json!({ "stopped": !gone });
        return crate::emit::to_stdout(format!("{object}\n").as_bytes());
    }
    if context.loudness > Loudness::Quiet {
        let line = if gone { "no agent is running at" } else { "ended the agent at" };
        report::line(&format!("{line} {address}"));
    }
    Ok(())
}
