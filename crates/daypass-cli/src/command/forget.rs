//! `daypass forget` and `daypass revoke`.

use std::time::Duration;

use daypass::{Code, Error};
use serde_json::json;

use super::block_on;
use crate::cli::Profile;
use crate::context::{Context, Loudness};
use crate::{emit, report};

/// How long the issuer has to revoke a token.
const PATIENCE: Duration = Duration::from_secs(15);

pub(crate) fn forget(context: &Context, args: &Profile) -> Result<(), Error> {
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
    let opened = context.open(args.profile.as_deref())?;
    let revoked = block_on(opened.source.revoke(PATIENCE))?;
    let name = &opened.profile.name;
    if args.json {
        let object = json!({ "profile": name, "revoked": revoked });
        return emit::to_stdout(format!("{object}\n").as_bytes());
    }
    if context.loudness > Loudness::Quiet {
        report::line(&if revoked {
            format!("revoked the token of {name} at {}", opened.source.issuer_host())
        } else {
            format!("nothing is cached for {name}")
        });
    }
    Ok(())
}
