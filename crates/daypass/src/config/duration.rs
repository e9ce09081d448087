//! The one grammar of durations, in files and on the command line: `90s`, `10m`, `2h`, `1d`; a
//! bare number is seconds.

use std::time::Duration;

/// The longest duration that is taken: a hundred years. Sums with it overflow nowhere.
const MAX_SECONDS: u64 = 100 * 365 * 24 * 60 * 60;

/// Why a text is no duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidDuration {
    /// Nothing there.
    #[error("a duration is missing: write 90s, 10m, 2h or 1d")]
    Empty,
    /// It starts with a minus sign.
    #[error("a duration can't be negative")]
    Negative,
    /// Neither a number nor a number with one unit.
    #[error("not a duration: write 90s, 10m, 2h or 1d; a bare number is seconds")]
    Syntax,
    /// Over a hundred years.
    #[error("a duration is at most a hundred years")]
    TooLong,
}

/// Reads a duration.
///
/// ```
/// use std::time::Duration;
/// assert_eq!(daypass::parse_duration("10m"), Ok(Duration::from_secs(600)));
/// assert_eq!(daypass::parse_duration("90"), Ok(Duration::from_secs(90)));
/// ```
///
/// # Errors
///
/// [`InvalidDuration`], which says what to write.
pub fn parse_duration(text: &str) -> Result<Duration, InvalidDuration> {
    if text.is_empty() {
        return Err(InvalidDuration::Empty);
    }
    if text.starts_with('-') {
        return Err(InvalidDuration::Negative);
    }
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match text.strip_prefix(digits) {
        Some("" | "s") => 1,
        Some("m") => 60,
        Some("h") => 60 * 60,
        Some("d") => 24 * 60 * 60,
        _ => return Err(InvalidDuration::Syntax),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(InvalidDuration::Syntax);
    }
    // Only digits are left, so all that can go wrong is their number.
    let seconds = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    seconds
        .filter(|seconds| *seconds <= MAX_SECONDS)
        .map(Duration::from_secs)
        .ok_or(InvalidDuration::TooLong)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_number_and_at_most_one_unit() {
        for (text, seconds) in [
            ("0", 0),
            ("90", 90),
            ("90s", 90),
            ("10m", 600),
            ("2h", 7_200),
            ("1d", 86_400),
            ("007s", 7),
            ("36500d", MAX_SECONDS),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn everything_else_says_why_not() {
        use InvalidDuration::{Empty, Negative, Syntax, TooLong};
        for (text, why) in [
            ("", Empty),
            ("-1", Negative),
            ("-", Negative),
            ("s", Syntax),
            ("1h30m", Syntax),
            ("1.5h", Syntax),
            ("10 m", Syntax),
            (" 10m", Syntax),
            ("10M", Syntax),
            ("10min", Syntax),
            ("+5", Syntax),
            ("1_000", Syntax),
            ("٣s", Syntax),
            ("36501d", TooLong),
            ("18446744073709551615", TooLong),
            ("18446744073709551616", TooLong),
            ("18446744073709551615d", TooLong),
        ] {
            assert_eq!(parse_duration(text), Err(why), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,30}") {
            let _ = parse_duration(&text);
        }
    }
}
