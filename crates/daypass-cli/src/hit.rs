//! The hot path: `daypass token`, from the cache, before the argument parser.
//!
//! It knows `token`, one profile, `--format token|header` and `--min-ttl`. On a miss it waits for
//! whoever is asking the issuer, and else goes on from what is prepared by then: of two hundred
//! that wait for one token none parses a command line or builds a runtime. Whatever else stands on the command line, and every error before, is left to [`crate::cli`].

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use daypass::{AgentAddress, Clock, Env, SystemClock, Want, parse_duration};

use crate::cli::{self, Color, LogFormat};
use crate::command::token;
use crate::context::Context;
use crate::emit::{self, Handout};
use crate::format::Format;
use crate::label::Label;
use crate::{report, through};

/// What the hit path understands of a command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HitArgs<'a> {
    pub(crate) profile: Option<&'a str>,
    pub(crate) format: Format,
    pub(crate) min_ttl: Option<Duration>,
}

/// Serves the token from the cache, or from wherever it can be had, if the command line is one
/// that it knows.
pub(crate) fn try_serve(args: &[OsString], env: &Env) -> Option<ExitCode> {
    let args = parse(args)?;
    if crate::context::on_terminal() {
        return None;
    }
    if AgentAddress::is_named(env) {
        return Some(through::hit(&args, env));
    }
    let context = Context::bare(env);
    let prepared = context.opening(args.profile).prepare().ok()?;
    if !prepared.warnings.is_empty() {
        return None;
    }
    let min_ttl = token::min_ttl(args.min_ttl, &prepared.profile);
    let mut patience = Want::default().timeout;
    let found = prepared.peek(min_ttl).or_else(|| prepared.wait(min_ttl, pause(&mut patience)));
    let Some(granted) = found else {
        report::log(context.loudness, LogFormat::Text, Color::Auto, env);
        let want = Want { min_ttl, timeout: patience, ..Want::default() };
        return Some(cli::ended(token::go_on(&context, prepared, want, args.format), false));
    };
    let handout = Handout {
        label: Label::Own { profile: &prepared.profile, client_id: &prepared.client_id },
        granted: &granted,
        format: args.format,
        out: None,
    };
    Some(cli::ended(emit::hand_out(&context, &handout), false))
}

/// Sleeps, and keeps count of the patience that is left.
#[expect(clippy::disallowed_methods, reason = "who waits here has no runtime, to be cheap")]
fn pause(patience: &mut Duration) -> impl FnMut(Duration) -> bool {
    move |length| {
        let began = SystemClock.ticks();
        std::thread::sleep(length.min(*patience));
        *patience = patience.saturating_sub(began.until(SystemClock.ticks()));
        !patience.is_zero()
    }
}

/// Reads the command line, or leaves it to the argument parser.
pub(crate) fn parse(args: &[OsString]) -> Option<HitArgs<'_>> {
    let mut words = args.iter();
    if words.next()?.to_str()? != "token" {
        return None;
    }
    let mut parsed = HitArgs { profile: None, format: Format::Token, min_ttl: None };
    let (mut format, mut min_ttl) = (None, None);
    while let Some(word) = words.next() {
        let word = word.to_str()?;
        let (flag, value) = match word.split_once('=') {
            Some((flag, value)) if flag.starts_with("--") => (flag, value),
            _ if word == "--format" || word == "--min-ttl" => (word, words.next()?.to_str()?),
            _ if word.starts_with('-') || word.is_empty() || parsed.profile.is_some() => {
                return None;
            }
            _ => {
                parsed.profile = Some(word);
                continue;
            }
        };
        match flag {
            "--format" if format.is_none() => format = Some(known_format(value)?),
            "--min-ttl" if min_ttl.is_none() => min_ttl = Some(parse_duration(value).ok()?),
            _ => return None,
        }
        // The argument parser takes what looks like a flag for a flag, not for a value.
        if value.starts_with('-') {
            return None;
        }
    }
    parsed.format = format.unwrap_or_default();
    parsed.min_ttl = min_ttl;
    Some(parsed)
}

fn known_format(name: &str) -> Option<Format> {
    match name {
        "token" => Some(Format::Token),
        "header" => Some(Format::Header),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use proptest::prelude::*;

    use super::*;
    use crate::cli::{Cli, Verb};

    fn words(args: &[&str]) -> Vec<OsString> {
        args.iter().map(OsString::from).collect()
    }

    #[test]
    fn the_common_forms_are_understood() {
        for (args, profile, format, min_ttl) in [
            (&["token"][..], None, Format::Token, None),
            (&["token", "genesys"], Some("genesys"), Format::Token, None),
            (&["token", "--format", "header"], None, Format::Header, None),
            (
                &["token", "--format=token", "g", "--min-ttl", "10m"],
                Some("g"),
                Format::Token,
                Some(600),
            ),
        ] {
            let args = words(args);
            let min_ttl = min_ttl.map(Duration::from_secs);
            assert_eq!(parse(&args), Some(HitArgs { profile, format, min_ttl }), "{args:?}");
        }
        for args in [
            &[][..],
            &["exec"],
            &["token", "-v"],
            &["token", "a", "b"],
            &["token", "--fresh"],
            &["token", "--min-ttl"],
            &["token", "--min-ttl", "soon"],
            &["token", "--format", "json"],
            &["token", "--"],
            &["token", ""],
        ] {
            assert_eq!(parse(&words(args)), None, "{args:?}");
        }
    }

    proptest! {
        /// What the hit path understands, the argument parser understands in the same way.
        #[test]
        fn the_hit_path_and_the_argument_parser_agree(
            args in proptest::collection::vec(
                prop_oneof![
                    Just("token"), Just("genesys"), Just("--format"), Just("--format=header"),
                    Just("--format=json"), Just("header"), Just("--min-ttl"), Just("--min-ttl=90"),
                    Just("10m"), Just("--"), Just("-v"), Just("--fresh"), Just(""), Just("-"),
                    Just("--min-ttl="), Just("--help"), Just("--format=-"), Just("a=b"), Just("-5"),
                ],
                0..6,
            )
        ) {
            let args = words(&[&["token"], args.as_slice()].concat());
            if let Some(hit) = parse(&args) {
                let program = [OsString::from("daypass")];
                let cli = Cli::try_parse_from(program.iter().chain(&args));
                let Ok(Cli { verb: Verb::Token(token), globals }) = cli else {
                    return Err(TestCaseError::fail(format!("{args:?}: {cli:?}")));
                };
                prop_assert_eq!(hit.profile, token.profile.as_deref());
                prop_assert_eq!(hit.format, token.format);
                prop_assert_eq!(hit.min_ttl, token.min_ttl);
                prop_assert!(!token.fresh && !token.reject && !token.show && token.out.is_none());
                prop_assert!(globals.config.is_none() && globals.verbose == 0 && !globals.quiet);
            }
        }
    }
}
