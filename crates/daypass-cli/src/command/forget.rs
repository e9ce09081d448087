//! `daypass forget` and `daypass revoke`.

use std::time::Duration;

use daypass::{Code, Error, printable};
use serde_json::json;

use super::block_on;
use crate::cli::Profile;
use crate::context::{Context, Loudness};
use crate::{emit, report, through};

/// How long the issuer has to revoke a token.
const PATIENCE: Duration = Duration::from_secs(15);

pub(crate) fn forget(context: &Context, args: &Profile) -> Result<(), Error> {
    if let Some(address) = through::agent(context)? {
        return Err(Error::new(
            Code::AgentRefused,
            format!("the agent at {address} keeps its tokens: it forgets none on request"),
        )
        .with_hint("daypass token --fresh asks it for another one; daypass agent --stop ends it"));
    }
    let opened = context.open(args.profile.as_deref())?;
    let forgotten = block_on(async {
        opened.source.forget().await.map_err(|error| {
            Error::new(Code::StoreFailed, format!("the token cannot be forgotten: {error}"))
                .with_hint("try again; daypass status shows what is cached")
        })
    })?;
    let name = &opened.profile.name;
    let fingerprint = forgotten.map(|token| token.fingerprint().to_string());
    if args.json {
        let object = json!({ "profile": name, "forgotten": fingerprint });
        return emit::to_stdout(format!("{object}\n").as_bytes());
    }
    if context.loudness > Loudness::Quiet {
        report::line(&match fingerprint {
            Some(fingerprint) => {
                format!("forgot token {fingerprint} of {name}; it stays valid at the issuer")
            }
            None => format!("nothing is cached for {name}"),
        });
    }
    Ok(())
}

pub(crate) fn revoke(context: &Context, args: &Profile) -> Result<(), Error> {
    let (name, revoked, host) = match through::agent(context)? {
        Some(address) => {
            let done = address.revoke(args.profile.as_deref(), PATIENCE)?;
            (printable(&done.profile), done.revoked, printable(&done.host))
        }
        None => {
            let opened = context.open(args.profile.as_deref())?;
            let revoked = block_on(opened.source.revoke(PATIENCE))?;
            let host = opened.source.issuer_host().to_owned();
            (opened.profile.name, revoked, host)
        }
    };
    if args.json {
        let object = json!({ "profile": name, "revoked": revoked });
        return emit::to_stdout(format!("{object}\n").as_bytes());
    }
    if context.loudness > Loudness::Quiet {
        report::line(&if revoked {
            format!("revoked the token of {name} at {host}")
        } else {
            format!("nothing is cached for {name}")
        });
    }
    Ok(())
}
