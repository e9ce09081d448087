//! Client and codec against agents that are scripted: what they say, and how it comes in.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::*;
use crate::{
    AccessToken, Clock, Code, Env, Error, Fresh, MinTtl, Opening, Reason, Source, Style,
    SystemClock, TokenSource, Want,
};

/// An agent of a few lines: it answers each request with what `answer` makes of it.
struct Scripted {
    address: AgentAddress,
    requests: Arc<Mutex<Vec<String>>>,
    _folder: tempfile::TempDir,
}

impl Scripted {
    fn new(answer: impl Fn(usize, &str) -> Vec<u8> + Send + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let mut bytes = vec![0; 64 * 1024];
                let count = stream.read(&mut bytes).unwrap_or(0);
                let request = String::from_utf8_lossy(&bytes[..count]).into_owned();
                let number = seen.lock().unwrap().len();
                seen.lock().unwrap().push(request.clone());
                // A client may be gone by now.
                let _ = stream.write_all(&answer(number, &request));
            }
        });
        Self { address: AgentAddress::new(path).unwrap(), requests, _folder: folder }
    }

    fn saying(text: impl Into<Vec<u8>>) -> Self {
        let text = text.into();
        Self::new(move |_, _| text.clone())
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    fn client(&self) -> AgentClient {
        AgentClient::new(self.address.clone(), Some("p".into()), Arc::new(SystemClock))
    }
}

/// A token that was received `age` seconds ago and lives `lives` seconds in all.
fn token(text: &str, age: i64, lives: i64) -> Vec<u8> {
    let now = SystemClock.now().as_millis();
    let (sent, ends) = (now - age * 1000, now + (lives - age) * 1000);
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nDaypass-Expires-At-Ms: {ends}\r\n\
         Daypass-Sent-At-Ms: {sent}\r\nDaypass-Received-At-Ms: {sent}\r\nDaypass-Reason: cold\r\n\
         Daypass-Source: memory\r\nDaypass-Profile: p\u{e4}\r\nDaypass-Place: auth.example.com\r\n\
         Daypass-Client: ci\r\nDaypass-Warning: not \u{202e}long\r\nDaypass-Scope: a b\r\nDaypass-Token-Variable: ACCESS_TOKEN\r\n\
         Content-Length: {}\r\n\r\n{text}",
        text.len()
    )
    .into_bytes()
}

fn want() -> AgentWant<'static> {
    let timeout = Duration::from_secs(5);
    AgentWant { profile: None, min_ttl: MinTtl::TOKEN.into(), received_since: None, timeout }
}

#[test]
fn a_token_comes_with_its_times_its_reason_and_whose_it_is() {
    let agent = Scripted::saying(token("abc.def", 10, 3600));
    let AgentToken { granted, label, warning } = agent.address.token(&want()).unwrap();
    assert_eq!(granted.token.access_token().secret(), "abc.def");
    assert_eq!((granted.source, granted.reason), (Source::Agent, Reason::Cold));
    assert_eq!(granted.token.lifetime(), Duration::from_secs(3600));
    assert_eq!(granted.token.scope().unwrap().to_string(), "a b");
    assert_eq!(warning.as_deref(), Some("not \\u{202e}long"));
    assert_eq!((label.name.as_str(), label.place.as_str()), ("p\u{e4}", "auth.example.com"));
    assert_eq!((label.client.as_str(), label.token_variable.as_str()), ("ci", "ACCESS_TOKEN"));
}

#[test]
fn requests_say_what_is_wanted_and_nothing_else() {
    let agent = Scripted::saying(token("t", 0, 3600));
    let since = Some(crate::Timestamp::from_millis(1_700_000_000_123));
    let wants = [
        want(),
        AgentWant { profile: Some("a b&c=d"), ..want() },
        AgentWant { min_ttl: MinTtl::EXEC.into(), timeout: Duration::from_millis(1500), ..want() },
        AgentWant {
            min_ttl: AgentMinTtl::Required(Duration::from_millis(600_001)),
            received_since: since,
            ..want()
        },
    ];
    for want in wants {
        agent.address.token(&want).unwrap();
    }
    let refused = AccessToken::new("refused-token").unwrap();
    assert!(agent.address.reject(Some("p"), &refused).is_ok());
    let lines: Vec<_> =
        agent.requests().iter().map(|r| r.lines().next().unwrap().to_owned()).collect();
    assert_eq!(
        lines,
        [
            "GET /v1/token?timeout=5 HTTP/1.1",
            "GET /v1/token?profile=a+b%26c%3Dd&timeout=5 HTTP/1.1",
            "GET /v1/token?preferred_ttl=300&timeout=2 HTTP/1.1",
            "GET /v1/token?min_ttl=601&received_since=1700000000123&timeout=5 HTTP/1.1",
            "POST /v1/reject?profile=p HTTP/1.1",
        ]
    );
    let last = agent.requests().pop().unwrap();
    assert!(last.contains("content-length: 13\r\n") && last.ends_with("\r\n\r\nrefused-token"));
}

#[test]
fn an_agent_that_answers_garbage_is_an_error_that_repeats_none_of_it() {
    let with = |name: &str, value: &str| {
        let good = String::from_utf8(token("good-token", 0, 3600)).unwrap();
        let lines = good.split("\r\n").map(|line| match line.split_once(':') {
            Some((field, _)) if field.eq_ignore_ascii_case(name) => format!("{name}: {value}"),
            _ => line.to_owned(),
        });
        lines.collect::<Vec<_>>().join("\r\n").into_bytes()
    };
    let huge = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(100_000));
    for answer in [
        Vec::new(),
        b"\n".to_vec(),
        b"SSH-2.0-OpenSSH_9\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\n\r\ngood-token".to_vec(),
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\ngood-token".to_vec(),
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhalf-token".to_vec(),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n".to_vec(),
        b"HTTP/1.1 500 No\r\nContent-Length: 5\r\n\r\n<htm>".to_vec(),
        b"HTTP/1.1 403 No\r\nContent-Length: 16\r\n\r\n{\"code\":\"other\"}".to_vec(),
        huge.into_bytes(),
        with("daypass-token-variable", "LD_PRELOAD"),
        with("daypass-token-variable", "PATH"),
        with("daypass-token-variable", "A=B_TOKEN"),
        with("daypass-token-variable", "1_TOKEN"),
        with("daypass-expires-at-ms", "soon"),
        with("daypass-sent-at-ms", ""),
        with("daypass-reason", "because"),
        token("good token", 0, 3600),
        token("", 0, 3600),
    ] {
        let shown = String::from_utf8_lossy(&answer).chars().take(200).collect::<String>();
        let agent = Scripted::saying(answer);
        let error = agent.address.token(&want()).unwrap_err();
        assert_eq!(error.code(), Code::AgentUnreachable, "{shown}: {error}");
        let told = format!("{error:?}");
        assert!(!told.contains("good") && !told.contains("half") && !told.contains("<htm"));
        assert!(error.hint().is_some());
    }
}

#[test]
fn an_answer_may_come_byte_by_byte_and_hold_the_longest_token() {
    let long = "x".repeat(crate::MAX_ACCESS_TOKEN);
    let agent = Scripted::saying(token(&long, 0, 3600));
    let found = agent.address.token(&want()).unwrap();
    assert_eq!(found.granted.token.access_token().secret(), long);
    let mut incoming = wire::Incoming::new();
    let bytes = token("abc", 0, 60);
    for (index, byte) in bytes.iter().enumerate() {
        incoming.space()[0] = *byte;
        let done = incoming.took(1, &agent.address).unwrap();
        assert_eq!(done, index + 1 == bytes.len());
    }
    assert!(incoming.answer(&agent.address).unwrap().token(&agent.address).is_ok());
}

#[test]
fn the_agent_s_error_is_the_error() {
    let error = Error::new(Code::IssuerThrottled, "auth.example.com asks to be left alone")
        .with_hint("wait")
        .with_retry_after(Duration::from_secs(7));
    let body = serde_json::to_string(&Problem::of(&error)).unwrap();
    let agent = Scripted::saying(format!(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ));
    let told = agent.address.token(&want()).unwrap_err();
    assert_eq!(format!("{told:?}"), format!("{error:?}"));
    assert_eq!(told.retry_after(), error.retry_after());
}

#[test]
fn an_agent_that_is_not_there_or_silent_is_told_from_one_that_answers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.sock");
    let address = AgentAddress::new(&path).unwrap();
    let error = address.token(&want()).unwrap_err();
    assert_eq!(error.code(), Code::AgentUnreachable);
    assert!(error.message().contains("no such socket"), "{error}");
    drop(UnixListener::bind(&path).unwrap());
    let error = address.token(&want()).unwrap_err();
    assert!(error.message().contains("nobody listens"), "{error}");
    fs::remove_file(&path).unwrap();
    // It takes connections and says nothing.
    let _listener = UnixListener::bind(&path).unwrap();
    let impatient = AgentWant { timeout: Duration::ZERO, ..want() };
    let error = address.token(&impatient).unwrap_err();
    assert!(error.message().contains("has not answered for 1 s"), "{error}");
    assert_eq!(error.code(), Code::AgentUnreachable);
}

#[tokio::test]
async fn a_source_asks_once_and_then_has_the_token_in_memory() {
    let agent = Scripted::new(|number, _| token(&format!("t{number}"), 0, 3600));
    let client = agent.client();
    assert!(matches!(client.cached(MinTtl::TOKEN), Fresh::Miss));
    let many: Vec<_> = (0..50)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.token(Want::default()).await })
        })
        .collect();
    for one in many {
        let granted = one.await.unwrap().unwrap();
        assert_eq!(granted.token.access_token().secret(), "t0");
        assert!([Source::Agent, Source::Memory].contains(&granted.source));
    }
    assert_eq!(agent.requests().len(), 1);
    assert!(matches!(client.cached(MinTtl::TOKEN), Fresh::Fresh(_)));
    let forced = Want { force: true, ..Want::default() };
    assert_eq!(client.token(forced).await.unwrap().source, Source::Memory, "it came since");
}

#[tokio::test]
async fn a_rejected_token_is_forwarded_and_not_handed_out_from_memory() {
    let agent = Scripted::new(|number, request| match request.starts_with("POST") {
        true => b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
        false => token(&format!("t{number}"), 0, 3600),
    });
    let client = agent.client();
    let first = client.token(Want::default()).await.unwrap();
    client.reject(first.token.access_token()).await.unwrap();
    assert!(matches!(client.cached(MinTtl::TOKEN), Fresh::Miss));
    let second = client.token(Want::default()).await.unwrap();
    assert_eq!(second.token.access_token().secret(), "t2");
    assert!(agent.requests()[1].ends_with("\r\n\r\nt0"));
    client.reject_worked(second.token.access_token()).await.unwrap();
    assert!(matches!(client.cached(MinTtl::TOKEN), Fresh::Miss));
    let lines: Vec<_> =
        agent.requests().iter().map(|r| r.lines().next().unwrap().to_owned()).collect();
    let expected = [
        "GET /v1/token?profile=p&timeout=30 HTTP/1.1",
        "POST /v1/reject?profile=p HTTP/1.1",
        "GET /v1/token?profile=p&timeout=30 HTTP/1.1",
        "POST /v1/reject?profile=p&worked=true HTTP/1.1",
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn a_due_token_is_handed_out_while_the_agent_is_asked_for_the_next() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let agent = Scripted::new(move |number, _| {
        count.fetch_add(1, Ordering::SeqCst);
        if number == 0 { token("old", 970, 1000) } else { token("new", 0, 1000) }
    });
    let client = agent.client();
    let brief = Want { min_ttl: MinTtl::Required(Duration::from_secs(5)), ..Want::default() };
    assert_eq!(client.token(brief).await.unwrap().token.access_token().secret(), "old");
    assert!(matches!(client.cached(brief.min_ttl), Fresh::Due(_)));
    let due = client.token(brief).await.unwrap();
    assert_eq!(due.token.access_token().secret(), "old");
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while asked.load(Ordering::SeqCst) < 2 || matches!(client.cached(brief.min_ttl), Fresh::Due(_))
    {
        assert!(tokio::time::Instant::now() < deadline, "nobody asked");
        tokio::task::yield_now().await;
    }
    assert_eq!(client.token(brief).await.unwrap().token.access_token().secret(), "new");
}

#[tokio::test]
async fn an_agent_that_goes_away_costs_nothing_while_a_token_is_valid_and_is_an_error_after() {
    let agent = Scripted::saying(token("last", 950, 1000));
    let client = agent.client();
    let any = Want { min_ttl: MinTtl::Required(Duration::ZERO), ..Want::default() };
    client.token(any).await.unwrap();
    fs::remove_file(agent.address.path()).unwrap();
    let long = Want { min_ttl: MinTtl::Preferred(Duration::from_secs(60)), ..Want::default() };
    assert_eq!(client.token(long).await.unwrap().token.access_token().secret(), "last");
    for hard in [
        Want { min_ttl: MinTtl::Required(Duration::from_secs(60)), ..Want::default() },
        Want { force: true, ..Want { min_ttl: MinTtl::TOKEN, ..Want::default() } },
    ] {
        let client = agent.client();
        assert_eq!(client.token(hard).await.unwrap_err().code(), Code::AgentUnreachable);
    }
}

#[test]
fn an_opening_takes_the_agent_where_one_is_named_and_never_the_credentials_instead() {
    let with = |agent: &str| {
        let env = Env::from_pairs([
            ("DAYPASS_AGENT", agent),
            ("OAUTH2_TOKEN_URL", "http://127.0.0.1:1/"),
            ("OAUTH2_CLIENT_ID", "ci"),
            ("OAUTH2_CLIENT_SECRET", "s"),
        ]);
        let style = Style::LongLived;
        Opening { env: &env, directory: None, config: None, profile: None, style }.source()
    };
    assert_eq!(with("nonsense").err().unwrap().code(), Code::ConfigInvalid);
    let source = with("unix:/nonexistent/agent.sock").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let error = runtime.block_on(source.token(Want::default())).unwrap_err();
    assert_eq!(error.code(), Code::AgentUnreachable);
}

#[test]
fn what_joins_shows_no_value_of_its_environment() {
    let join = Join {
        profile: None,
        config: None,
        directory: None,
        env: vec![("NAME".into(), "sentinel".into())],
    };
    let shown = format!("{join:?}");
    assert!(shown.contains("NAME") && !shown.contains("sentinel"), "{shown}");
}
