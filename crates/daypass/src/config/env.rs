//! The process environment as a value: captured once by `main`, or made up by a test.
//!
//! The library never looks at the environment by itself. What is here holds secrets: `Debug`
//! shows names only, and the values are zeroed when it goes.

use std::ffi::{OsStr, OsString};
use std::fmt;

use zeroize::Zeroize;

use crate::{Code, Error};

/// A captured environment.
///
/// ```
/// let env = daypass::Env::from_pairs([("GC_REGION", "eu-west-1")]);
/// assert_eq!(env.var("GC_REGION"), Some("eu-west-1"));
/// assert_eq!(format!("{env:?}"), r#"Env {"GC_REGION"}"#);
/// ```
#[derive(Clone, Default)]
pub struct Env {
    /// As given; of a name that stands twice, the first counts, as for `getenv`. Not sorted: most
    /// processes look for a few names once, and end.
    vars: Vec<(OsString, OsString)>,
}

impl Env {
    /// Takes the environment as the operating system gives it.
    pub fn from_os(vars: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        Self { vars: vars.into_iter().collect() }
    }

    /// Makes an environment from text.
    pub fn from_pairs<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<OsString>,
        V: Into<OsString>,
    {
        Self::from_os(pairs.into_iter().map(|(name, value)| (name.into(), value.into())))
    }

    /// Returns a variable's value; `None` if it is not set, or is not UTF-8.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.var_os(name)?.to_str()
    }

    /// Returns a variable's value as it is.
    pub fn var_os(&self, name: &str) -> Option<&OsStr> {
        let found = self.vars.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_os_str())
    }

    /// Returns the bytes of `DAYPASS_CACHE_KEY`, where there is something in it. They need not be
    /// text.
    pub fn cache_key(&self) -> Option<&[u8]> {
        let key = self.var_os("DAYPASS_CACHE_KEY").map(OsStr::as_encoded_bytes);
        key.filter(|key| !key.is_empty())
    }

    /// Returns the value of the first of two spellings that is set and not empty.
    ///
    /// # Errors
    ///
    /// `config.invalid` if it is not UTF-8: passed by, it would be as if nobody had set it.
    pub(crate) fn either(&self, one: &str, other: &str) -> Result<Option<&str>, Error> {
        for name in [one, other] {
            if let Some(value) = self.text(name)?.filter(|value| !value.is_empty()) {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    /// Returns the value of a variable that is needed.
    ///
    /// # Errors
    ///
    /// `config.invalid` if it is set and not UTF-8.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, Error> {
        let Some(value) = self.var_os(name) else { return Ok(None) };
        let not_text = || Error::new(Code::ConfigInvalid, format!("{name} is not valid UTF-8"));
        value.to_str().map(Some).ok_or_else(not_text)
    }

    /// Returns all names and values, sorted by name: what a child's environment is made from.
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        let mut vars: Vec<_> =
            self.vars.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str())).collect();
        vars.sort_by_key(|(name, _)| *name);
        vars.dedup_by_key(|(name, _)| *name);
        vars.into_iter()
    }
}

impl Drop for Env {
    fn drop(&mut self) {
        for (_, value) in self.vars.drain(..) {
            value.into_encoded_bytes().zeroize();
        }
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Env ")?;
        f.debug_set().entries(self.vars.iter().map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_name_that_stands_twice_the_first_counts() {
        let env = Env::from_pairs([("B", "1"), ("A", "2"), ("B", "3")]);
        assert_eq!(env.var("B"), Some("1"));
        assert_eq!(env.var("A"), Some("2"));
        assert_eq!(env.var("C"), None);
        assert_eq!(env.iter().count(), 2);
    }

    #[cfg(unix)]
    #[test]
    fn a_cache_key_is_taken_as_it_is_and_an_empty_one_is_none() {
        use std::os::unix::ffi::OsStringExt;
        let key = |bytes: &[u8]| {
            let value = OsString::from_vec(bytes.to_vec());
            let env = Env::from_pairs([("DAYPASS_CACHE_KEY", value)]);
            env.cache_key().map(<[u8]>::to_vec)
        };
        assert_eq!(key(b"k\xff"), Some(b"k\xff".to_vec()));
        assert_eq!(key(b""), None);
        assert_eq!(Env::default().cache_key(), None);
    }

    #[test]
    fn debug_shows_names_only() {
        let env = Env::from_pairs([("SECRET", "sentinel")]);
        assert_eq!(format!("{env:?}"), r#"Env {"SECRET"}"#);
    }

    #[cfg(unix)]
    #[test]
    fn a_value_that_is_not_text_is_an_error_only_where_it_is_needed() {
        use std::os::unix::ffi::OsStringExt;
        let env = Env::from_pairs([("ODD", OsString::from_vec(vec![0xff])), ("EVEN", "x".into())]);
        assert_eq!(env.text("EVEN").unwrap(), Some("x"));
        assert_eq!(env.var("ODD"), None);
        assert!(env.var_os("ODD").is_some());
        assert!(env.either("EVEN", "ODD").is_ok() && env.either("ODD", "EVEN").is_err());
        insta::assert_snapshot!(env.text("ODD").unwrap_err(), @"ODD is not valid UTF-8");
    }
}
