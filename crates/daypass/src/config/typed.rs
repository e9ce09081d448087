//! Reads typed values out of a parsed document and says where each stands: `path:line:column`.
//!
//! Errors are our own texts. The parser's would show the line, and a line may hold a secret.

use std::collections::BTreeMap;
use std::num::NonZeroU8;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::check::Wrong;
use super::value::Value;
use super::{parse_duration, suggest};
use crate::config::SecretText;
use crate::printable::named;
use crate::{Code, Error, printable};

/// A table of a document. `'i` is the text's.
pub(crate) type Table<'i> = DeTable<'i>;

/// A file's text, to turn offsets into positions.
pub(crate) struct Document<'a> {
    pub(crate) path: &'a str,
    pub(crate) text: &'a str,
}

impl<'a> Document<'a> {
    /// Parses the text.
    pub(crate) fn parse(&self) -> Result<Spanned<Table<'a>>, Error> {
        // The parser's message is made of fixed texts; its `Display` would add the line.
        DeTable::parse(self.text).map_err(|error| {
            self.error(Code::ConfigInvalid, error.span().unwrap_or_default(), error.message())
        })
    }

    /// Makes an error about the text at `span`.
    pub(crate) fn error(&self, code: Code, span: Range<usize>, message: &str) -> Error {
        let before = self.text.get(..span.start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Error::new(code, format!("{}:{line}:{column}: {message}", printable(self.path)))
    }

    pub(crate) fn wrong(&self, span: Range<usize>, wrong: Wrong) -> Error {
        let error = self.error(wrong.code, span, &wrong.message);
        match wrong.hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }

    /// Makes the error for a key that is not one of `known`.
    pub(crate) fn unknown_key(&self, span: Range<usize>, key: &str, known: &[&str]) -> Error {
        let message = format!("unknown key {}", named(key));
        let hint = match suggest::nearest(key, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are: {}", known.join(", ")),
        };
        self.error(Code::ConfigUnknownKey, span, &message).with_hint(hint)
    }
}

/// One `key = value`.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'a, 'i> {
    pub(crate) document: &'a Document<'a>,
    pub(crate) key: &'a str,
    pub(crate) value: &'a Spanned<DeValue<'i>>,
}

impl<'a, 'i> Entry<'a, 'i> {
    /// Makes the error for a value that is wrong in itself.
    pub(crate) fn wrong(&self, wrong: Wrong) -> Error {
        let message = format!("`{}`: {}", self.key, wrong.message);
        self.document.wrong(self.value.span(), Wrong { message, ..wrong })
    }

    fn expected(&self, what: &str) -> Error {
        let kind = kind(self.value.get_ref());
        self.wrong(Wrong::new(format!("expected {what}, found {kind}")))
    }

    /// Reads a text that is not empty.
    pub(crate) fn text(&self) -> Result<&'a str, Error> {
        match self.value.get_ref() {
            DeValue::String(text) if text.is_empty() => {
                Err(self.wrong(Wrong::new("must not be empty")))
            }
            DeValue::String(text) => Ok(text),
            _ => Err(self.expected("a string")),
        }
    }

    /// Reads a text and checks it.
    pub(crate) fn checked<T>(
        &self,
        check: impl FnOnce(&'a str) -> Result<T, Wrong>,
    ) -> Result<T, Error> {
        check(self.text()?).map_err(|wrong| self.wrong(wrong))
    }

    /// Reads an array of texts, or one text.
    pub(crate) fn texts(&self) -> Result<Vec<&'a str>, Error> {
        let DeValue::Array(items) = self.value.get_ref() else { return Ok(vec![self.text()?]) };
        items.iter().map(|value| Self { value, ..*self }.text()).collect()
    }

    pub(crate) fn table(&self) -> Result<&'a Table<'i>, Error> {
        match self.value.get_ref() {
            DeValue::Table(table) => Ok(table),
            _ => Err(self.expected("a table")),
        }
    }

    /// Reads a table of texts, which may be empty.
    pub(crate) fn text_table(&self) -> Result<BTreeMap<String, String>, Error> {
        let mut texts = BTreeMap::new();
        for (key, value) in self.table()? {
            let name: &str = key.get_ref();
            let DeValue::String(text) = value.get_ref() else {
                let kind = kind(value.get_ref());
                let message = format!("expected a string for {}, found {kind}", printable(name));
                return Err(self.wrong(Wrong::new(message).with_hint("put it in quotes")));
            };
            texts.insert(name.to_owned(), text.to_string());
        }
        Ok(texts)
    }

    pub(crate) fn duration(&self) -> Result<Duration, Error> {
        let parsed = match self.value.get_ref() {
            DeValue::String(text) => parse_duration(text),
            DeValue::Integer(number) if number.radix() == 10 => parse_duration(number.as_str()),
            _ => return Err(self.expected("a duration such as \"10m\"")),
        };
        parsed.map_err(|error| self.wrong(Wrong::new(error.to_string())))
    }

    /// Reads a number from 1 to 255.
    pub(crate) fn count(&self) -> Result<NonZeroU8, Error> {
        let DeValue::Integer(number) = self.value.get_ref() else {
            return Err(self.expected("a number"));
        };
        let decimal = (number.radix() == 10).then(|| number.as_str().parse().ok());
        decimal.flatten().ok_or_else(|| self.wrong(Wrong::new("must be from 1 to 255")))
    }

    /// Reads the path of a file; a relative one starts at the folder of this document.
    pub(crate) fn path(&self) -> Result<PathBuf, Error> {
        let folder = Path::new(self.document.path).parent().unwrap_or(Path::new(""));
        Ok(folder.join(self.text()?))
    }

    /// Returns a word of a command: a relative path starts at the folder of this document, and not
    /// wherever daypass runs. An argument is one if it begins like one.
    fn word(&self, is_program: bool, word: &str) -> String {
        let relative = match is_program {
            true => word.contains('/') && !word.starts_with('/'),
            false => word.starts_with("./") || word.starts_with("../"),
        };
        let folder = Path::new(self.document.path).parent().filter(|_| relative);
        let at = |at: &Path| at.join(word.strip_prefix("./").unwrap_or(word));
        folder.map_or_else(|| word.to_owned(), |folder| at(folder).to_string_lossy().into_owned())
    }

    /// Reads a string, `{ env }`, `{ file }` or `{ command }`. Nothing inside is repeated by an
    /// error: people paste secrets where a name belongs.
    pub(crate) fn value(&self) -> Result<Value, Error> {
        let table = match self.value.get_ref() {
            DeValue::String(text) => return Ok(Value::Literal(SecretText::new(text.as_ref()))),
            DeValue::Table(table) => table,
            _ => return Err(self.one_of()),
        };
        let mut entries = table.iter();
        let (Some((key, value)), None) = (entries.next(), entries.next()) else {
            return Err(self.one_of());
        };
        let inner = Entry { value, ..*self };
        match key.get_ref().as_ref() {
            "env" => variable(inner.text()?).map(Value::Env).map_err(|wrong| self.wrong(wrong)),
            "file" => inner.path().map(Value::File),
            "command" => match value.get_ref() {
                DeValue::Array(items) if !items.is_empty() => {
                    let words = inner.texts()?.into_iter().enumerate();
                    Ok(Value::Command(words.map(|(n, word)| self.word(n == 0, word)).collect()))
                }
                _ => Err(self.wrong(
                    Wrong::new("`command` is an array: the program, then its arguments").with_hint(
                        "no shell is involved: { command = [\"pass\", \"show\", \"x\"] }",
                    ),
                )),
            },
            "keyring" => Err(self.wrong(
                Wrong::new("`keyring` is not there yet")
                    .with_hint("use { env }, { file } or { command } until then"),
            )),
            _ => Err(self.one_of()),
        }
    }

    fn one_of(&self) -> Error {
        self.wrong(
            Wrong::new("expected a string or exactly one of { env }, { file }, { command }")
                .with_hint(format!("{} = {{ env = \"NAME_OF_A_VARIABLE\" }}", self.key)),
        )
    }
}

fn variable(name: &str) -> Result<String, Wrong> {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.bytes().all(valid) && !name.starts_with(|c: char| c.is_ascii_digit()) {
        return Ok(name.to_owned());
    }
    Err(Wrong::new("`env` is not the name of a variable")
        .with_hint("it takes a name, not a value: { env = \"GC_CLIENT_SECRET\" }"))
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}
