//! What no message may repeat: a secret, in every form in which a server may send it back.

use zeroize::Zeroizing;

use crate::{printable, secret_forms};

/// Texts that no message may repeat.
#[derive(Clone, Default)]
pub(crate) struct Hidden(Vec<Zeroizing<String>>);

impl Hidden {
    /// Adds a text, in all its forms.
    pub(crate) fn hide(&mut self, secret: &str) {
        if secret.is_empty() {
            return;
        }
        for form in secret_forms(secret) {
            if !self.0.contains(&form) {
                self.0.push(form);
            }
        }
    }

    /// Whether a text is one of these.
    pub(crate) fn holds(&self, text: &str) -> bool {
        self.0.iter().any(|secret| secret.as_str() == text)
    }

    /// Returns outside text as it may be shown: not at all where it repeats a secret or a part of
    /// one, since a server may have cut it off or changed a character.
    pub(crate) fn shown(&self, text: &str) -> String {
        let whole = |secret: &&Zeroizing<String>| contains(text.as_bytes(), secret.as_bytes());
        // More than this is not shown anyway.
        let start = text.as_bytes();
        let start = start.get(..MAX_SHOWN).unwrap_or(start);
        let part = |secret: &&Zeroizing<String>| {
            let length = part_length(secret.len());
            length.is_some_and(|n| secret.as_bytes().windows(n).any(|part| contains(start, part)))
        };
        if self.0.iter().any(|secret| whole(&secret) || part(&secret)) {
            return "(not shown: it repeats a secret)".to_owned();
        }
        printable(text)
    }
}

/// At least as many bytes as `printable` shows.
const MAX_SHOWN: usize = 1024;

/// How much of a secret of this length nobody may see: less may be a word that just occurs in it. Of
/// a short one only the whole counts.
fn part_length(length: usize) -> Option<usize> {
    (length >= 12).then_some(8)
}

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
    fn a_short_secret_hides_itself_only() {
        let mut hidden = Hidden::default();
        hidden.hide("ab");
        assert_eq!(hidden.shown("bad client"), "bad client");
        assert_eq!(hidden.shown("a bad tab"), "(not shown: it repeats a secret)");
        hidden.hide("");
        assert_eq!(hidden.shown("bad client"), "bad client");
    }
}
