//! What the library tells, on its way to Python's `logging`.
//!
//! Events arise on threads of the runtime. They must not wait there for the GIL while a lease is
//! held, so they are kept and handed over when a Python thread comes by.

use std::collections::VecDeque;
use std::fmt::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use daypass::{Clock, SystemClock, Ticks};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

/// So many events are kept; the oldest go first.
const KEPT: usize = 256;

/// The same line is not told again within this time: a token that is refused over and over warns at
/// every call.
const ECHO: Duration = Duration::from_secs(10);

#[derive(Default)]
struct Events {
    lines: VecDeque<(Level, String)>,
    last: Option<(String, Ticks)>,
}

type Kept = Mutex<Events>;

/// Replaced after a fork: a thread that the child lacks may hold the lock.
static EVENTS: LazyLock<ArcSwap<Kept>> = LazyLock::new(ArcSwap::default);
static PENDING: AtomicBool = AtomicBool::new(false);
/// The level that is wanted, as `logging` counts.
static WANTED: AtomicU8 = AtomicU8::new(WARNING);

const DEBUG: u8 = 10;
const INFO: u8 = 20;
const WARNING: u8 = 30;
const ERROR: u8 = 40;

const fn number(level: Level) -> u8 {
    match level {
        Level::ERROR => ERROR,
        Level::WARN => WARNING,
        Level::INFO => INFO,
        _ => DEBUG,
    }
}

struct Keeper;

impl Subscriber for Keeper {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        // What is wanted changes while the program runs.
        if metadata.target().starts_with("daypass") && metadata.is_event() {
            Interest::sometimes()
        } else {
            Interest::never()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("daypass")
            && number(*metadata.level()) >= WANTED.load(Ordering::Relaxed)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::DEBUG)
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        let events = EVENTS.load();
        let mut events = events.lock().unwrap_or_else(PoisonError::into_inner);
        let now = SystemClock.ticks();
        match &events.last {
            Some((last, at)) if *last == line.0 && at.until(now) < ECHO => return,
            _ => events.last = Some((line.0.clone(), now)),
        }
        if events.lines.len() >= KEPT {
            events.lines.pop_front();
        }
        events.lines.push_back((*event.metadata().level(), line.0));
        PENDING.store(true, Ordering::Release);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// The message, then what else there is.
#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing into a string does not fail.
        let _ = match field.name() {
            "message" => {
                let rest = std::mem::take(&mut self.0);
                write!(self.0, "{value:?}{rest}")
            }
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}

/// Takes what the library tells from now on.
pub(crate) fn install() {
    // Only the first of a process is taken, which is this one: the library is linked in here.
    let _ = tracing::subscriber::set_global_default(Keeper);
}

/// Forgets what was kept: it is the parent's to tell.
pub(crate) fn forget() {
    EVENTS.store(Arc::default());
    PENDING.store(false, Ordering::Relaxed);
}

/// Whether something waits to be handed over.
pub(crate) fn is_pending() -> bool {
    PENDING.load(Ordering::Relaxed)
}

/// Learns what is wanted, before the library is asked to do something.
pub(crate) fn refresh(py: Python<'_>) {
    let level = imported(py).and_then(|logging| {
        let logger = logging.call_method1("getLogger", ("daypass",)).ok()?;
        logger.call_method0("getEffectiveLevel").ok()?.extract::<u16>().ok()
    });
    let level = level.map_or(WARNING, |level| u8::try_from(level).unwrap_or(u8::MAX));
    WANTED.store(level, Ordering::Relaxed);
}

/// `logging`, if somebody uses it: importing it costs more than all of daypass.
fn imported(py: Python<'_>) -> Option<Bound<'_, PyAny>> {
    let modules = py.import("sys").ok()?.getattr("modules").ok()?;
    modules.cast::<PyDict>().ok()?.get_item("logging").ok()?
}

/// Hands over what was kept. A handler that raises is `logging`'s affair.
#[pyfunction]
pub(crate) fn drain_logs(py: Python<'_>) -> PyResult<()> {
    if !PENDING.swap(false, Ordering::Acquire) {
        return Ok(());
    }
    let events = {
        let events = EVENTS.load();
        let mut events = events.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut events.lines)
    };
    let logging: Bound<'_, PyModule> = py.import("logging")?;
    let logger = logging.call_method1("getLogger", ("daypass",))?;
    for (level, line) in events {
        logger.call_method1("log", (number(level), "%s", line))?;
    }
    Ok(())
}
