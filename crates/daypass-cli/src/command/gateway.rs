//! `daypass gateway`: a reverse proxy on this machine that puts a valid token on each request. And
//! what it shares with `exec --gateway`.

mod manners;
pub(crate) mod template;

use std::num::{NonZeroU8, NonZeroU16};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use daypass::{AgentAddress, Code, Env, Error, Opened, Profile, SystemClock};
use daypass_server::{
    Agent, AgentSettings, Counts, Gateway as Server, GatewaySettings, LocalCredentials, Upstream,
    notify,
};

pub(crate) use self::manners::{Manners, Tool};
use self::template::Place;
use super::agent::{descriptor, place};
use super::block_on;
use crate::context::{Context, Loudness};
use crate::emit::to_stdout;
use crate::report;
use crate::signals::Signals;

/// The variable in which a command finds the gateway.
pub(crate) const URL: &str = "DAYPASS_GATEWAY_URL";
/// The variable with the secret path, for tools that cannot log in: it stands before the API's own.
const PATH: &str = "DAYPASS_GATEWAY_PATH";

/// `daypass gateway`.
#[derive(Debug, Args)]
#[command(after_help = "\
Programs talk plain http to it on 127.0.0.1, with the local credential that it prints; it talks https
to the profile's API. docs/gateway.md has what it does when something fails, docs/tools.md a line for
each tool.

Examples:
  daypass gateway                     prints lines for a shell, and runs until it is told to stop
  daypass gateway --port 8080 --pace
  daypass exec --gateway -- ./runs-for-hours.sh      a gateway that lives as long as the command")]
pub(crate) struct Gateway {
    /// The profile; without it the default one, or what the environment says
    profile: Option<String>,
    /// The port on both loopback addresses; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,
    #[command(flatten)]
    manners: Manners,
    /// Write the gateway's address to this descriptor, and close it, when it is ready
    #[arg(long, value_name = "N")]
    ready_fd: Option<NonZeroU16>,
    /// Listen on this port of the loopback addresses for /metrics and /healthz; 0 takes a free one
    #[arg(long, value_name = "PORT")]
    metrics_port: Option<u16>,
    /// Print JSON instead of lines for a shell
    #[arg(long)]
    pub(crate) json: bool,
}

/// A profile's API, and how its gateway is to be.
pub(crate) struct Planned {
    pub(crate) profile: Profile,
    upstream: Upstream,
    slots: u32,
}

impl Planned {
    /// Finds the API of a profile.
    pub(crate) fn of(context: &Context, opened: &Opened, manners: &Manners) -> Result<Self, Error> {
        let upstream = upstream(context, opened)?;
        let profile = opened.profile.clone();
        let slots = u32::from(manners.pool.or(profile.pool).map_or(1, NonZeroU8::get));
        Ok(Self { profile, upstream, slots })
    }
}

/// A gateway that runs, beside the agent whose tokens it uses.
pub(crate) struct Running {
    pub(crate) server: Server,
    pub(crate) local: LocalCredentials,
    pub(crate) profile: Profile,
    /// Whether its open port is for `gc`.
    gc: bool,
}

impl Running {
    /// Starts a gateway with the tokens of a profile that the agent holds. Needs the event loop.
    pub(crate) fn start(
        agent: &Agent,
        planned: Planned,
        manners: &Manners,
        port: u16,
        counts: Counts,
    ) -> Result<Self, Error> {
        let Planned { profile, upstream, slots } = planned;
        let local = LocalCredentials::generate()?;
        let sources = agent.sources(&profile.name, slots)?;
        let mut settings =
            GatewaySettings::new(sources, upstream, local.clone(), Arc::new(SystemClock));
        settings.port = port;
        settings.open_ports = manners.open_port_for.iter().map(|_| 0).collect();
        settings.token_timeout = manners.token_timeout.unwrap_or(settings.token_timeout);
        settings.retry_throttled = manners.retry_throttled;
        settings.pace = manners.pace;
        settings.counts = counts;
        let gc = manners.open_port_for.contains(&Tool::Gc);
        Ok(Self { server: Server::start(settings)?, local, profile, gc })
    }

    /// What a template may name.
    pub(crate) fn place(&self) -> Place {
        Place {
            profile: self.profile.name.clone(),
            url: self.server.url(),
            port: self.server.port(),
            open_port: self.server.open_ports().first().copied(),
            local: self.local.clone(),
        }
    }

    /// The variables that a program needs, with the local credentials in them: its address, the
    /// credential variables, and `variable` or the usual one for a token.
    pub(crate) fn variables(&self, env: &Env, variable: Option<&str>) -> Vec<(String, String)> {
        let place = self.place();
        let mut all = vec![
            (URL.to_owned(), place.url.clone()),
            (PATH.to_owned(), place.local.path().to_owned()),
        ];
        all.extend(template::credentials(env, &self.profile, &place));
        let token = variable.unwrap_or(self.profile.token_variable()).to_owned();
        all.push((token, place.local.token().to_owned()));
        if let Some(port) = place.open_port.filter(|_| self.gc) {
            // What makes `gc` speak plain http and not log in. It says the name, not the address.
            all.push(("GENESYSCLOUD_REGION".to_owned(), format!("localhost:{port}")));
        }
        all
    }
}

/// A gateway needs the credentials itself, which an agent keeps to itself.
pub(crate) fn check(context: &Context) -> Result<(), Error> {
    if !AgentAddress::is_named(&context.env) {
        return Ok(());
    }
    let hint = match context.env.var_os(URL) {
        Some(_) => "name all profiles on the first one: daypass exec --gateway A B -- COMMAND",
        None => "a gateway needs the credentials itself: unset DAYPASS_AGENT where they are",
    };
    Err(Error::new(Code::Usage, "DAYPASS_AGENT is set: there is an agent already").with_hint(hint))
}

/// The API that a profile's tokens go to.
fn upstream(context: &Context, opened: &Opened) -> Result<Upstream, Error> {
    let profile = &opened.profile;
    let url = profile.api_url().ok_or_else(|| {
        Error::new(
            Code::ConfigInvalid,
            format!("it is not known which API the tokens of \"{}\" are for", profile.name),
        )
        .with_hint("set `api_url` in the profile: api_url = \"https://api.example.com\"")
    })?;
    let upstream = Upstream::new(&url, &opened.api_trust(&context.env)?)?;
    let authority = upstream.authority().to_ascii_lowercase();
    let host = authority.rsplit_once(':').map_or(authority.as_str(), |(host, _)| host);
    if profile.hosts().iter().any(|allowed| *allowed == authority || allowed == host) {
        return Ok(upstream);
    }
    Err(Error::new(
        Code::ConfigInvalid,
        format!("`api_url` is on a host that tokens of \"{}\" may not go to", profile.name),
    )
    .with_hint(format!("add it to `hosts`, if it may: hosts = [\"{authority}\"]")))
}

pub(crate) fn run(context: &Context, args: &Gateway) -> Result<ExitCode, Error> {
    args.manners.check(args.profile.as_slice())?;
    check(context)?;
    let opened = context.open_to_stay(args.profile.as_deref())?;
    let planned = Planned::of(context, &opened, &args.manners)?;
    let counts = Counts::default();
    let settings = AgentSettings { metrics_port: args.metrics_port, ..AgentSettings::default() };
    block_on(async {
        let agent =
            Agent::new(settings, Arc::new(SystemClock), vec![Arc::new(counts.clone()) as _]);
        agent.hold(opened, Some(context.reopen(args.profile.as_deref())))?;
        let mut running = Running::start(&agent, planned, &args.manners, args.port, counts)?;
        let socket = place::fresh(&context.env)?;
        let address = socket.address().to_variable().to_string_lossy().into_owned();
        let (mut first, mut second) = (Signals::to_stop()?, Signals::to_stop()?);
        agent.listen().await?;
        tell(context, args, &running, &address, agent.metrics_url())?;
        notify(&context.env, "READY=1");
        let serving = agent.serve(socket, std::future::pending());
        tokio::select! {
            ended = serving => ended.map(drop)?,
            () = running.server.ended() => return Err(ended()),
            _ = first.next() => {}
        }
        notify(&context.env, "STOPPING=1");
        // The first signal was for both.
        second.next().await;
        tokio::select! {
            () = running.server.drain() => {}
            _ = second.next() => running.server.shutdown().await,
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// A gateway ends only when it is told to.
pub(crate) fn ended() -> Error {
    Error::new(Code::Internal, "the gateway ended by itself")
        .with_hint("this is a defect of daypass: please report it")
}

fn tell(
    context: &Context,
    args: &Gateway,
    running: &Running,
    agent: &str,
    metrics: Option<String>,
) -> Result<(), Error> {
    let url = running.server.url();
    if let Some(number) = args.ready_fd {
        descriptor::tell(number.get(), &format!("{url}\n"))?;
    }
    if context.loudness > Loudness::Quiet {
        let also = metrics.as_ref().map(|metrics| format!("; metrics at {metrics}"));
        report::line(&format!("the gateway is ready at {url}{}", also.unwrap_or_default()));
    }
    if args.json {
        let object = serde_json::json!({
            "url": url,
            "port": running.server.port(),
            "open_ports": running.server.open_ports(),
            "client_id": running.local.client_id(),
            "client_secret": running.local.client_secret(),
            "token": running.local.token(),
            "path": running.local.path(),
            "agent": agent,
            "metrics": metrics,
            "pid": std::process::id(),
        });
        return to_stdout(format!("{object}\n").as_bytes());
    }
    let quoted = agent.replace('\'', "'\\''");
    let mut lines = format!("export {}='{quoted}'\n", AgentAddress::VARIABLE);
    for (name, value) in running.variables(&context.env, None) {
        // None has a quote in it: they are addresses and credentials of our own making.
        lines.push_str(&format!("export {name}='{value}'\n"));
    }
    to_stdout(lines.as_bytes())
}
