//! `daypass exec`: becomes the command, with tokens in its environment and without credentials.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::time::Duration;

use daypass::{Clock, Code, Error, Granted, Opened, SystemClock, Timestamp, printable};

use super::{block_on, refuse_agent, token};
use crate::cli::{Exec, Failure};
use crate::context::Context;
use crate::{emit, limits, report, scrub};

/// Tells a `daypass` within the command which variables have its tokens.
pub(crate) const INSIDE: &str = "DAYPASS_EXEC";

/// What `exec` returns when it failed before the command ran.
pub(crate) const FAILED: u8 = 125;
/// What shells return for a command that cannot be run, and for one that is not there.
const CANNOT_RUN: u8 = 126;
const NOT_FOUND: u8 = 127;

pub(crate) fn run(context: &Context, args: &Exec) -> Result<ExitCode, Failure> {
    let failed = |error| Failure { error, exit_code: FAILED };
    let (program, arguments) = args.command.split_first().ok_or_else(|| {
        failed(Error::new(Code::Usage, "there is no command").with_hint("daypass exec -- COMMAND"))
    })?;
    let wanted = wanted(&args.profiles).map_err(failed)?;
    let passes = passes(context, args, &wanted).map_err(failed)?;
    let files = context.opening(None).files().map_err(failed)?;
    let opened: Vec<_> = passes.iter().map(|pass| &pass.opened).collect();

    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(scrub::environment(&context.env, &files, &opened));
    for pass in &passes {
        command.env(&pass.variable, pass.granted.token.access_token().secret());
    }
    let given: Vec<_> = passes.iter().map(|pass| pass.variable.as_str()).collect();
    command.env(INSIDE, given.join(" "));
    limits::release();
    // On success nothing of this process stays, and nothing below is reached.
    let error = command.exec();
    Err(cannot_run(program, &error))
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
    opened: Opened,
    granted: Granted,
    variable: String,
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
    if means_something_else(variable) {
        return Err(Error::new(
            Code::Usage,
            format!("{variable} means something else to programs"),
        )
        .with_hint("a name of its own: daypass exec billing=BILLING_TOKEN -- ..."));
    }
    Ok(Wanted { profile: (!profile.is_empty()).then_some(profile), variable: Some(variable) })
}

/// Whether programs, the dynamic linker or daypass itself would take the token for something else.
fn means_something_else(variable: &str) -> bool {
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
    TAKEN.contains(&upper.as_str())
        || prefixes.iter().any(|prefix| upper.starts_with(prefix))
        || daypass::credential_variables().any(|credential| credential == variable)
}

fn passes(context: &Context, args: &Exec, wanted: &[Wanted<'_>]) -> Result<Vec<Pass>, Error> {
    refuse_agent(context)?;
    let mut passes: Vec<Pass> = Vec::with_capacity(wanted.len());
    for want in wanted {
        let opened = context.open(want.profile)?;
        let variable = want.variable.unwrap_or(opened.profile.token_variable()).to_owned();
        if passes.iter().any(|pass| pass.variable == variable) {
            return Err(Error::new(Code::Usage, format!("two tokens would be in {variable}"))
                .with_hint(format!("name another variable: {}=NAME", opened.profile.name)));
        }
        let granted = fetch(context, args, &opened)?;
        passes.push(Pass { opened, granted, variable });
    }
    // While one issuer was slow, the token of another may have grown too old.
    for _ in 0..ROUNDS {
        let now = SystemClock.now();
        let Some(stale) = passes.iter_mut().find(|pass| pass.is_stale(args, now)) else {
            return Ok(passes);
        };
        stale.granted = fetch(context, args, &stale.opened)?;
    }
    Err(Error::new(Code::TokenDeadline, "the tokens end faster than they can be had together")
        .with_hint("ask for less with --min-ttl, or run one command per profile"))
}

fn fetch(context: &Context, args: &Exec, opened: &Opened) -> Result<Granted, Error> {
    let granted = block_on(token::for_child(opened, args.min_ttl, args.timeout))?;
    if context.on_github() {
        emit::mask(granted.token.access_token().secret())?;
    }
    if context.tells() {
        let (profile, client_id) = (&opened.profile, &opened.client_id);
        report::line(&emit::summary(profile, client_id, &granted, SystemClock.now()));
    }
    Ok(granted)
}

impl Pass {
    /// Whether the token has ended, or lives too short for what is required, but for what a
    /// moment's work takes of a token that is new.
    fn is_stale(&self, args: &Exec, now: Timestamp) -> bool {
        let left = self.granted.token.remaining(now);
        let required = args.min_ttl.or(self.opened.profile.min_ttl).unwrap_or_default();
        left.is_zero() || left + MOMENT < required
    }
}

fn cannot_run(program: &OsString, error: &io::Error) -> Failure {
    let shown = printable(&program.to_string_lossy());
    let (exit_code, hint) = match error.kind() {
        io::ErrorKind::NotFound => (NOT_FOUND, "is it installed, and in PATH?"),
        io::ErrorKind::ArgumentListTooLong => {
            (CANNOT_RUN, "its arguments or environment are too long")
        }
        _ => (CANNOT_RUN, "may it be executed?"),
    };
    let error = Error::new(Code::Usage, format!("{shown} cannot be run: {}", daypass::why(error)));
    Failure { error: error.with_hint(hint), exit_code }
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
