//! The one way for outside text to reach a person.

/// The longest text that is shown, in characters.
const MAX_CHARS: usize = 200;

/// Returns `text` in a form that is safe on a terminal and in a CI log: control characters are
/// escaped, at most 200 characters are kept, no line can start with `::`, and `##[` and `##vso[` are
/// nowhere in it (which CI systems would read as commands).
///
/// ```
/// assert_eq!(daypass::printable("a\nb"), "a\\nb");
/// assert_eq!(daypass::printable("::add-mask::x"), "\\::add-mask::x");
/// ```
pub fn printable(text: &str) -> String {
    printable_up_to(text, MAX_CHARS)
}

/// As [`printable`], with another limit: what another daypass made printable is not cut off again.
pub(crate) fn printable_up_to(text: &str, max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(max));
    if text.trim_start().starts_with("::") {
        out.push('\\');
    }
    let mut left = max;
    for (at, character) in text.char_indices() {
        let escaped = character.escape_default();
        let length = if shows_as_itself(character) { 1 } else { escaped.len() };
        // What is kept for good is bounded by what is shown, not by what came in.
        let Some(rest) = left.checked_sub(length) else {
            out.push('…');
            break;
        };
        left = rest;
        if at.checked_sub(1).and_then(|before| text.get(before..)).is_some_and(starts_command) {
            out.push('\\');
        }
        if shows_as_itself(character) {
            out.push(character);
        } else {
            out.extend(escaped);
        }
    }
    out
}

/// Whether a CI system would read a command here, wherever in a line that is.
fn starts_command(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("##") else { return false };
    rest.starts_with('[') || rest.get(..4).is_some_and(|word| word.eq_ignore_ascii_case("vso["))
}

/// Returns what a person typed where a known word was expected, quoted; or how long it is, where it
/// may be a secret that went into the wrong place.
pub(crate) fn named(typed: &str) -> String {
    if is_odd(typed, LONGEST_ODD_NAME) {
        let length = typed.chars().count();
        return format!("\"...\" ({length} characters, not shown: they may be a secret)");
    }
    format!("\"{}\"", printable(typed))
}

/// Whether what a person typed somewhere may be a secret: it is long, and not made of words.
pub fn may_be_secret(typed: &str) -> bool {
    const LONGEST_WORD: usize = 15;
    is_odd(typed, LONGEST_WORD)
}

/// What is shorter may be any name.
const LONGEST_ODD_NAME: usize = 11;

fn is_odd(typed: &str, longest_word: usize) -> bool {
    let mut parts = typed.split(['-', '_', '.', ' ', ':', '/']);
    let is_word = |part: &str| part.len() <= longest_word && is_word(part);
    typed.chars().count() > LONGEST_ODD_NAME && !parts.all(is_word)
}

/// Whether a part of a name is one that people make: `eu`, `West`, `URL`, `oauth2`, `1`; not what
/// a generator makes, which mixes letters and digits or goes on for long.
fn is_word(part: &str) -> bool {
    let letters = part.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = part.len() - letters.len();
    let small = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase());
    let capital = letters.strip_prefix(|c: char| c.is_ascii_uppercase()).is_some_and(small);
    let capitals = letters.bytes().all(|byte| byte.is_ascii_uppercase());
    digits <= 4 && (small(letters) || capital || capitals)
}

/// Returns a client id for a message: whole, or its first characters when it is long. They are
/// enough to tell one from another.
pub fn short_client_id(client_id: &str) -> String {
    let shown = printable(client_id);
    if shown.chars().count() <= 12 {
        return shown;
    }
    let first: String = shown.chars().take(4).collect();
    format!("{first}...")
}

/// Whether a terminal shows this character and does nothing else with it: no control characters,
/// no invisible or direction-changing ones.
fn shows_as_itself(character: char) -> bool {
    let hidden = matches!(
        character,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    );
    !character.is_control() && !hidden
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_secret_is_not_repeated() {
        for name in [
            "genesys",
            "eu_west-1",
            "client_secret_basic_or_so",
            "Genesys Cloud",
            "GC_CLIENT_SECRET",
            "OAUTH2_TOKEN_URL",
            "login.mypurecloud.com.au",
            "prod-eu-west-2024",
            "größe",
            "xY7",
        ] {
            assert_eq!(named(name), format!("\"{name}\""));
        }
        for secret in [
            "kX2-uV9_0aBcD3eFgH4iJ5kLmN6oPqRs",
            "6f1ed002ab5595859014ebf0951522d9",
            "6f1ed002-ab55-9585-9014-ebf0951522d9",
            "hunter2hunter2",
            "SuperSecretWord",
            "JBSWY3DPEHPK3PXP",
            "abcdefghijklmnopqrstuvwxyz",
            "abcdefghijkl",
            "geheim geheim größe",
        ] {
            let shown = named(secret);
            assert!(!shown.contains(&secret[..4]) && shown.contains(" characters"), "{shown}");
        }
    }

    #[test]
    fn control_and_direction_characters_are_escaped() {
        assert_eq!(printable("a\x1b[31mb\r\n"), "a\\u{1b}[31mb\\r\\n");
        assert_eq!(printable("a\u{202e}b\u{2028}"), "a\\u{202e}b\\u{2028}");
        assert_eq!(printable("größe"), "größe");
    }

    #[test]
    fn long_text_is_cut_at_two_hundred_characters() {
        let shown = printable(&"ä".repeat(500));
        assert_eq!(shown.chars().count(), 201);
        assert!(shown.ends_with('…'));
        for (text, length) in [("\u{e0001}", 9), ("\u{1b}", 6), ("\n", 2)] {
            let shown = printable(&text.repeat(500));
            assert_eq!(shown.chars().count(), 200 / length * length + 1, "{shown}");
        }
    }

    #[test]
    fn no_line_starts_a_workflow_command() {
        assert_eq!(printable("::error::x"), "\\::error::x");
        assert_eq!(printable("  ::error::x"), "\\  ::error::x");
        assert_eq!(printable("##[command]x"), "#\\#[command]x");
        assert_eq!(
            printable("a##[add-mask]a b##vso[x]###[y"),
            "a#\\#[add-mask]a b#\\#vso[x]##\\#[y"
        );
        assert_eq!(printable("##VSO[x] ## [ #[ ä##"), "#\\#VSO[x] ## [ #[ ä##");
        let once = printable("##[x");
        assert_eq!(printable(&once), once, "what another daypass made printable stays as it is");
        assert_eq!(printable("x\n::error::y"), "x\\n::error::y");
    }

    #[test]
    fn long_client_ids_are_shortened_at_a_character() {
        assert_eq!(short_client_id("1f2e3d4c-0000-0000"), "1f2e...");
        assert_eq!(short_client_id("billing-ci"), "billing-ci");
        assert_eq!(short_client_id("ääääääääääääääää"), "ääää...");
    }
}
