//! A sandbox, a cache folder, and `daypass` processes that see nothing else of this machine.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use daypass_sandbox::{Client, Endpoint, Entry, Sandbox, Server, ServerThread};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_daypass");

/// Whether the full counts are wanted.
pub(crate) fn soak() -> bool {
    std::env::var_os("DAYPASS_SOAK").is_some_and(|soak| soak == "1")
}

/// The full count in a soak run, else the smaller one.
pub(crate) fn count(soaked: usize, else_: usize) -> usize {
    if soak() { soaked } else { else_ }
}

/// A file of the release build: the program, or an example.
pub(crate) fn released(name: &str) -> PathBuf {
    let target = Path::new(BINARY).parent().and_then(Path::parent).unwrap();
    let path = target.join("release").join(name);
    assert!(path.exists(), "{} is not there: run ./soak", path.display());
    path
}

pub(crate) fn secret_of(client: &str) -> String {
    format!("{client}-Wq8zr2Kd91LmXyTbV4")
}

pub(crate) fn now_ms() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// What the sandbox knows about a token.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) client: String,
    pub(crate) number: u64,
}

/// The sandbox and a folder that everything of this test is in.
pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) server: ServerThread,
    folder: TempDir,
}

impl World {
    /// Registers these clients; their tokens live so long.
    pub(crate) fn new(clients: &[&str], lifetime: Duration) -> Self {
        let make = |id: &&str| Client::new(*id, secret_of(id)).lifetime(lifetime);
        let builder =
            clients.iter().map(make).fold(Sandbox::builder(), |builder, c| builder.client(c));
        Self::around(builder.build())
    }

    pub(crate) fn around(sandbox: Sandbox) -> Self {
        let server = Server::spawn_thread(sandbox.clone()).unwrap();
        let folder = TempDir::with_prefix("daypass-processes-").unwrap();
        for name in ["home", "work"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self { sandbox, server, folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn cache(&self) -> PathBuf {
        self.path("cache")
    }

    pub(crate) fn token_url(&self) -> String {
        format!("{}/oauth/token", self.server.url())
    }

    /// A copy of the program that every user of the machine can run.
    pub(crate) fn public_program(&self) -> PathBuf {
        fs::set_permissions(self.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let copy = self.path("daypass");
        // Not by this process: a file that is open for writing while another thread forks
        // cannot be executed.
        let copied = Command::new("install").args(["-m", "755", BINARY]).arg(&copy).status();
        assert!(copied.unwrap().success());
        copy
    }

    /// Gives `command` the environment of a client, and nothing else.
    pub(crate) fn dress<'c>(&self, command: &'c mut Command, client: &str) -> &'c mut Command {
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.path("home"))
            .env("DAYPASS_CACHE_DIR", self.cache())
            .env("OAUTH2_TOKEN_URL", self.token_url())
            .env("OAUTH2_CLIENT_ID", client)
            .env("OAUTH2_CLIENT_SECRET", secret_of(client))
            .current_dir(self.path("work"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
    }

    /// `daypass` as a client.
    pub(crate) fn daypass(&self, client: &str, args: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        self.dress(&mut command, client).args(args);
        command
    }

    pub(crate) fn run(&self, client: &str, args: &[&str]) -> Output {
        self.daypass(client, args).output().unwrap()
    }

    /// The token that a client is handed out; it must succeed.
    pub(crate) fn token(&self, client: &str) -> String {
        token_of(&self.run(client, &["token"]))
    }

    /// Asks the sandbox about a token; `None` if it has expired, was revoked or is none.
    pub(crate) fn live(&self, token: &str) -> Option<Life> {
        let request = http::Request::get("/api/echo")
            .header("authorization", format!("Bearer {token}"))
            .body(Bytes::new())
            .unwrap();
        let response = self.sandbox.handle(request).response;
        let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        let client = body["client_id"].as_str()?.to_owned();
        Some(Life { client, number: body["token"].as_u64()? })
    }

    /// How long ago, in milliseconds, a token of ours with this lifetime ended; zero if it lives.
    pub(crate) fn ended_ms_ago(&self, token: &str, lifetime: Duration) -> i64 {
        if self.live(token).is_some() {
            return 0;
        }
        let (now, log) = (now_ms(), self.sandbox.log());
        let shown = log.iter().rev().find(|entry| entry.endpoint == Endpoint::Api).unwrap();
        let is_issue =
            |entry: &&Entry| entry.endpoint == Endpoint::Token && entry.token == shown.token;
        let issued = log.iter().find(is_issue).filter(|_| shown.token.is_some());
        let issued = issued.expect("a token that the sandbox never gave");
        now - issued.at_ms - i64::try_from(lifetime.as_millis()).unwrap()
    }

    /// The names in the cache folder, sorted.
    pub(crate) fn cached(&self) -> Vec<String> {
        names(&self.cache())
    }

    /// The record in the cache folder; there must be one.
    pub(crate) fn record(&self) -> PathBuf {
        let is_record = |name: &String| name.len() == 64;
        let mut records = self.cached().into_iter().filter(is_record);
        let (record, more) = (records.next().unwrap(), records.next());
        assert_eq!(more, None, "more than one record");
        self.cache().join(record)
    }
}

pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The token that was printed; the process must have succeeded.
pub(crate) fn token_of(output: &Output) -> String {
    assert!(output.status.success(), "{}: {}", output.status, said(output));
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let token = text.strip_suffix('\n').unwrap();
    assert!(token.len() > 20 && !token.contains(char::is_whitespace), "{text:?}");
    token.to_owned()
}

/// Numbers that need not be good.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(n).unwrap()).unwrap()
    }

    pub(crate) fn up_to(&mut self, longest: Duration) -> Duration {
        let micros = usize::try_from(longest.as_micros()).unwrap();
        Duration::from_micros(u64::try_from(self.below(micros.max(1))).unwrap())
    }
}
