//! What is told when an agent is ready: where it is, in the form that was asked for.

use clap::ValueEnum;
use daypass::{AgentAddress, Code, Error, printable};
use serde::{Deserialize, Serialize};

use super::beside::Told;
use super::{Agent, descriptor};
use crate::context::{Context, Loudness};
use crate::emit::{Destination, destination, to_github, to_stdout};
use crate::format::Format;
use crate::report;

/// The form in which an agent's address is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    /// For a shell: `export DAYPASS_AGENT='unix:...'`
    #[default]
    Shell,
    /// One JSON object
    Json,
    /// Add DAYPASS_AGENT to $GITHUB_ENV for all later steps
    Github,
}

/// An agent that is ready.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Ready {
    /// `DAYPASS_AGENT`.
    pub(super) address: String,
    /// The path of its socket.
    pub(super) socket: String,
    pub(super) pid: u32,
    pub(super) profiles: Vec<String>,
    /// Whether it was there already.
    pub(super) joined: bool,
    /// Where the metrics are, with `--metrics-port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) metrics: Option<String>,
    /// The gateway, with `--gateway`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) gateway: Option<Told>,
}

impl Ready {
    pub(super) fn new(address: &AgentAddress, pid: u32, profiles: Vec<String>) -> Self {
        // `place` sees to it that they are text.
        let socket = address.path().to_string_lossy().into_owned();
        let address = address.to_variable().to_string_lossy().into_owned();
        Self { address, socket, pid, profiles, joined: false, metrics: None, gateway: None }
    }

    /// Tells it to whoever waits for this process.
    pub(super) fn tell(&self, context: &Context, args: &Agent) -> Result<(), Error> {
        if let Some(number) = args.ready_fd {
            descriptor::tell(number.get(), &format!("{}\n", self.address))?;
        }
        if args.detached {
            // The process in the foreground reads it.
            return to_stdout(self.json().as_bytes());
        }
        self.show(context, args.form())
    }

    /// Tells it to a person and to scripts.
    pub(super) fn show(&self, context: &Context, form: Form) -> Result<(), Error> {
        // In the foreground somebody waits for it; in the background the result says it.
        if context.tells()
            || (!self.joined
                && self.pid == std::process::id()
                && context.loudness > Loudness::Quiet)
        {
            let what = if self.joined { "joined the agent at" } else { "the agent is ready at" };
            let names: Vec<_> = self.profiles.iter().map(|name| printable(name)).collect();
            let (address, names) = (printable(&self.address), names.join(", "));
            let metrics =
                self.metrics.as_ref().map(|url| format!("; metrics at {}", printable(url)));
            let metrics = metrics.unwrap_or_default();
            report::line(&format!("{what} {address} (pid {}; {names}){metrics}", self.pid));
        }
        match form {
            Form::Json => to_stdout(self.json().as_bytes()),
            Form::Shell => {
                let quoted = self.address.replace('\'', "'\\''");
                let mut lines = format!("export {}='{quoted}'\n", AgentAddress::VARIABLE);
                for (name, value) in self.gateway_env() {
                    // Addresses and credentials of our own making: there is no quote in them.
                    lines.push_str(&format!("export {name}='{value}'\n"));
                }
                to_stdout(lines.as_bytes())
            }
            Form::Github => match destination(context, Format::GithubEnv, None)? {
                Destination::Github(path) => {
                    let mut entries = vec![(AgentAddress::VARIABLE, self.address.as_str())];
                    entries.extend(self.gateway_env());
                    to_github(&path, &entries)
                }
                _ => Ok(()),
            },
        }
    }

    fn gateway_env(&self) -> impl Iterator<Item = (&str, &str)> {
        let env = self.gateway.iter().flat_map(|told| &told.env);
        env.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether it could be told, before there is something to tell.
    pub(super) fn check(context: &Context, form: Form) -> Result<(), Error> {
        let Form::Github = form else { return Ok(()) };
        let found = destination(context, Format::GithubEnv, None).map_err(|error| {
            let hint = "outside of GitHub Actions: eval \"$(daypass agent --detach)\"";
            Error::new(error.code(), error.message()).with_hint(hint)
        })?;
        match found {
            // Nothing is added; what cannot be added to is told now.
            Destination::Github(path) => to_github(&path, &[]),
            _ => Ok(()),
        }
    }

    /// Ends the agent that nobody could be told of, unless others have it.
    pub(super) fn take_back(&self) {
        if !self.joined
            && let Ok(address) = AgentAddress::new(&self.socket)
        {
            // What went wrong first is what is told.
            let _ = address.stop();
        }
    }

    pub(super) fn parse(line: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(line).map_err(|_| {
            Error::new(Code::Internal, "the process in the background says something else")
        })
    }

    fn json(&self) -> String {
        // Nothing in it cannot be written.
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }
}
