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

    /// Returns outside text as it may be shown.
    pub(crate) fn shown(&self, text: &str) -> String {
        let repeats = |secret: &Zeroizing<String>| {
            let mut parts = text.as_bytes().windows(secret.len());
            parts.any(|part| part.eq_ignore_ascii_case(secret.as_bytes()))
        };
        if self.0.iter().any(repeats) {
            return "(not shown: it repeats a secret)".to_owned();
        }
        printable(text)
    }
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
    fn a_short_secret_hides_itself_only() {
        let mut hidden = Hidden::default();
        hidden.hide("ab");
        assert_eq!(hidden.shown("bad client"), "bad client");
        assert_eq!(hidden.shown("a bad tab"), "(not shown: it repeats a secret)");
        hidden.hide("");
        assert_eq!(hidden.shown("bad client"), "bad client");
    }
}
