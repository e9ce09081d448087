//! `daypass agent`: keeps credentials in memory and hands out tokens on a socket. Or lets the agent
//! that is there already have another profile, or ends it.

mod beside;
pub(super) mod descriptor;
mod detach;
pub(crate) mod place;
mod ready;
mod stop;

use std::num::NonZeroU16;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use daypass::{AgentAddress, Clock, Code, Env, Error, Join, SystemClock};
use daypass_server::{Agent as Server, AgentSettings, AgentSocket, Bound, Counts, Why, notify};
use serde_json::Value;

use self::beside::Beside;
use self::ready::{Form, Ready};
use super::block_on;
use super::gateway::{Manners, Planned};
use crate::cli::{Failure, duration};
use crate::context::{Context, Loudness};
use crate::signals::Signals;
use crate::{report, secrets};

/// How long an agent lives that nobody waits for, if nobody says.
const DETACHED: Duration = Duration::from_secs(24 * 60 * 60);
/// How long to wait for an agent that is starting or ending in the same place.
const PATIENCE: Duration = Duration::from_secs(40);
/// How long to wait between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// `daypass agent`.
#[derive(Debug, Args)]
#[command(after_help = "\
Where DAYPASS_AGENT is set, daypass token and exec ask the agent and need no credentials. The socket
is in the job's folder on CI, else in XDG_RUNTIME_DIR, else in /tmp. A second agent in the same place
does not start: it gives its profiles to the first.

Examples:
  eval \"$(daypass agent --detach)\"
  daypass agent --detach --format github           for all later steps of a job
  daypass agent --detach --secrets-fd 3 3<<< \"GC_CLIENT_SECRET=$SECRET\"
  daypass agent --stop")]
pub(crate) struct Agent {
    /// The profiles, the default one first; without any the default one, or what the environment says
    #[arg(value_name = "PROFILE")]
    profiles: Vec<String>,
    /// The socket, in a folder that is yours alone
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Go on in the background, and return when it is ready
    #[arg(long, conflicts_with = "stop")]
    detach: bool,
    /// End the agent, once it has answered all who wait
    #[arg(long)]
    stop: bool,
    /// Read lines NAME=VALUE from this descriptor, and lay them over the environment
    #[arg(long, value_name = "N")]
    secrets_fd: Option<u32>,
    /// Write the agent's address to this descriptor, and close it, when it is ready
    #[arg(long, value_name = "N")]
    ready_fd: Option<NonZeroU16>,
    /// End when nobody has asked for anything for so long
    #[arg(long, value_name = "DURATION", value_parser = lasting)]
    idle_timeout: Option<Duration>,
    /// End after this time, whatever happens; 24h with --detach, unless it says otherwise
    #[arg(long, value_name = "DURATION", value_parser = lasting)]
    lifetime: Option<Duration>,
    /// Be a gateway to the first profile's API too, and tell its address and local credentials
    #[arg(long, conflicts_with = "stop")]
    gateway: bool,
    /// The gateway's port, for tools whose own file names it
    #[arg(long, value_name = "PORT", default_value_t = 0, requires = "gateway")]
    gateway_port: u16,
    #[command(flatten)]
    manners: Manners,
    /// Let those who ask revoke tokens
    #[arg(long)]
    allow_revoke: bool,
    /// Listen on this port of the loopback addresses for /metrics and /healthz; 0 takes a free one
    #[arg(long, value_name = "PORT")]
    metrics_port: Option<u16>,
    /// The form in which the address is told
    #[arg(long, value_name = "FORMAT", default_value = "shell")]
    format: Form,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
    /// This is the process that goes on in the background.
    #[arg(long, hide = true, conflicts_with = "detach")]
    detached: bool,
}

pub(crate) fn run(context: &Context, args: &Agent) -> Result<ExitCode, Failure> {
    args.manners.check(&args.profiles)?;
    if !args.gateway && !args.manners.are_plain() {
        let error = Error::new(Code::Usage, "there is no gateway that this could be said to");
        return Err(error.with_hint("add --gateway").into());
    }
    let address = place::of(&context.env, args.socket.as_deref())?;
    if args.stop {
        stop::stop(context, args, &address)?;
    } else if args.detach {
        return Ok(detach::start(context, args)?);
    } else {
        start(context, args, address)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Serves until the end, or lets the agent that is there have the profiles.
fn start(context: &Context, args: &Agent, address: AgentAddress) -> Result<(), Error> {
    if args.detached {
        let ready = args.ready_fd.map(|number| u32::from(number.get()));
        detach::leave_session(&args.secrets_fd.into_iter().chain(ready).collect::<Vec<_>>());
    }
    let env = with_secrets(context, args)?;
    let context = &Context { env, ..context.like() };
    let deadline = SystemClock.ticks().saturating_add(PATIENCE);
    loop {
        let failed = match AgentSocket::bind(address.clone())? {
            Bound::Ours(socket) => return serve(context, args, socket),
            Bound::Taken if args.gateway => match address.status() {
                Ok(status) => return Err(taken(&address, &status)),
                Err(error) => error,
            },
            Bound::Taken => match join(context, args, &address) {
                Ok(ready) => {
                    if args.loosens() && context.loudness > Loudness::Quiet {
                        report::warning("an agent was there: its own flags go on to hold");
                    }
                    return ready.tell(context, args);
                }
                Err(error) => error,
            },
        };
        // It may be about to listen, or about to end.
        let left = SystemClock.ticks() < deadline;
        if failed.code() != Code::AgentUnreachable || !left {
            return Err(failed);
        }
        pause();
    }
}

/// A second agent cannot be a gateway: the first one's credentials are told at its start only.
fn taken(address: &AgentAddress, status: &Value) -> Error {
    let is_gateway = status.get("parts").is_some_and(|parts| parts.get("gateway").is_some());
    let (what, hint) = match is_gateway {
        true => (
            "and is a gateway: its local credentials were told when it started",
            "use what it printed then; or daypass agent --stop, and start it again",
        ),
        false => ("and is no gateway", "start the one with --gateway first; others join it"),
    };
    let text = format!("an agent is at {address} already, {what}");
    Error::new(Code::Usage, text).with_hint(hint)
}

/// Gives the agent at this place the profiles.
fn join(context: &Context, args: &Agent, address: &AgentAddress) -> Result<Ready, Error> {
    let text = |path: &std::path::Path| path.to_str().map(str::to_owned);
    let named: Vec<_> = match args.profiles.as_slice() {
        [] => vec![None],
        names => names.iter().cloned().map(Some).collect(),
    };
    let mut ready = Ready::new(address, 0, Vec::new());
    for profile in named {
        let joined = address.join(&Join {
            profile,
            config: context.config.as_deref().and_then(text),
            directory: context.directory.as_deref().and_then(text),
            // What is not text cannot be sent, and no profile could use it.
            env: context
                .env
                .iter()
                .filter_map(|(name, value)| Some((name.to_str()?.into(), value.to_str()?.into())))
                .collect(),
        })?;
        context.warn(&joined.warnings);
        ready = Ready { joined: true, ..Ready::new(address, joined.pid, joined.profiles) };
    }
    Ok(ready)
}

fn serve(context: &Context, args: &Agent, socket: AgentSocket) -> Result<(), Error> {
    let settings = AgentSettings {
        idle_timeout: args.idle_timeout,
        lifetime: args.lifetime.or(args.detached.then_some(DETACHED)),
        allow_revoke: args.allow_revoke,
        bound: false,
        metrics_port: args.metrics_port,
    };
    let counts = Counts::default();
    let parts = if args.gateway { vec![Arc::new(counts.clone()) as _] } else { Vec::new() };
    let agent = Server::new(settings, Arc::new(SystemClock), parts);
    let named: Vec<_> = match args.profiles.as_slice() {
        [] => vec![None],
        names => names.iter().map(|name| Some(name.as_str())).collect(),
    };
    let opened: Result<Vec<_>, _> =
        named.iter().map(|profile| context.open_to_stay(*profile)).collect();
    let opened = opened?;
    let why = block_on(async {
        let planned = match opened.first() {
            Some(first) if args.gateway => Some(Planned::of(context, first, &args.manners)?),
            _ => None,
        };
        for (one, profile) in opened.into_iter().zip(named) {
            agent.hold(one, Some(context.reopen(profile)))?;
        }
        let mut beside = match planned {
            Some(planned) => Beside::start(context, &agent, planned, args, counts)?,
            None => Beside::NONE,
        };
        let mut ready = Ready::new(socket.address(), std::process::id(), agent.profiles());
        ready.gateway = beside.told();
        let (mut first, second) = (Signals::to_stop()?, Signals::to_stop()?);
        agent.listen().await?;
        ready.metrics = agent.metrics_url();
        // From here on connections are answered: they wait in the socket already.
        ready.tell(context, args)?;
        notify(&context.env, "READY=1");
        if args.detached {
            detach::let_go();
        }
        let stop = async {
            first.next().await;
            notify(&context.env, "STOPPING=1");
        };
        let why = tokio::select! {
            why = agent.serve(socket, stop) => why,
            () = twice(second) => Ok(Why::Told),
            error = beside.ended() => Err(error),
        };
        beside.end().await;
        why
    })?;
    if context.loudness > Loudness::Quiet {
        match why {
            Why::Idle => report::line("the agent ends: nobody has asked for anything"),
            Why::Lifetime => report::line("the agent ends: its time is over"),
            _ => {}
        }
    }
    Ok(())
}

/// The second signal: the first one drains.
async fn twice(mut signals: Signals) {
    signals.next().await;
    signals.next().await;
}

#[expect(clippy::disallowed_methods, reason = "who waits here has no runtime")]
fn pause() {
    std::thread::sleep(LOOK);
}

/// The environment, with what came by a descriptor laid over it.
fn with_secrets(context: &Context, args: &Agent) -> Result<Env, Error> {
    let Some(number) = args.secrets_fd else { return Ok(context.env.clone()) };
    let read = secrets::read(&context.env, number)?;
    if !read.rest.is_empty() {
        return Err(Error::new(
            Code::Usage,
            format!("something follows an empty line of --secrets-fd {number}"),
        )
        .with_hint("write one NAME=VALUE a line, and nothing else"));
    }
    // Where it cannot be closed it is at its end all the same.
    let _ = descriptor::close(number);
    Ok(read.env)
}

/// A time that an agent lives, which is none if it ends at once.
fn lasting(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("the agent would end at once; leave it out for no end".to_owned()),
        lasting => Ok(lasting),
    }
}

impl Agent {
    fn form(&self) -> Form {
        if self.json { Form::Json } else { self.format }
    }

    /// Whether flags stand there that another agent does not hear of.
    fn loosens(&self) -> bool {
        self.allow_revoke
            || self.idle_timeout.is_some()
            || self.lifetime.is_some()
            || self.metrics_port.is_some()
    }
}
