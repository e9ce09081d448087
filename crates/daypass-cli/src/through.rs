//! Tokens through an agent: where `DAYPASS_AGENT` is set, nothing else is asked, and no credential
//! is looked for. Blocking, without a runtime: a hit is one exchange on a socket.

use std::process::ExitCode;
use std::time::Duration;

use daypass::{
    AgentAddress, AgentMinTtl, AgentToken, AgentWant, Code, Env, Error, MinTtl, Timestamp, Want,
};

use crate::cli::{self, Color, LogFormat};
use crate::context::Context;
use crate::emit::{self, Handout};
use crate::hit::HitArgs;
use crate::label::Label;
use crate::report;

/// The agent that the environment names, if it names one. One that is set and makes no sense is an
/// error: nobody falls back to credentials.
pub(crate) fn agent(context: &Context) -> Result<Option<AgentAddress>, Error> {
    AgentAddress::from_env(&context.env)
}

/// What is wanted for a flag, or for its absence.
pub(crate) fn min_ttl(flag: Option<Duration>, usual: MinTtl) -> AgentMinTtl {
    flag.map_or(AgentMinTtl::Profile(usual), AgentMinTtl::Required)
}

/// `daypass token` in one of the forms that the hit path knows.
pub(crate) fn hit(args: &HitArgs<'_>, env: &Env) -> ExitCode {
    let context = Context::bare(env);
    let done = AgentAddress::from_env(env)
        .and_then(|address| address.ok_or_else(|| Error::new(Code::Internal, "no agent")))
        .and_then(|address| {
            let min_ttl = min_ttl(args.min_ttl, MinTtl::TOKEN);
            let timeout = Want::default().timeout;
            let answer = ask(&context, &address, args.profile, min_ttl, None, timeout)?;
            let (label, granted) = (Label::Agent(&answer.label), &answer.granted);
            let handout = Handout { label, granted, format: args.format, out: None };
            emit::hand_out(&context, &handout)
        });
    if done.is_err() {
        report::log(context.loudness, LogFormat::Text, Color::Auto, env);
    }
    cli::ended(done, false)
}

/// Asks for a token of a profile, and tells what a person should know about it.
pub(crate) fn ask(
    context: &Context,
    address: &AgentAddress,
    profile: Option<&str>,
    min_ttl: AgentMinTtl,
    received_since: Option<Timestamp>,
    timeout: Duration,
) -> Result<AgentToken, Error> {
    let answer = address.token(&AgentWant { profile, min_ttl, received_since, timeout })?;
    context.warn(answer.warning.as_slice());
    Ok(answer)
}
