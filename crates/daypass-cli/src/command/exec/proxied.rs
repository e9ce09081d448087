//! `daypass exec --gateway`: the command runs beside a gateway (and an agent) that live as long as it
//! does. It gets the gateway's address and a local credential, and no real one.

use std::ffi::{OsStr, OsString};
use std::process::ExitCode;
use std::sync::Arc;

use daypass::{AgentAddress, Code, Error, SystemClock};
use daypass_server::{Agent, AgentSettings, Counts};

use super::Wanted;
use crate::cli::{Exec, Failure};
use crate::command::gateway::{self, Running, Tool, URL, template};
use crate::command::{agent::place, block_on_failing};
use crate::context::{Context, Loudness};
use crate::supervise::{Charge, FAILED, supervise};
use crate::{report, scrub};

pub(super) fn run(
    context: &Context,
    args: &Exec,
    wanted: &[Wanted<'_>],
    program: &OsStr,
    arguments: &[OsString],
) -> Result<ExitCode, Failure> {
    let failed = |error| Failure { error, exit_code: FAILED };
    let profile = check(context, wanted).map_err(failed)?;
    let opened = context.open_to_stay(profile).map_err(failed)?;
    let files = context.opening(None).files().map_err(failed)?;
    let mut environment = scrub::environment(&context.env, &files, &[&opened]);
    let counts = Counts::default();
    block_on_failing(async {
        let running =
            Running::start(context, &opened, &args.manners, args.gateway_port, counts.clone());
        let mut running = running.map_err(failed)?;
        let place_ = running.place();
        let mut given = vec![(URL.to_owned(), place_.url.clone())];
        given.extend(template::credentials(&context.env, &opened, &place_));
        if args.manners.open_port_for.contains(&Tool::Gc) {
            // What makes `gc` speak plain http and not log in. It says the name, not the address.
            let port = running.server.open_ports().first().copied().unwrap_or_default();
            given.push(("GENESYSCLOUD_REGION".to_owned(), format!("localhost:{port}")));
        }
        for typed in &args.gateway_env {
            given.push(template::variable(&place_, typed).map_err(failed)?);
        }
        let agent = Agent::new(
            AgentSettings { bound: true, ..AgentSettings::default() },
            Arc::new(SystemClock),
            vec![Arc::new(counts.clone())],
        );
        agent.hold(opened, None).map_err(failed)?;
        let socket = place::fresh(&context.env).map_err(failed)?;
        environment.retain(|(name, _)| !given.iter().any(|(given, _)| name == given.as_str()));
        environment.extend(given.into_iter().map(|(name, value)| (name.into(), value.into())));
        environment.push((AgentAddress::VARIABLE.into(), socket.address().to_variable()));
        let charge = Charge::new(program, arguments, environment);
        let server = async {
            tokio::select! {
                ended = agent.serve(socket, std::future::pending()) => match ended {
                    Ok(why) => Error::new(Code::Internal, format!("the agent ended: {why:?}")),
                    Err(error) => error,
                },
                () = running.server.ended() => gateway::ended(),
            }
        };
        let code = supervise(&charge, server).await?;
        if code != ExitCode::SUCCESS
            && counts.now().requests == 0
            && context.loudness > Loudness::Quiet
        {
            report::warning(&format!(
                "the command failed and never used the gateway: if the API refused its \
                 daypass-local- credential, its tool went around the gateway; give the tool the \
                 address in {URL} (docs/tools.md has the line for each)"
            ));
        }
        Ok(code)
    })
}

/// A gateway has one API, so it has one profile.
fn check<'a>(context: &Context, wanted: &[Wanted<'a>]) -> Result<Option<&'a str>, Error> {
    let [one] = wanted else {
        return Err(Error::new(Code::Usage, "--gateway is for one profile: it has one API")
            .with_hint(
                "start one within the other: daypass exec --gateway A -- daypass exec ...",
            ));
    };
    if let Some(variable) = one.variable {
        return Err(Error::new(
            Code::Usage,
            format!("with --gateway no token is put into {variable}"),
        )
        .with_hint("leave =NAME away, or use --gateway-env NAME={token} for a local one"));
    }
    if context.env.var_os(AgentAddress::VARIABLE).is_some() {
        return Err(Error::new(Code::Usage, "DAYPASS_AGENT is set: there is an agent already")
            .with_hint("a gateway needs the credentials itself: unset DAYPASS_AGENT"));
    }
    Ok(one.profile)
}
