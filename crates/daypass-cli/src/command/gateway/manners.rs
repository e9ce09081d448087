//! How a gateway treats requests, as flags: those of `gateway`, `exec --gateway` and `agent --gateway`.

use std::num::NonZeroU8;
use std::process::Command;
use std::time::Duration;

use clap::{Args, ValueEnum};
use daypass::{Code, Error, parse_duration};

use crate::cli::duration;

/// How a gateway treats requests.
#[derive(Clone, Debug, Default, Args)]
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
    /// How long a request waits for a token before it is told that there is none; 10s unless
    /// stated
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) token_timeout: Option<Duration>,
    /// Hold requests back before the API's limit is hit
    #[arg(long)]
    pub(crate) pace: bool,
    /// Use so many tokens in turn, for an API that counts requests per token; the profile's `pool`
    /// unless stated
    #[arg(long, value_name = "N", value_parser = slots)]
    pub(crate) pool: Option<NonZeroU8>,
}

fn slots(text: &str) -> Result<NonZeroU8, String> {
    text.parse().map_err(|_| "not a number of tokens from 1 to 255".to_owned())
}

impl Manners {
    /// Looks for a duration that was meant for a flag and stands where profiles do.
    pub(crate) fn check(&self, profiles: &[String]) -> Result<(), Error> {
        let Some(_) = self.retry_throttled else { return Ok(()) };
        match profiles.iter().find(|name| parse_duration(name).is_ok()) {
            None => Ok(()),
            Some(name) => Err(Error::new(
                Code::Usage,
                format!("\"{name}\" would be a profile: it is not joined to --retry-throttled"),
            )
            .with_hint(format!("--retry-throttled={name}"))),
        }
    }

    /// Writes them, and the port, as flags for this program.
    pub(crate) fn write(&self, command: &mut Command, port: u16) {
        for Tool::Gc in &self.open_port_for {
            command.args(["--open-port-for", "gc"]);
        }
        if let Some(patience) = self.retry_throttled {
            command.arg(format!("--retry-throttled={}", patience.as_secs()));
        }
        if let Some(timeout) = self.token_timeout {
            command.arg(format!("--token-timeout={}", timeout.as_secs()));
        }
        if self.pace {
            command.arg("--pace");
        }
        if let Some(pool) = self.pool {
            command.args(["--pool", &pool.to_string()]);
        }
        if port != 0 {
            command.args(["--gateway-port", &port.to_string()]);
        }
    }

    /// Whether nothing was said.
    pub(crate) fn are_plain(&self) -> bool {
        let Self { open_port_for, retry_throttled, token_timeout, pace, pool } = self;
        let timed = retry_throttled.is_some() || token_timeout.is_some();
        open_port_for.is_empty() && !timed && !pace && pool.is_none()
    }
}

/// A tool that cannot log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tool {
    /// The Genesys Cloud command line
    Gc,
}
