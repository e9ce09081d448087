//! A sandbox that plays Genesys Cloud, a profile for it, and the command.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use daypass_sandbox::{Client, Flavour, Sandbox, Server, ServerThread};

pub(crate) const SECRET: &str = "sandbox-secret";

/// The project's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

pub(crate) fn script(name: &str) -> String {
    root().join("tests/gateway").join(name).to_str().unwrap().to_owned()
}

/// The Python with the SDK.
pub(crate) fn python() -> String {
    let path = root().join(".venv/gateway/bin/python");
    assert!(path.exists(), "{} is missing: run tests/gateway/install", path.display());
    path.to_str().unwrap().to_owned()
}

pub(crate) fn soaking() -> bool {
    std::env::var("DAYPASS_SOAK").is_ok()
}

pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) server: ServerThread,
    pub(crate) folder: tempfile::TempDir,
}

impl World {
    /// `lifetime` of the sandbox's tokens.
    pub(crate) fn new(lifetime: Duration) -> Self {
        let client = Client::new("sandbox", SECRET)
            .lifetime(lifetime)
            .auth([daypass_sandbox::AuthMethod::ClientSecretBasicRaw]);
        let sandbox = Sandbox::builder()
            .flavour(Flavour::Genesys)
            .client(client)
            .api_rate_limit(None)
            .build();
        let server = Server::spawn_thread(sandbox.clone()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let url = server.url();
        let config = format!(
            "[profile.genesys]\nprovider = \"genesys-cloud\"\nregion = \"eu-west-1\"\n\
             token_url = \"{url}/oauth/token\"\napi_url = \"{url}\"\n\
             client_id = {{ env = \"GC_CLIENT_ID\" }}\n\
             client_secret = {{ env = \"GC_CLIENT_SECRET\" }}\n"
        );
        std::fs::write(folder.path().join("daypass.toml"), config).unwrap();
        Self { sandbox, server, folder }
    }

    /// `daypass` with the credentials in its environment, and nothing else of this process.
    pub(crate) fn daypass(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_daypass"));
        command
            .args(args)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.folder.path())
            .env("DAYPASS_CONFIG", self.folder.path().join("daypass.toml"))
            .env("DAYPASS_CACHE_DIR", self.folder.path().join("cache"))
            .env("GC_CLIENT_ID", "sandbox")
            .env("GC_CLIENT_SECRET", SECRET)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs a command behind a gateway and returns what it printed.
    pub(crate) fn behind(&self, flags: &[&str], command: &[&str]) -> String {
        let args: Vec<_> = [&["exec", "--gateway"], flags, &["--"], command].concat();
        said(&self.daypass(&args).output().unwrap())
    }

    /// Has another API from now on, on a port of this machine.
    pub(crate) fn api_at(&self, port: u16) {
        let config = self.folder.path().join("daypass.toml");
        let text = std::fs::read_to_string(&config).unwrap();
        let sandbox = format!("api_url = \"{}\"", self.server.url());
        let text = text.replace(&sandbox, &format!("api_url = \"http://127.0.0.1:{port}\""));
        std::fs::write(config, text).unwrap();
    }

    /// Revokes every token again and again until it is dropped.
    pub(crate) fn revoking(&self, every: Duration) -> Revoking {
        let (sandbox, stop) = (self.sandbox.clone(), Arc::new(AtomicBool::new(false)));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut times = 0;
            while !stopped.load(Ordering::SeqCst) {
                std::thread::sleep(every);
                sandbox.revoke_all();
                times += 1;
            }
            times
        });
        Revoking { stop, thread: Some(thread) }
    }
}

pub(crate) struct Revoking {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<usize>>,
}

impl Revoking {
    /// Returns how often.
    pub(crate) fn end(mut self) -> usize {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.take().unwrap().join().unwrap()
    }
}

/// What a command that succeeded printed.
pub(crate) fn said(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}: {stderr}", output.status);
    String::from_utf8(output.stdout.clone()).unwrap().trim().to_owned()
}

/// `daypass gateway --json` that runs.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) ready: serde_json::Value,
    _stdout: BufReader<ChildStdout>,
}

impl Running {
    pub(crate) fn start(world: &World, flags: &[&str]) -> Self {
        let args: Vec<_> = [&["gateway", "--json"], flags].concat();
        Self::of(world.daypass(&args))
    }

    pub(crate) fn of(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_else(|_| {
            let mut stderr = String::new();
            child.stderr.take().unwrap().read_to_string(&mut stderr).ok();
            panic!("no gateway: {line}{stderr}")
        });
        Self { child, ready, _stdout: stdout }
    }

    pub(crate) fn url(&self) -> &str {
        self.ready["url"].as_str().unwrap()
    }

    pub(crate) fn authorization(&self) -> String {
        format!("Authorization: Bearer {}", self.ready["token"].as_str().unwrap())
    }

    pub(crate) fn signal(&self) {
        let pid = i32::try_from(self.child.id()).unwrap();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::SIGTERM).unwrap();
    }

    /// Waits until it has ended.
    pub(crate) fn wait(&mut self) -> std::process::ExitStatus {
        let until = Instant::now() + Duration::from_secs(30);
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the gateway does not end")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

pub(crate) fn curl(args: &[&str]) -> String {
    let output =
        Command::new("curl").args(["-sS", "--max-time", "30"]).args(args).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}
