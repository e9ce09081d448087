//! What people read on stderr: errors with hints, warnings, one line about what was done.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, OnceLock, PoisonError};

use daypass::{Clock, Code, Env, Error, SystemClock, why};
use tracing::Level;
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;

use crate::cli::{Color, LogFormat};
use crate::context::Loudness;

/// In which form stderr is written.
#[derive(Clone, Copy, Debug, Default)]
struct Form {
    json: bool,
    color: bool,
}

/// Set once by [`log`]; the hit path, which has no flags, leaves it as it is.
static FORM: OnceLock<Form> = OnceLock::new();

const RED: &str = "\x1b[31m";
const YELLOW: &str = "\x1b[33m";
const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

fn form() -> Form {
    FORM.get().copied().unwrap_or_default()
}

/// Writes an error: its code, what happened, what to do; as JSON where that was asked for.
pub(crate) fn error(error: &Error, json: bool) {
    let Form { json: all_json, color } = form();
    if json || all_json {
        let object = serde_json::json!({
            "error": {
                "code": error.code().as_str(),
                "message": error.message(),
                "hint": error.hint(),
                "retry_after": error.retry_after().map(|after| after.as_secs()),
            }
        });
        write(&format!("{object}\n"));
        return;
    }
    let text = format!("{error:?}\n");
    match text.split_once(": ") {
        Some((code, rest)) if color => write(&format!("{RED}{code}{PLAIN}: {rest}")),
        _ => write(&text),
    }
}

/// Writes a warning.
pub(crate) fn warning(text: &str) {
    told("WARN", YELLOW, "warning: ", text);
}

/// Writes one line about what was done.
pub(crate) fn line(text: &str) {
    told("INFO", DIM, "", text);
}

/// Writes a line of our own in the form of those that the library logs.
fn told(level: &str, start: &str, name: &str, text: &str) {
    let Form { json, color } = form();
    if json {
        let at = SystemClock.now().to_string();
        let fields = serde_json::json!({ "message": text });
        let object = serde_json::json!({ "timestamp": at, "level": level, "fields": fields });
        write(&format!("{object}\n"));
    } else {
        let (start, end) = if color && !name.is_empty() { (start, PLAIN) } else { ("", "") };
        write(&format!("daypass: {start}{name}{end}{text}\n"));
    }
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
    let _ = FORM.set(Form { json: format == LogFormat::Json, color: ansi });
    let lines = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr);
    // Only the first of a process is taken, which is this one.
    let _ = match format {
        LogFormat::Json => lines.json().with_ansi(false).try_init(),
        LogFormat::Text => lines
            .with_ansi(ansi)
            .without_time()
            .with_target(false)
            .event_format(Plain::default())
            .try_init(),
    };
}

/// `daypass: warning: ...`, as all other lines of daypass. What is said is not said again at once:
/// one record that does not open is met several times on the way to a token.
#[derive(Default)]
struct Plain {
    last: Mutex<String>,
}

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
            Level::ERROR => ("error: ", RED),
            Level::WARN => ("warning: ", YELLOW),
            _ => ("", DIM),
        };
        let (start, end) = if form().color && !name.is_empty() { (color, PLAIN) } else { ("", "") };
        let mut line = format!("daypass: {start}{name}{end}");
        context.format_fields(Writer::new(&mut line), event)?;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if *last == line {
            return Ok(());
        }
        writeln!(writer, "{line}")?;
        *last = line;
        Ok(())
    }
}

/// Nobody can be told that stderr is gone.
fn write(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// Something cannot be written; `what` is printable.
pub(crate) fn unwritable(what: &str, error: &io::Error) -> Error {
    Error::new(Code::StoreFailed, format!("{what} cannot be written: {}", why(error)))
        .with_hint("check that the folder exists, is yours and has space left")
}
