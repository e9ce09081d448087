//! The forms in which a secret can show up in a log or a variable: as it is, in base64 (alone or
//! inside something longer), URL-encoded, in JSON, and as HTTP Basic credentials.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// Shorter forms would mask or match half of every log.
const SHORTEST: usize = 4;

/// One form of a secret; zeroed on drop.
pub(crate) type Form = Zeroizing<String>;

/// Returns every form of `secret` that is worth looking for, the plain one first.
pub(crate) fn forms(secret: &str) -> Vec<Form> {
    let mut forms = daypass::secret_forms(secret);
    // Whole, so that a mask hides the last characters too.
    forms.push(Zeroizing::new(STANDARD.encode(secret)));
    forms.retain(|form| form.len() >= SHORTEST);
    forms
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

/// The value of a workflow command: GitHub decodes `%25`, `%0D` and `%0A`.
fn workflow_escaped(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A"))
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

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
            "secret=p%2F%C3%A4%20%22w%22%2Brd%25%26".to_owned(),
            "secret=p%2F%C3%A4+%22w%22%2Brd%25%26".to_owned(),
            serde_json::json!({ "secret": secret }).to_string(),
            r#"{"s":"p\/ä \"w\"+rd%&"}"#.to_owned(),
        ] {
            assert!(hidden(secret, &log), "{log}");
        }
        for basic in [format!("id:{secret}"), "id:p%2F%C3%A4+%22w%22%2Brd%25%26".to_owned()] {
            assert!(hidden(secret, &STANDARD.encode(&basic)), "{basic}");
        }
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
