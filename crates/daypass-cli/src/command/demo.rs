//! `daypass demo`: the whole story, with real processes against the sandbox, on this machine
//! alone. It checks each of its claims and fails when one is not true.

mod stage;

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use daypass::{Error, span};
use daypass_sandbox::{Endpoint, Fault};

use self::stage::{Stage, Told, say};
use super::block_on;
use crate::context::Context;

/// How long a token of the demo lives: this stands for an hour.
const HOUR: Duration = Duration::from_secs(12);
/// What stands for ten minutes.
const TEN_MINUTES: Duration = Duration::from_secs(2);
/// How many steps run at once.
const PARALLEL: usize = 50;
/// How many steps run while the issuer is down.
const WHILE_DOWN: usize = 5;

/// `daypass demo`.
#[derive(Debug, Args)]
pub(crate) struct Demo {}

pub(crate) fn run(_: &Context, _: &Demo) -> Result<ExitCode, Error> {
    let mut stage = Stage::set(HOUR)?;
    say(&format!(
        "An authorization server of our own listens on {}. Its tokens live {}, which stand\n\
         for an hour, and never come with a refresh token. No clock is faked: all processes\n\
         below are real, and time passes {} times as fast as told.",
        stage.url(),
        span(HOUR),
        3600 / HOUR.as_secs()
    ))?;
    block_on(play(&mut stage))?;
    stage.tally()
}

async fn play(stage: &mut Stage) -> Result<(), Error> {
    stage.title("Step 1 needs a token")?;
    let first = stage.step(&[], None).await?;
    stage.claim("the issuer was asked once", stage.asked() == 1)?;
    stage.claim("the API accepts the token", stage.api_accepts(&first).await?)?;

    stage.title("Step 2 runs \"ten minutes\" later, in a process of its own")?;
    tokio::time::sleep(TEN_MINUTES).await;
    let second = stage.step(&[], None).await?;
    stage.claim("it got the same token from the cache", second.token == first.token)?;
    stage.claim("the issuer was not asked again", stage.asked() == 1)?;

    stage.title(&format!("{PARALLEL} steps start at once, and nothing is cached"))?;
    stage.forget().await?;
    let before = stage.asked();
    let steps = stage.at_once(PARALLEL).await?;
    let Some(revoked) = steps.first() else { return stage.claim("steps ran", false) };
    let same = steps.iter().all(|step| step.token.is_some() && step.token == revoked.token);
    stage.claim(&format!("all {PARALLEL} got a token, and the same one"), same)?;
    stage.claim("that cost one request", stage.asked() == before + 1)?;

    stage.title("Somebody revokes the token")?;
    stage.sandbox().revoke_all();
    stage.claim("the API answers 401 now", !stage.api_accepts(revoked).await?)?;
    let before = stage.asked();
    let next = stage.step(&["--reject"], revoked.token.as_deref().map(String::as_str)).await?;
    stage.claim("a step that says so gets another token", next.token != revoked.token)?;
    stage.claim("the API accepts that one", stage.api_accepts(&next).await?)?;
    stage.claim("it cost one request", stage.asked() == before + 1)?;

    stage.title("The issuer goes down")?;
    stage.sandbox().stand(Endpoint::Token, Fault::Status(503));
    for _ in 0..WHILE_DOWN {
        let step = stage.step(&[], None).await?;
        let served = step.token == next.token && step.token.is_some();
        stage.claim("the valid token is served all the same", served)?;
    }

    stage.title("The issuer stays down until the token has ended")?;
    stage.until_ended(&next).await;
    let late = stage.step(&["--timeout", "2s"], None).await?;
    stage.claim("a token past its life is not handed out", late.token.is_none())?;
    stage.claim("the step fails with 4, \"not available now\"", late.code == Some(4))?;

    stage.title("The issuer is back")?;
    stage.sandbox().clear_faults();
    let last = stage.step(&[], None).await?;
    stage.claim("the next step has a token", Told::is_new(&last, &next))
}
