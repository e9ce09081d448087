//! The agent on its socket, with a real issuer behind it and real clients before it.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use daypass::{
    AgentAddress, AgentClient, AgentMinTtl, AgentToken, AgentWant, Env, Join, MinTtl, Opening,
    Reason, Source, Style, SystemClock, TokenSource, Want,
};
use daypass_sandbox::{Client, Endpoint, Fault, Sandbox, Server, ServerThread};
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;

const SECRET: &str = "a-secret-of-the-sandbox-0123456789";

/// An issuer, an agent that listens, and a folder for both.
struct World {
    sandbox: Sandbox,
    server: ServerThread,
    folder: tempfile::TempDir,
    agent: Agent,
    address: AgentAddress,
    stop: Option<oneshot::Sender<()>>,
    ended: JoinHandle<Result<Why, Error>>,
}

impl World {
    async fn new() -> Self {
        Self::with(AgentSettings::default()).await
    }

    async fn with(settings: AgentSettings) -> Self {
        Self::of(settings, Duration::from_secs(3600)).await
    }

    async fn with_lifetime(lifetime: Duration) -> Self {
        Self::of(AgentSettings::default(), lifetime).await
    }

    async fn of(settings: AgentSettings, lifetime: Duration) -> Self {
        let client = |id: &str| Client::new(id, SECRET).lifetime(lifetime);
        let sandbox = Sandbox::builder().client(client("ci")).client(client("other")).build();
        let server = Server::spawn_thread(sandbox.clone()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let agent = Agent::new(settings, Arc::new(SystemClock), Vec::new());
        let address = AgentAddress::new(folder.path().join("agent/agent.sock")).unwrap();
        let Bound::Ours(socket) = AgentSocket::bind(address.clone()).unwrap() else {
            panic!("nobody else is here");
        };
        let (stop, stopped) = oneshot::channel();
        let serving = agent.clone();
        let ended = tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            serving.serve(socket, stopped).await
        });
        let world = Self { sandbox, server, folder, agent, address, stop: Some(stop), ended };
        world.hold("ci").unwrap();
        world
    }

    fn env(&self, client: &str) -> Env {
        Env::from_pairs(self.pairs(client))
    }

    fn pairs(&self, client: &str) -> Vec<(String, String)> {
        let cache = self.folder.path().join("cache");
        [
            ("DAYPASS_CACHE_DIR", cache.to_str().unwrap()),
            ("OAUTH2_TOKEN_URL", &format!("{}/oauth/token", self.server.url())),
            ("OAUTH2_CLIENT_ID", client),
            ("OAUTH2_CLIENT_SECRET", SECRET),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    fn hold(&self, client: &str) -> Result<String, Error> {
        let env = self.env(client);
        let style = Style::LongLived;
        let opening = Opening { env: &env, directory: None, config: None, profile: None, style };
        self.agent.hold(opening.open().unwrap(), None)
    }

    /// Does something that blocks, beside the agent.
    async fn client<T: Send + 'static>(
        &self,
        act: impl FnOnce(&AgentAddress) -> T + Send + 'static,
    ) -> T {
        let address = self.address.clone();
        tokio::task::spawn_blocking(move || act(&address)).await.unwrap()
    }

    async fn token(&self) -> Result<AgentToken, Error> {
        self.client(|agent| agent.token(&want())).await
    }

    /// Sends bytes and returns all that comes back.
    async fn raw(&self, request: impl Into<Vec<u8>>) -> String {
        let request = request.into();
        let sent = move |agent: &AgentAddress| {
            let mut stream = UnixStream::connect(agent.path()).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
            // It may hang up in the middle of a request that it does not like.
            let _ = stream.write_all(&request);
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer);
            String::from_utf8_lossy(&answer).into_owned()
        };
        self.client(sent).await
    }

    async fn get(&self, target: &str, fields: &str) -> String {
        self.raw(format!(
            "GET {target} HTTP/1.1\r\nhost: agent\r\nconnection: close\r\n{fields}\r\n"
        ))
        .await
    }

    fn asked(&self) -> u64 {
        self.sandbox.token_requests()
    }
}

fn want() -> AgentWant<'static> {
    AgentWant {
        profile: None,
        min_ttl: AgentMinTtl::Profile(MinTtl::TOKEN),
        received_since: None,
        timeout: Duration::from_secs(10),
    }
}

fn text(token: &AgentToken) -> String {
    token.granted.token.access_token().secret().to_owned()
}

fn body(answer: &str) -> Value {
    serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_clients_cost_one_request_and_are_told_whose_token_it_is() {
    let world = World::new().await;
    let first = world.token().await.unwrap();
    assert_eq!((first.granted.source, first.granted.reason), (Source::Agent, Reason::Cold));
    assert_eq!((first.label.name.as_str(), first.label.client.as_str()), ("oauth2", "ci"));
    assert_eq!(first.label.token_variable, "ACCESS_TOKEN");
    assert!(world.server.url().ends_with(&first.label.place), "{:?}", first.label);
    for _ in 0..100 {
        assert_eq!(text(&world.token().await.unwrap()), text(&first));
    }
    assert_eq!(world.asked(), 1);
    let source = AgentClient::new(world.address.clone(), None, Arc::new(SystemClock));
    let granted = source.token(Want::default()).await.unwrap();
    assert_eq!(granted.token.access_token().secret(), text(&first));
    let status = world.client(|agent| agent.status()).await.unwrap();
    assert_eq!(status["profiles"][0]["served"]["agent"], 101);
    assert_eq!(status["profiles"][0]["served"]["issuer"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_token_is_replaced_and_a_forced_one_is_shared_by_those_who_began_together() {
    let world = World::new().await;
    let first = world.token().await.unwrap();
    let refused = first.granted.token.access_token().clone();
    world.client(move |agent| agent.reject(None, &refused)).await.unwrap();
    let second = world.token().await.unwrap();
    assert_ne!(text(&second), text(&first));
    assert_eq!((world.asked(), second.granted.reason), (2, Reason::Rejected));
    tokio::time::sleep(Duration::from_millis(5)).await;
    let began = Some(SystemClock.now());
    let force =
        move |agent: &AgentAddress| agent.token(&AgentWant { received_since: began, ..want() });
    let third = world.client(force).await.unwrap();
    assert_eq!(third.granted.reason, Reason::Forced);
    for _ in 0..10 {
        assert_eq!(text(&world.client(force).await.unwrap()), text(&third));
    }
    assert_eq!(world.asked(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_an_api_refused_already_comes_with_a_warning_while_fetching_is_damped() {
    let world = World::new().await;
    // The pauses double: on a slow machine it is a later one in which this asks.
    for refused in 0..7 {
        let token = world.token().await.unwrap();
        if let Some(warning) = token.warning {
            assert!(refused > 1, "{warning}");
            let told = format!("{refused} tokens in a row were refused by the API");
            assert!(warning.starts_with(&told), "{warning}");
            assert_eq!(world.asked(), refused);
            return;
        }
        let token = token.granted.token.access_token().clone();
        world.client(move |agent| agent.reject(None, &token)).await.unwrap();
    }
    panic!("no warning came");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_worked_before_it_was_refused_is_replaced_however_often_it_happens() {
    let world = World::new().await;
    let source = AgentClient::new(world.address.clone(), None, Arc::new(SystemClock));
    for round in 1..=5 {
        let granted = source.token(Want::default()).await.unwrap();
        assert_eq!(world.asked(), round, "it was damped");
        source.reject_worked(granted.token.access_token()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_shorter_than_preferred_comes_with_a_warning() {
    let world = World::new().await;
    let granted = world.token().await.unwrap().granted;
    let held = world.agent.inner.profiles.find(None).unwrap();
    let end = granted.token.expires_at();
    for (left, min_ttl, warns) in [
        (61, MinTtl::TOKEN, false),
        (59, MinTtl::TOKEN, true),
        (59, MinTtl::Required(Duration::from_secs(60)), false),
        (299, MinTtl::EXEC, true),
    ] {
        let now = end.saturating_sub(Duration::from_secs(left));
        let warning = held.warning(&granted, min_ttl, now).await;
        let told = format!("the cached token lives {left} s more; no other can be had right now");
        assert_eq!(warning, warns.then_some(told), "{left} {min_ttl:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_refreshed_while_somebody_asks_and_not_when_nobody_does() {
    let world = World::with_lifetime(Duration::from_secs(1)).await;
    let ends = tokio::time::Instant::now() + Duration::from_millis(2500);
    let mut seen = std::collections::BTreeSet::new();
    while tokio::time::Instant::now() < ends {
        let before = SystemClock.now();
        let token = world.token().await.unwrap();
        assert!(token.granted.token.expires_at() > before, "it had ended");
        seen.insert(text(&token));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let asked = world.asked();
    assert!((2..=6).contains(&asked), "{asked} requests in 2.5 s of tokens that live for 1 s");
    assert!(seen.len() >= 2);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(world.asked() <= asked + 1, "nobody asked for one");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_issuer_says_is_said_as_without_an_agent() {
    let world = World::new().await;
    world.sandbox.script(
        Endpoint::Token,
        [Fault::OauthError {
            error: "invalid_client".into(),
            description: Some("no\u{1b}such client".into()),
            status: None,
        }],
    );
    let through = world.token().await.unwrap_err();
    let env = world.env("ci");
    let style = Style::OneShot;
    let opening = Opening { env: &env, directory: None, config: None, profile: None, style };
    let opened = opening.open().unwrap();
    opened.source.forget().await.unwrap();
    world.sandbox.script(
        Endpoint::Token,
        [Fault::OauthError {
            error: "invalid_client".into(),
            description: Some("no\u{1b}such client".into()),
            status: None,
        }],
    );
    let direct = opened.source.token(Want::default()).await.unwrap_err();
    assert_eq!(format!("{through:?}"), format!("{direct:?}"));
    assert_eq!(through.retry_after(), direct.retry_after());
    // And so is that it is remembered.
    let remembered = world.token().await.unwrap_err();
    assert!(remembered.message().contains("the same refusal"), "{remembered}");
    assert!(remembered.retry_after().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_caller_requires_is_required_and_its_patience_is_its_own() {
    let world = World::new().await;
    let long = |agent: &AgentAddress| {
        let min_ttl = AgentMinTtl::Required(Duration::from_secs(7200));
        agent.token(&AgentWant { min_ttl, ..want() })
    };
    assert_eq!(world.client(long).await.unwrap_err().code(), daypass::Code::TokenMinTtl);
    world.sandbox.stand(Endpoint::Token, Fault::Stall);
    // Times are in milliseconds: what comes after was not before.
    tokio::time::sleep(Duration::from_millis(5)).await;
    let brief = |agent: &AgentAddress| {
        let timeout = Duration::from_secs(1);
        agent.token(&AgentWant { received_since: Some(SystemClock.now()), timeout, ..want() })
    };
    let error = world.client(brief).await.unwrap_err();
    assert_eq!(error.code().class().exit_code(), 4, "{error:?}");
    assert_ne!(error.code(), daypass::Code::AgentUnreachable, "{error:?}");
    assert!(world.token().await.is_ok(), "the others have theirs");
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_gets_json_or_just_the_token() {
    let world = World::new().await;
    let answer = world.get("/v1/token?min_ttl=10m", "").await;
    let object = body(&answer);
    assert!(answer.contains("content-type: application/json\r\n"), "{answer}");
    assert!(answer.contains("cache-control: no-store\r\n"), "{answer}");
    let names: Vec<_> = object.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "access_token",
            "client",
            "expires_at",
            "expires_at_ms",
            "expires_in",
            "fingerprint",
            "place",
            "profile",
            "reason",
            "received_at_ms",
            "scope",
            "sent_at_ms",
            "source",
            "token_type",
            "token_variable",
            "warning"
        ]
    );
    let token = object["access_token"].as_str().unwrap();
    let plain = world.get("/v1/token", "accept: text/plain\r\n").await;
    assert_eq!(plain.split("\r\n\r\n").nth(1), Some(token));
    assert!(plain.contains("daypass-expires-at: 2"), "{plain}");
    assert_eq!(world.get("/healthz", "").await.split("\r\n\r\n").nth(1), Some("ok\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_asked_as_documented_is_a_problem_with_a_code() {
    let world = World::new().await;
    for (request, status, code) in [
        ("GET /v1/token?profile=nowhere", 404, "config.unknown_profile"),
        ("GET /v1/token?config=x.toml", 400, "usage"),
        ("GET /v1/token?min_ttl=soon", 400, "usage"),
        ("GET /v1/status?x=1", 400, "usage"),
        ("GET /v2/token", 400, "usage"),
        ("POST /v1/token", 400, "usage"),
        ("GET /v1/reject", 400, "usage"),
        ("DELETE /v1/stop", 400, "usage"),
        ("POST /v1/revoke", 403, "agent.refused"),
        ("POST /v1/reject", 400, "usage"),
        ("POST /v1/profiles", 400, "usage"),
    ] {
        let line = format!("{request} HTTP/1.1\r\nhost: agent\r\nconnection: close\r\n\r\n");
        let answer = world.raw(line).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
        assert!(answer.contains("content-type: application/problem+json\r\n"), "{answer}");
        let problem = body(&answer);
        assert_eq!(problem["code"], code, "{request}");
        assert_eq!(problem["type"], format!("urn:daypass:error:{code}"));
    }
    assert_eq!(world.asked(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_large_and_slow_requests_disturb_nobody() {
    let world = World::new().await;
    let big = "x".repeat(100_000);
    for request in [
        "\0\u{1}\u{2}garbage\r\n\r\n".to_owned(),
        "GET /v1/token\r\n\r\n".to_owned(),
        "\u{16}\u{3}\u{1}hello tls".to_owned() + &"\r\n".repeat(10),
        format!("GET /v1/token?profile={big} HTTP/1.1\r\nhost: a\r\n\r\n"),
        format!("GET /v1/token HTTP/1.1\r\nhost: a\r\nx: {big}\r\n\r\n"),
        format!("GET /v1/token HTTP/1.1\r\nhost: a\r\n{}\r\n", "x: y\r\n".repeat(1000)),
        format!(
            "POST /v1/reject HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: \
             200000\r\n\r\n{big}{big}"
        ),
        "POST /v1/reject HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: \
         chunked\r\n\r\n0\r\n\r\n"
            .to_owned(),
    ] {
        let shown: String = request.chars().take(60).collect();
        let answer = world.raw(request).await;
        assert!(!answer.contains(" 200 "), "{shown:?}: {answer}");
        assert!(world.token().await.is_ok(), "{shown:?}");
    }
    // Half a request, a hundred times over, and nobody else waits.
    let mut half = Vec::new();
    for _ in 0..100 {
        let mut stream = UnixStream::connect(world.address.path()).unwrap();
        stream.write_all(b"GET /v1/token HTTP/1.1\r\nhost").unwrap();
        half.push(stream);
    }
    assert!(world.token().await.is_ok());
    assert_eq!(world.asked(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_profile_joins_and_none_takes_another_s_place() {
    let world = World::new().await;
    let join = |client: &str, url: &str| Join {
        profile: Some("second".into()),
        config: Some(world.folder.path().join("second.toml").to_str().unwrap().into()),
        directory: None,
        env: [("URL".to_owned(), url.to_owned())]
            .into_iter()
            .chain(world.pairs(client))
            .chain([("SECOND_SECRET".to_owned(), SECRET.to_owned())])
            .collect(),
    };
    let configure = |client: &str| {
        let url = world.server.url();
        let text = format!(
            "[profile.second]\ntoken_url = \"{url}/oauth/token\"\nclient_id = \"{client}\"\n\
             client_secret = {{ env = \"SECOND_SECRET\" }}\n"
        );
        fs::write(world.folder.path().join("second.toml"), text).unwrap();
    };
    configure("other");
    let sent = join("other", "");
    let joined = world.client(move |agent| agent.join(&sent)).await.unwrap();
    assert_eq!((joined.profile.as_str(), joined.pid), ("second", std::process::id()));
    assert_eq!(joined.profiles, ["oauth2", "second"]);
    let named =
        |agent: &AgentAddress| agent.token(&AgentWant { profile: Some("second"), ..want() });
    assert_eq!(world.client(named).await.unwrap().label.client, "other");
    assert_eq!(world.token().await.unwrap().label.client, "ci", "the first is meant still");
    // The same once more is fine; another one of that name is not.
    let sent = join("other", "");
    assert!(world.client(move |agent| agent.join(&sent)).await.is_ok());
    configure("ci");
    let sent = join("ci", "");
    let error = world.client(move |agent| agent.join(&sent)).await.unwrap_err();
    assert_eq!(error.code(), daypass::Code::ConfigAmbiguous);
    assert_eq!(world.client(named).await.unwrap().label.client, "other");
    // What cannot be opened says why, as it would to the sender.
    let mut sent = join("ci", "");
    sent.profile = Some("third".into());
    let error = world.client(move |agent| agent.join(&sent)).await.unwrap_err();
    assert_eq!(error.code(), daypass::Code::ConfigUnknownProfile);
    assert!(!format!("{error:?}").contains(SECRET));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_secret_is_taken_up_and_nothing_else_that_changed_in_a_file() {
    let world = World::new().await;
    let path = |name: &str| world.folder.path().join(name).to_str().unwrap().to_owned();
    let configure = |id: &str| {
        let text = format!(
            "[profile.filed]\ntoken_url = \"{}/oauth/token\"\nclient_id = \"{id}\"\n\
             client_secret = {{ file = \"secret\" }}\n",
            world.server.url()
        );
        fs::write(path("filed.toml"), text).unwrap();
    };
    configure("ci");
    fs::write(path("secret"), "the-secret-of-last-year").unwrap();
    let mut sent = Join {
        profile: Some("filed".into()),
        config: Some(path("filed.toml")),
        directory: None,
        env: world.pairs("unused"),
    };
    sent.env.retain(|(name, _)| name == "DAYPASS_CACHE_DIR");
    world.client(move |agent| agent.join(&sent)).await.unwrap();
    let filed = |agent: &AgentAddress| agent.token(&AgentWant { profile: Some("filed"), ..want() });
    for _ in 0..2 {
        let error = world.client(filed).await.unwrap_err();
        assert_eq!(error.code(), daypass::Code::IssuerRejected);
    }
    assert_eq!(world.asked(), 1);
    // Another client, with a secret that would do: the profile is what it was.
    configure("other");
    fs::write(path("secret"), SECRET).unwrap();
    assert!(world.client(filed).await.is_err());
    assert_eq!(world.asked(), 1);
    configure("ci");
    assert_eq!(world.client(filed).await.unwrap().label.client, "ci");
    assert_eq!(world.asked(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_revoked_where_that_was_allowed() {
    let world = World::with(AgentSettings { allow_revoke: true, ..AgentSettings::default() }).await;
    world.token().await.unwrap();
    let revoke = |agent: &AgentAddress| agent.revoke(None, Duration::from_secs(5));
    // This issuer's metadata is not named, so it cannot be revoked there; it says so itself.
    let error = world.client(revoke).await.unwrap_err();
    assert_eq!(error.code(), daypass::Code::IssuerCannotRevoke);
}

#[tokio::test(flavor = "multi_thread")]
async fn status_and_metrics_tell_all_but_secrets() {
    let world = World::new().await;
    let token = text(&world.token().await.unwrap());
    world.token().await.unwrap();
    let _ = world.get("/v1/token?profile=a%22%0Ab", "").await;
    let status = world.get("/v1/status", "").await;
    let metrics = world.get("/metrics", "").await;
    for told in [&status, &metrics] {
        assert!(!told.contains(&token) && !told.contains(SECRET), "{told}");
    }
    let object = body(&status);
    assert_eq!(object["agent"]["pid"], std::process::id());
    assert_eq!(object["profiles"][0]["profile"], "oauth2");
    assert_eq!(object["profiles"][0]["token"]["reason"], "cold");
    for line in [
        "daypass_agent_tokens_total{profile=\"oauth2\",source=\"issuer\"} 1",
        "daypass_agent_tokens_total{profile=\"oauth2\",source=\"memory\"} 1",
        "daypass_agent_errors_total{profile=\"\",code=\"config.unknown_profile\"} 1",
        "# EOF",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_port_for_metrics_is_for_this_machine_and_gives_no_token() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let settings = AgentSettings { metrics_port: Some(port), ..AgentSettings::default() };
    let world = World::with(settings).await;
    world.token().await.unwrap();
    let ask = move |host: String, target: &'static str, fields: &'static str| {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        let request =
            format!("GET {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{fields}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let ours = format!("127.0.0.1:{port}");
    for (host, target, fields, status) in [
        (ours.clone(), "/metrics", "", "200"),
        (format!("localhost:{port}"), "/healthz", "", "200"),
        (ours.clone(), "/v1/token", "", "404"),
        (ours.clone(), "/v1/status", "", "404"),
        (format!("evil.example:{port}"), "/metrics", "", "403"),
        ("127.0.0.1".into(), "/metrics", "", "403"),
        (ours, "/metrics", "origin: http://evil.example\r\n", "403"),
    ] {
        let answer = tokio::task::spawn_blocking({
            let host = host.clone();
            move || ask(host, target, fields)
        });
        let answer = answer.await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{host}{target}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_when_told_asked_idle_or_old_and_takes_its_socket_away() {
    let mut world = World::new().await;
    world.stop.take().unwrap().send(()).unwrap();
    assert_eq!((&mut world.ended).await.unwrap().unwrap(), Why::Told);
    assert!(!world.address.path().exists());

    let world = World::new().await;
    world.client(|agent| agent.stop()).await.unwrap();
    assert_eq!(world.ended.await.unwrap().unwrap(), Why::Asked);

    let brief = Some(Duration::from_millis(300));
    for (settings, why) in [
        (AgentSettings { idle_timeout: brief, ..AgentSettings::default() }, Why::Idle),
        (AgentSettings { lifetime: brief, ..AgentSettings::default() }, Why::Lifetime),
    ] {
        let world = World::with(settings).await;
        assert_eq!(world.ended.await.unwrap().unwrap(), why);
        assert!(!world.address.path().exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_under_way_is_finished_before_it_ends() {
    let mut world = World::new().await;
    world.sandbox.script(
        Endpoint::Token,
        ["delay_ms=700".parse::<daypass_sandbox::PlannedFault>().unwrap().fault],
    );
    let asking = tokio::task::spawn_blocking({
        let address = world.address.clone();
        move || address.token(&want())
    });
    while world.asked() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    world.stop.take().unwrap().send(()).unwrap();
    assert!(asking.await.unwrap().is_ok());
    assert_eq!(world.ended.await.unwrap().unwrap(), Why::Told);
}

#[test]
fn what_an_agent_left_that_was_killed_goes_when_the_next_one_starts() {
    let base = tempfile::tempdir().unwrap();
    let place = |name: &str| base.path().join(name);
    let make = |name: &str, socket: bool| {
        fs::create_dir(place(name)).unwrap();
        fs::write(place(name).join("agent.sock.lock"), "").unwrap();
        if socket {
            drop(std::os::unix::net::UnixListener::bind(place(name).join("agent.sock")).unwrap());
        }
    };
    make("daypass-0123456789abcdef", true);
    // One that is about to listen, one that lives, and what is none of ours.
    make("daypass-1123456789abcdef", false);
    make("daypass-1000", true);
    make("daypass-2123456789abcdef", true);
    make("daypass-3123456789abcdef", true);
    fs::write(place("daypass-3123456789abcdef").join("more"), "").unwrap();
    let held = fs::File::open(place("daypass-2123456789abcdef/agent.sock.lock")).unwrap();
    held.lock().unwrap();
    std::os::unix::fs::symlink(base.path(), place("daypass-4123456789abcdef")).unwrap();
    let living = AgentSocket::bind_fresh(base.path()).unwrap();
    let next = AgentSocket::bind_fresh(base.path()).unwrap();
    assert!(!place("daypass-0123456789abcdef").exists());
    for name in
        ["1123456789abcdef", "1000", "2123456789abcdef", "3123456789abcdef", "4123456789abcdef"]
    {
        assert!(place(&format!("daypass-{name}")).exists(), "{name}");
    }
    assert!(living.address().path().exists() && next.address().path().exists());
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_is_asked_is_not_idle_and_none_outlives_its_lifetime() {
    let clock: Arc<dyn Clock> = Arc::new(PausedClock(tokio::time::Instant::now()));
    let s = Duration::from_secs;
    let life = Life::new(&*clock, Some(s(60)), Some(s(3600)));
    let began = tokio::time::Instant::now();
    let asking = async {
        for _ in 0..10 {
            tokio::time::sleep(s(50)).await;
            let _busy = life.busy(&clock);
            // One that waits for longer than the idle time.
            tokio::time::sleep(s(70)).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        over = life.over(&*clock, || 0, || false) => assert_eq!(over, life::Over::Idle),
        () = asking => {}
    }
    assert_eq!(began.elapsed(), s(10 * 120 + 60));
    // A part that is used by the second, for ten minutes.
    let life = Life::new(&*clock, Some(s(60)), None);
    let began = tokio::time::Instant::now();
    let used = || began.elapsed().as_secs().min(600);
    assert_eq!(life.over(&*clock, used, || false).await, life::Over::Idle);
    assert!(began.elapsed() >= s(660) && began.elapsed() <= s(720), "{:?}", began.elapsed());
    // And one on which a single stream goes on for as long.
    let life = Life::new(&*clock, Some(s(60)), None);
    let began = tokio::time::Instant::now();
    let busy = || began.elapsed() < s(600);
    assert_eq!(life.over(&*clock, || 1, busy).await, life::Over::Idle);
    assert!(began.elapsed() >= s(630) && began.elapsed() <= s(720), "{:?}", began.elapsed());
    let life = Life::new(&*clock, Some(s(60)), Some(s(100)));
    let _busy = life.busy(&clock);
    assert_eq!(life.over(&*clock, || 0, || true).await, life::Over::Lifetime);
}

/// A clock that follows tokio's.
struct PausedClock(tokio::time::Instant);

impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(0)
    }

    fn ticks(&self) -> daypass::Ticks {
        daypass::Ticks::from_nanos(1).saturating_add(self.0.elapsed())
    }
}

// The socket

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

fn bound(path: &Path) -> Result<Bound, Error> {
    AgentSocket::bind(AgentAddress::new(path).unwrap())
}

fn ours(path: &Path) -> AgentSocket {
    match bound(path).unwrap() {
        Bound::Ours(socket) => socket,
        Bound::Taken => panic!("it is taken"),
    }
}

#[test]
fn the_socket_and_its_folder_are_closed_to_others_and_the_fresh_one_goes() {
    let base = tempfile::tempdir().unwrap();
    let path = base.path().join("new/agent.sock");
    let socket = ours(&path);
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    assert_eq!(mode(&base.path().join("new/agent.sock.lock")), 0o600);
    drop(socket);
    assert!(!path.exists());
    let socket = AgentSocket::bind_fresh(base.path()).unwrap();
    let path = socket.address().path().to_owned();
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    drop(socket);
    assert!(!path.parent().unwrap().exists());
}

#[test]
fn a_place_has_one_agent_and_a_dead_one_s_socket_is_replaced() {
    let base = tempfile::tempdir().unwrap();
    let path = base.path().join("daypass/agent.sock");
    let first = ours(&path);
    assert!(matches!(bound(&path).unwrap(), Bound::Taken));
    drop(first);
    drop(ours(&path));
    // As after kill -9: the socket is there, and nobody holds the lock.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    drop(ours(&path));
}

#[test]
fn what_others_could_have_planted_is_no_place_for_a_socket() {
    let base = tempfile::tempdir().unwrap();
    let make = |name: &str| -> PathBuf {
        let folder = base.path().join(name);
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        folder
    };
    let open = make("open");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o750)).unwrap();
    let error = bound(&open.join("agent.sock")).unwrap_err();
    assert_eq!(error.code(), daypass::Code::StoreUnsafe);
    assert!(error.message().contains("the agent's folder"), "{error}");
    let target = make("target");
    symlink(&target, base.path().join("link")).unwrap();
    assert!(bound(&base.path().join("link/agent.sock")).is_err());
    // A file in the socket's place is not removed, and a link in the lock's place not followed.
    let file = make("file").join("agent.sock");
    fs::write(&file, "precious").unwrap();
    assert_eq!(bound(&file).unwrap_err().code(), daypass::Code::StoreFailed);
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
    let linked = make("linked");
    symlink(&file, linked.join("agent.sock.lock")).unwrap();
    assert!(bound(&linked.join("agent.sock")).is_err());
}
