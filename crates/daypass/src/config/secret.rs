//! The text of a secret after it was read: cannot be printed, is zeroed when it goes. Reading it
//! is not done here.

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
}
