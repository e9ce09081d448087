//! The forms in which a secret can show up in a log or a variable: as it is, in base64 (alone or
//! inside something longer), URL-encoded, in JSON, and as HTTP Basic credentials.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// Shorter forms would mask or match half of every log.
pub(crate) const SHORTEST: usize = 4;

/// Where base64 is wrapped: MIME (and `base64` of coreutils), PEM.
const WIDTHS: [usize; 2] = [76, 64];

/// One form of a secret; zeroed on drop.
pub(crate) type Form = Zeroizing<String>;

/// Returns every form of `secret` that is worth looking for, the plain one first.
pub(crate) fn forms(secret: &str) -> Vec<Form> {
    let mut forms = daypass::secret_forms(secret);
    // Whole, so that a mask hides the last characters too.
    let base64 = Zeroizing::new(STANDARD.encode(secret));
    // Programs wrap it, and logs are masked line by line. What is left in a last line is too short
    // to use, and often too short to mask.
    for width in WIDTHS.iter().filter(|width| **width < base64.len()) {
        let lines = base64.as_bytes().chunks_exact(*width);
        forms.extend(
            lines.filter_map(|line| Some(Zeroizing::new(str::from_utf8(line).ok()?.to_owned()))),
        );
    }
    forms.push(base64);
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
            // Python's quote, Go, .NET.
            "p/%C3%A4%20%22w%22%2Brd%25%26".to_owned(),
            r#"{"s":"p/ä \"w\"+rd%\u0026"}"#.to_owned(),
            r#"{"s":"p/ä \u0022w\u0022\u002Brd%\u0026"}"#.to_owned(),
        ] {
            assert!(hidden(secret, &log), "{log}");
        }
        for basic in [format!("id:{secret}"), "id:p%2F%C3%A4+%22w%22%2Brd%25%26".to_owned()] {
            assert!(hidden(secret, &STANDARD.encode(&basic)), "{basic}");
        }
    }

    #[test]
    fn every_line_of_wrapped_base64_is_masked_but_a_last_short_one() {
        let secret = "k3T9zQw1LmXv8RbN".repeat(9);
        let base64 = STANDARD.encode(&secret);
        for width in [76, 64] {
            let lines: Vec<_> = base64.as_bytes().chunks(width).collect();
            for line in &lines[..lines.len() - 1] {
                assert!(hidden(&secret, str::from_utf8(line).unwrap()));
            }
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
