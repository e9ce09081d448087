//! A small world for one test: a home, a working directory, an issuer, and an environment that
//! holds what the test says and `PATH`.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use daypass_sandbox::{Client, Flavour, Sandbox, Server, ServerThread};
use tempfile::TempDir;

/// The program under test.
pub(crate) const DAYPASS: &str = env!("CARGO_BIN_EXE_daypass");
/// The id of the client in [`Cli::genesys`].
pub(crate) const GENESYS_ID: &str = "1f2e3d4c-5b6a-4788-9900-112233445566";
/// All verbs, as `daypass --help` lists them.
pub(crate) const VERBS: &[&str] = &[
    "token",
    "exec",
    "agent",
    "gateway",
    "status",
    "forget",
    "revoke",
    "cache",
    "trust",
    "sandbox",
    "demo",
    "completions",
    "man",
    "help",
];

/// A world. It goes away with this value.
pub(crate) struct Cli {
    pub(crate) sandbox: Sandbox,
    server: Option<ServerThread>,
    url: String,
    root: TempDir,
    env: BTreeMap<OsString, OsString>,
}

impl Cli {
    /// A world whose environment makes the profile `oauth2`, for the sandbox's own client. Its
    /// tokens live an hour and half a minute: "1h" for as long as a test takes.
    pub(crate) fn new() -> Self {
        let lifetime = Duration::from_secs(3630);
        let client = Client::new("sandbox", "sandbox-secret").lifetime(lifetime);
        let mut cli = Self::around(Sandbox::builder().client(client).build());
        let url = cli.url("/oauth/token");
        cli.set("OAUTH2_TOKEN_URL", url).set("OAUTH2_CLIENT_ID", "sandbox");
        cli.set("OAUTH2_CLIENT_SECRET", "sandbox-secret");
        cli
    }

    /// A world without credentials.
    pub(crate) fn bare() -> Self {
        Self::around(Sandbox::new())
    }

    /// A world with a Genesys Cloud client whose tokens live an hour, and a trusted file with
    /// the profile `genesys` that sends its secret to the sandbox.
    pub(crate) fn genesys() -> Self {
        let client =
            Client::new(GENESYS_ID, "gc-secret-9f8e7d").lifetime(Duration::from_secs(3600));
        let client = client.auth([daypass_sandbox::AuthMethod::ClientSecretBasicRaw]);
        let sandbox = Sandbox::builder().flavour(Flavour::Genesys).client(client).build();
        let mut cli = Self::around(sandbox);
        cli.set("GC_CLIENT_ID", GENESYS_ID).set("GC_CLIENT_SECRET", "gc-secret-9f8e7d");
        let text = format!(
            "[profile.genesys]\nprovider = \"genesys-cloud\"\nregion = \"eu-west-1\"\n\
             token_url = \"{url}/oauth/token\"\napi_url = \"{url}\"\n\
             client_id = {{ env = \"GC_CLIENT_ID\" }}\n\
             client_secret = {{ env = \"GC_CLIENT_SECRET\" }}\n",
            url = cli.url
        );
        cli.write_yours(&text);
        cli
    }

    /// A world around a sandbox, without credentials.
    pub(crate) fn around(sandbox: Sandbox) -> Self {
        let server = Server::spawn_thread(sandbox.clone()).unwrap();
        let root = tempfile::tempdir().unwrap();
        for folder in ["home", "config", "cache", "work", "tmp", "run"] {
            fs::create_dir(root.path().join(folder)).unwrap();
        }
        let private = fs::Permissions::from_mode(0o700);
        fs::set_permissions(root.path().join("run"), private).unwrap();
        let url = server.url();
        let mut cli = Self { sandbox, server: Some(server), url, root, env: BTreeMap::default() };
        let folder = |name: &str| cli.root.path().join(name).into_os_string();
        let folders = [
            ("HOME", folder("home")),
            ("XDG_CONFIG_HOME", folder("config")),
            ("XDG_CACHE_HOME", folder("cache")),
            ("TMPDIR", folder("tmp")),
            ("XDG_RUNTIME_DIR", folder("run")),
            ("PATH", std::env::var_os("PATH").unwrap()),
        ];
        for (name, value) in folders {
            cli.set(name, value);
        }
        cli
    }

    pub(crate) fn set(&mut self, name: &str, value: impl Into<OsString>) -> &mut Self {
        self.env.insert(name.into(), value.into());
        self
    }

    pub(crate) fn unset(&mut self, name: &str) -> &mut Self {
        self.env.remove(OsStr::new(name));
        self
    }

    /// The sandbox's address with a path behind it.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// The sandbox's host and port.
    pub(crate) fn host(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// Ends the issuer: its port answers no more.
    pub(crate) fn end_issuer(&mut self) {
        self.server = None;
    }

    /// How often the issuer was asked for a token.
    pub(crate) fn asked(&self) -> u64 {
        self.sandbox.token_requests()
    }

    /// The working directory.
    pub(crate) fn work(&self) -> PathBuf {
        self.root.path().join("work")
    }

    /// A path in this world.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    /// Writes a file that others can read, not write; the path is one in this world.
    pub(crate) fn write(&self, path: &str, text: &str) -> PathBuf {
        self.write_mode(path, text, 0o644)
    }

    pub(crate) fn write_mode(&self, path: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    /// Writes the `daypass.toml` of the user's configuration folder.
    pub(crate) fn write_yours(&self, text: &str) -> PathBuf {
        self.write("config/daypass/daypass.toml", text)
    }

    /// Writes the `daypass.toml` of the working directory.
    pub(crate) fn write_found(&self, text: &str) -> PathBuf {
        self.write("work/daypass.toml", text)
    }

    /// A command in this world's environment and working directory.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(&self.env).current_dir(self.work()).stdin(Stdio::null());
        command
    }

    /// A `daypass` that was not started yet.
    pub(crate) fn daypass(&self, args: &[&str]) -> Command {
        let mut command = self.command(DAYPASS);
        command.args(args);
        command
    }

    /// Runs `daypass` without anything on stdin.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.ran(self.daypass(args).output().unwrap())
    }

    /// Runs `daypass` with `text` on stdin.
    pub(crate) fn run_with(&self, args: &[&str], text: impl AsRef<[u8]>) -> Ran {
        let mut command = self.daypass(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (mut stdin, text) = (child.stdin.take().unwrap(), text.as_ref().to_vec());
        // One that ended without reading is judged by its exit code.
        let writer = std::thread::spawn(move || drop(stdin.write_all(&text)));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        self.ran(output)
    }

    /// Runs a line of shell in which `daypass` is the program under test.
    pub(crate) fn sh(&self, line: &str) -> Ran {
        let mut command = self.command("sh");
        command.args(["-c", &format!("daypass() {{ {DAYPASS} \"$@\"; }}\n{line}")]);
        self.ran(command.output().unwrap())
    }

    /// Gets a token, however.
    pub(crate) fn token(&self) -> String {
        self.run(&["token"]).ok().stdout.trim_end().to_owned()
    }

    /// Whether the sandbox's API accepts a token.
    pub(crate) fn api_accepts(&self, token: &str) -> bool {
        let header = format!("Authorization: Bearer {token}");
        let mut curl = self.command("curl");
        curl.args(["-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", &header]);
        curl.arg(self.url("/api/echo")).output().unwrap().stdout == b"200"
    }

    pub(crate) fn ran(&self, output: Output) -> Ran {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        let shown = self.redacted(&stderr);
        Ran { code: output.status.code(), stdout, stderr, shown }
    }

    /// Replaces what differs from run to run: ports, folders, fingerprints, milliseconds.
    pub(crate) fn redacted(&self, text: &str) -> String {
        let root = self.root.path().to_str().unwrap();
        let text = text.replace(self.host(), "127.0.0.1:PORT").replace(root, "[ROOT]");
        let text = fingerprints_redacted(&text);
        let words: Vec<_> = text.split(' ').collect();
        let next = words.iter().skip(1).map(Some).chain([None]);
        let shown = words.iter().zip(next).map(|(word, next)| {
            let is_number = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
            let is_ms = next.is_some_and(|next| next.starts_with("ms"));
            if is_number && is_ms { "[n]" } else { word }
        });
        shown.collect::<Vec<_>>().join(" ")
    }
}

/// `#ab12` becomes `#[token]`.
fn fingerprints_redacted(text: &str) -> String {
    let mut parts = text.split('#');
    let mut shown = parts.next().unwrap().to_owned();
    for part in parts {
        let hex = part.bytes().take_while(u8::is_ascii_hexdigit).count();
        shown.push('#');
        shown.push_str(if hex == 4 { "[token]" } else { &part[..hex] });
        shown.push_str(&part[hex..]);
    }
    shown
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    /// As it was.
    pub(crate) stderr: String,
    /// stderr without what differs from run to run.
    pub(crate) shown: String,
}

impl Ran {
    /// It succeeded.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self
    }

    /// It succeeded and had nothing to say about it.
    #[track_caller]
    pub(crate) fn quiet(self) -> Self {
        let ran = self.ok();
        assert_eq!(ran.stderr, "");
        ran
    }

    /// It failed with this code, handed nothing out, and said why; returns that. What it tells
    /// people to do can be done.
    #[track_caller]
    pub(crate) fn fails(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
        assert_eq!(self.stdout, "");
        assert_teaches(&self.stderr);
        self.shown
    }

    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("{self:?}"))
    }
}

/// Every command that a text names exists, with its flags.
#[track_caller]
pub(crate) fn assert_teaches(text: &str) {
    for after in text.split("daypass ").skip(1) {
        let verb: String = after.chars().take_while(char::is_ascii_lowercase).collect();
        let is_prose = ["too"].contains(&verb.as_str());
        assert!(verb.is_empty() || is_prose || VERBS.contains(&verb.as_str()), "{verb}: {text}");
    }
    assert!(!text.contains("--watch"), "{text}");
}

/// The one file of a folder and its mode.
pub(crate) fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}
