//! What people read on stderr: errors with hints, warnings, one line about what was done.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use daypass::{Env, Error, printable};
use tracing::Level;
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;

use crate::cli::{Color, LogFormat};
use crate::context::Loudness;

/// Writes an error: its code, what happened, what to do; as JSON where that was asked for.
pub(crate) fn error(error: &Error, json: bool) {
    if json {
        let object = serde_json::json!({
            "error": {
                "code": error.code().as_str(),
                "message": error.message(),
                "hint": error.hint(),
                "retry_after": error.retry_after().map(|after| after.as_secs()),
            }
        });
        write(&format!("{object}\n"));
    } else {
        write(&format!("{error:?}\n"));
    }
}

/// Writes a warning.
pub(crate) fn warning(text: &str) {
    write(&format!("daypass: warning: {text}\n"));
}

/// Writes one line about what was done.
pub(crate) fn line(text: &str) {
    write(&format!("daypass: {text}\n"));
}

/// Sends what the library tells to stderr: warnings, with `-v` what was done, with `-vv` details.
pub(crate) fn log(loudness: Loudness, format: LogFormat, color: Color, env: &Env) {
    let level = match loudness {
        Loudness::Quiet => Level::ERROR,
        Loudness::Normal => Level::WARN,
        Loudness::Verbose => Level::INFO,
        Loudness::Debug => Level::DEBUG,
    };
    let ansi = match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            let forbidden = env.var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            std::io::stderr().is_terminal() && !forbidden
        }
    };
    let lines = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr);
    // Only the first of a process is taken, which is this one.
    let _ = match format {
        LogFormat::Json => lines.json().with_ansi(false).try_init(),
        LogFormat::Text => {
            lines.with_ansi(ansi).without_time().with_target(false).event_format(Plain).try_init()
        }
    };
}

/// `daypass: warning: ...`, as all other lines of daypass.
struct Plain;

impl<S, N> FormatEvent<S, N> for Plain
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &tracing::Event<'_>,
    ) -> std::fmt::Result {
        let (name, color) = match *event.metadata().level() {
            Level::ERROR => ("error: ", "\x1b[31m"),
            Level::WARN => ("warning: ", "\x1b[33m"),
            _ => ("", "\x1b[2m"),
        };
        let (start, end) = if writer.has_ansi_escapes() { (color, "\x1b[0m") } else { ("", "") };
        write!(writer, "daypass: {start}{name}{end}")?;
        context.format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

/// Nobody can be told that stderr is gone.
fn write(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// The first characters of a client id.
pub(crate) fn short(client_id: &str) -> String {
    let shown = printable(client_id);
    match shown.char_indices().nth(4) {
        Some((end, _)) if shown.chars().count() > 12 => {
            format!("{}...", shown.get(..end).unwrap_or_default())
        }
        _ => shown,
    }
}

/// A duration as people say it: `57m`, `1h05m`, `40s`.
pub(crate) fn span(duration: Duration) -> String {
    match duration.as_secs() {
        seconds if seconds >= 172_800 => format!("{}d", seconds / 86_400),
        seconds if seconds >= 3600 => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
        seconds if seconds >= 60 => format!("{}m", seconds / 60),
        seconds => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_people_say_them() {
        for (seconds, expected) in
            [(0, "0s"), (59, "59s"), (60, "1m"), (3599, "59m"), (3900, "1h05m"), (172_800, "2d")]
        {
            assert_eq!(span(Duration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn long_client_ids_are_shortened_at_a_character() {
        assert_eq!(short("1f2e3d4c-0000-0000"), "1f2e...");
        assert_eq!(short("billing-ci"), "billing-ci");
        assert_eq!(short("ääääääääääääääää"), "ääää...");
    }
}
