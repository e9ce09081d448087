//! The forms in which a secret can show up in a log or a variable: as it is, in base64 (alone or
//! inside something longer), URL-encoded, in JSON, and as HTTP Basic credentials.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

/// Shorter forms would mask or match half of every log.
const SHORTEST: usize = 4;

/// One form of a secret; zeroed on drop.
pub(crate) type Form = Zeroizing<String>;

/// Returns every form of `secret` that is worth looking for, the plain one first.
pub(crate) fn forms(secret: &str) -> Vec<Form> {
    let mut forms = vec![secret.to_owned()];
    forms.extend(embedded_base64(secret.as_bytes()));
    forms.push(STANDARD.encode(secret));
    forms.push(url_encoded(secret));
    forms.push(form_encoded(secret));
    forms.extend(json_escaped(secret));
    distinct(forms)
}

/// Returns the forms of `id:secret` as HTTP Basic credentials (RFC 7617), raw and form-encoded
/// first (RFC 6749 section 2.3.1).
pub(crate) fn basic_forms(client_id: &str, secret: &str) -> Vec<Form> {
    let raw = Zeroizing::new(format!("{client_id}:{secret}"));
    let encoded = Zeroizing::new(format!("{}:{}", form_encoded(client_id), form_encoded(secret)));
    distinct(vec![STANDARD.encode(raw.as_bytes()), STANDARD.encode(encoded.as_bytes())])
}

/// Tells GitHub Actions to hide every form of `secret`, one workflow command a line.
pub(crate) fn write_masks(out: &mut impl Write, secret: &str) -> io::Result<()> {
    let mut commands = Zeroizing::new(String::new());
    for form in forms(secret) {
        commands.push_str("::add-mask::");
        commands.push_str(&workflow_escaped(&form));
        commands.push('\n');
    }
    out.write_all(commands.as_bytes())
}

/// What base64 makes of the secret inside something longer: it depends on where the secret
/// starts, modulo three. The first and last characters depend on the neighbours and are left out.
fn embedded_base64(secret: &[u8]) -> Vec<String> {
    let mut forms = Vec::new();
    for offset in 0..3usize {
        let skipped = (3 - offset) % 3;
        let inner = secret.get(skipped..).unwrap_or_default();
        let whole = inner.get(..inner.len() - inner.len() % 3).unwrap_or_default();
        forms.push(STANDARD_NO_PAD.encode(whole));
        forms.push(URL_SAFE_NO_PAD.encode(whole));
    }
    forms
}

/// Percent-encoding of everything but RFC 3986 unreserved characters.
fn url_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// As in an `application/x-www-form-urlencoded` body: `+` for a space.
fn form_encoded(text: &str) -> String {
    url_encoded(text).replace("%20", "+")
}

/// Inside a JSON string, with and without an escaped `/`.
fn json_escaped(text: &str) -> Vec<String> {
    let quoted = serde_json::to_string(text).unwrap_or_default();
    let inner = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned();
    let slashed = inner.replace('/', "\\/");
    vec![inner, slashed]
}

fn distinct(forms: Vec<String>) -> Vec<Form> {
    let mut seen: Vec<Form> = Vec::with_capacity(forms.len());
    for form in forms.into_iter().map(Zeroizing::new) {
        if form.len() >= SHORTEST && !seen.contains(&form) {
            seen.push(form);
        }
    }
    seen
}

/// The value of a workflow command: GitHub decodes `%25`, `%0D` and `%0A`.
fn workflow_escaped(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(secret: &str, log: &str) -> bool {
        forms(secret).iter().any(|form| log.contains(form.as_str()))
    }

    #[test]
    fn base64_of_a_longer_text_is_found_wherever_the_secret_starts() {
        let secret = "Wq8-zr2_Kd91LmXy";
        for before in 0..7 {
            for after in 0..7 {
                let text = format!("{}{secret}{}", "x".repeat(before), "y".repeat(after));
                assert!(hidden(secret, &STANDARD.encode(&text)), "{before} {after}");
                assert!(hidden(secret, &URL_SAFE_NO_PAD.encode(&text)), "{before} {after}");
            }
        }
    }

    #[test]
    fn encoded_forms_are_found() {
        let secret = "p/ä \"w\"+rd%&";
        for log in [
            format!("secret={}", url_encoded(secret)),
            format!("secret={}", form_encoded(secret)),
            serde_json::json!({ "secret": secret }).to_string(),
            r#"{"s":"p\/ä \"w\"+rd%&"}"#.to_owned(),
        ] {
            assert!(hidden(secret, &log), "{log}");
        }
        let basic = basic_forms("id", secret);
        assert!(basic.iter().any(|form| **form == STANDARD.encode(format!("id:{secret}"))));
    }

    #[test]
    fn masks_are_one_escaped_command_a_line() {
        let mut out = vec![];
        write_masks(&mut out, "100%\nsecret").unwrap();
        let out = String::from_utf8(out).unwrap();
        assert!(out.starts_with("::add-mask::100%25%0Asecret\n"), "{out}");
        assert!(out.lines().all(|line| line.starts_with("::add-mask::")), "{out}");
    }

    #[test]
    fn forms_too_short_to_tell_apart_are_left_out() {
        assert!(forms("abc").iter().all(|form| form.len() >= SHORTEST));
        assert!(forms("").is_empty());
    }
}
