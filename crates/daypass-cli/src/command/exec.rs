//! `daypass exec`: becomes the command, with tokens in its environment and without credentials; or
//! runs it beside an agent ([`beside`]) or a gateway ([`proxied`]).

mod beside;
mod proxied;

use std::process::{Command, ExitCode};
use std::time::Duration;

use daypass::{
    AgentAddress, AgentLabel, Clock, Code, Error, Granted, MinTtl, Opened, SystemClock, Timestamp,
    printable,
};

use super::{block_on, token};
use crate::cli::{Exec, Failure};
use crate::context::Context;
use crate::label::Label;
use crate::supervise::{self, FAILED};
use crate::{emit, report, scrub, through};

/// Tells a `daypass` within the command which variables have its tokens.
pub(crate) const INSIDE: &str = "DAYPASS_EXEC";

pub(crate) fn run(context: &Context, args: &Exec) -> Result<ExitCode, Failure> {
    let failed = |error| Failure { error, exit_code: FAILED };
    let (program, arguments) = args.command.split_first().ok_or_else(|| {
        failed(Error::new(Code::Usage, "there is no command").with_hint("daypass exec -- COMMAND"))
    })?;
    let wanted = wanted(&args.profiles).map_err(failed)?;
    args.manners.check(&args.profiles).map_err(failed)?;
    if args.gateway {
        return proxied::run(context, args, &wanted, program, arguments);
    }
    if !args.manners.are_plain() {
        let error = Error::new(Code::Usage, "there is no gateway that this could be said to");
        return Err(failed(error.with_hint("add --gateway")));
    }
    if args.agent {
        return beside::agent(context, &wanted, program, arguments);
    }
    let agent = through::agent(context).map_err(failed)?;
    let passes = passes(context, args, &wanted, agent.as_ref()).map_err(failed)?;
    let files = match (context.opening(None).files(), agent) {
        // With an agent no file is needed: one that cannot be read is no reason to fail.
        (Err(_), Some(_)) => Vec::new(),
        (files, _) => files.map_err(failed)?,
    };
    let opened: Vec<_> = passes.iter().filter_map(|pass| pass.origin.opened()).collect();

    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(scrub::environment(&context.env, &files, &opened));
    for pass in &passes {
        command.env(&pass.variable, pass.granted.token.access_token().secret());
    }
    let given: Vec<_> = passes.iter().map(|pass| pass.variable.as_str()).collect();
    command.env(INSIDE, given.join(" "));
    Err(supervise::run(&mut command, program))
}

/// A profile on the command line, and the variable for its token.
#[derive(Debug, PartialEq, Eq)]
struct Wanted<'a> {
    profile: Option<&'a str>,
    variable: Option<&'a str>,
}

/// How often tokens are fetched anew that grew too old meanwhile.
const ROUNDS: usize = 4;
/// What passes between a token's arrival and the command's start.
const MOMENT: Duration = Duration::from_secs(1);

struct Pass {
    origin: Origin,
    granted: Granted,
    variable: String,
}

/// Whose token it is, and where another one can be had.
enum Origin {
    Own(Box<Opened>),
    Agent { address: AgentAddress, profile: Option<String>, label: AgentLabel },
}

impl Origin {
    fn label(&self) -> Label<'_> {
        match self {
            Self::Own(opened) => Label::of(opened),
            Self::Agent { label, .. } => Label::Agent(label),
        }
    }

    fn opened(&self) -> Option<&Opened> {
        match self {
            Self::Own(opened) => Some(opened),
            Self::Agent { .. } => None,
        }
    }

    /// How long tokens must live, by the profile's own word. An agent keeps that to itself.
    fn min_ttl(&self) -> Option<Duration> {
        self.opened().and_then(|opened| opened.profile.min_ttl)
    }
}

fn wanted(profiles: &[String]) -> Result<Vec<Wanted<'_>>, Error> {
    if profiles.is_empty() {
        return Ok(vec![Wanted { profile: None, variable: None }]);
    }
    profiles.iter().map(|typed| one_wanted(typed)).collect()
}

fn one_wanted(typed: &str) -> Result<Wanted<'_>, Error> {
    let Some((profile, variable)) = typed.split_once('=') else {
        return Ok(Wanted { profile: Some(typed), variable: None });
    };
    let starts_well = variable.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let goes_well = variable.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !starts_well || !goes_well {
        let shown = printable(variable);
        return Err(Error::new(Code::Usage, format!("\"{shown}\" is no name of a variable"))
            .with_hint(
                "letters, digits and underscores: daypass exec billing=BILLING_TOKEN -- ...",
            ));
    }
    let credential = daypass::credential_variables().any(|credential| credential == variable);
    if credential || means_something_else(variable) {
        return Err(Error::new(
            Code::Usage,
            format!("{variable} means something else to programs"),
        )
        .with_hint("a name of its own: daypass exec billing=BILLING_TOKEN -- ..."));
    }
    Ok(Wanted { profile: (!profile.is_empty()).then_some(profile), variable: Some(variable) })
}

/// Whether programs, the dynamic linker or daypass itself would take a value for something else.
pub(crate) fn means_something_else(variable: &str) -> bool {
    const TAKEN: &[&str] = &[
        "PATH",
        "HOME",
        "USER",
        "SHELL",
        "PWD",
        "IFS",
        "ENV",
        "BASH_ENV",
        "TMPDIR",
        "LANG",
        "TERM",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "ALL_PROXY",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "PYTHONPATH",
        "PYTHONHOME",
        "PYTHONSTARTUP",
        "NODE_OPTIONS",
        "NODE_PATH",
        "RUBYOPT",
        "PERL5OPT",
        "JAVA_TOOL_OPTIONS",
        "GIT_SSH_COMMAND",
        "RUNNER_TEMP",
        "CI",
    ];
    let upper = variable.to_ascii_uppercase();
    let prefixes = ["LD_", "DYLD_", "LC_", "DAYPASS_", "INPUT_"];
    TAKEN.contains(&upper.as_str()) || prefixes.iter().any(|prefix| upper.starts_with(prefix))
}

fn passes(
    context: &Context,
    args: &Exec,
    wanted: &[Wanted<'_>],
    agent: Option<&AgentAddress>,
) -> Result<Vec<Pass>, Error> {
    let mut passes: Vec<Pass> = Vec::with_capacity(wanted.len());
    for want in wanted {
        let (origin, granted) = first(context, args, want.profile, agent)?;
        let label = origin.label();
        let variable = want.variable.unwrap_or(label.token_variable()).to_owned();
        if passes.iter().any(|pass| pass.variable == variable) {
            return Err(Error::new(Code::Usage, format!("two tokens would be in {variable}"))
                .with_hint(format!("name another variable: {}=NAME", label.name())));
        }
        passes.push(Pass { origin, granted, variable });
    }
    // While one issuer was slow, the token of another may have grown too old.
    for _ in 0..ROUNDS {
        let now = SystemClock.now();
        let Some(stale) = passes.iter_mut().find(|pass| pass.is_stale(args, now)) else {
            return Ok(passes);
        };
        stale.granted = again(context, args, &stale.origin)?;
    }
    Err(Error::new(Code::TokenDeadline, "the tokens end faster than they can be had together")
        .with_hint("ask for less with --min-ttl, or run one command per profile"))
}

/// The first token of a profile.
fn first(
    context: &Context,
    args: &Exec,
    profile: Option<&str>,
    agent: Option<&AgentAddress>,
) -> Result<(Origin, Granted), Error> {
    let Some(address) = agent else {
        let origin = Origin::Own(Box::new(context.open(profile)?));
        let granted = again(context, args, &origin)?;
        return Ok((origin, granted));
    };
    let answer = ask(context, args, address, profile)?;
    let (address, profile) = (address.clone(), profile.map(str::to_owned));
    let origin = Origin::Agent { address, profile, label: answer.label };
    tell(context, &origin, &answer.granted)?;
    Ok((origin, answer.granted))
}

/// Another token from where the first came from.
fn again(context: &Context, args: &Exec, origin: &Origin) -> Result<Granted, Error> {
    let granted = match origin {
        Origin::Own(opened) => block_on(token::for_child(opened, args.min_ttl, args.timeout))?,
        Origin::Agent { address, profile, .. } => {
            ask(context, args, address, profile.as_deref())?.granted
        }
    };
    tell(context, origin, &granted)?;
    Ok(granted)
}

fn ask(
    context: &Context,
    args: &Exec,
    address: &AgentAddress,
    profile: Option<&str>,
) -> Result<daypass::AgentToken, Error> {
    let min_ttl = through::min_ttl(args.min_ttl, MinTtl::EXEC);
    through::ask(context, address, profile, min_ttl, None, args.timeout)
}

fn tell(context: &Context, origin: &Origin, granted: &Granted) -> Result<(), Error> {
    if context.on_github() {
        emit::mask(granted.token.access_token().secret())?;
    }
    if context.tells() {
        report::line(&emit::summary(origin.label(), granted, SystemClock.now()));
    }
    Ok(())
}

impl Pass {
    /// Whether the token has ended, or lives too short for what is required, but for what a
    /// moment's work takes of a token that is new.
    fn is_stale(&self, args: &Exec, now: Timestamp) -> bool {
        let left = self.granted.token.remaining(now);
        let required = args.min_ttl.or(self.origin.min_ttl()).unwrap_or_default();
        left.is_zero() || left + MOMENT < required
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_may_name_their_variable() {
        let typed = ["genesys".to_owned(), "billing=B_2".to_owned(), "=TOKEN".to_owned()];
        let wanted = wanted(&typed).unwrap();
        assert_eq!(wanted[0], Wanted { profile: Some("genesys"), variable: None });
        assert_eq!(wanted[1], Wanted { profile: Some("billing"), variable: Some("B_2") });
        assert_eq!(wanted[2], Wanted { profile: None, variable: Some("TOKEN") });
        for taken in ["PATH", "LD_PRELOAD", "GC_CLIENT_SECRET", "DAYPASS_AGENT", "https_proxy"] {
            let typed = format!("a={taken}");
            let error = one_wanted(&typed).unwrap_err();
            assert!(error.message().contains("something else"), "{taken}");
        }
        for bad in ["a=", "a=1X", "a=B-C", "a=B=C", "a=B C", "a=Ä"] {
            assert_eq!(one_wanted(bad).unwrap_err().code(), Code::Usage, "{bad}");
        }
    }
}
