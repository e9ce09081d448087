//! What no message may repeat: a secret, in every form in which a server may send it back.
//!
//! What is searched is cut to what can be shown, and every search takes time that grows with what
//! is searched and no faster: an answer is as long as a server likes.

use std::collections::HashSet;

use zeroize::Zeroizing;

use crate::{MAX_ACCESS_TOKEN, decodings, printable, secret_forms};

/// Texts that no message may repeat.
#[derive(Clone, Default)]
pub(crate) struct Hidden(Vec<Zeroizing<String>>);

impl Hidden {
    /// Adds a text, in all its forms. What is longer than any token is cut.
    pub(crate) fn hide(&mut self, secret: &str) {
        let secret = cut(secret, MAX_ACCESS_TOKEN);
        if secret.is_empty() {
            return;
        }
        for form in secret_forms(secret) {
            if !self.0.contains(&form) {
                self.0.push(form);
            }
        }
    }

    /// Whether a text is one of these or has one in it that is too long to be there by chance.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        let is_in = |secret: &Zeroizing<String>| match secret.len() {
            length if length < PART => secret.as_str() == text,
            _ => text.contains(secret.as_str()),
        };
        self.0.iter().any(is_in)
    }

    /// Returns outside text as it may be shown: not at all where it repeats a secret or a part of
    /// one, since a server may have cut it off or changed a character.
    pub(crate) fn shown(&self, text: &str) -> String {
        if self.is_repeated(text) {
            return "(not shown: it repeats a secret)".to_owned();
        }
        printable(text)
    }

    /// Whether the start of a text, which is all that can be shown, repeats a secret or a part of
    /// one, however it is written.
    pub(crate) fn is_repeated(&self, text: &str) -> bool {
        let texts = decodings(cut(text, MAX_SHOWN).as_bytes());
        let mut parts = HashSet::new();
        for text in &texts {
            parts.extend(windows(text));
        }
        let part = |secret: &str| windows(secret.as_bytes()).any(|part| parts.contains(&part));
        self.0.iter().any(|secret| match secret.len() {
            // Bytes that mean nothing hold every short text somewhere.
            length if length < SHORT => contains(text.as_bytes(), secret.as_bytes()),
            length if length < LONG => texts.iter().any(|text| contains(text, secret.as_bytes())),
            _ => part(secret),
        })
    }
}

/// At least as many bytes as `printable` shows.
const MAX_SHOWN: usize = 1024;

/// How much of a secret nobody may see: less may be a word that just occurs in it.
const PART: usize = 8;
/// Of a shorter secret only the whole counts, and of one that is shorter still only as it is.
const SHORT: usize = 4;
const LONG: usize = 12;

/// Returns every part of a text, in lower case.
fn windows(text: &[u8]) -> impl Iterator<Item = [u8; PART]> {
    let parts = text.windows(PART).filter_map(|part| <[u8; PART]>::try_from(part).ok());
    parts.map(|part| part.map(|byte| byte.to_ascii_lowercase()))
}

/// Returns the start of a text, at most `max` bytes of it.
fn cut(text: &str, max: usize) -> &str {
    let end = (0..=max.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or_default()).unwrap_or_default()
}

/// For texts as short as those that are shown, and parts shorter than [`LONG`].
fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window.eq_ignore_ascii_case(part))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE};

    use super::*;

    #[test]
    fn no_form_of_a_secret_is_repeated() {
        let secret = "a/b+c d\"e~%g&hé=\\klm";
        let mut hidden = Hidden::default();
        hidden.hide(secret);
        for before in 0..4 {
            for after in 0..4 {
                let text = format!("{}{secret}{}", "x".repeat(before), "y".repeat(after));
                for echo in [
                    text.clone(),
                    BASE64_STANDARD.encode(&text),
                    BASE64_URL_SAFE.encode(&text),
                    format!("x={}", "a%2Fb%2Bc%20d%22e~%25g%26h%C3%A9%3D%5Cklm"),
                    format!("x={}", "a%2fb%2bc+d%22e%7E%25g%26h%c3%a9%3d%5cklm"),
                    serde_json::json!({ "secret": text }).to_string(),
                    serde_json::json!({ "secret": text }).to_string().replace('é', "\\u00E9"),
                    serde_json::json!({ "secret": text }).to_string().replace('/', "\\/"),
                    text.bytes().map(|byte| format!("%{byte:02x}")).collect(),
                    text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect(),
                    text.chars().map(|c| format!("&#{};", c as u32)).collect(),
                ] {
                    let shown = hidden.shown(&echo);
                    assert_eq!(shown, "(not shown: it repeats a secret)", "{echo}");
                }
            }
        }
    }

    #[test]
    fn a_part_of_a_secret_is_not_repeated_either() {
        let secret = "kX2-uV9_0aBcD3eFgH4i";
        let mut hidden = Hidden::default();
        hidden.hide(secret);
        for at in 0..secret.len() {
            let (before, after) = secret.split_at(at);
            let (longer, longest) = (before.len().max(after.len()), 7);
            for echo in
                [format!("got {before}"), format!("got {before} {after}"), format!("{after}!")]
            {
                let seen = hidden.shown(&echo);
                let repeats = secret
                    .as_bytes()
                    .windows(longest + 1)
                    .any(|part| contains(seen.as_bytes(), part));
                assert!(!repeats, "{seen}");
                assert!(longer > longest, "one half is always long enough");
            }
        }
        assert_eq!(hidden.shown("the client is unknown"), "the client is unknown");
    }

    #[test]
    fn a_text_that_holds_a_secret_of_some_length_is_told_from_one_that_does_not() {
        let mut hidden = Hidden::default();
        hidden.hide("s3cret-8");
        hidden.hide("abc");
        for text in ["s3cret-8", "pre.s3cret-8.post", "abc", "x.czNjcmV0LTg.y"] {
            assert!(hidden.is_in(text), "{text}");
        }
        for text in ["", "s3cret-", "xabc", "pre.s3cret.8"] {
            assert!(!hidden.is_in(text), "{text}");
        }
    }

    #[test]
    fn the_longest_answer_that_nearly_repeats_a_secret_everywhere_is_read_in_one_go() {
        // Compared part by part, this takes minutes.
        let long = "a".repeat(250_000);
        let mut hidden = Hidden::default();
        hidden.hide(&format!("{}b", &long[..60_000]));
        hidden.hide(&format!("{long}b"));
        assert_eq!(hidden.shown(&long), "(not shown: it repeats a secret)");
        assert_eq!(hidden.shown(&"c".repeat(250_000)).chars().count(), 201);
        assert!(!hidden.is_in(&"c".repeat(250_000)));
        let mut hidden = Hidden::default();
        hidden.hide(&format!("{}b", &long[..60_000]));
        assert!(!hidden.is_in(&long) && hidden.is_in(&format!("{long}b")));
    }

    #[test]
    fn a_short_secret_hides_itself_only() {
        let mut hidden = Hidden::default();
        hidden.hide("ab");
        assert_eq!(hidden.shown("bad client"), "bad client");
        assert_eq!(hidden.shown("a bad tab"), "(not shown: it repeats a secret)");
        assert_eq!(hidden.shown("YWJhYmFi YWJ"), "YWJhYmFi YWJ");
        hidden.hide("");
        assert_eq!(hidden.shown("bad client"), "bad client");
    }
}
