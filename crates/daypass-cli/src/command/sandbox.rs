//! `daypass sandbox`: a local authorization server and API to try things against.

use std::time::Duration;

use clap::{Args, ValueEnum};
use daypass::{Code, Error};
use daypass_sandbox::{Client, Fault, Flavour, PlannedFault, Server};

use super::block_on;
use crate::cli::duration;
use crate::context::Context;
use crate::emit::to_stdout;
use crate::signals::Signals;

const EXAMPLES: &str = "\
Examples:
  daypass sandbox --port 8089
  daypass sandbox --fault stall --fault 'status=503*3'     three answers 503, then none at all
  daypass sandbox --fault api:unauthorized*2               the next two API calls answer 401
  daypass sandbox --flavour genesys                        play Genesys Cloud

While it runs, at its address:
  GET  /_sandbox/state, /_sandbox/log        what it was asked
  POST /_sandbox/faults  status=503*3        more faults; DELETE forgets them
  POST /_sandbox/clock   {\"advance_s\": 60}  move its clock; daypass's own stays where it is
  POST /_sandbox/revoke-all, /_sandbox/reset

`daypass sandbox --help` lists all faults.";

/// `daypass sandbox`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = long_help())]
pub(crate) struct Sandbox {
    /// The port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// What kind of authorization server to play
    #[arg(long, value_name = "KIND", default_value = "standard")]
    flavour: Kind,
    /// How long its tokens live
    #[arg(long, value_name = "DURATION", value_parser = lifetime, default_value = "1h")]
    lifetime: Duration,
    /// The client that it knows
    #[arg(long, value_name = "ID", default_value = "sandbox", value_parser = client_id)]
    client_id: String,
    /// A scope that the client may ask for; without any, all
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// A fault: [ENDPOINT:]NAME[=VALUE][*TIMES], at the token endpoint unless it says api:,
    /// revocation: or metadata:; or JSON
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

fn lifetime(text: &str) -> Result<Duration, String> {
    let lifetime = duration(text)?;
    if lifetime.is_zero() {
        return Err("a token lives at least 1s; `--fault expires_in=zero` says 0".to_owned());
    }
    Ok(lifetime)
}

fn client_id(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
    if text.is_empty() || !text.chars().all(plain) {
        return Err("write letters, digits, `-`, `.`, `_` and `~`".to_owned());
    }
    Ok(text.to_owned())
}

/// The examples, and every fault with what it does.
fn long_help() -> String {
    let faults = Fault::USAGE.iter().map(|(usage, what)| format!("\n  {usage:<31} {what}"));
    let examples = EXAMPLES.rsplit_once("\n\n").map_or(EXAMPLES, |(examples, _)| examples);
    format!("{examples}\n\nFaults:{}", faults.collect::<String>())
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
        let mut stopped = Signals::to_stop()?;
        to_stdout(introduction(args.flavour, &server.url(), &args.client_id).as_bytes())?;
        stopped.next().await;
        server.shutdown().await;
        Ok(())
    })
}

fn introduction(flavour: Kind, url: &str, client_id: &str) -> String {
    let first =
        format!("A sandbox is listening on {url} until you press Ctrl-C. In another shell:\n\n");
    let then = match flavour {
        Kind::Standard => format!(
            "  export OAUTH2_TOKEN_URL={url}/oauth/token\n  \
             export OAUTH2_CLIENT_ID={client_id} OAUTH2_CLIENT_SECRET={SECRET}\n  \
             daypass token --format curl | curl --config - {url}/api/echo\n"
        ),
        // Its regions are a closed list: only a file can say that this one is elsewhere.
        Kind::Genesys => format!(
            "cat > sandbox.toml <<'END'\n[profile.sandbox]\nprovider = \"genesys-cloud\"\n\
             region = \"eu-west-1\"\ntoken_url = \"{url}/oauth/token\"\napi_url = \"{url}\"\n\
             client_id = {{ env = \"GC_CLIENT_ID\" }}\n\
             client_secret = {{ env = \"GC_CLIENT_SECRET\" }}\nEND\n\
             export GC_CLIENT_ID={client_id} GC_CLIENT_SECRET={SECRET} \
             DAYPASS_CONFIG=$PWD/sandbox.toml\n\
             daypass token --format curl | curl --config - {url}/api/v2/users\n"
        ),
    };
    first + &then
}
