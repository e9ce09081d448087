//! What the argument parser says about a command line: without what may be a secret in it, and with
//! nothing that does something to a terminal or a log.
//!
//! The parser repeats words as they are, in the middle of its own lines. So it is asked again, about
//! words that can be shown.

use std::ffi::{OsStr, OsString};

use clap::Parser;
use clap::error::ErrorKind;
use daypass::{may_be_secret, printable};

use crate::cli::Cli;

/// Returns the error that `args` lead to, as it may be shown.
pub(crate) fn shown(args: &[OsString], error: clap::Error) -> clap::Error {
    let tame: Vec<_> = args.iter().map(|arg| tame(arg)).collect();
    if !error.use_stderr() || tame.iter().zip(args).all(|(tame, arg)| arg == tame.as_str()) {
        return error;
    }
    match Cli::try_parse_from(std::iter::once("daypass").chain(tame.iter().map(String::as_str))) {
        Err(error) if error.use_stderr() => error,
        _ => clap::Error::raw(
            ErrorKind::InvalidValue,
            "a word of the command line has a character that it may not have\n",
        ),
    }
}

/// A word as it can be shown: `...` in place of what may be a secret.
fn tame(arg: &OsStr) -> String {
    let text = printable(&arg.to_string_lossy());
    let (name, value) = match text.split_once('=') {
        Some((name, value)) if name.starts_with('-') => (name, Some(value)),
        _ => (text.as_str(), None),
    };
    let bare = name.trim_start_matches('-');
    let dashes = name.get(..name.len() - bare.len()).unwrap_or_default();
    // Faults and profiles are words with signs between them.
    let words = |text: &str| text.replace(['=', ',', '*', '@'], " ");
    let hidden = |text: &str| match may_be_secret(&words(text)) {
        true => "...".to_owned(),
        false => text.to_owned(),
    };
    let value = value.map(|value| format!("={}", hidden(value))).unwrap_or_default();
    format!("{dashes}{}{value}", hidden(bare))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_shown_unless_it_may_be_a_secret() {
        for (arg, shown) in [
            ("token", "token"),
            ("--min-ttl=5x", "--min-ttl=5x"),
            ("--", "--"),
            ("", ""),
            ("api:unauthorized*2", "api:unauthorized*2"),
            ("billing=BILLING_TOKEN", "billing=BILLING_TOKEN"),
            ("kX2-uV9_0aBcD3eFgH4i", "..."),
            ("--kX2-uV9_0aBcD3eFgH4i", "--..."),
            ("--format=kX2-uV9_0aBcD3eFgH4i", "--format=..."),
            ("--x\n::group", "--x\\n::group"),
            ("--x\n::error::pwn", "--..."),
            ("::group", "\\::group"),
        ] {
            assert_eq!(tame(OsStr::new(arg)), shown, "{arg:?}");
        }
    }
}
