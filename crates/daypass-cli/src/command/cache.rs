//! `daypass cache`: the sealed token on its way to another machine and back.

use std::io::Read;

use daypass::{Clock, Code, Error, Imported, MAX_RECORD, Opening, Share, SystemClock};
use serde_json::json;
use zeroize::Zeroizing;

use super::block_on;
use crate::cli::{Cache, CacheVerb, Shared};
use crate::context::{Context, Loudness};
use crate::{emit, report, secrets};

pub(crate) fn run(context: &Context, args: &Cache) -> Result<(), Error> {
    match &args.verb {
        CacheVerb::Export(args) => export(context, args),
        CacheVerb::Import(args) => import(context, args),
    }
}

fn export(context: &Context, args: &Shared) -> Result<(), Error> {
    if crate::context::on_terminal() {
        return Err(Error::new(
            Code::Usage,
            "stdout is a terminal, and what is exported are bytes",
        )
        .with_hint("daypass cache export > token.sealed"));
    }
    let (share, _) = open(context, args)?;
    let Some(sealed) = block_on(share.export())? else {
        tell(context, &format!("nothing is cached for {}", share.prepared().profile.name));
        return Ok(());
    };
    emit::to_stdout(&sealed)
}

fn import(context: &Context, args: &Shared) -> Result<(), Error> {
    let (share, rest) = open(context, args)?;
    let sealed = match args.secrets_fd {
        // They shared stdin.
        Some(0) => rest,
        _ => from_stdin()?,
    };
    let name = &share.prepared().profile.name;
    let imported = block_on(share.import(sealed))?;
    if args.json {
        let object = match imported {
            Imported::Taken(token) => json!({
                "profile": name,
                "imported": true,
                "fingerprint": token.fingerprint().to_string(),
                "expires_at": token.expires_at().to_string(),
                "expires_in": token.remaining(SystemClock.now()).as_secs(),
            }),
            Imported::PassedBy(why) => {
                json!({ "profile": name, "imported": false, "reason": why })
            }
        };
        return emit::to_stdout(format!("{object}\n").as_bytes());
    }
    tell(
        context,
        &match imported {
            Imported::Taken(token) => format!("took token {} for {name}", token.fingerprint()),
            Imported::PassedBy(why) => format!("took nothing for {name}: {why}"),
        },
    );
    Ok(())
}

/// One byte more than a record can have, so that a longer one is told from it.
fn from_stdin() -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut bytes = Zeroizing::new(Vec::new());
    let read = std::io::stdin().take(MAX_RECORD as u64 + 1).read_to_end(&mut bytes);
    read.map(|_| bytes).map_err(|error| {
        Error::new(Code::Usage, format!("stdin cannot be read: {}", error.kind()))
            .with_hint("daypass cache import < token.sealed")
    })
}

/// The profile, and what else came by `--secrets-fd`.
fn open(context: &Context, args: &Shared) -> Result<(Share, Zeroizing<Vec<u8>>), Error> {
    let secrets = args.secrets_fd.map(|fd| secrets::read(&context.env, fd)).transpose()?;
    let env = secrets.as_ref().map_or(&context.env, |secrets| &secrets.env);
    let share = Opening { env, ..context.opening(args.profile.as_deref()) }.share()?;
    share.prepared().warnings.iter().for_each(|warning| {
        if context.loudness > Loudness::Quiet {
            report::warning(warning);
        }
    });
    Ok((share, secrets.map(|secrets| secrets.rest).unwrap_or_default()))
}

fn tell(context: &Context, text: &str) {
    if context.loudness > Loudness::Quiet {
        report::line(text);
    }
}
