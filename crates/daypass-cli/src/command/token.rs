//! `daypass token`.

use std::io::{IsTerminal, Read};
use std::time::Duration;

use daypass::{
    AccessToken, Clock, Code, Error, Granted, MinTtl, Opened, Prepared, Profile, Style,
    SystemClock, TokenSource, Want,
};
use zeroize::Zeroizing;

use super::block_on;
use crate::cli::Token;
use crate::context::Context;
use crate::emit::{self, Handout};
use crate::format::Format;
use crate::label::Label;
use crate::{report, through};

/// How much of stdin is read for a refused token.
const MAX_STDIN: u64 = 128 * 1024;

pub(crate) fn run(context: &Context, args: &Token) -> Result<(), Error> {
    let began = SystemClock.now();
    let as_format = if args.json { Format::Json } else { args.format };
    // What cannot be handed out is not asked for.
    emit::destination(context, as_format, args.out.as_deref())?;
    let refused = if args.reject { Some(refused_token()?) } else { None };
    if let Some(address) = through::agent(context)? {
        let profile = args.profile.as_deref();
        if let Some(refused) = &refused {
            address.reject(profile, refused)?;
        }
        let min_ttl = through::min_ttl(args.min_ttl, MinTtl::TOKEN);
        let since = args.fresh.then_some(began);
        let answer = through::ask(context, &address, profile, min_ttl, since, args.timeout)?;
        return show(context, args, as_format, Label::Agent(&answer.label), &answer.granted);
    }
    let opened = context.open(args.profile.as_deref())?;
    let want = Want {
        min_ttl: min_ttl(args.min_ttl, &opened.profile),
        timeout: args.timeout,
        force: args.fresh,
    };
    let granted = block_on(fetch(&opened, want, refused))?;
    show(context, args, as_format, Label::of(&opened), &granted)
}

/// Hands the token out, or on a terminal tells of it.
fn show(
    context: &Context,
    args: &Token,
    format: Format,
    label: Label<'_>,
    granted: &Granted,
) -> Result<(), Error> {
    if emit::hides_token(format, args.out.as_deref(), args.show) {
        report::line(&emit::summary(label, granted, SystemClock.now()));
        report::line("stdout is a terminal, so the token itself is not printed; --show prints it");
        return Ok(());
    }
    let handout = Handout { label, granted, format, out: args.out.as_deref() };
    emit::hand_out(context, &handout)
}

/// Goes on where the hit path found nothing: with what it has prepared, and no flag set.
pub(crate) fn go_on(
    context: &Context,
    prepared: Prepared,
    want: Want,
    format: Format,
) -> Result<(), Error> {
    let opened = prepared.open(Style::OneShot)?;
    let granted = block_on(opened.source.token(want))?;
    let label = Label::of(&opened);
    let handout = Handout { label, granted: &granted, format, out: None };
    emit::hand_out(context, &handout)
}

/// How long the token must still live: the flag's word, else the profile's, else the usual.
pub(crate) fn min_ttl(flag: Option<Duration>, profile: &Profile) -> MinTtl {
    flag.or(profile.min_ttl).map_or(MinTtl::TOKEN, MinTtl::Required)
}

async fn fetch(
    opened: &Opened,
    want: Want,
    refused: Option<AccessToken>,
) -> Result<Granted, Error> {
    if let Some(refused) = refused {
        opened.source.reject(&refused).await?;
    }
    opened.source.token(want).await
}

/// Reads the token that an API refused.
fn refused_token() -> Result<AccessToken, Error> {
    let usage = |message: &str| {
        Error::new(Code::Usage, message.to_owned())
            .with_hint("daypass token --reject <<< \"$TOKEN\"")
    };
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        return Err(usage("--reject reads the refused token from stdin, which is a terminal"));
    }
    let mut text = Zeroizing::new(String::new());
    let read = stdin.take(MAX_STDIN).read_to_string(&mut text);
    read.map_err(|error| usage(&format!("stdin cannot be read: {}", error.kind())))?;
    AccessToken::new(text.trim()).map_err(|error| usage(&format!("on stdin: {error}")))
}

/// Waits for a token that is good for a child process.
pub(crate) async fn for_child(
    opened: &Opened,
    min_ttl: Option<Duration>,
    timeout: Duration,
) -> Result<Granted, Error> {
    let min_ttl = min_ttl.or(opened.profile.min_ttl).map_or(MinTtl::EXEC, MinTtl::Required);
    opened.source.token(Want { min_ttl, timeout, force: false }).await
}
