//! The files that the user trusts: a path and the SHA-256 of its content, a line each, kept in
//! the user's configuration folder. A changed file is not trusted any more.

use std::collections::BTreeMap;
use std::fmt;

use crate::{Code, Error, crypto};

const HEAD: &str = "# Files that `daypass trust` was told to trust: SHA-256, then the path.\n";

/// The user's list of trusted files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustList {
    files: BTreeMap<String, [u8; 32]>,
}

impl TrustList {
    /// Reads the list. A line that can't be read trusts nothing.
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().filter_map(|line| line.split_once("  "));
        let files = lines.filter_map(|(hash, path)| Some((path.to_owned(), from_hex(hash)?)));
        Self { files: files.collect() }
    }

    /// Whether this path is trusted with this content. `path` is absolute, links resolved.
    pub fn contains(&self, path: &str, content: &[u8]) -> bool {
        self.files.get(path).is_some_and(|trusted| *trusted == crypto::sha256(content))
    }

    /// Trusts this path with this content, and no longer with what it held before.
    ///
    /// # Errors
    ///
    /// `config.invalid` if the path is not absolute or has a control character in it.
    pub fn add(&mut self, path: &str, content: &[u8]) -> Result<(), Error> {
        if !path.starts_with('/') || path.contains(char::is_control) {
            return Err(Error::new(Code::ConfigInvalid, "a file of this name can't be trusted")
                .with_hint("move it to a path without control characters"));
        }
        self.files.insert(path.to_owned(), crypto::sha256(content));
        Ok(())
    }
}

/// The text to write to the file.
impl fmt::Display for TrustList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HEAD)?;
        for (path, hash) in &self.files {
            hash.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
            writeln!(f, "  {path}")?;
        }
        Ok(())
    }
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (index, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_file_is_trusted_by_path_and_content() {
        let mut list = TrustList::default();
        list.add("/p/daypass.toml", b"one").unwrap();
        list.add("/p/a  b/daypass.toml", b"two").unwrap();
        let list = TrustList::parse(&list.to_string());
        assert!(list.contains("/p/daypass.toml", b"one"));
        assert!(list.contains("/p/a  b/daypass.toml", b"two"));
        assert!(!list.contains("/p/daypass.toml", b"changed"));
        assert!(!list.contains("/q/daypass.toml", b"one"));
    }

    #[test]
    fn a_new_content_takes_the_place_of_the_old() {
        let mut list = TrustList::default();
        list.add("/p", b"one").unwrap();
        list.add("/p", b"two").unwrap();
        assert!(list.contains("/p", b"two") && !list.contains("/p", b"one"));
        insta::assert_snapshot!(list, @r"
        # Files that `daypass trust` was told to trust: SHA-256, then the path.
        3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3  /p
        ");
    }

    #[test]
    fn a_path_that_could_forge_a_line_is_refused() {
        let mut list = TrustList::default();
        for path in ["", "relative", "/a\nb", "/a\rb"] {
            assert_eq!(list.add(path, b"x").unwrap_err().code(), Code::ConfigInvalid);
        }
        assert_eq!(list, TrustList::default());
    }

    #[test]
    fn a_line_that_cannot_be_read_trusts_nothing() {
        for text in ["", "  /p", "abc  /p", "# x  /p", &format!("{}  /p", "g".repeat(64))] {
            assert_eq!(TrustList::parse(text), TrustList::default(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in ".{0,200}") {
            let list = TrustList::parse(&text);
            prop_assert_eq!(TrustList::parse(&list.to_string()), list);
        }
    }
}
