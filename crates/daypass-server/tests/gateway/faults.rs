//! The table of `docs/gateway.md`: what a client gets when the API, the issuer or the network
//! fails.

use std::sync::Arc;
use std::time::Duration;

use daypass::{Code, Error};
use daypass_sandbox::{Endpoint, Fault, Flavour};

use crate::upstream::{Act, Api, answer, ok};
use crate::world::{Issuer, Numbered, Running, unavailable};

fn tokens() -> Arc<Numbered> {
    Arc::new(Numbered::default())
}

#[tokio::test]
async fn an_api_that_cannot_be_reached_is_a_502_that_says_so() {
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let running = Running::before(&format!("http://127.0.0.1:{port}"), tokens());
    let answer = running.get("/api").await;
    assert_eq!((answer.status, answer.code().as_deref()), (502, Some("gateway.upstream")));
    let problem = answer.problem();
    assert!(problem["detail"].as_str().unwrap().contains("refused"), "{problem}");
}

#[tokio::test]
async fn without_a_token_nothing_is_sent_and_the_answer_says_why() {
    let api = Api::fine().await;
    for (error, status, retry_after) in [
        (unavailable(), 503, Some("7")),
        (Error::new(Code::IssuerRejected, "invalid_client").with_hint("x"), 502, None),
    ] {
        let source = tokens();
        *source.trouble.lock().unwrap() = Some(error.clone());
        let running = Running::before(&api.url(), source);
        let answer = running.post("/api", "body").await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.field("retry-after").as_deref(), retry_after);
        let problem = answer.problem();
        assert_eq!(problem["code"], error.code().as_str());
        assert_eq!(problem["detail"], error.message());
        assert_eq!(running.gateway.counts().without_token, 1);
    }
    assert!(api.seen().is_empty());
}

#[tokio::test]
async fn an_issuer_that_is_down_past_the_end_of_the_token_is_a_503_until_it_is_back() {
    let issuer = Issuer::start(Flavour::Standard, Duration::from_secs(1));
    let running = Running::before(&issuer.server.url(), Arc::new(issuer.open().source));
    assert_eq!(running.get("/api/echo").await.status, 200);
    let refused =
        Fault::OauthError { error: "invalid_client".into(), description: None, status: None };
    issuer.sandbox.stand(Endpoint::Token, refused);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let before = issuer.sandbox.api_calls();
    let answer = running.get("/api/echo").await;
    assert_eq!((answer.status, answer.code().as_deref()), (502, Some("issuer.rejected")));
    assert_eq!(issuer.sandbox.api_calls(), before, "no expired token is sent, nor none");
}

#[tokio::test]
async fn a_request_waits_for_a_token_as_long_as_was_said() {
    let issuer = Issuer::start(Flavour::Standard, Duration::from_secs(3600));
    issuer.sandbox.stand(Endpoint::Token, Fault::Stall);
    let source = Arc::new(issuer.open().source);
    let running = Running::with(&issuer.server.url(), source, |settings| {
        settings.token_timeout = Duration::from_millis(300);
    });
    // Longer, and there would be no answer while this is waited for.
    let answer = tokio::time::timeout(Duration::from_secs(8), running.get("/api/echo")).await;
    let answer = answer.unwrap();
    assert_eq!((answer.status, answer.code().as_deref()), (503, Some("issuer.unavailable")));
    assert_eq!(issuer.sandbox.api_calls(), 0);
}

#[tokio::test]
async fn an_api_that_resets_before_its_answer_is_a_502() {
    let api = Api::start(|_| Act::AnswerAndReset(Vec::new())).await;
    let running = Running::before(&api.url(), tokens());
    let answer = running.post("/api", "body").await;
    assert_eq!((answer.status, answer.code().as_deref()), (502, Some("gateway.broken")));
    assert_eq!(api.seen().len(), 1, "a POST is not sent twice");
}

#[tokio::test]
async fn what_is_no_http_is_a_502() {
    for garbage in [
        &b"\x00\x01\x02 garbage\r\n\r\n"[..],
        b"HTTP/1.1 abc\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!",
    ] {
        let api = Api::start(move |_| Act::AnswerAndClose(garbage.to_vec())).await;
        let running = Running::before(&api.url(), tokens());
        let answer = running.post("/api", "body").await;
        let got = (answer.status, answer.code());
        assert_eq!(got, (502, Some("gateway.broken".to_owned())), "{garbage:?}");
    }
}

#[tokio::test]
async fn an_answer_with_too_many_fields_is_a_502_that_says_so() {
    for (fields, status) in [(90, 200), (120, 502)] {
        let api =
            Api::start(move |_| Act::Answer(answer("200 OK", &"x: y\r\n".repeat(fields), "")))
                .await;
        let running = Running::before(&api.url(), tokens());
        let answer = running.get("/api").await;
        assert_eq!(answer.status, status);
        if status == 502 {
            assert_eq!(answer.code().as_deref(), Some("gateway.broken"));
            let problem = answer.problem();
            assert!(problem["detail"].as_str().unwrap().contains("100 fields"), "{problem}");
        }
    }
}

#[tokio::test]
async fn a_body_that_is_framed_wrongly_is_the_clients_fault() {
    let api = Api::fine().await;
    let running = Running::before(&api.url(), tokens());
    for body in ["5\r\nhello\r\nnonsense\r\n\r\n", "-1\r\nx\r\n", "5\r\nhello!\r\n0\r\n\r\n"] {
        let answer = running.ask("POST /api", "transfer-encoding: chunked\r\n", body).await;
        assert_eq!(
            (answer.status, answer.code().as_deref()),
            (400, Some("gateway.body")),
            "{body}"
        );
        assert!(answer.problem()["hint"].is_string());
        assert_eq!(running.gateway.counts().upstream_failed, 0, "the API is not to blame");
    }
    assert!(api.seen().is_empty());
}

#[tokio::test]
async fn protocols_are_not_switched_and_the_answer_to_the_client_is_of_its_own_version() {
    let switch = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n\
                   upgrade: websocket\r\n\r\n";
    let api = Api::start(|_| Act::AnswerAndClose(switch.to_vec())).await;
    let running = Running::before(&api.url(), tokens());
    let fields = "connection: upgrade\r\nupgrade: websocket\r\n";
    for fields in ["", fields] {
        let answer = running.ask("GET /api", fields, "").await;
        assert_eq!((answer.status, answer.code().as_deref()), (502, Some("gateway.broken")));
        assert!(answer.problem()["detail"].as_str().unwrap().contains("101"), "{answer:?}");
    }
    let old = b"HTTP/1.0 200 OK\r\ncontent-length: 3\r\n\r\nold";
    let api = Api::start(|_| Act::AnswerAndClose(old.to_vec())).await;
    let running = Running::before(&api.url(), tokens());
    let answer = running.get("/api").await;
    assert!(answer.fields.starts_with("HTTP/1.1 200 ") && answer.body == "old", "{answer:?}");
}

#[tokio::test]
async fn a_coding_of_the_transfer_is_not_lost_on_the_way() {
    let api = Api::fine().await;
    let running = Running::before(&api.url(), tokens());
    for coding in ["gzip, chunked", "gzip;q=1, chunked", "chunked, chunked"] {
        let fields = format!("transfer-encoding: {coding}\r\n");
        let answer = running.ask("POST /api", &fields, "1\r\nx\r\n0\r\n\r\n").await;
        assert_eq!((answer.status, answer.code().as_deref()), (501, Some("gateway.coding")));
    }
    assert!(api.seen().is_empty());
    let coded = b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n";
    let api = Api::start(|_| Act::Answer(coded.to_vec())).await;
    let running = Running::before(&api.url(), tokens());
    let answer = running.get("/api").await;
    assert_eq!((answer.status, answer.code().as_deref()), (502, Some("gateway.broken")));
    assert!(answer.problem()["detail"].as_str().unwrap().contains("transfer coding"));
}

#[tokio::test]
async fn the_secret_path_does_not_reach_the_api_as_where_a_request_came_from() {
    let api = Api::fine().await;
    let running = Running::before(&api.url(), tokens());
    let own = format!("referer: {}{}/page\r\n", running.gateway.url(), running.local.path());
    assert_eq!(running.ask("GET /api", &own, "").await.status, 200);
    let other = "referer: https://apps.example.com/page\r\n";
    assert_eq!(running.ask("GET /api", other, "").await.status, 200);
    let [own, kept] = &api.seen()[..] else { panic!("two requests") };
    assert!(!own.contains("referer") && !own.contains("daypass-local"), "{own}");
    assert!(kept.contains(other), "{kept}");
}

#[tokio::test]
async fn an_api_that_breaks_off_within_its_answer_breaks_off_the_clients() {
    let torn = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf".to_vec();
    for act in [Act::AnswerAndReset(torn.clone()), Act::AnswerAndClose(torn)] {
        let api = Api::start(move |_| act.clone()).await;
        let running = Running::before(&api.url(), tokens());
        let answer = running.get("/api").await;
        assert_eq!((answer.status, answer.body.as_str(), answer.whole), (200, "half", false));
    }
    let chunks = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n".to_vec();
    let api = Api::start(move |_| Act::AnswerAndClose(chunks.clone())).await;
    let running = Running::before(&api.url(), tokens());
    let answer = running.get("/api").await;
    assert!(answer.status == 200 && !answer.whole, "{answer:?}");
}

#[tokio::test]
async fn an_answer_that_ends_with_its_connection_is_whole() {
    let api =
        Api::start(|_| Act::AnswerAndClose(b"HTTP/1.1 200 OK\r\n\r\nall of it".to_vec())).await;
    let running = Running::before(&api.url(), tokens());
    let answer = running.get("/api").await;
    assert!(answer.whole && answer.body.contains("all of it"), "{answer:?}");
}

#[tokio::test]
async fn an_answer_that_comes_before_the_body_was_read_is_passed_on() {
    let early = answer("413 Content Too Large", "connection: close\r\n", "too much");
    let api = Api::start(move |_| Act::Early(early.clone())).await;
    let running = Running::before(&api.url(), tokens());
    let mut connection = running.connect().await;
    let head =
        format!("POST /api HTTP/1.1\r\n{}content-length: 50000000\r\n\r\n", running.fields());
    connection.send(head.as_bytes()).await;
    connection.send(&vec![b'x'; 100_000]).await;
    let answer = connection.answer().await;
    assert_eq!((answer.status, answer.body.as_str()), (413, "too much"));
}

#[tokio::test]
async fn a_kept_connection_that_the_api_closed_is_noticed_by_nobody() {
    // Says that it keeps the connection, and closes it.
    let api = Api::start(|_| Act::AnswerAndClose(ok("fine"))).await;
    let running = Running::before(&api.url(), tokens());
    for _ in 0..20 {
        assert_eq!(running.get("/api").await.status, 200);
    }
    for _ in 0..5 {
        assert_eq!(running.post("/api", "x").await.status, 200);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn connections_to_the_api_are_used_again() {
    let api = Api::fine().await;
    let running = Running::before(&api.url(), tokens());
    for _ in 0..20 {
        assert_eq!(running.get("/api").await.status, 200);
    }
    assert_eq!((api.seen().len(), api.connections()), (20, 1));
}

#[tokio::test]
async fn throttling_of_the_api_is_passed_on_unless_waiting_is_wanted() {
    for status in ["429 Too Many Requests", "503 Service Unavailable"] {
        let first = std::sync::atomic::AtomicBool::new(true);
        let api = Api::start(move |_| {
            let first = first.swap(false, std::sync::atomic::Ordering::SeqCst);
            let throttled = answer(status, "retry-after: 0\r\n", "wait");
            Act::Answer(if first { throttled } else { ok("fine") })
        })
        .await;
        let running = Running::before(&api.url(), tokens());
        let answer = running.get("/api").await;
        assert_eq!(answer.status.to_string(), status[..3]);
        assert_eq!((answer.body.as_str(), answer.code()), ("wait", None));
    }
    for (method, expected) in [("GET", 200), ("PUT", 200), ("POST", 429)] {
        let first = std::sync::atomic::AtomicBool::new(true);
        let api = Api::start(move |_| {
            let first = first.swap(false, std::sync::atomic::Ordering::SeqCst);
            let throttled = answer("429 Too Many Requests", "retry-after: 0\r\n", "wait");
            Act::Answer(if first { throttled } else { ok("fine") })
        })
        .await;
        let running = Running::with(&api.url(), tokens(), |settings| {
            settings.retry_throttled = Some(Duration::from_secs(10));
        });
        let answer = running.ask(&format!("{method} /api"), "content-length: 1\r\n", "x").await;
        assert_eq!(answer.status, expected, "{method}");
    }
}

#[tokio::test]
async fn paced_requests_stop_short_of_the_limit() {
    let window = |count: u32| {
        format!(
            "inin-ratelimit-count: {count}\r\ninin-ratelimit-allowed: 5\r\ninin-ratelimit-reset: 1\r\n"
        )
    };
    let count = std::sync::atomic::AtomicU32::new(0);
    let begun = std::time::Instant::now();
    let api = Api::start(move |_| {
        let count = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
        let in_window = if count <= 5 { count } else { count - 5 };
        let over = count > 5 && begun.elapsed() < Duration::from_millis(900);
        let status = if over { "429 Too Many Requests" } else { "200 OK" };
        Act::Answer(answer(status, &window(in_window), "x"))
    })
    .await;
    let running = Running::with(&api.url(), tokens(), |settings| settings.pace = true);
    for _ in 0..8 {
        assert_eq!(running.get("/api").await.status, 200);
    }
    assert!(running.gateway.counts().paced >= 1);
}

#[tokio::test]
async fn what_is_not_passed_on_is_refused_with_its_code() {
    let api = Api::fine().await;
    let running = Running::before(&api.url(), tokens());
    for (line, fields, status, code) in [
        ("CONNECT evil.example:443", "", 405, "gateway.method"),
        ("TRACE /api", "", 405, "gateway.method"),
        ("GET http://evil.example/", "", 400, "gateway.target"),
        ("GET //evil.example/", "", 400, "gateway.target"),
        ("GET /\\evil.example/", "", 400, "gateway.target"),
        ("OPTIONS *", "", 400, "gateway.target"),
        ("GET /api", "connection: cookie\r\n", 400, "gateway.headers"),
        ("GET /api", "expect: 200-maybe\r\n", 417, "gateway.expect"),
        ("GET /oauth/token", "", 400, "gateway.login"),
        ("POST /oauth/token", "content-length: 0\r\n", 400, "gateway.login"),
    ] {
        let answer = running.ask(line, fields, "").await;
        assert_eq!((answer.status, answer.code().as_deref()), (status, Some(code)), "{line}");
    }
    let allow = running.ask("TRACE /api", "", "").await.field("allow").unwrap();
    assert!(allow.contains("GET") && !allow.contains("TRACE"), "{allow}");
    assert!(api.seen().is_empty());
}

/// Lets time pass for the gateway, while nothing else happens.
async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_millis(100)).await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn an_api_that_never_answers_is_a_504() {
    let api = Api::start(|_| Act::Silence).await;
    let running = Running::before(&api.url(), tokens());
    let mut connection = running.connect().await;
    connection.send(format!("GET /api HTTP/1.1\r\n{}\r\n", running.fields()).as_bytes()).await;
    pass(301).await;
    let answer = connection.answer().await;
    assert_eq!((answer.status, answer.code().as_deref()), (504, Some("gateway.timeout")));
}

#[tokio::test]
async fn a_client_that_stops_within_its_body_is_a_408() {
    let api = Api::fine().await;
    let running = Running::before(&api.url(), tokens());
    for length in [100, 5_000_000] {
        let mut connection = running.connect().await;
        let head =
            format!("POST /api HTTP/1.1\r\n{}content-length: {length}\r\n", running.fields());
        connection.send(format!("{head}\r\nhalf").as_bytes()).await;
        pass(61).await;
        let answer = connection.answer().await;
        assert_eq!((answer.status, answer.code().as_deref()), (408, Some("gateway.stalled")));
    }
    assert!(api.seen().is_empty());
}

#[tokio::test]
async fn connections_on_which_nothing_happens_keep_nobody_out() {
    let api = Api::start(|head| match head.starts_with("GET /slow") {
        true => Act::Silence,
        false => Act::Answer(ok("fine")),
    })
    .await;
    let running = Running::with(&api.url(), tokens(), |settings| settings.connections = 4);
    // One request is under way, and one connection has been used.
    let mut slow = running.connect().await;
    slow.send(format!("GET /slow HTTP/1.1\r\n{}\r\n", running.fields()).as_bytes()).await;
    let mut used = running.connect().await;
    let whole = format!("GET /api HTTP/1.1\r\n{}\r\n", running.fields());
    let mut half = Vec::new();
    for _ in 0..12 {
        let mut connection = running.connect().await;
        connection.send(b"GET /api HTTP/1.1\r\nhost: ").await;
        half.push(connection);
        used.send(whole.as_bytes()).await;
        assert_eq!(used.answer().await.status, 200);
        assert_eq!(running.get("/api").await.status, 200);
    }
    let mut byte = [0; 1];
    let cut = tokio::time::timeout(Duration::from_millis(50), slow.stream.peek(&mut byte)).await;
    assert!(cut.is_err(), "a request that is under way is not cut off: {cut:?}");
    drop(half);
}

#[tokio::test]
async fn a_client_that_is_slow_with_its_fields_is_let_go() {
    let api = Api::fine().await;
    let running = Running::before(&api.url(), tokens());
    let mut connection = running.connect().await;
    connection.send(b"GET /api HTTP/1.1\r\nhost: ").await;
    pass(76).await;
    let answer = connection.answer().await;
    assert!(answer.status == 0 || answer.status == 408, "{answer:?}");
    // Too many or too long fields.
    for fields in [format!("x: {}\r\n", "y".repeat(100_000)), "x: y\r\n".repeat(101)] {
        let mut connection = running.connect().await;
        connection.send(format!("GET /api HTTP/1.1\r\n{fields}\r\n").as_bytes()).await;
        assert_eq!(connection.answer().await.status, 431);
    }
    assert!(api.seen().is_empty());
}
