//! The text of a secret after it was read: cannot be printed, is zeroed when it goes. Reading it
//! is not done here.

use std::collections::BTreeSet;
use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroize;

/// A client secret, or any other value that may be one. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct SecretText(SecretString);

/// A text that is read is not UTF-8. Does not hold the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not valid UTF-8")]
pub struct NotText;

impl SecretText {
    /// Takes a text as it is.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// Takes what a file or a command gave: one line break at the end is not part of it.
    ///
    /// # Errors
    ///
    /// [`NotText`] if it is not UTF-8.
    pub fn from_output(bytes: Vec<u8>) -> Result<Self, NotText> {
        let mut text = String::from_utf8(bytes).map_err(|error| {
            error.into_bytes().zeroize();
            NotText
        })?;
        if text.ends_with('\n') {
            text.pop();
            if text.ends_with('\r') {
                text.pop();
            }
        }
        // A copy of exactly the right size: `SecretString` would reallocate and leave the old.
        let exact = Self::new(text.as_str());
        text.zeroize();
        Ok(exact)
    }

    /// Returns the text. What is done with it is the caller's responsibility.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.expose().is_empty()
    }

    /// Whether the secret is so short or so uniform that somebody who can read a shared store
    /// might find it by trying: under 16 characters, under 8 different ones, only digits and
    /// under 24 of them, or a short pattern repeated. Records are sealed with what is derived
    /// from it.
    pub fn is_weak(&self) -> bool {
        let text = self.expose().as_bytes();
        let different = text.iter().collect::<BTreeSet<_>>().len();
        let digits = text.iter().all(u8::is_ascii_digit) && text.len() < 24;
        text.len() < 16 || different < 8 || digits || repeats(text)
    }
}

/// Whether the text is one pattern of at most a third of its length, over and over.
fn repeats(text: &[u8]) -> bool {
    (1..=text.len() / 3)
        .any(|period| text.iter().skip(period).zip(text).all(|(later, earlier)| later == earlier))
}

impl PartialEq for SecretText {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for SecretText {}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_break_at_the_end_of_a_file_is_not_part_of_the_secret() {
        for (bytes, text) in [
            (&b"s3cret"[..], "s3cret"),
            (b"s3cret\n", "s3cret"),
            (b"s3cret\r\n", "s3cret"),
            (b"s3cret\n\n", "s3cret\n"),
            (b" s3cret \n", " s3cret "),
            (b"s3cret\r", "s3cret\r"),
            (b"\n", ""),
            (b"", ""),
        ] {
            assert_eq!(SecretText::from_output(bytes.to_vec()).unwrap().expose(), text);
        }
        assert_eq!(SecretText::from_output(vec![b'a', 0xff]), Err(NotText));
    }

    #[test]
    fn debug_shows_nothing_of_it() {
        assert_eq!(format!("{:?}", SecretText::new("sentinel")), "SecretText");
    }

    #[test]
    fn short_and_uniform_secrets_are_weak() {
        for (text, weak) in [
            ("", true),
            ("hunter2", true),
            ("abcdefghijklmno", true),
            ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true),
            ("abcabcabcabcabcabcabcabcabc", true),
            ("abcdefghabcdefghabcdefghabcdefgh", true),
            ("1234567890123456", true),
            ("98127364509182736451", true),
            ("981273645091827364519203847561", false),
            ("k3T9zQw1LmXv8RbN", false),
            ("0f1e2d3c4b5a69788796a5b4c3d2e1f0", false),
            ("7d9f0c1a-5b3e-4c2d-9a8b-6e4f2d1c0b3a", false),
            ("wzCJcxqpV2R9pSh0mY3nT8uLd7aKb4eFg6iHjO1Q5sU", false),
        ] {
            assert_eq!(SecretText::new(text).is_weak(), weak, "{text}");
        }
    }
}
