//! How durations and the system's errors are said to people: the same everywhere.

use std::io;
use std::time::Duration;

/// Returns a duration as people say it, rounded down: `450ms`, `90s`, `59m`, `1h05m`, `2d3h`.
///
/// ```
/// assert_eq!(daypass::span(std::time::Duration::from_secs(3900)), "1h05m");
/// ```
pub fn span(duration: Duration) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    match duration.as_secs() {
        0 if !duration.is_zero() => format!("{}ms", duration.as_millis()),
        seconds if seconds < 2 * MINUTE => format!("{seconds}s"),
        seconds if seconds < HOUR => format!("{}m", seconds / MINUTE),
        seconds if seconds < 2 * DAY => match seconds % HOUR / MINUTE {
            0 => format!("{}h", seconds / HOUR),
            minutes => format!("{}h{minutes:02}m", seconds / HOUR),
        },
        seconds => match seconds % DAY / HOUR {
            0 => format!("{}d", seconds / DAY),
            hours => format!("{}d{hours}h", seconds / DAY),
        },
    }
}

/// `EMFILE` and `ENFILE`, for which the standard library has no words.
const OUT_OF_FILES: [i32; 2] =
    [rustix::io::Errno::MFILE.raw_os_error(), rustix::io::Errno::NFILE.raw_os_error()];

/// Returns what the system said, in a few words and without any name.
pub fn why(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "not found".to_owned(),
        _ if error.raw_os_error().is_some_and(|code| OUT_OF_FILES.contains(&code)) => {
            "too many open files (see ulimit -n)".to_owned()
        }
        kind => kind.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_people_say_them() {
        for (millis, said) in [
            (0, "0s"),
            (450, "450ms"),
            (1999, "1s"),
            (60_000, "60s"),
            (119_999, "119s"),
            (120_000, "2m"),
            (3_599_000, "59m"),
            (3_600_000, "1h"),
            (3_659_000, "1h"),
            (3_900_000, "1h05m"),
            (36_000_000, "10h"),
            (172_799_000, "47h59m"),
            (172_800_000, "2d"),
            (183_600_000, "2d3h"),
            (1_728_000_000, "20d"),
        ] {
            assert_eq!(span(Duration::from_millis(millis)), said, "{millis}");
        }
    }

    #[test]
    fn what_the_system_says_is_short() {
        let of = |errno: rustix::io::Errno| why(&errno.into());
        assert_eq!(of(rustix::io::Errno::NOENT), "not found");
        assert_eq!(of(rustix::io::Errno::MFILE), "too many open files (see ulimit -n)");
        assert_eq!(of(rustix::io::Errno::ACCESS), "permission denied");
    }
}
