//! The command line: one struct per verb, and the way from there to its command.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{ArgAction, Args, CommandFactory, Parser, Subcommand, ValueEnum};
use daypass::{Code, Env, Error, parse_duration};

use crate::command;
use crate::context::{Context, Loudness};
use crate::format::Format;
use crate::{report, supervise, usage};

const ABOUT: &str = "One valid OAuth 2.0 token for every step, process and machine";

const LONG_ABOUT: &str = "\
One valid OAuth 2.0 token for every step, process and machine.

Give daypass a client's credentials once. Every step that asks gets a token that is valid; the
issuer is asked once per lifetime, however many steps ask at once. Tokens are kept sealed in a
folder that only you can read.";

const EXAMPLES: &str = "\
Start here:
  export GC_CLIENT_ID=... GC_CLIENT_SECRET=... GC_REGION=eu-west-1     Genesys Cloud, or
  export OAUTH2_TOKEN_URL=... OAUTH2_CLIENT_ID=... OAUTH2_CLIENT_SECRET=...
  daypass token                     print a token that is valid
  daypass exec -- ./deploy.sh       run a command with a token in its environment
  daypass demo                      see it all work, without an account

Exit codes: 0 ok, 2 usage or configuration, 3 refused by the issuer, 4 not available now (a retry
may help), 5 store, 70 a defect of daypass; `exec` returns its command's.";

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "daypass", version, about = ABOUT, long_about = LONG_ABOUT, after_help = EXAMPLES)]
#[command(propagate_version = true, subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// Flags of every command.
#[derive(Debug, Args)]
pub(crate) struct Globals {
    /// The configuration file to use instead of ./daypass.toml
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Say what was done; twice for details
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Say nothing but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// The form of what is logged on stderr
    #[arg(long, global = true, value_name = "FORM", default_value = "text")]
    pub(crate) log_format: LogFormat,
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people
    Text,
    /// One JSON object a line
    Json,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Print a token that is valid, from the cache where possible
    Token(Token),
    /// Run a command with tokens in its environment, and without the credentials
    Exec(Exec),
    /// Keep the credentials in memory and hand out tokens on a socket
    Agent(command::agent::Agent),
    /// Put a valid token on each request of programs that don't know daypass
    Gateway(command::gateway::Gateway),
    /// Show what is cached, how long it lives, what it cost and what happened last
    Status(Status),
    /// Remove a profile's token from the cache; it stays valid at the issuer
    Forget(Profile),
    /// Revoke a profile's token at the issuer, then forget it
    Revoke(Profile),
    /// Hand the sealed token to another machine, through a place that others may read
    Cache(Cache),
    /// Allow a daypass.toml to say where secrets go, as it is now
    Trust(Trust),
    /// Run a local authorization server and API, with faults on demand
    Sandbox(command::sandbox::Sandbox),
    /// Show the whole story in half a minute, on this machine alone
    Demo(command::demo::Demo),
    /// Print the completions for a shell
    Completions(Completions),
    /// Print the manual page, or write one per command into a folder
    Man(Man),
}

/// `daypass token`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  TOKEN=$(daypass token)
  daypass token --format curl | curl --config - https://api.example.com/things
  eval \"$(daypass token --format env)\"
  daypass token --reject <<< \"$TOKEN\"      the API answered 401: get another one")]
pub(crate) struct Token {
    /// The profile; without it the default one, or what the environment says
    pub(crate) profile: Option<String>,
    /// The form to print it in
    #[arg(long, value_name = "FORMAT", default_value = "token", hide_default_value = true)]
    pub(crate) format: Format,
    /// How long it must still live, such as 90s, 10m or 2h
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) min_ttl: Option<Duration>,
    /// How long to wait for the issuer, or for whoever is asking it
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "30s")]
    pub(crate) timeout: Duration,
    /// Ask the issuer now, whatever is cached or was refused
    #[arg(long)]
    pub(crate) fresh: bool,
    /// An API refused a token with a 401: read it from stdin and get another one
    #[arg(long)]
    pub(crate) reject: bool,
    /// Write it to a file that only you can read
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Print it on a terminal too
    #[arg(long)]
    pub(crate) show: bool,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
}

/// `daypass exec`.
#[derive(Debug, Args)]
#[command(after_help = "\
The command's environment holds the token in GENESYSCLOUD_ACCESS_TOKEN (Genesys Cloud) or
ACCESS_TOKEN, or under the name given with PROFILE=NAME. The credentials are taken out of it.

Examples:
  daypass exec -- ./deploy.sh
  daypass exec genesys billing=BILLING_TOKEN -- make release
  daypass exec --min-ttl 30m -- terraform apply
  daypass exec --agent -- ./runs-for-hours.sh       each TOKEN=$(daypass token) in it is valid
  daypass exec --gateway -- python long_job.py      its SDK talks to DAYPASS_GATEWAY_URL")]
pub(crate) struct Exec {
    /// The profiles, each with the variable for its token if it needs another one
    #[arg(value_name = "PROFILE[=NAME]")]
    pub(crate) profiles: Vec<String>,
    /// How long the tokens must still live, such as 90s, 10m or 2h
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) min_ttl: Option<Duration>,
    /// How long to wait for the issuer, or for whoever is asking it
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "30s")]
    pub(crate) timeout: Duration,
    /// Run an agent for as long as the command lives: it gets DAYPASS_AGENT and asks for its tokens
    #[arg(long, conflicts_with = "min_ttl")]
    pub(crate) agent: bool,
    /// Run a gateway to the profile's API for as long as the command lives: it gets
    /// DAYPASS_GATEWAY_URL, DAYPASS_AGENT, and local credentials in place of the real ones
    #[arg(long, conflicts_with_all = ["min_ttl", "agent"])]
    pub(crate) gateway: bool,
    /// The gateway's port, for tools whose own file names it
    #[arg(long, value_name = "PORT", default_value_t = 0, requires = "gateway")]
    pub(crate) gateway_port: u16,
    /// A variable for the command, made of {url} {host} {port} {open_port} {client_id}
    /// {client_secret} {token} {path}
    #[arg(long, value_name = "NAME=TEMPLATE", requires = "gateway")]
    pub(crate) gateway_env: Vec<String>,
    #[command(flatten)]
    pub(crate) manners: command::gateway::Manners,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// `daypass status`.
#[derive(Debug, Args)]
#[command(after_help = "\
Asks nobody and changes nothing. A profile that is named and cannot be opened is an error; among all
profiles it says why in its place, and the exit code is 0.")]
pub(crate) struct Status {
    /// The profile; without it all that can be opened
    pub(crate) profile: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// A command about one profile.
#[derive(Debug, Args)]
pub(crate) struct Profile {
    /// The profile; without it the default one, or what the environment says
    pub(crate) profile: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `daypass cache`.
#[derive(Debug, Args)]
#[command(after_help = "\
The bytes are sealed as the cache is: they open only where the same client has the same secret and
asks for the same. Bytes that are of no use are no error.

Examples:
  daypass cache export > token.sealed
  daypass cache import < token.sealed")]
pub(crate) struct Cache {
    #[command(subcommand)]
    pub(crate) verb: CacheVerb,
}

/// What to do with the sealed token.
#[derive(Debug, Subcommand)]
pub(crate) enum CacheVerb {
    /// Write the sealed token to stdout, at most 80 KiB; nothing where none is cached
    Export(Shared),
    /// Read a sealed token from stdin, and keep it if it is of use
    Import(Shared),
}

/// A profile whose sealed token travels.
#[derive(Debug, Args)]
pub(crate) struct Shared {
    /// The profile; without it the default one, or what the environment says
    pub(crate) profile: Option<String>,
    /// Read variables from this descriptor, one NAME=VALUE a line, and lay them over the environment; with 0, an empty line and the sealed token follow
    #[arg(long, value_name = "N")]
    pub(crate) secrets_fd: Option<u32>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `daypass trust`.
#[derive(Debug, Args)]
pub(crate) struct Trust {
    /// The file to trust; without it the one of --config, or ./daypass.toml
    pub(crate) file: Option<PathBuf>,
}

/// `daypass completions`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

/// `daypass man`.
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Write a page per command into this folder
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
}

/// Reads a duration of the configuration's grammar.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| error.to_string())
}

/// Parses the command line and runs its command.
pub(crate) fn run(args: Vec<OsString>, env: Env) -> ExitCode {
    if let Some(Failure { error, exit_code }) = supervise::become_charge(&args) {
        report::error(&error, false);
        return ExitCode::from(exit_code);
    }
    let verb = args.iter().find(|word| !word.as_encoded_bytes().starts_with(b"-"));
    let runs_a_command = verb.is_some_and(|verb| verb == "exec");
    let program = OsString::from("daypass");
    let cli = match Cli::try_parse_from(std::iter::once(&program).chain(&args)) {
        Ok(cli) => cli,
        Err(error) => {
            let error = usage::shown(&args, error);
            let forgot = error.kind() == clap::error::ErrorKind::MissingRequiredArgument;
            if forgot && runs_a_command {
                let error = Error::new(Code::Usage, "there is no command");
                let hint = "it stands after two dashes: daypass exec -- COMMAND";
                report::error(&error.with_hint(hint), false);
                return ExitCode::from(supervise::FAILED);
            }
            // Help and version go to stdout and succeed; nobody can be told that it is gone.
            let _ = error.print();
            let failed = if runs_a_command { supervise::FAILED } else { 2 };
            return ExitCode::from(if error.use_stderr() { failed } else { 0 });
        }
    };
    let Cli { globals, verb } = cli;
    let loudness = match (globals.quiet, globals.verbose) {
        (true, _) => Loudness::Quiet,
        (false, 0) => Loudness::Normal,
        (false, 1) => Loudness::Verbose,
        (false, _) => Loudness::Debug,
    };
    report::log(loudness, globals.log_format, globals.color, &env);
    let directory = std::env::current_dir().ok();
    let context = Context { env, directory, config: globals.config, loudness };
    let json = verb.wants_json();
    dispatch(&context, verb).unwrap_or_else(|Failure { error, exit_code }| {
        report::error(&within_exec(&context.env, error), json);
        ExitCode::from(exit_code)
    })
}

/// A command that was started by `exec` has a token and no credentials, which is how it is meant.
fn within_exec(env: &Env, error: Error) -> Error {
    let Some(variables) = env.var(command::exec::INSIDE) else { return error };
    match error.code() {
        Code::ConfigNoProfile
        | Code::ConfigSecretMissing
        | Code::ConfigClientIdMissing
        | Code::StoreNoKey => error.with_hint(format!(
            "this runs under daypass exec, which took the credentials out of the environment: the \
             token is in {}",
            daypass::printable(variables)
        )),
        _ => error,
    }
}

/// Returns the exit code of a command that ended, and tells its error.
pub(crate) fn ended(result: Result<(), Error>, json: bool) -> ExitCode {
    result.map_or_else(
        |error| {
            report::error(&error, json);
            ExitCode::from(error.code().class().exit_code())
        },
        |()| ExitCode::SUCCESS,
    )
}

/// An error with the exit code that it leads to.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    pub(crate) exit_code: u8,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { exit_code: error.code().class().exit_code(), error }
    }
}

impl Verb {
    fn wants_json(&self) -> bool {
        match self {
            Self::Token(token) => token.json || token.format == Format::Json,
            Self::Status(status) => status.json,
            Self::Agent(agent) => agent.json,
            Self::Gateway(gateway) => gateway.json,
            Self::Forget(profile) | Self::Revoke(profile) => profile.json,
            Self::Cache(Cache { verb: CacheVerb::Export(args) | CacheVerb::Import(args) }) => {
                args.json
            }
            _ => false,
        }
    }
}

fn dispatch(context: &Context, verb: Verb) -> Result<ExitCode, Failure> {
    match verb {
        Verb::Token(args) => command::token::run(context, &args)?,
        Verb::Exec(args) => return command::exec::run(context, &args),
        Verb::Agent(args) => return command::agent::run(context, &args),
        Verb::Gateway(args) => return Ok(command::gateway::run(context, &args)?),
        Verb::Status(args) => command::status::run(context, &args)?,
        Verb::Forget(args) => command::forget::forget(context, &args)?,
        Verb::Revoke(args) => command::forget::revoke(context, &args)?,
        Verb::Cache(args) => command::cache::run(context, &args)?,
        Verb::Trust(args) => command::trust::run(context, &args)?,
        Verb::Sandbox(args) => command::sandbox::run(context, args)?,
        Verb::Demo(args) => return Ok(command::demo::run(context, &args)?),
        Verb::Completions(args) => command::manual::completions(Cli::command(), args.shell)?,
        Verb::Man(args) => command::manual::man(Cli::command(), args.out.as_deref())?,
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_flag_that_loosens_security_has_an_environment_form() {
        for verb in Cli::command().get_subcommands() {
            for arg in verb.get_arguments() {
                assert!(arg.get_env().is_none(), "{} {}", verb.get_name(), arg.get_id());
            }
        }
    }
}
