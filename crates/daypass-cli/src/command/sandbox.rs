//! `daypass sandbox`: a local authorization server and API to try things against.

use std::time::Duration;

use clap::{Args, ValueEnum};
use daypass::{Code, Error, printable};
use daypass_sandbox::{Client, Flavour, PlannedFault, Server};

use super::block_on;
use crate::cli::duration;
use crate::context::Context;
use crate::emit::to_stdout;

/// `daypass sandbox`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daypass sandbox --port 8089
  daypass sandbox --fault stall --fault 'status=503*3'     three answers 503, then none at all
  daypass sandbox --fault api:unauthorized*2               the next two API calls answer 401

While it runs: GET /_sandbox/state and /_sandbox/log, POST /_sandbox/faults, /_sandbox/clock
{\"advance_s\": 3600}, /_sandbox/revoke-all, /_sandbox/reset.")]
pub(crate) struct Sandbox {
    /// The port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// What kind of authorization server to play
    #[arg(long, value_name = "KIND", default_value = "standard")]
    flavour: Kind,
    /// How long its tokens live
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "1h")]
    lifetime: Duration,
    /// The client that it knows
    #[arg(long, value_name = "ID", default_value = "sandbox")]
    client_id: String,
    /// A scope that the client may ask for; without any, all
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// A fault, such as stall, status=503*3 or api:unauthorized*2; or as JSON
    #[arg(long = "fault", value_name = "FAULT", value_parser = fault)]
    faults: Vec<PlannedFault>,
}

/// A kind of authorization server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// As the RFCs say
    Standard,
    /// As Genesys Cloud does it
    Genesys,
}

fn fault(text: &str) -> Result<PlannedFault, String> {
    text.parse().map_err(|error: daypass_sandbox::FaultError| error.to_string())
}

/// The secret of the sandbox's client: it protects nothing.
const SECRET: &str = "sandbox-secret";

pub(crate) fn run(_: &Context, args: Sandbox) -> Result<(), Error> {
    let mut client = Client::new(&args.client_id, SECRET).lifetime(args.lifetime);
    if !args.scopes.is_empty() {
        client = client.scopes(args.scopes);
    }
    let flavour = match args.flavour {
        Kind::Standard => Flavour::Standard,
        Kind::Genesys => Flavour::Genesys,
    };
    let sandbox =
        daypass_sandbox::Sandbox::builder().flavour(flavour).client(client).control(true).build();
    args.faults.into_iter().for_each(|fault| sandbox.plan(fault));
    block_on(async {
        let server = Server::start_on_both(sandbox, args.port).await.map_err(|error| {
            Error::new(Code::Usage, format!("the sandbox cannot listen: {error}"))
                .with_hint("is the port taken? --port 0 takes a free one")
        })?;
        let stopped = stop_signal()?;
        to_stdout(introduction(&server.url(), &args.client_id).as_bytes())?;
        stopped.await;
        server.shutdown().await;
        Ok(())
    })
}

fn introduction(url: &str, client_id: &str) -> String {
    let client_id = printable(client_id);
    format!(
        "A sandbox is listening on {url} until you press Ctrl-C. In another shell:\n\n  \
         export OAUTH2_TOKEN_URL={url}/oauth/token\n  \
         export OAUTH2_CLIENT_ID={client_id} OAUTH2_CLIENT_SECRET={SECRET}\n  \
         daypass token --format curl | curl --config - {url}/api/echo\n"
    )
}

/// Catches the signals from now on; what it returns waits for one.
fn stop_signal() -> Result<impl Future<Output = ()>, Error> {
    use tokio::signal::unix::{SignalKind, signal};
    let failed = |error: std::io::Error| {
        Error::new(Code::Internal, format!("signals cannot be waited for: {}", error.kind()))
    };
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
