//! `daypass gateway`: a reverse proxy on this machine that puts a valid token on each request. And
//! what it shares with `exec --gateway`.

pub(crate) mod template;

use std::num::{NonZeroU8, NonZeroU16};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use daypass::{Code, Error, Opened, SystemClock, TokenSource};
use daypass_server::{
    Agent, AgentSettings, Counts, Gateway as Server, GatewaySettings, LocalCredentials, Upstream,
    notify,
};

use self::template::Place;
use super::agent::{descriptor, place};
use super::block_on;
use crate::cli::duration;
use crate::context::{Context, Loudness};
use crate::emit::to_stdout;
use crate::report;
use crate::signals::Signals;

/// The variable in which a command finds the gateway.
pub(crate) const URL: &str = "DAYPASS_GATEWAY_URL";

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

/// How a gateway treats requests.
#[derive(Debug, Default, Args)]
pub(crate) struct Manners {
    /// A port of its own for a tool that cannot log in: it wants no credential, only a process of
    /// the same user
    #[arg(long = "open-port-for", value_name = "TOOL")]
    pub(crate) open_port_for: Vec<Tool>,
    /// Wait as the API says when it throttles, and send the request again, if it may be repeated;
    /// so long in all, 60s unless stated
    #[arg(long, value_name = "DURATION", value_parser = duration, num_args = 0..=1,
        default_missing_value = "60s", require_equals = true)]
    pub(crate) retry_throttled: Option<Duration>,
    /// Hold requests back before the API's limit is hit
    #[arg(long)]
    pub(crate) pace: bool,
    /// Use so many tokens in turn, for an API that counts requests per token; the profile's `pool`
    /// unless stated
    #[arg(long, value_name = "N")]
    pub(crate) pool: Option<NonZeroU8>,
}

impl Manners {
    /// Whether nothing was said.
    pub(crate) fn are_plain(&self) -> bool {
        let Self { open_port_for, retry_throttled, pace, pool } = self;
        open_port_for.is_empty() && retry_throttled.is_none() && !pace && pool.is_none()
    }
}

/// A tool that cannot log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tool {
    /// The Genesys Cloud command line
    Gc,
}

/// A gateway that runs, with the agent beside it.
pub(crate) struct Running {
    pub(crate) server: Server,
    pub(crate) local: LocalCredentials,
}

impl Running {
    /// Starts a gateway to the API of a profile. Needs the event loop.
    pub(crate) fn start(
        context: &Context,
        opened: &Opened,
        manners: &Manners,
        port: u16,
        counts: Counts,
    ) -> Result<Self, Error> {
        let upstream = upstream(context, opened)?;
        let local = LocalCredentials::generate()?;
        let slots = u32::from(manners.pool.or(opened.profile.pool).map_or(1, NonZeroU8::get));
        let source = |slot| Arc::new(opened.source.in_pool(slot)) as Arc<dyn TokenSource>;
        let first = Arc::new(opened.source.clone()) as Arc<dyn TokenSource>;
        let mut settings =
            GatewaySettings::new(first, upstream, local.clone(), Arc::new(SystemClock));
        settings.sources.extend((1..slots).map(source));
        settings.port = port;
        settings.open_ports = manners.open_port_for.iter().map(|_| 0).collect();
        settings.retry_throttled = manners.retry_throttled;
        settings.pace = manners.pace;
        settings.counts = counts;
        Ok(Self { server: Server::start(settings)?, local })
    }

    /// What a template may name.
    pub(crate) fn place(&self) -> Place {
        Place {
            url: self.server.url(),
            port: self.server.port(),
            open_port: self.server.open_ports().first().copied(),
            local: self.local.clone(),
        }
    }
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
    let opened = context.open_to_stay(args.profile.as_deref())?;
    let counts = Counts::default();
    let settings = AgentSettings { metrics_port: args.metrics_port, ..AgentSettings::default() };
    block_on(async {
        let mut running =
            Running::start(context, &opened, &args.manners, args.port, counts.clone())?;
        let agent = Agent::new(settings, Arc::new(SystemClock), vec![Arc::new(counts) as _]);
        let exports = exports(context, &opened, &running);
        agent.hold(opened, None)?;
        let socket = place::fresh(&context.env)?;
        let address = socket.address().to_variable().to_string_lossy().into_owned();
        let (mut first, mut second) = (Signals::to_stop()?, Signals::to_stop()?);
        agent.listen().await?;
        tell(context, args, &running, &exports, &address)?;
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

/// The variables that a program needs, with the local credential in them.
fn exports(context: &Context, opened: &Opened, running: &Running) -> Vec<(String, String)> {
    let place = running.place();
    let mut exports = vec![(URL.to_owned(), place.url.clone())];
    exports.extend(template::credentials(&context.env, opened, &place));
    exports
}

fn tell(
    context: &Context,
    args: &Gateway,
    running: &Running,
    exports: &[(String, String)],
    agent: &str,
) -> Result<(), Error> {
    let url = running.server.url();
    if let Some(number) = args.ready_fd {
        descriptor::tell(number.get(), &format!("{url}\n"))?;
    }
    if context.loudness > Loudness::Quiet {
        report::line(&format!("the gateway is ready at {url}"));
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
            "pid": std::process::id(),
        });
        return to_stdout(format!("{object}\n").as_bytes());
    }
    let mut lines = String::new();
    for (name, value) in exports {
        // Neither has a quote in it: they are addresses and credentials of our own making.
        lines.push_str(&format!("export {name}='{value}'\n"));
    }
    to_stdout(lines.as_bytes())
}
