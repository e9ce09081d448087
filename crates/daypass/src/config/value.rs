//! Where a credential's text comes from. What can't be read without effects is named, not read.

use std::fmt;
use std::path::{Path, PathBuf};

use super::SecretText;

/// A credential as configured.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Value {
    /// The text itself.
    Literal(SecretText),
    /// The variable of the captured environment that holds it.
    Env(String),
    /// The file that holds it.
    File(PathBuf),
    /// The command that prints it: the program, then its arguments. No shell is involved.
    Command(Vec<String>),
}

/// What must be read from outside to know a [`Value`].
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum External<'a> {
    /// A file's content.
    File(&'a Path),
    /// A command's output.
    Command(&'a [String]),
}

/// Where a profile says that its tokens are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Keep {
    /// In the memory of each process, and nowhere else.
    Memory,
    /// In this folder.
    Folder(PathBuf),
}

impl Value {
    /// Returns the variable that holds the text.
    pub fn variable(&self) -> Option<&str> {
        match self {
            Self::Env(name) => Some(name),
            _ => None,
        }
    }

    /// Returns what must be read from outside; `None` for a literal and a variable.
    pub fn external(&self) -> Option<External<'_>> {
        match self {
            Self::File(path) => Some(External::File(path)),
            Self::Command(argv) => Some(External::Command(argv)),
            Self::Literal(_) | Self::Env(_) => None,
        }
    }
}

/// Shows the kind only: a path or an argument may hold a pasted secret, a literal does.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Literal(_) => "Value::Literal",
            Self::Env(_) => "Value::Env",
            Self::File(_) => "Value::File",
            Self::Command(_) => "Value::Command",
        })
    }
}

/// As [`Value`]'s.
impl fmt::Debug for External<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File(_) => "External::File",
            Self::Command(_) => "External::Command",
        })
    }
}

/// Returns a variable's name for a message, if it looks like one: a secret pasted in place of a
/// name is not repeated.
pub(crate) fn shown(variable: &str) -> &str {
    let usual = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let usual = variable.len() <= 64 && variable.bytes().all(usual);
    if usual { variable } else { "the variable that `env` names" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_the_kind_only() {
        for value in [
            Value::Literal(SecretText::new("sentinel")),
            Value::Env("sentinel".into()),
            Value::File("sentinel".into()),
            Value::Command(vec!["sentinel".into()]),
        ] {
            let shown = format!("{value:?} {:?} {:?}", value.clone(), value.external());
            assert!(!shown.contains("sentinel"), "{shown}");
        }
    }

    #[test]
    fn a_pasted_secret_is_not_taken_for_a_variable() {
        assert_eq!(shown("GC_CLIENT_SECRET"), "GC_CLIENT_SECRET");
        assert_eq!(shown("wzCJcxqpV2R9pSh0"), "the variable that `env` names");
    }
}
