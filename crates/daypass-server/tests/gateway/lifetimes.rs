//! Many requests over many token lifetimes, with revocations and outages, on a clock that runs
//! ahead with each request.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use daypass::{
    ASSUME_TTL, Cached, CachedParts, ClientAuthMethod, ClientCredentials, ClientCredentialsParts,
    Clock, Dialect, Effects, Endpoint, Labels, MemoryStore, ReqwestClient, Sealer, Style, Ticks,
    Timestamp, TokenRequest, TrustConfig,
};
use daypass_sandbox::{Client, Fault, Sandbox, ServerThread};
use daypass_server::{GatewaySettings, LocalCredentials, Upstream};

use crate::world::{Connection, Running};

const LIFETIME: i64 = 3600;
/// A long-lived process replaces a token so long before its end: 300 s, less half for the jitter.
const MARGIN: i64 = 150;
const EPOCH: i64 = 1_700_000_000;

/// A clock that only moves when it is told to.
#[derive(Default)]
struct Told(AtomicI64);

impl Told {
    fn advance(&self, millis: i64) -> i64 {
        self.0.fetch_add(millis, Ordering::SeqCst) + millis
    }

    fn millis(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

impl Clock for Told {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(EPOCH * 1000 + self.millis())
    }

    fn ticks(&self) -> Ticks {
        Ticks::from_nanos(1_000_000_000 + u64::try_from(self.millis()).unwrap() * 1_000_000)
    }
}

struct World {
    clock: Arc<Told>,
    sandbox: Sandbox,
    running: Arc<Running>,
    _server: ServerThread,
}

fn world() -> World {
    let clock = Arc::new(Told::default());
    let wall = Arc::clone(&clock);
    let wall = move || {
        let millis = u64::try_from(EPOCH * 1000 + wall.millis()).unwrap();
        SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
    };
    let client = Client::new("sandbox", "sandbox-secret")
        .lifetime(Duration::from_secs(u64::try_from(LIFETIME).unwrap()));
    let sandbox = Sandbox::builder().client(client).clock(Arc::new(wall)).build();
    let server = daypass_sandbox::Server::spawn_thread(sandbox.clone()).unwrap();
    let effects = Effects {
        clock: Arc::clone(&clock) as _,
        http: Arc::new(ReqwestClient::new(TrustConfig::default())),
        jitter: || 1.0,
    };
    let credential = Sealer::credential_id(None, b"sandbox-secret").unwrap();
    let endpoint = Endpoint::TokenUrl(format!("{}/oauth/token", server.url()));
    let parts = ClientCredentialsParts {
        request: TokenRequest::client_credentials(endpoint, "sandbox", credential),
        secret: "sandbox-secret".into(),
        auth: ClientAuthMethod::ClientSecretBasic,
        dialect: Dialect::Rfc,
        max_ttl: None,
        assume_ttl: ASSUME_TTL,
        revocation: None,
        token_hosts: Vec::new(),
        effects: effects.clone(),
        api_effects: None,
    };
    let source = Cached::new(CachedParts {
        request: parts.request.clone(),
        store: Arc::new(MemoryStore::new(Arc::clone(&clock) as _)),
        issuer: Arc::new(ClientCredentials::new(parts).unwrap()),
        effects,
        style: Style::LongLived,
        labels: Labels::default(),
    });
    let upstream = Upstream::new(&server.url(), &TrustConfig::default()).unwrap();
    let local = LocalCredentials::generate().unwrap();
    let settings = GatewaySettings::new(
        vec![Arc::new(source)],
        upstream,
        local.clone(),
        Arc::clone(&clock) as _,
    );
    let gateway = daypass_server::Gateway::start(settings).unwrap();
    World { clock, sandbox, running: Arc::new(Running { gateway, local }), _server: server }
}

fn soaking() -> bool {
    std::env::var("DAYPASS_SOAK").is_ok()
}

async fn ask(connection: &mut Connection, running: &Running, line: &str, body: &str) -> u16 {
    let length = format!("content-length: {}\r\n", body.len());
    let request = format!("{line} HTTP/1.1\r\n{}{length}\r\n{body}", running.fields());
    connection.send(request.as_bytes()).await;
    let answer = connection.answer().await;
    if answer.status != 200 {
        eprintln!("{line}: {answer:?}");
    }
    answer.status
}

/// The least number of tokens: one for each lifetime, less the margin, and one for each revocation.
#[derive(Default)]
struct Least {
    tokens: u64,
    since: i64,
}

impl Least {
    fn at(&mut self, now: i64, revoked: bool) {
        if self.tokens == 0 || revoked || now - self.since >= (LIFETIME - MARGIN) * 1000 {
            self.tokens += 1;
            self.since = now;
        }
    }
}

/// How often an issuer that is down may be asked in so many seconds while the token is still good:
/// after 5 s, 10 s, 20 s, 40 s, and then each minute.
fn visits(seconds: i64) -> u64 {
    let pauses = [5, 10, 20, 40].into_iter().chain(std::iter::repeat(60));
    let moments = pauses.scan(0, |at, pause| {
        *at += pause;
        Some(*at)
    });
    1 + moments.take_while(|at| *at <= seconds).count() as u64
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_client_sees_an_auth_error_over_many_lifetimes_with_revocations_and_outages() {
    let (requests, lifetimes, outages) =
        if soaking() { (1_000_000, 1_000, 40) } else { (8_000, 8, 2) };
    let world = world();
    let step = lifetimes * LIFETIME * 1000 / requests;
    let each = requests / 8;
    let failures = Arc::new(AtomicU64::new(0));
    let clients = (0..8).map(|_| {
        let (running, clock) = (Arc::clone(&world.running), Arc::clone(&world.clock));
        let failures = Arc::clone(&failures);
        tokio::spawn(async move {
            let mut connection = running.connect().await;
            for number in 0..each {
                clock.advance(step);
                let (line, body) = if number % 3 == 0 {
                    ("POST /api/echo", "a body")
                } else {
                    ("GET /api/echo", "")
                };
                if ask(&mut connection, &running, line, body).await != 200 {
                    failures.fetch_add(1, Ordering::SeqCst);
                }
            }
        })
    });
    let clients: Vec<_> = clients.collect();
    // Revocations at random, and outages that begin when a token is about to be replaced and end
    // before it does.
    let (mut least, mut revocations, mut down, mut had) = (Least::default(), 0u64, 0i64, 0i64);
    let mut in_vain = 0;
    let mut random = 7u64;
    let mut known = 0;
    let mut issued_at = 0;
    while clients.iter().any(|client| !client.is_finished()) {
        let now = world.clock.millis();
        let issued = world.sandbox.tokens_issued();
        if issued != known {
            (known, issued_at) = (issued, now);
        }
        let age = (now - issued_at) / 1000;
        if down == 0 && had < outages && age > LIFETIME - MARGIN - 5 && age < LIFETIME - MARGIN {
            world.sandbox.stand(daypass_sandbox::Endpoint::Token, Fault::Status(503));
            (down, had) = (now, had + 1);
        }
        if down != 0 && (now - down > 60_000 || age > LIFETIME - 50) {
            world.sandbox.clear_faults();
            in_vain += visits((world.clock.millis() - down) / 1000);
            down = 0;
        }
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let chance = (random >> 33) % 1000;
        let revoke = down == 0 && known > 0 && age > 60 && chance < 2;
        if revoke {
            world.sandbox.revoke_all();
            revocations += 1;
        }
        least.at(now, revoke);
        tokio::time::sleep(Duration::from_micros(500)).await;
    }
    for client in clients {
        client.await.unwrap();
    }
    let (issued, least) = (world.sandbox.tokens_issued(), least.tokens);
    let failed = world.sandbox.token_requests() - issued;
    println!(
        "soak: gateway: {requests} requests over {lifetimes} lifetimes, {revocations} revocations, \
         {had} outages: {} auth errors, {issued} tokens, the least possible is {least}, and {failed} \
         attempts during outages, at most {in_vain}",
        failures.load(Ordering::SeqCst)
    );
    assert_eq!(failures.load(Ordering::SeqCst), 0);
    assert!(issued <= least + least / 100 + 1, "{issued} tokens, least {least}");
    // That an issuer is back can only be found out by asking it.
    assert!(failed <= in_vain, "{failed} attempts during {had} outages, at most {in_vain}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_poisoned_path_among_ten_thousand_good_requests_is_damped_and_harms_nobody() {
    let requests = if soaking() { 10_000 } else { 3_000 };
    let world = world();
    let step = 3 * LIFETIME * 1000 / requests;
    let (mut good, mut bad) = (world.running.connect().await, world.running.connect().await);
    for number in 0..requests {
        world.clock.advance(step);
        assert_eq!(ask(&mut good, &world.running, "GET /api/echo", "").await, 200);
        if number % 10 == 0 {
            let request = format!("GET /api/denied HTTP/1.1\r\n{}\r\n", world.running.fields());
            bad.send(request.as_bytes()).await;
            assert_eq!(bad.answer().await.status, 401);
        }
    }
    let tokens = world.sandbox.token_requests();
    println!(
        "soak: gateway: a poisoned path among {requests} good requests over 3 lifetimes: {tokens} token requests"
    );
    // One for each lifetime, one that the path was given to try, and at most one more for each new
    // token that the path met first.
    assert!(tokens <= 8, "{tokens}");
}
