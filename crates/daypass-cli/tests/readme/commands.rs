//! What `daypass --help` knows, to hold shown commands against.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// The commands of the program, each with its flags.
pub(crate) struct Program {
    commands: BTreeMap<String, BTreeSet<String>>,
    globals: BTreeSet<String>,
}

impl Program {
    pub(crate) fn of(path: &str) -> Self {
        let help = |args: &[&str]| {
            let output = Command::new(path).args(args).arg("--help").output().unwrap();
            assert!(output.status.success(), "{args:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        let all = help(&[]);
        let list = all.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
        let names = list.lines().filter_map(|line| line.split_whitespace().next());
        let names: Vec<_> = names.filter(|name| *name != "help").collect();
        let commands = names.iter().map(|name| ((*name).to_owned(), flags(&help(&[*name]))));
        Self { commands: commands.collect(), globals: flags(&all) }
    }

    /// Checks every call of `daypass` in a script; returns how many there are.
    pub(crate) fn check(&self, place: &str, script: &str) -> usize {
        let script = script.replace("\\\n", " ");
        let parts = script.split(|c| "|;&()<>\n\"`".contains(c));
        let calls = parts.filter_map(call);
        calls.map(|words| self.check_call(place, &words)).count()
    }

    fn check_call(&self, place: &str, words: &[&str]) {
        let words: Vec<_> = words.iter().copied().take_while(|w| *w != "--" && *w != "#").collect();
        let shown = words.join(" ");
        let verb = words.iter().find(|word| self.commands.contains_key(**word));
        let known = match verb {
            Some(verb) => &self.commands[*verb],
            None => {
                let first = words.first().copied().unwrap_or_default();
                assert!(first.is_empty() || first.starts_with('-'), "{place}: no command: {shown}");
                &self.globals
            }
        };
        for flag in words.iter().filter(|word| word.starts_with('-')) {
            let flag = flag.split('=').next().unwrap();
            assert!(known.contains(flag), "{place}: no flag {flag}: daypass {shown}");
        }
    }
}

/// Returns the words after `daypass`, if a part of a script calls it.
fn call(part: &str) -> Option<Vec<&str>> {
    let mut words = part.split_whitespace().skip_while(|word| {
        let assigns = word.split_once('=').is_some_and(|(name, _)| !name.starts_with('-'));
        // A prompt, the key of a workflow, a reserved word.
        assigns || ["$", "-", "run:", "if", "!", "then", "while", "until"].contains(word)
    });
    (words.next()? == "daypass").then(|| words.collect())
}

/// Returns the flags that a help text lists.
fn flags(help: &str) -> BTreeSet<String> {
    let lines = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let words = lines.flat_map(|line| line.split([' ', ',']).filter(|word| word.starts_with('-')));
    words.map(|word| word.trim_end_matches('.').to_owned()).collect()
}
