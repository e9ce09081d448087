//! `daypass exec --gateway`: the command runs beside a gateway per profile (and an agent) that live as
//! long as it does. It gets their addresses and local credentials, and no real one.

use std::ffi::{OsStr, OsString};
use std::process::ExitCode;
use std::sync::Arc;
use std::task::Poll;

use daypass::{AgentAddress, Code, Error, Opened, SystemClock, printable};
use daypass_server::{Agent, AgentSettings, Counts};

use super::Wanted;
use crate::cli::{Exec, Failure};
use crate::command::gateway::{self, Planned, Running, URL, template};
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
    gateway::check(context).map_err(failed)?;
    let mut opened = Vec::with_capacity(wanted.len());
    for want in wanted {
        opened.push(context.open_to_stay(want.profile).map_err(failed)?);
    }
    let files = context.opening(None).files().map_err(failed)?;
    let mut environment =
        scrub::environment(&context.env, &files, &opened.iter().collect::<Vec<_>>());
    let counts = Counts::default();
    let agent = Agent::new(
        AgentSettings { bound: true, ..AgentSettings::default() },
        Arc::new(SystemClock),
        vec![Arc::new(counts.clone())],
    );
    block_on_failing(async {
        let mut gateways = Vec::with_capacity(wanted.len());
        for (opened, want) in opened.into_iter().zip(wanted) {
            let gateway = start(context, args, &agent, opened, want, gateways.len(), &counts);
            gateways.push(gateway.map_err(failed)?);
        }
        let given = given(context, args, wanted, &gateways).map_err(failed)?;
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
                () = any_ended(&mut gateways) => gateway::ended(),
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

/// Starts the gateway of one profile. A port that was asked for, and the open ones, are the first
/// one's.
fn start(
    context: &Context,
    args: &Exec,
    agent: &Agent,
    opened: Opened,
    want: &Wanted<'_>,
    before: usize,
    counts: &Counts,
) -> Result<Running, Error> {
    let mut manners = args.manners.clone();
    let port = if before == 0 { args.gateway_port } else { 0 };
    if before > 0 {
        manners.open_port_for.clear();
    }
    let planned = Planned::of(context, &opened, &manners)?;
    agent.hold(opened, Some(context.reopen(want.profile)))?;
    Running::start(agent, planned, &manners, port, counts.clone())
}

/// What the command finds in its environment. Where two profiles would have the same variable, it
/// is the first one's; but for the tokens, which must each have one.
fn given(
    context: &Context,
    args: &Exec,
    wanted: &[Wanted<'_>],
    gateways: &[Running],
) -> Result<Vec<(String, String)>, Error> {
    let mut given: Vec<(String, String)> = Vec::new();
    let mut tokens: Vec<&str> = Vec::new();
    for (running, want) in gateways.iter().zip(wanted) {
        let token = want.variable.unwrap_or(running.profile.token_variable());
        if tokens.contains(&token) {
            let name = printable(&running.profile.name);
            return Err(Error::new(Code::Usage, format!("two tokens would be in {token}"))
                .with_hint(format!("name another variable: {name}=NAME")));
        }
        tokens.push(token);
        if gateways.len() > 1 {
            given.push((url_variable(&running.profile.name), running.server.url()));
        }
        for (name, value) in running.variables(&context.env, want.variable) {
            if !given.iter().any(|(there, _)| *there == name) {
                given.push((name, value));
            }
        }
    }
    let places: Vec<_> = gateways.iter().map(Running::place).collect();
    for typed in &args.gateway_env {
        let (name, value) = template::variable(&places, typed)?;
        given.retain(|(there, _)| *there != name);
        given.push((name, value));
    }
    Ok(given)
}

/// The variable with the address of a profile's gateway, where there is more than one.
fn url_variable(profile: &str) -> String {
    let character = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    format!("{URL}_{}", profile.chars().map(character).collect::<String>())
}

/// Waits for the first that ends, which none does but for a defect.
async fn any_ended(gateways: &mut [Running]) {
    let mut ends: Vec<_> =
        gateways.iter_mut().map(|running| Box::pin(running.server.ended())).collect();
    std::future::poll_fn(|cx| match ends.iter_mut().any(|end| end.as_mut().poll(cx).is_ready()) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await;
}
