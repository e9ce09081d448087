//! `daypass status`: what is cached, how long it lives, what it cost, what happened last.

use std::time::Duration;

use daypass::{
    Clock, Code, Error, Event, EventKind, Opened, Record, StorePlace, SystemClock, Timestamp,
    printable, profile_names, short_client_id, span,
};
use serde_json::{Value, json};

use super::block_on;
use crate::cli::Status;
use crate::context::Context;
use crate::emit::to_stdout;

/// The width of the bar of a token's life.
const BAR: usize = 20;

pub(crate) fn run(context: &Context, args: &Status) -> Result<(), Error> {
    let now = SystemClock.now();
    let rows = match &args.profile {
        Some(name) => vec![Row::read(context, Some(name))?],
        None => all(context)?,
    };
    let text = if args.json {
        let rows: Vec<_> = rows.iter().map(|row| row.json(now)).collect();
        format!("{}\n", json!({ "profiles": rows }))
    } else {
        rows.iter().map(|row| row.text(now)).collect::<Vec<_>>().join("\n")
    };
    to_stdout(text.as_bytes())
}

/// All profiles; one that can't be opened says why instead of failing the others.
fn all(context: &Context) -> Result<Vec<Row>, Error> {
    let files = context.opening(None).files()?;
    let names = profile_names(&files, &context.env);
    if names.is_empty() {
        // The error for this teaches how to set one up.
        return Row::read(context, None).map(|row| vec![row]);
    }
    let read = |name: &String| {
        Row::read(context, Some(name))
            .unwrap_or_else(|error| Row { name: name.clone(), state: State::Closed(error) })
    };
    Ok(names.iter().map(read).collect())
}

/// One profile in the table.
struct Row {
    name: String,
    state: State,
}

enum State {
    Open { opened: Box<Opened>, record: Box<Record> },
    Closed(Error),
}

impl Row {
    fn read(context: &Context, name: Option<&str>) -> Result<Self, Error> {
        let opened = context.open(name)?;
        let record = block_on(async {
            opened.source.record().await.map_err(|error| {
                Error::new(Code::StoreFailed, format!("the cache cannot be read: {error}"))
                    .with_hint("set DAYPASS_CACHE_DIR to a folder that is yours")
            })
        })?;
        let record = Box::new(record.unwrap_or_default());
        let name = opened.profile.name.clone();
        Ok(Self { name, state: State::Open { opened: Box::new(opened), record } })
    }

    fn text(&self, now: Timestamp) -> String {
        let (opened, record) = match &self.state {
            State::Open { opened, record } => (opened, record),
            State::Closed(error) => {
                let hint = error.hint().map(|hint| format!("\n  hint     {hint}"));
                let why = format!("error[{}]: {}", error.code(), error.message());
                return format!("{}\n  {why}{}\n", self.name, hint.unwrap_or_default());
            }
        };
        let mut lines = vec![format!(
            "{}  {}  client {}",
            self.name,
            opened.profile.place(),
            short_client_id(&opened.client_id)
        )];
        let scopes = opened.profile.scopes.to_string();
        if !scopes.is_empty() {
            lines.push(format!("  scopes   {}", printable(&scopes)));
        }
        lines.push(format!("  token    {}", token_line(record, now)));
        lines.push(format!("  served   {}", served_line(record)));
        lines.push(format!("  store    {}", store_line(&opened.place)));
        if let Some(refusal) = &record.refusal {
            let left = now.until(refusal.until);
            let memory = if left.is_zero() {
                String::new()
            } else {
                format!("; the issuer is not asked again for {}", span(left))
            };
            let ago = ago(refusal.at, now);
            lines.push(format!("  refused  {ago} ago: {}{memory}", refusal.error));
        }
        let events = record.events.iter().rev().take(5);
        for (index, event) in events.enumerate() {
            let label = if index == 0 { "  events   " } else { "           " };
            lines.push(format!("{label}{} ago  {}", ago(event.at, now), told(event)));
        }
        lines.join("\n") + "\n"
    }

    fn json(&self, now: Timestamp) -> Value {
        let (opened, record) = match &self.state {
            State::Open { opened, record } => (opened, record),
            State::Closed(error) => {
                return json!({
                    "profile": self.name,
                    "error": {
                        "code": error.code().as_str(),
                        "message": error.message(),
                        "hint": error.hint(),
                    },
                });
            }
        };
        let token = record.token.as_ref().map(|token| {
            json!({
                "fingerprint": token.fingerprint().to_string(),
                "issued_at": token.sent_at().to_string(),
                "expires_at": token.expires_at().to_string(),
                "expires_in": token.remaining(now).as_secs(),
                "lifetime": token.lifetime().as_secs(),
                "scope": token.scope().map(ToString::to_string),
                "reason": record.reason.map(|reason| reason.as_str()),
                "rejected": is_rejected(record),
            })
        });
        let refusal = record.refusal.as_ref().map(|refusal| {
            json!({
                "error": refusal.error,
                "description": refusal.description,
                "status": refusal.status,
                "at": refusal.at.to_string(),
                "remembered_for": now.until(refusal.until).as_secs(),
            })
        });
        let events: Vec<_> = record
            .events
            .iter()
            .map(|event| json!({ "at": event.at.to_string(), "what": told(event) }))
            .collect();
        let tally = &record.tally;
        json!({
            "profile": self.name,
            "place": opened.profile.place(),
            "client_id": opened.client_id,
            "scopes": opened.profile.scopes.iter().collect::<Vec<_>>(),
            "store": store_line(&opened.place),
            "token": token,
            "served": {
                "memory": tally.memory,
                "store": tally.store,
                "agent": tally.agent,
                "issuer": tally.issuer,
                "waited": tally.waited,
            },
            "refusal": refusal,
            "events": events,
        })
    }
}

fn is_rejected(record: &Record) -> bool {
    let fingerprint = record.token.as_ref().map(|token| token.fingerprint());
    fingerprint.is_some() && record.rejected.map(|mark| mark.fingerprint) == fingerprint
}

fn token_line(record: &Record, now: Timestamp) -> String {
    let Some(token) = &record.token else { return "none is cached".to_owned() };
    let (lifetime, left) = (token.lifetime(), token.remaining(now));
    let age = ago(token.sent_at(), now);
    if left.is_zero() {
        return format!("{} ended; it is {age} old", token.fingerprint());
    }
    let rejected = if is_rejected(record) { ", refused by the API" } else { "" };
    format!(
        "{} {} {} left of {}, {age} old{rejected}",
        token.fingerprint(),
        bar(left.as_secs_f64() / lifetime.as_secs_f64().max(1e-9)),
        span(left),
        span(lifetime),
    )
}

/// How long ago that was, in whole seconds at least.
fn ago(at: Timestamp, now: Timestamp) -> String {
    span(Duration::from_secs(at.until(now).as_secs()))
}

/// What is left of a life, as a bar.
fn bar(share: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the bar"
    )]
    let full = (share.clamp(0.0, 1.0) * BAR as f64).round() as usize;
    format!("[{}{}]", "#".repeat(full), "-".repeat(BAR.saturating_sub(full)))
}

fn served_line(record: &Record) -> String {
    let tally = &record.tally;
    let sources = [
        ("issuer", tally.issuer),
        ("store", tally.store),
        ("waited", tally.waited),
        ("memory", tally.memory),
        ("agent", tally.agent),
    ];
    let all: u64 = sources.iter().map(|(_, count)| count).sum();
    let parts: Vec<_> = sources
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(source, count)| format!("{count} {source}"))
        .collect();
    match all {
        0 => "none yet".to_owned(),
        1 => format!("1 token ({})", parts.join(", ")),
        _ => format!("{all} tokens ({})", parts.join(", ")),
    }
}

fn store_line(place: &StorePlace) -> String {
    match place {
        StorePlace::Named(path) | StorePlace::Default(path) => printable(&path.to_string_lossy()),
        _ => "memory only".to_owned(),
    }
}

fn told(event: &Event) -> String {
    match &event.kind {
        EventKind::Fetched { reason, fingerprint, lifetime, took } => format!(
            "fetched {fingerprint} ({}), lives {}, took {} ms",
            reason.as_str(),
            span(*lifetime),
            took.as_millis()
        ),
        EventKind::Failed(error) => format!("failed: {error}"),
        EventKind::Throttled(after) => format!("throttled for {}", span(*after)),
        EventKind::Rejected(fingerprint) => format!("the API refused {fingerprint}"),
        EventKind::Forgotten => "forgotten".to_owned(),
        EventKind::Revoked(fingerprint) => format!("revoked {fingerprint}"),
        _ => "something else".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_shows_what_is_left() {
        assert_eq!(bar(1.0), format!("[{}]", "#".repeat(20)));
        assert_eq!(bar(0.5), "[##########----------]");
        assert_eq!(bar(0.0), format!("[{}]", "-".repeat(20)));
        assert_eq!(bar(7.0), bar(1.0));
        assert_eq!(bar(f64::NAN), bar(0.0));
    }
}
