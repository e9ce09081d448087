//! `daypass exec --agent`: the command runs beside an agent that lives as long as the command does.
//! It gets the agent's address, and no credential.

use std::ffi::{OsStr, OsString};
use std::process::ExitCode;
use std::sync::Arc;

use daypass::{AgentAddress, Code, Error, SystemClock};
use daypass_server::{Agent, AgentSettings};

use super::Wanted;
use crate::cli::Failure;
use crate::command::{agent::place, block_on_failing};
use crate::context::Context;
use crate::scrub;
use crate::supervise::{Charge, FAILED, supervise};

pub(super) fn agent(
    context: &Context,
    wanted: &[Wanted<'_>],
    program: &OsStr,
    arguments: &[OsString],
) -> Result<ExitCode, Failure> {
    let failed = |error| Failure { error, exit_code: FAILED };
    check(context, wanted).map_err(failed)?;
    let mut opened = Vec::with_capacity(wanted.len());
    for want in wanted {
        opened.push(context.open_to_stay(want.profile).map_err(failed)?);
    }
    let files = context.opening(None).files().map_err(failed)?;
    let mut environment =
        scrub::environment(&context.env, &files, &opened.iter().collect::<Vec<_>>());
    let agent = Agent::new(
        AgentSettings { bound: true, ..AgentSettings::default() },
        Arc::new(SystemClock),
        Vec::new(),
    );
    for (opened, want) in opened.into_iter().zip(wanted) {
        agent.hold(opened, Some(context.reopen(want.profile))).map_err(failed)?;
    }
    block_on_failing(async {
        let socket = place::fresh(&context.env).map_err(failed)?;
        environment.push((AgentAddress::VARIABLE.into(), socket.address().to_variable()));
        let charge = Charge::new(program, arguments, environment);
        let server = async {
            match agent.serve(socket, std::future::pending()).await {
                Ok(why) => Error::new(Code::Internal, format!("the agent ended: {why:?}")),
                Err(error) => error,
            }
        };
        supervise(&charge, server).await
    })
}

fn check(context: &Context, wanted: &[Wanted<'_>]) -> Result<(), Error> {
    if let Some(variable) = wanted.iter().find_map(|want| want.variable) {
        return Err(Error::new(
            Code::Usage,
            format!("with --agent no token is put into {variable}: the command asks for it"),
        )
        .with_hint("leave =NAME away; in the command: TOKEN=$(daypass token PROFILE)"));
    }
    if AgentAddress::is_named(&context.env) {
        return Err(Error::new(Code::Usage, "DAYPASS_AGENT is set: there is an agent already")
            .with_hint("leave --agent away, or unset DAYPASS_AGENT"));
    }
    Ok(())
}
