//! What the demo plays on: a sandbox, a cache folder of its own, and real `daypass` processes.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use bytes::Bytes;
use daypass::{Code, Error, HttpClient, ReqwestClient, TrustConfig};
use daypass_sandbox::{Client, Sandbox, Server, ServerThread};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::emit::to_stdout;

const SECRET: &str = "demo-secret-f3a1c9";

/// Prints a paragraph.
pub(super) fn say(text: &str) -> Result<(), Error> {
    to_stdout(format!("{text}\n").as_bytes())
}

/// How a step ended.
pub(super) struct Told {
    pub(super) token: Option<Zeroizing<String>>,
    pub(super) code: Option<i32>,
    /// What it said on stderr.
    said: String,
    started: Instant,
}

impl Told {
    /// Whether this step has a token, and another one than `before`.
    pub(super) fn is_new(&self, before: &Self) -> bool {
        self.token.is_some() && self.token != before.token
    }
}

/// The demo's own small world; it goes away with this value.
pub(super) struct Stage {
    sandbox: Sandbox,
    server: ServerThread,
    folder: PathBuf,
    program: PathBuf,
    lifetime: Duration,
    handed_out: u64,
    refused_claims: u64,
    claims: u64,
    began: Instant,
}

impl Drop for Stage {
    fn drop(&mut self) {
        // What is left holds one sealed token of a sandbox that is gone.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Stage {
    pub(super) fn set(lifetime: Duration) -> Result<Self, Error> {
        let client = Client::new("demo", SECRET).lifetime(lifetime);
        let sandbox = Sandbox::builder().client(client).build();
        let server = Server::spawn_thread(sandbox.clone()).map_err(|error| {
            Error::new(Code::Internal, format!("the sandbox cannot listen: {error}"))
        })?;
        let folder = std::env::temp_dir().join(format!("daypass-demo-{}", std::process::id()));
        let made = fs::DirBuilder::new().mode(0o700).create(&folder);
        made.map_err(|error| failed("the temporary folder", &error))?;
        let program = std::env::current_exe().map_err(|error| failed("daypass", &error))?;
        Ok(Self {
            sandbox,
            server,
            folder,
            program,
            lifetime,
            handed_out: 0,
            refused_claims: 0,
            claims: 0,
            began: Instant::now(),
        })
    }

    pub(super) fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    pub(super) fn url(&self) -> String {
        self.server.url()
    }

    /// How often the issuer was asked for a token.
    pub(super) fn asked(&self) -> u64 {
        self.sandbox.token_requests()
    }

    pub(super) fn title(&self, title: &str) -> Result<(), Error> {
        say(&format!("\n{:>5.1} s  {title}", self.began.elapsed().as_secs_f64()))
    }

    /// Says whether a claim is true.
    pub(super) fn claim(&mut self, claim: &str, holds: bool) -> Result<(), Error> {
        self.claims += 1;
        self.refused_claims += u64::from(!holds);
        say(&format!("         {} {claim}", if holds { "ok    " } else { "FAILED" }))
    }

    /// Runs one `daypass token` and shows what it says.
    pub(super) async fn step(&mut self, args: &[&str], stdin: Option<&str>) -> Result<Told, Error> {
        say(&format!("         $ daypass token -v {}", args.join(" ")))?;
        let told = self.run(&[&["token", "-v"], args].concat(), stdin).await?;
        for line in told.said.lines() {
            say(&format!("           {line}"))?;
        }
        self.handed_out += u64::from(told.token.is_some());
        Ok(told)
    }

    /// Runs many `daypass token` at once.
    pub(super) async fn at_once(&mut self, steps: usize) -> Result<Vec<Told>, Error> {
        say(&format!("         $ daypass token    ({steps} times at once)"))?;
        let mut running = Vec::with_capacity(steps);
        for _ in 0..steps {
            let child = self.command(&["token"]).spawn();
            running.push((child.map_err(|error| failed("daypass", &error))?, Instant::now()));
        }
        let mut told = Vec::with_capacity(steps);
        for (child, started) in running {
            let output = child.wait_with_output().await;
            told.push(heard(output.map_err(|error| failed("daypass", &error))?, started));
        }
        self.handed_out += told.iter().filter(|step| step.token.is_some()).count() as u64;
        Ok(told)
    }

    pub(super) async fn forget(&self) -> Result<(), Error> {
        self.run(&["forget"], None).await.map(drop)
    }

    /// Waits until the token of a step has ended.
    pub(super) async fn until_ended(&self, step: &Told) {
        let ends = step.started + self.lifetime + Duration::from_millis(1500);
        tokio::time::sleep_until(ends).await;
    }

    /// Whether the protected API accepts the token of a step.
    pub(super) async fn api_accepts(&self, step: &Told) -> Result<bool, Error> {
        let Some(token) = &step.token else { return Ok(false) };
        let request = http::Request::get(format!("{}/api/echo", self.url()))
            .header("authorization", format!("Bearer {}", **token))
            .body(Bytes::new())
            .map_err(|_| Error::new(Code::Internal, "the API request cannot be written"))?;
        let answer = ReqwestClient::new(TrustConfig::default()).send(request).await;
        let answer = answer.map_err(|error| {
            Error::new(Code::IssuerUnavailable, format!("the sandbox's API is gone: {error}"))
        })?;
        Ok(answer.status() == http::StatusCode::OK)
    }

    /// Sums up; the demo fails when a claim did not hold.
    pub(super) fn tally(&self) -> Result<ExitCode, Error> {
        let (handed_out, issued) = (self.handed_out, self.sandbox.tokens_issued());
        say(&format!(
            "\n{handed_out} tokens were handed out to as many processes; the issuer gave {issued}. \
             {} of {} claims hold.",
            self.claims - self.refused_claims,
            self.claims
        ))?;
        Ok(if self.refused_claims == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(args)
            .env_clear()
            .env("OAUTH2_TOKEN_URL", format!("{}/oauth/token", self.url()))
            .env("OAUTH2_CLIENT_ID", "demo")
            .env("OAUTH2_CLIENT_SECRET", SECRET)
            .env("DAYPASS_CACHE_DIR", self.folder.join("cache"))
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    async fn run(&self, args: &[&str], stdin: Option<&str>) -> Result<Told, Error> {
        let started = Instant::now();
        let mut command = self.command(args);
        if stdin.is_some() {
            command.stdin(Stdio::piped());
        }
        let mut child = command.spawn().map_err(|error| failed("daypass", &error))?;
        if let (Some(text), Some(mut pipe)) = (stdin, child.stdin.take()) {
            let written = pipe.write_all(text.as_bytes()).await;
            written.map_err(|error| failed("daypass", &error))?;
        }
        let output = child.wait_with_output().await.map_err(|error| failed("daypass", &error))?;
        Ok(heard(output, started))
    }
}

fn heard(output: std::process::Output, started: Instant) -> Told {
    let token = Zeroizing::new(String::from_utf8_lossy(&output.stdout).trim_end().to_owned());
    Told {
        token: (output.status.success() && !token.is_empty()).then_some(token),
        code: output.status.code(),
        said: String::from_utf8_lossy(&output.stderr).into_owned(),
        started,
    }
}

fn failed(what: &str, error: &std::io::Error) -> Error {
    Error::new(Code::Internal, format!("{what} cannot be used: {}", error.kind()))
}
