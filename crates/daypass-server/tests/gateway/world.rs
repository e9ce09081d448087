//! A gateway before an API, and a client that says exactly what a test wants.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use daypass::{
    AccessToken, Code, Env, Error, Fresh, Granted, MinTtl, Opened, Opening, Reason, Source, Style,
    SystemClock, Timestamp, Token, TokenSource, TrustConfig, Want,
};
use daypass_sandbox::{Client, Flavour, Sandbox, ServerThread};
use daypass_server::{Gateway, GatewaySettings, LocalCredentials, Upstream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A source without memory: `token-1`, and after each rejection the next one.
#[derive(Default)]
pub(crate) struct Numbered {
    number: AtomicUsize,
    rejected: Mutex<Vec<String>>,
    /// What is answered instead of a token.
    pub(crate) trouble: Mutex<Option<Error>>,
    /// Whether fetching is damped: the same token again.
    pub(crate) damped: std::sync::atomic::AtomicBool,
}

impl Numbered {
    pub(crate) fn rejected(&self) -> Vec<String> {
        self.rejected.lock().unwrap().clone()
    }

    fn current(&self) -> String {
        format!("token-{}", self.number.load(Ordering::SeqCst) + 1)
    }
}

#[async_trait]
impl TokenSource for Numbered {
    fn cached(&self, _: MinTtl) -> Fresh {
        Fresh::Miss
    }

    async fn token(&self, _: Want) -> Result<Granted, Error> {
        if let Some(error) = &*self.trouble.lock().unwrap() {
            return Err(error.clone());
        }
        let now = Timestamp::from_millis(0);
        let access_token = AccessToken::new(&self.current()).unwrap();
        let token = Token::new(access_token, None, now, now, now);
        Ok(Granted { token, source: Source::Memory, reason: Reason::Cold })
    }

    async fn reject(&self, token: &AccessToken) -> Result<(), Error> {
        self.rejected.lock().unwrap().push(token.secret().to_owned());
        if token.secret() == self.current() && !self.damped.load(Ordering::SeqCst) {
            self.number.fetch_add(1, Ordering::SeqCst);
        }
        Ok(())
    }
}

/// A gateway that runs.
pub(crate) struct Running {
    pub(crate) gateway: Gateway,
    pub(crate) local: LocalCredentials,
}

impl Running {
    /// Starts one before an API, with tokens of a source.
    pub(crate) fn before(api_url: &str, source: Arc<dyn TokenSource>) -> Self {
        Self::with(api_url, source, |_| ())
    }

    pub(crate) fn with(
        api_url: &str,
        source: Arc<dyn TokenSource>,
        change: impl FnOnce(&mut GatewaySettings),
    ) -> Self {
        let upstream = Upstream::new(api_url, &TrustConfig::default()).unwrap();
        let local = LocalCredentials::generate().unwrap();
        let mut settings =
            GatewaySettings::new(vec![source], upstream, local.clone(), Arc::new(SystemClock));
        change(&mut settings);
        Self { gateway: Gateway::start(settings).unwrap(), local }
    }

    /// The fields that every request to it needs.
    pub(crate) fn fields(&self) -> String {
        format!(
            "host: 127.0.0.1:{}\r\nauthorization: Bearer {}\r\n",
            self.gateway.port(),
            self.local.token()
        )
    }

    pub(crate) async fn connect(&self) -> Connection {
        Connection::to(self.gateway.port()).await
    }

    /// Sends one request on a connection of its own.
    pub(crate) async fn ask(&self, line: &str, fields: &str, body: &str) -> Answer {
        let mut connection = self.connect().await;
        let request = format!("{line} HTTP/1.1\r\n{}{fields}\r\n{body}", self.fields());
        connection.send(request.as_bytes()).await;
        connection.answer().await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path}"), "", "").await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        let length = format!("content-length: {}\r\n", body.len());
        self.ask(&format!("POST {path}"), &length, body).await
    }
}

/// A client's connection, which says what it is told to.
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn to(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        Self { stream, buffer: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        timeout(PATIENCE, self.stream.write_all(bytes)).await.unwrap().unwrap();
    }

    /// Reads more; false when there is no more.
    async fn more(&mut self) -> bool {
        let mut part = [0; 64 * 1024];
        match timeout(PATIENCE, self.stream.read(&mut part)).await.expect("something comes") {
            Ok(0) | Err(_) => false,
            Ok(length) => {
                self.buffer.extend_from_slice(&part[..length]);
                true
            }
        }
    }

    /// Reads one answer, and the body that its fields announce.
    pub(crate) async fn answer(&mut self) -> Answer {
        self.answer_to(false).await
    }

    /// `head`: the answer to HEAD, which has no body.
    pub(crate) async fn answer_to(&mut self, head: bool) -> Answer {
        let end = loop {
            if let Some(at) = self.buffer.windows(4).position(|part| part == b"\r\n\r\n") {
                break at + 4;
            }
            if !self.more().await {
                let rest = String::from_utf8_lossy(&self.buffer).into_owned();
                return Answer { status: 0, fields: String::new(), body: rest, whole: false };
            }
        };
        let fields: Vec<u8> = self.buffer.drain(..end).collect();
        let fields = String::from_utf8_lossy(&fields).into_owned();
        let status: u16 = fields.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Answer { status, fields, body: String::new(), whole: true };
        if head || matches!(status, 100..=199 | 204 | 304) {
            return answer;
        }
        if let Some(length) = answer.field("content-length") {
            let length: usize = length.parse().unwrap();
            while self.buffer.len() < length && self.more().await {}
            let got = length.min(self.buffer.len());
            answer.whole = got == length;
            let body: Vec<u8> = self.buffer.drain(..got).collect();
            answer.body = String::from_utf8_lossy(&body).into_owned();
        } else if answer.field("transfer-encoding").as_deref() == Some("chunked") {
            while !self.buffer.ends_with(b"\r\n\r\n") && self.more().await {}
            answer.whole = self.buffer.ends_with(b"\r\n\r\n");
            answer.body = String::from_utf8_lossy(&std::mem::take(&mut self.buffer)).into_owned();
        } else {
            while self.more().await {}
            answer.body = String::from_utf8_lossy(&std::mem::take(&mut self.buffer)).into_owned();
        }
        answer
    }
}

/// An answer as it was read.
#[derive(Debug)]
pub(crate) struct Answer {
    /// 0 when the connection ended without one.
    pub(crate) status: u16,
    pub(crate) fields: String,
    pub(crate) body: String,
    /// Whether the body came to its end.
    pub(crate) whole: bool,
}

impl Answer {
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        let lines = self.fields.split("\r\n").filter_map(|line| line.split_once(':'));
        let mut values = lines.filter(|(key, _)| key.eq_ignore_ascii_case(name));
        values.next().map(|(_, value)| value.trim().to_owned())
    }

    /// The code that the gateway gives.
    pub(crate) fn code(&self) -> Option<String> {
        self.field("daypass-error")
    }

    /// The gateway's own answer, checked.
    pub(crate) fn problem(&self) -> serde_json::Value {
        assert_eq!(self.field("content-type").as_deref(), Some("application/problem+json"));
        let problem: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        assert_eq!(problem["code"].as_str(), self.code().as_deref());
        assert_eq!(problem["status"], self.status);
        problem
    }
}

/// A sandbox that serves, and a profile whose tokens come from it.
pub(crate) struct Issuer {
    pub(crate) sandbox: Sandbox,
    pub(crate) server: ServerThread,
    folder: tempfile::TempDir,
}

impl Issuer {
    pub(crate) fn start(flavour: Flavour, lifetime: Duration) -> Self {
        let client = Client::new("sandbox", "sandbox-secret").lifetime(lifetime);
        let sandbox =
            Sandbox::builder().flavour(flavour).client(client).api_rate_limit(None).build();
        let server = daypass_sandbox::Server::spawn_thread(sandbox.clone()).unwrap();
        Self { sandbox, server, folder: tempfile::tempdir().unwrap() }
    }

    /// Opens the profile; a process of its own would see the same cache.
    pub(crate) fn open(&self) -> Opened {
        let url = self.server.url();
        let path = self.folder.path().to_str().unwrap();
        let env = Env::from_pairs([
            ("OAUTH2_TOKEN_URL", format!("{url}/oauth/token")),
            ("OAUTH2_CLIENT_ID", "sandbox".to_owned()),
            ("OAUTH2_CLIENT_SECRET", "sandbox-secret".to_owned()),
            ("HOME", path.to_owned()),
            ("DAYPASS_CACHE_DIR", format!("{path}/cache")),
        ]);
        let opening = Opening {
            env: &env,
            directory: None,
            config: None,
            profile: None,
            style: Style::LongLived,
        };
        opening.open().unwrap()
    }
}

pub(crate) fn unavailable() -> Error {
    Error::new(Code::IssuerUnavailable, "login.example.com gave no usable answer")
        .with_hint("try again")
        .with_retry_after(Duration::from_secs(7))
}
