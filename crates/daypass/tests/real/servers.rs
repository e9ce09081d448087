//! Starts the authorization servers of `tests/real` and opens profiles that ask them.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use daypass::{
    CaFile, Env, Error, HttpClient, Opened, Opening, ReqwestClient, Style, Token, TrustConfig,
};
use http::{Request, StatusCode};
use serde_json::Value;

/// A server that runs until this goes, or the process ends: either closes its standard input.
pub(crate) struct Server {
    child: Child,
    ready: Value,
    _folder: tempfile::TempDir,
}

impl Server {
    fn start(program: &str, arguments: impl FnOnce(&Path) -> Vec<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/real").join(program);
        let mut child = Command::new(&program)
            .args(arguments(folder.path()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_else(|_| {
            panic!("{} did not start: run tests/real/install", program.display())
        });
        Self { child, ready, _folder: folder }
    }

    /// A new oidc-provider, for tests that count its requests or end it.
    pub(crate) fn oidc() -> Self {
        Self::start("oidc-provider.mjs", |folder| vec![folder.to_str().unwrap().to_owned()])
    }

    /// The oidc-provider that tests share.
    pub(crate) fn shared_oidc() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(Self::oidc)
    }

    /// The glewlwyd that tests share.
    pub(crate) fn shared_glewlwyd() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED
            .get_or_init(|| Self::start("glewlwyd", |_| vec!["--short-seconds".into(), "3".into()]))
    }

    /// A field of the line that it printed when it was ready.
    pub(crate) fn said(&self, field: &str) -> &str {
        self.ready[field].as_str().unwrap_or_else(|| panic!("no {field} in {}", self.ready))
    }

    /// Where oidc-provider is, over plain http.
    pub(crate) fn plain(&self, path: &str) -> String {
        format!("{}{path}", self.said("http"))
    }

    /// Where oidc-provider is, over https.
    pub(crate) fn secure(&self, path: &str) -> String {
        format!("{}{path}", self.said("https"))
    }

    /// How many token requests oidc-provider saw.
    pub(crate) async fn asked(&self) -> u64 {
        let request = Request::get(self.plain("/stats")).body(Bytes::new()).unwrap();
        let answer = plain_http().send(request).await.unwrap();
        let stats: Value = serde_json::from_slice(answer.body()).unwrap();
        stats["token_requests"].as_u64().unwrap()
    }

    /// What oidc-provider's API answers to this token.
    pub(crate) async fn ping(&self, token: &Token) -> StatusCode {
        let request = Request::get(self.plain("/api/ping"))
            .header("authorization", token.access_token().header());
        plain_http().send(request.body(Bytes::new()).unwrap()).await.unwrap().status()
    }

    /// Ends it.
    pub(crate) fn end(mut self) {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // Nothing is left to do for a test that has failed already.
        let _ = self.child.wait();
    }
}

pub(crate) fn plain_http() -> ReqwestClient {
    ReqwestClient::new(TrustConfig {
        ca_file: None::<CaFile>,
        ssl_cert_file: None,
        proxy: None,
        no_proxy: None,
    })
}

/// A machine with a configuration, a cache folder and an environment, and nothing else.
pub(crate) struct Machine {
    folder: tempfile::TempDir,
    env: Vec<(String, String)>,
}

impl Machine {
    /// Writes a profile; every value is text and quoted here, but for a list.
    pub(crate) fn new(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("cache").to_str().unwrap().to_owned();
        let machine = Self { folder, env: vec![("DAYPASS_CACHE_DIR".into(), cache)] };
        machine.write(settings);
        machine
    }

    /// Writes the configuration anew.
    pub(crate) fn write(&self, settings: &[(&str, &str)]) {
        let mut text = String::from("[profile.real]\n");
        for (key, value) in settings {
            let list = value.starts_with('[');
            let value = if list { (*value).to_owned() } else { Value::from(*value).to_string() };
            text.push_str(&format!("{key} = {value}\n"));
        }
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        options.open(self.config()).unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// Sets a variable of the environment.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("daypass.toml")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn try_open(&self, style: Style) -> Result<Opened, Error> {
        let env = Env::from_pairs(self.env.clone());
        let config = self.config();
        Opening { env: &env, directory: None, config: Some(&config), profile: None, style }.open()
    }

    /// A process that ends after its token.
    pub(crate) fn step(&self) -> Opened {
        self.try_open(Style::OneShot).unwrap()
    }

    /// A process that stays.
    pub(crate) fn service(&self) -> Opened {
        self.try_open(Style::LongLived).unwrap()
    }
}

/// Waits in real time: these servers have a clock of their own.
pub(crate) async fn wait(seconds: f64) {
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
}
