//! What a text may stand for: what decoders make of it. For whoever looks for a secret in it, and
//! cannot know how somebody wrote it down.
//!
//! Percent-encoding (RFC 3986 section 2.1), the escapes of JSON (RFC 8259 section 7) and of other
//! languages, character references of HTML, and base64 (RFC 4648), wrapped or not, alone or inside
//! something longer. It is not for reading texts: what is no escape stays as it is.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

/// A text that may be or hold a secret; zeroed on drop.
pub type Decoded = Zeroizing<Vec<u8>>;

/// What is shorter holds nothing worth looking for.
const SHORTEST_BASE64: usize = 6;

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Returns a text and what it may stand for: with escapes taken away once and twice, and what of
/// each is base64, with escapes taken away. At most 27 texts, each no longer than the first.
pub fn decodings(text: &[u8]) -> Vec<Decoded> {
    let mut all = vec![Zeroizing::new(text.to_vec())];
    for _ in 0..2 {
        let last = all.last().and_then(|last| unescaped(last));
        all.extend(last);
    }
    for index in 0..all.len() {
        let inner: Vec<_> = all.get(index).map(|text| unwrapped(text)).unwrap_or_default();
        for text in inner {
            all.extend(unescaped(&text));
            all.push(text);
        }
    }
    all
}

/// Takes one layer of escapes away; `None` if there is none.
fn unescaped(text: &[u8]) -> Option<Decoded> {
    if !text.iter().any(|byte| matches!(byte, b'%' | b'\\' | b'&')) {
        return None;
    }
    let mut out = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        match escape(rest) {
            Some((character, length)) => {
                let mut utf8 = [0; 4];
                match character {
                    Meant::Byte(byte) => out.push(byte),
                    Meant::Char(it) => out.extend_from_slice(it.encode_utf8(&mut utf8).as_bytes()),
                }
                rest = rest.get(length..).unwrap_or_default();
            }
            None => {
                out.push(*first);
                rest = behind;
            }
        }
    }
    (out.as_slice() != text).then_some(out)
}

enum Meant {
    Byte(u8),
    Char(char),
}

/// Reads the escape that a text starts with: what is meant, and how long it is.
fn escape(text: &[u8]) -> Option<(Meant, usize)> {
    match text {
        [b'%', digits @ ..] => byte(digits).map(|byte| (Meant::Byte(byte), 3)),
        [b'\\', b'x', digits @ ..] => byte(digits).map(|byte| (Meant::Byte(byte), 4)),
        [b'\\', b'u', digits @ ..] => utf16(digits),
        [b'\\', letter, ..] => {
            let byte = match letter {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'b' => 8,
                b'f' => 12,
                other if other.is_ascii_punctuation() => *other,
                _ => return None,
            };
            Some((Meant::Byte(byte), 2))
        }
        [b'&', reference @ ..] => character(reference),
        _ => None,
    }
}

fn hex(digits: &[u8], length: usize) -> Option<u32> {
    let digits = digits.get(..length).filter(|text| text.iter().all(u8::is_ascii_hexdigit))?;
    u32::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

fn byte(digits: &[u8]) -> Option<u8> {
    hex(digits, 2).and_then(|byte| u8::try_from(byte).ok())
}

/// `XXXX` behind `\u`, or two of them that stand for one character.
fn utf16(digits: &[u8]) -> Option<(Meant, usize)> {
    let high = hex(digits, 4)?;
    if let Some(character) = char::from_u32(high) {
        return Some((Meant::Char(character), 6));
    }
    let low = digits.get(4..)?.strip_prefix(b"\\u").and_then(|digits| hex(digits, 4))?;
    let units = [u16::try_from(high).ok()?, u16::try_from(low).ok()?];
    let character = char::decode_utf16(units).next()?.ok()?;
    Some((Meant::Char(character), 12))
}

/// A character reference of HTML, behind its `&`.
fn character(reference: &[u8]) -> Option<(Meant, usize)> {
    const LONGEST: usize = 10;
    let end = reference.iter().take(LONGEST).position(|byte| *byte == b';')?;
    let character = match reference.get(..end)? {
        b"amp" => '&',
        b"lt" => '<',
        b"gt" => '>',
        b"quot" => '"',
        b"apos" => '\'',
        [b'#', b'x' | b'X', digits @ ..] => char::from_u32(hex(digits, digits.len())?)?,
        [b'#', digits @ ..] => char::from_u32(str::from_utf8(digits).ok()?.parse().ok()?)?,
        _ => return None,
    };
    Some((Meant::Char(character), end + 2))
}

/// Reads all base64 in a text, at each of the four places where a group may start: a word before it
/// shifts the groups. Space between is none: it is wrapped like that.
fn unwrapped(text: &[u8]) -> Vec<Decoded> {
    let mut runs = vec![Zeroizing::new(Vec::with_capacity(text.len()))];
    for byte in text {
        let plain = match byte {
            b'-' => b'+',
            b'_' => b'/',
            byte if byte.is_ascii_whitespace() => continue,
            byte => *byte,
        };
        if plain.is_ascii_alphanumeric() || matches!(plain, b'+' | b'/') {
            runs.last_mut().into_iter().for_each(|run| run.push(plain));
        } else if runs.last().is_some_and(|run| !run.is_empty()) {
            runs.push(Zeroizing::new(Vec::new()));
        }
    }
    runs.retain(|run| run.len() >= SHORTEST_BASE64);
    if runs.is_empty() {
        return Vec::new();
    }
    (0..4).map(|start| groups(&runs, start)).collect()
}

/// Decodes all runs from this place on.
fn groups(runs: &[Decoded], start: usize) -> Decoded {
    let mut out = Zeroizing::new(Vec::with_capacity(runs.iter().map(|run| run.len()).sum()));
    for run in runs {
        let run = run.get(start..).unwrap_or_default();
        // One character alone is no byte.
        let odd = usize::from(run.len() % 4 == 1);
        let run = run.get(..run.len() - odd).unwrap_or_default();
        let decoded = LENIENT.decode(run).map(Zeroizing::new).unwrap_or_default();
        out.extend_from_slice(&decoded);
        out.push(b'\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "kX2-u/V9+0a<B&c\"D'3 é💡";

    fn found(text: &str) -> bool {
        let secret = SECRET.as_bytes();
        let holds = |text: &Decoded| text.windows(secret.len()).any(|part| part == secret);
        decodings(text.as_bytes()).iter().any(holds)
    }

    fn all(of: impl Fn(u16) -> String) -> String {
        SECRET.encode_utf16().map(of).collect()
    }

    #[test]
    fn a_secret_is_found_however_it_is_written() {
        let percent: String = SECRET.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let some = SECRET.replace('<', "%3C").replace('"', "%22").replace('é', "%c3%A9");
        let base64 = BASE64_STANDARD.encode(format!("some one:{SECRET} and more"));
        let wrapped = |at: usize, end: &str| {
            let lines: Vec<_> = base64.as_bytes().chunks(at).map(String::from_utf8_lossy).collect();
            lines.join(end)
        };
        for text in [
            SECRET.to_owned(),
            percent.clone(),
            some,
            percent.replace('%', "%25"),
            all(|unit| format!("\\u{unit:04X}")),
            SECRET.bytes().map(|byte| format!("\\x{byte:02x}")).collect(),
            SECRET.chars().map(|c| format!("&#{};", c as u32)).collect(),
            SECRET.chars().map(|c| format!("&#x{:X};", c as u32)).collect(),
            SECRET.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;"),
            SECRET.replace('&', "\\u0026").replace('+', "\\u002B").replace('"', "\\\""),
            base64.clone(),
            format!("Authorization: Basic {base64}"),
            BASE64_URL_SAFE_NO_PAD.encode(format!("xy{SECRET}")),
            wrapped(8, "\n"),
            wrapped(9, "\r\n  "),
            wrapped(10, "\\n"),
            wrapped(10, "%0A"),
            BASE64_STANDARD.encode(&percent),
        ] {
            assert!(found(&text), "{text}");
        }
        for text in
            ["", "%", "%4", "%zz", "\\", "\\u12", "\\ud800\\u0041", "&;", "&#;", "&#x110000;"]
        {
            assert!(!found(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_none_grows(text: Vec<u8>) {
            let all = decodings(&text);
            prop_assert!(all.len() <= 27);
            prop_assert!(all.iter().all(|one| one.len() <= text.len().max(1)));
        }

        #[test]
        fn wherever_base64_starts_it_is_read(before in "[a-zA-Z0-9 ]{0,9}", after in ".{0,9}") {
            let encoded = BASE64_STANDARD.encode(format!("{before}{SECRET}{after}"));
            let text = format!("{before} {encoded}");
            prop_assert!(found(&text));
        }
    }
}
