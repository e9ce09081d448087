//! The whole library against the sandbox, with paused time: no socket, no waiting.
//!
//! One clock moves both. The client's wall clock and the issuer's can each be set apart from it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use daypass::{
    ASSUME_TTL, Cached, CachedParts, ClientAuthMethod, ClientCredentials, ClientCredentialsParts,
    Clock, Dialect, EXCHANGE_TIMEOUT, Effects, Endpoint, Error, Granted, HttpClient, HttpError,
    Labels, MAX_BODY, MemoryStore, Sealer, Style, Ticks, Timestamp, Token, TokenRequest,
    TokenSource, TokenStore, Want,
};
use daypass_sandbox::{Ending, Fault, Reply, Sandbox, SandboxBuilder};
use http::{Request, Response, StatusCode};
use tokio::time::{Instant, sleep, timeout};

pub(crate) const TOKEN_URL: &str = "https://auth.example.com/oauth/token";
pub(crate) const SECRET: &str = "sandbox-secret";

pub(crate) const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The client's clocks: they move with tokio's, and the wall can be set by itself.
pub(crate) struct PausedClock {
    start: Instant,
    epoch: Timestamp,
    wall_offset: AtomicI64,
}

impl PausedClock {
    const FIRST_TICKS: u64 = 1_000_000_000;

    /// Starts at the time of the machine, which the times of files have, to the second.
    fn new() -> Self {
        let seconds = daypass::SystemClock.now().as_millis() / 1000;
        let epoch = Timestamp::from_millis(seconds * 1000);
        Self { start: Instant::now(), epoch, wall_offset: AtomicI64::new(0) }
    }

    /// Sets the wall clock forward or back.
    pub(crate) fn set_wall(&self, seconds: i64) {
        self.wall_offset.fetch_add(seconds * 1000, Ordering::Relaxed);
    }

    fn true_time(&self) -> Timestamp {
        self.epoch.saturating_add(self.start.elapsed())
    }
}

impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        let offset = self.wall_offset.load(Ordering::Relaxed);
        Timestamp::from_millis(self.true_time().as_millis() + offset)
    }

    fn ticks(&self) -> Ticks {
        Ticks::from_nanos(Self::FIRST_TICKS).saturating_add(self.start.elapsed())
    }
}

/// Asks the sandbox and acts its replies out as a network would.
pub(crate) struct Acting {
    sandbox: Sandbox,
    /// When each request was sent, by the paused clock.
    start: Instant,
    sent: Mutex<Vec<Duration>>,
    bodies: Mutex<Vec<String>>,
}

impl Acting {
    async fn act(&self, reply: Reply) -> Result<Response<Bytes>, HttpError> {
        let Reply { delay, response, ending, in_flight } = reply;
        sleep(delay).await;
        let answer = match ending {
            Ending::Complete => Ok(response),
            Ending::Slow { chunk, every } => {
                let pieces = u32::try_from(response.body().len().div_ceil(chunk)).unwrap();
                sleep(every * pieces).await;
                Ok(response)
            }
            Ending::Truncated { .. } => {
                Err(HttpError::Broken("the connection ended too early".into()))
            }
            Ending::Reset => Err(HttpError::Broken("the connection was reset".into())),
            Ending::Stall { .. } => std::future::pending().await,
            other => panic!("{other:?} is new"),
        };
        drop(in_flight);
        match answer {
            Ok(response) if response.body().len() > MAX_BODY => Err(HttpError::TooLarge),
            other => other,
        }
    }
}

#[async_trait]
impl HttpClient for Acting {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        self.sent.lock().unwrap().push(self.start.elapsed());
        let body = String::from_utf8(request.body().to_vec()).unwrap();
        self.bodies.lock().unwrap().push(body);
        let reply = self.sandbox.handle(request);
        timeout(EXCHANGE_TIMEOUT, self.act(reply))
            .await
            .unwrap_or(Err(HttpError::Timeout(EXCHANGE_TIMEOUT)))
    }
}

/// One machine and one issuer; as many processes as a test opens.
pub(crate) struct World {
    pub(crate) clock: Arc<PausedClock>,
    pub(crate) sandbox: Sandbox,
    pub(crate) store: Arc<dyn TokenStore>,
    http: Arc<Acting>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::of(Sandbox::builder())
    }

    pub(crate) fn of(sandbox: SandboxBuilder) -> Self {
        let clock = Arc::new(PausedClock::new());
        let wall = Arc::clone(&clock);
        let wall = move || {
            let millis = u64::try_from(wall.true_time().as_millis()).unwrap();
            SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
        };
        let sandbox = sandbox.seed(7).clock(Arc::new(wall)).build();
        let http = Arc::new(Acting {
            sandbox: sandbox.clone(),
            start: Instant::now(),
            sent: Mutex::default(),
            bodies: Mutex::default(),
        });
        let store = Arc::new(MemoryStore::new(clock.clone()));
        Self { clock, sandbox, store, http }
    }

    /// A world in which every request at the token endpoint meets this fault.
    pub(crate) fn with(fault: Fault) -> Self {
        let world = Self::new();
        world.sandbox.stand(daypass_sandbox::Endpoint::Token, fault);
        world
    }

    pub(crate) fn effects(&self) -> Effects {
        Effects { clock: self.clock.clone(), http: self.http.clone(), jitter: || 0.5 }
    }

    /// What the default client asks the sandbox with.
    pub(crate) fn parts(&self) -> ClientCredentialsParts {
        let credential = Sealer::credential_id(None, SECRET.as_bytes()).unwrap();
        let endpoint = Endpoint::TokenUrl(TOKEN_URL.into());
        ClientCredentialsParts {
            request: TokenRequest::client_credentials(endpoint, "sandbox", credential),
            secret: SECRET.into(),
            auth: ClientAuthMethod::ClientSecretBasic,
            dialect: Dialect::Rfc,
            max_ttl: None,
            assume_ttl: ASSUME_TTL,
            revocation: None,
            token_hosts: Vec::new(),
            effects: self.effects(),
            api_effects: None,
        }
    }

    /// A process that asks like this.
    pub(crate) fn process(&self, style: Style, parts: ClientCredentialsParts) -> Cached {
        self.process_with(style, parts, Arc::clone(&self.store))
    }

    pub(crate) fn process_with(
        &self,
        style: Style,
        parts: ClientCredentialsParts,
        store: Arc<dyn TokenStore>,
    ) -> Cached {
        Cached::new(CachedParts {
            request: parts.request.clone(),
            store,
            issuer: Arc::new(ClientCredentials::new(parts).unwrap()),
            effects: self.effects(),
            style,
            labels: Labels {
                client: "client sandbox".into(),
                client_from: None,
                rejected_hint: Some("is the secret right?".into()),
                lifetime_hint: Some("the client's settings decide".into()),
                fresh_hint: Some("daypass token --fresh".into()),
            },
        })
    }

    /// A process that ends after its token.
    pub(crate) fn step(&self) -> Cached {
        self.process(Style::OneShot, self.parts())
    }

    /// A process that stays.
    pub(crate) fn service(&self) -> Cached {
        self.process(Style::LongLived, self.parts())
    }

    /// How many requests the token endpoint saw.
    pub(crate) fn asked(&self) -> u64 {
        self.sandbox.token_requests()
    }

    /// When each request was sent.
    pub(crate) fn sent(&self) -> Vec<Duration> {
        self.http.sent.lock().unwrap().clone()
    }

    /// The body of each request.
    pub(crate) fn bodies(&self) -> Vec<String> {
        self.http.bodies.lock().unwrap().clone()
    }

    /// What the API answers to this token.
    pub(crate) fn api(&self, path: &str, token: &Token) -> StatusCode {
        let request = Request::get(format!("https://api.example.com{path}"))
            .header("authorization", token.access_token().header());
        self.sandbox.handle(request.body(Bytes::new()).unwrap()).response.status()
    }
}

pub(crate) async fn get(source: &Cached) -> Result<Granted, Error> {
    source.token(Want::default()).await
}

pub(crate) fn text(granted: &Granted) -> String {
    granted.token.access_token().secret().to_owned()
}
