//! `daypass status`: what is cached, how long it lives, what it cost, what happened last. The facts are
//! made in `daypass_server::Row`, here or in the agent; here they are shown.

use std::time::Duration;

use daypass::{
    AgentAddress, Clock, Code, Error, SystemClock, printable, profile_names, short_client_id, span,
};
use daypass_server::{ProfileStatus, Row, Served, TokenStatus};
use serde_json::{Value, json};

use super::block_on;
use crate::cli::Status;
use crate::context::Context;
use crate::emit::to_stdout;
use crate::through;

/// The width of the bar of a token's life.
const BAR: usize = 20;

pub(crate) fn run(context: &Context, args: &Status) -> Result<(), Error> {
    let name = args.profile.as_deref();
    let (rows, agent) = match through::agent(context)? {
        Some(address) => in_agent(&address, name)?,
        None => (own(context, name)?, None),
    };
    let text = if args.json {
        let object = match agent {
            Some(agent) => json!({ "profiles": rows, "agent": agent.json }),
            None => json!({ "profiles": rows }),
        };
        format!("{object}\n")
    } else {
        let agent = agent.map(|agent| agent.line);
        agent.into_iter().chain(rows.iter().map(text)).collect::<Vec<_>>().join("\n")
    };
    to_stdout(text.as_bytes())
}

fn own(context: &Context, name: Option<&str>) -> Result<Vec<Row>, Error> {
    match name {
        Some(name) => Ok(vec![read(context, Some(name))?]),
        None => all(context),
    }
}

/// All profiles; one that can't be opened says why instead of failing the others.
fn all(context: &Context) -> Result<Vec<Row>, Error> {
    let files = context.opening(None).files()?;
    let names = profile_names(&files, &context.env);
    if names.is_empty() {
        // The error for this teaches how to set one up.
        return read(context, None).map(|row| vec![row]);
    }
    let row =
        |name: &String| read(context, Some(name)).unwrap_or_else(|error| Row::closed(name, &error));
    Ok(names.iter().map(row).collect())
}

fn read(context: &Context, name: Option<&str>) -> Result<Row, Error> {
    let opened = context.look(name)?;
    let record = block_on(async {
        opened.source.record().await.map_err(|error| {
            Error::new(Code::StoreFailed, format!("the cache cannot be read: {error}"))
                .with_hint("set DAYPASS_CACHE_DIR to a folder that is yours")
        })
    })?;
    let (profile, now) = (&opened.profile, SystemClock.now());
    Ok(Row::of(profile, &opened.client_id, &opened.place, Ok(record), now))
}

/// What an agent says of itself.
struct Told {
    json: Value,
    line: String,
}

/// What the agent has, or of that one profile.
fn in_agent(address: &AgentAddress, name: Option<&str>) -> Result<(Vec<Row>, Option<Told>), Error> {
    let mut status = address.status()?;
    let other = || {
        Error::new(Code::AgentUnreachable, format!("{address} tells its state in another way"))
            .with_hint("is it one of another version? daypass agent --stop, then start it again")
    };
    let rows = status.get_mut("profiles").map(Value::take).ok_or_else(other)?;
    let mut rows: Vec<Row> = serde_json::from_value(rows).map_err(|_| other())?;
    if let Some(name) = name {
        let is_meant = |row: &Row| match row {
            Row::Open(status) => status.profile == name,
            Row::Closed { profile, .. } => profile == name,
        };
        rows.retain(is_meant);
        if rows.is_empty() {
            let shown = printable(name);
            return Err(Error::new(
                Code::ConfigUnknownProfile,
                format!("the agent has no profile \"{shown}\""),
            )
            .with_hint(format!(
                "daypass status lists what it has; daypass agent {shown} adds it"
            )));
        }
    }
    let agent = status.get_mut("agent").map(Value::take).unwrap_or_default();
    let mut line = agent_line(address, &agent);
    if let Some(gateway) = status.get("parts").and_then(|parts| parts.get("gateway")) {
        line.push_str(&gateway_line(gateway));
    }
    Ok((rows, Some(Told { json: agent, line })))
}

/// One line about an agent.
fn agent_line(address: &AgentAddress, agent: &Value) -> String {
    let number = |name: &str| agent.get(name).and_then(Value::as_u64);
    let left = |name| number(name).map(|seconds| span(Duration::from_secs(seconds)));
    let mut line = format!("agent  {address}");
    if let Some(pid) = number("pid") {
        line.push_str(&format!("  pid {pid}"));
    }
    if let Some(left) = left("lifetime_left") {
        line.push_str(&format!("  ends in {left}"));
    }
    if let Some(left) = left("idle_left") {
        line.push_str(&format!("  if idle in {left}"));
    }
    line + "\n"
}

/// One line about the gateway of an agent.
fn gateway_line(gateway: &Value) -> String {
    let count = |name: &str| gateway.get(name).and_then(Value::as_u64).unwrap_or_default();
    let urls = gateway.get("urls").and_then(Value::as_array);
    let urls = urls.into_iter().flatten().filter_map(Value::as_str).map(printable);
    format!(
        "gateway  {}  {} requests, {} refused by the API, {} sent again\n",
        urls.collect::<Vec<_>>().join(" "),
        count("requests"),
        count("refused"),
        count("replayed"),
    )
}

fn text(row: &Row) -> String {
    match row {
        Row::Open(status) => open_text(status),
        Row::Closed { profile, error } => {
            let hint = error.hint.as_deref().map(printable);
            let hint = hint.map(|hint| format!("\n  hint     {hint}")).unwrap_or_default();
            let why = format!("error[{}]: {}", printable(&error.code), printable(&error.message));
            format!("{}\n  {why}{hint}\n", printable(profile))
        }
    }
}

fn open_text(status: &ProfileStatus) -> String {
    let mut lines = vec![format!(
        "{}  {}  client {}",
        printable(&status.profile),
        printable(&status.place),
        short_client_id(&status.client_id)
    )];
    if !status.scopes.is_empty() {
        lines.push(format!("  scopes   {}", printable(&status.scopes.join(" "))));
    }
    lines.push(format!("  token    {}", token_line(status.token.as_ref())));
    lines.push(format!("  served   {}", served_line(&status.served)));
    lines.push(format!("  store    {}", printable(&status.store)));
    if let Some(refusal) = &status.refusal {
        let memory = match refusal.remembered_for {
            0 => String::new(),
            left => format!("; the issuer is not asked again for {}", seconds(left)),
        };
        let error = printable(&refusal.error);
        lines.push(format!("  refused  {} ago: {error}{memory}", seconds(refusal.age)));
    }
    for (index, event) in status.events.iter().rev().take(5).enumerate() {
        let label = if index == 0 { "  events   " } else { "           " };
        lines.push(format!("{label}{} ago  {}", seconds(event.age), printable(&event.what)));
    }
    lines.join("\n") + "\n"
}

fn seconds(seconds: u64) -> String {
    span(Duration::from_secs(seconds))
}

fn token_line(token: Option<&TokenStatus>) -> String {
    let Some(token) = token else { return "none is cached".to_owned() };
    let (fingerprint, age) = (printable(&token.fingerprint), seconds(token.age));
    if token.expires_in == 0 {
        return format!("{fingerprint} ended; it is {age} old");
    }
    let rejected = if token.rejected { ", refused by the API" } else { "" };
    #[expect(clippy::cast_precision_loss, reason = "it becomes a bar of twenty characters")]
    let share = token.expires_in as f64 / token.lifetime.max(1) as f64;
    format!(
        "{fingerprint} {} {} left of {}, {age} old{rejected}",
        bar(share),
        seconds(token.expires_in),
        seconds(token.lifetime),
    )
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

fn served_line(served: &Served) -> String {
    let sources = [
        ("issuer", served.issuer),
        ("store", served.store),
        ("waited", served.waited),
        ("memory", served.memory),
        ("agent", served.agent),
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
