//! Requests that two servers could read differently, before an API that records what it gets:
//! whatever a client sends, the API sees one framing, one authority, one bearer token, and no more
//! requests than the client was answered.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::upstream::Api;
use crate::world::{Numbered, Running};

/// After so long nothing more comes.
const SILENCE: Duration = Duration::from_millis(150);

/// What is sent, with `{H}` for the fields that every request needs.
const CORPUS: &[(&str, &str)] = &[
    (
        "CL.TE",
        "POST /a HTTP/1.1\r\n{H}content-length: 6\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n{H}\r\n",
    ),
    (
        "TE.CL",
        "POST /a HTTP/1.1\r\n{H}transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n5c\r\nGET /smuggled HTTP/1.1\r\ncontent-length: 15\r\n\r\nx=1\r\n0\r\n\r\n",
    ),
    (
        "TE twice",
        "POST /a HTTP/1.1\r\n{H}transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n{H}\r\n",
    ),
    ("TE list", "POST /a HTTP/1.1\r\n{H}transfer-encoding: identity, chunked\r\n\r\n0\r\n\r\n"),
    ("TE not last", "POST /a HTTP/1.1\r\n{H}transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
    (
        "TE with a space before the colon",
        "POST /a HTTP/1.1\r\n{H}transfer-encoding : chunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n{H}\r\n",
    ),
    ("TE with a tab", "POST /a HTTP/1.1\r\n{H}transfer-encoding:\tchunked\r\n\r\n0\r\n\r\n"),
    (
        "TE in quotes",
        "POST /a HTTP/1.1\r\n{H}transfer-encoding: \"chunked\"\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
    ),
    (
        "TE xchunked",
        "POST /a HTTP/1.1\r\n{H}transfer-encoding: xchunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
    ),
    (
        "TE in HTTP/1.0",
        "POST /a HTTP/1.0\r\n{H}transfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n{H}\r\n",
    ),
    ("CL twice, alike", "POST /a HTTP/1.1\r\n{H}content-length: 3\r\ncontent-length: 3\r\n\r\nabc"),
    (
        "CL twice, different",
        "POST /a HTTP/1.1\r\n{H}content-length: 3\r\ncontent-length: 40\r\n\r\nabcGET /smuggled HTTP/1.1\r\n{H}\r\n",
    ),
    ("CL list", "POST /a HTTP/1.1\r\n{H}content-length: 3, 3\r\n\r\nabc"),
    ("CL plus", "POST /a HTTP/1.1\r\n{H}content-length: +3\r\n\r\nabc"),
    ("CL minus", "POST /a HTTP/1.1\r\n{H}content-length: -1\r\n\r\nabc"),
    ("CL hex", "POST /a HTTP/1.1\r\n{H}content-length: 0x3\r\n\r\nabc"),
    ("CL huge", "POST /a HTTP/1.1\r\n{H}content-length: 99999999999999999999\r\n\r\nabc"),
    ("CL empty", "POST /a HTTP/1.1\r\n{H}content-length:\r\n\r\nabc"),
    (
        "GET with a body",
        "GET /a HTTP/1.1\r\n{H}content-length: 29\r\n\r\nGET /smuggled HTTP/1.1\r\nx: y\r\n",
    ),
    (
        "GET with chunks",
        "GET /a HTTP/1.1\r\n{H}transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ),
    (
        "chunk size with a sign",
        "POST /a HTTP/1.1\r\n{H}transfer-encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n",
    ),
    (
        "chunk size with an underscore",
        "POST /a HTTP/1.1\r\n{H}transfer-encoding: chunked\r\n\r\n0_5\r\nhello\r\n0\r\n\r\n",
    ),
    (
        "chunk size that overflows",
        "POST /a HTTP/1.1\r\n{H}transfer-encoding: chunked\r\n\r\n10000000000000005\r\nhello\r\n0\r\n\r\n",
    ),
    (
        "chunk ended by a bare LF",
        "POST /a HTTP/1.1\r\n{H}transfer-encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
    ),
    (
        "chunk extension with a bare LF",
        "POST /a HTTP/1.1\r\n{H}transfer-encoding: chunked\r\n\r\n5;a\nGET /smuggled HTTP/1.1\r\n{H}\r\nhello\r\n0\r\n\r\n",
    ),
    (
        "chunk data that is longer",
        "POST /a HTTP/1.1\r\n{H}transfer-encoding: chunked\r\n\r\n5\r\nhelloGET /smuggled HTTP/1.1\r\n0\r\n\r\n",
    ),
    (
        "no last chunk's end",
        "POST /a HTTP/1.1\r\n{H}transfer-encoding: chunked\r\n\r\n0\r\nGET /smuggled HTTP/1.1\r\n{H}\r\n",
    ),
    ("Host twice, alike", "GET /a HTTP/1.1\r\n{H}{H}\r\n"),
    ("Host twice, different", "GET /a HTTP/1.1\r\n{H}host: evil.example\r\n\r\n"),
    ("Host twice, ours last", "GET /a HTTP/1.1\r\nhost: evil.example\r\n{H}\r\n"),
    ("Host with a path", "GET /a HTTP/1.1\r\nhost: evil.example/x\r\n\r\n"),
    ("Host with userinfo", "GET /a HTTP/1.1\r\nhost: evil.example@127.0.0.1\r\n\r\n"),
    ("obs-fold", "GET /a HTTP/1.1\r\n{H}x-fold: a\r\n host: evil.example\r\n\r\n"),
    ("obs-fold of the first field", "GET /a HTTP/1.1\r\n host: evil.example\r\n{H}\r\n"),
    (
        "obs-fold hides a framing",
        "POST /a HTTP/1.1\r\n{H}x: a\r\n\ttransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
    ),
    ("bare LF ends the fields", "GET /a HTTP/1.1\n{h}\n"),
    ("bare LF between fields", "GET /a HTTP/1.1\r\n{H}x: a\nhost: evil.example\r\n\r\n"),
    (
        "bare LF hides a framing",
        "POST /a HTTP/1.1\r\n{H}content-length: 5\r\nx: a\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    ("bare CR in a value", "GET /a HTTP/1.1\r\n{H}x: a\rhost: evil.example\r\n\r\n"),
    ("bare CR ends the fields", "GET /a HTTP/1.1\r\n{H}x: a\r\r\n\r\n"),
    ("NUL in a value", "GET /a HTTP/1.1\r\n{H}x: a\0b\r\n\r\n"),
    ("NUL in a name", "GET /a HTTP/1.1\r\n{H}x\0y: b\r\n\r\n"),
    ("a name with a space", "GET /a HTTP/1.1\r\n{H}x y: b\r\n\r\n"),
    ("a field without a name", "GET /a HTTP/1.1\r\n{H}: b\r\n\r\n"),
    ("a field without a colon", "GET /a HTTP/1.1\r\n{H}nothing\r\n\r\n"),
    ("absolute target, ours", "GET http://127.0.0.1/a HTTP/1.1\r\n{H}\r\n"),
    ("absolute target, another host", "GET http://evil.example/a HTTP/1.1\r\n{H}\r\n"),
    ("absolute target, https", "GET https://evil.example/a HTTP/1.1\r\n{H}\r\n"),
    ("two slashes", "GET //evil.example/a HTTP/1.1\r\n{H}\r\n"),
    ("two slashes and userinfo", "GET //127.0.0.1@evil.example/a HTTP/1.1\r\n{H}\r\n"),
    ("three slashes", "GET ///evil.example/a HTTP/1.1\r\n{H}\r\n"),
    ("backslashes", "GET /\\evil.example/a HTTP/1.1\r\n{H}\r\n"),
    ("backslash first", "GET \\evil.example/a HTTP/1.1\r\n{H}\r\n"),
    ("authority as the target", "GET evil.example:80 HTTP/1.1\r\n{H}\r\n"),
    ("at sign as the target", "GET @evil.example/a HTTP/1.1\r\n{H}\r\n"),
    ("star", "OPTIONS * HTTP/1.1\r\n{H}\r\n"),
    ("fragment", "GET /a#/../b HTTP/1.1\r\n{H}\r\n"),
    ("a space in the target", "GET /a b HTTP/1.1\r\n{H}\r\n"),
    ("a version in the target", "GET /a HTTP/1.1\r\nx: y HTTP/1.1\r\n{H}\r\n"),
    ("CONNECT", "CONNECT evil.example:443 HTTP/1.1\r\n{H}\r\n"),
    ("TRACE", "TRACE /a HTTP/1.1\r\n{H}\r\n"),
    ("Connection names Authorization", "GET /a HTTP/1.1\r\n{H}connection: authorization\r\n\r\n"),
    ("Connection names Host", "GET /a HTTP/1.1\r\n{H}connection: keep-alive, Host\r\n\r\n"),
    (
        "Connection names Content-Length",
        "POST /a HTTP/1.1\r\n{H}connection: content-length\r\ncontent-length: 29\r\n\r\nGET /smuggled HTTP/1.1\r\nx: y\r\n",
    ),
    ("authorization twice", "GET /a HTTP/1.1\r\n{H}authorization: Bearer evil\r\n\r\n"),
    ("proxy-authorization", "GET /a HTTP/1.1\r\n{H}proxy-authorization: Bearer evil\r\n\r\n"),
    (
        "upgrade to h2c",
        "GET /a HTTP/1.1\r\n{H}connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n",
    ),
    (
        "upgrade to a websocket",
        "GET /a HTTP/1.1\r\n{H}connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: x\r\nsec-websocket-version: 13\r\n\r\n",
    ),
    ("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("HTTP/0.9", "GET /a\r\n"),
    ("HTTP/1.2", "GET /a HTTP/1.2\r\n{H}\r\n"),
    ("HTTP/1.0", "GET /a HTTP/1.0\r\n{H}\r\n"),
    ("lower-case version", "GET /a http/1.1\r\n{H}\r\n"),
    ("lines before the request", "\r\n\r\nGET /a HTTP/1.1\r\n{H}\r\n"),
    ("pipelined", "GET /a HTTP/1.1\r\n{H}\r\nGET /b HTTP/1.1\r\n{H}\r\n"),
    (
        "X-Forwarded-Host and friends",
        "GET /a HTTP/1.1\r\n{H}x-forwarded-host: evil.example\r\nforwarded: host=evil.example\r\n\r\n",
    ),
    (
        "trailers that authenticate",
        "POST /a HTTP/1.1\r\n{H}transfer-encoding: chunked\r\ntrailer: authorization, host, content-length\r\n\r\n3\r\nabc\r\n0\r\nauthorization: Bearer evil\r\nhost: evil.example\r\ncontent-length: 9\r\n\r\n",
    ),
];

/// Sends bytes and reads what comes, until the gateway closes or is silent: then it waits for what
/// never comes, and the client ends.
async fn exchange(running: &Running, bytes: &[u8]) -> Vec<u8> {
    let mut connection = running.connect().await;
    connection.stream.write_all(bytes).await.ok();
    let mut answers = Vec::new();
    let mut part = [0; 4096];
    loop {
        let read = timeout(SILENCE, connection.stream.read(&mut part)).await;
        match read {
            Ok(Ok(length @ 1..)) => answers.extend_from_slice(&part[..length]),
            Ok(_) => return answers,
            Err(_) => break,
        }
    }
    connection.stream.shutdown().await.ok();
    let rest = timeout(Duration::from_secs(20), connection.stream.read_to_end(&mut answers)).await;
    rest.expect("the gateway ends").ok();
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_api_sees_one_framing_our_authority_and_exactly_one_bearer() {
    let all = CORPUS.iter().map(|(name, template)| {
        tokio::spawn(async move {
            let api = Api::fine().await;
            let running = Running::before(&api.url(), Arc::new(Numbered::default()));
            let fields = running.fields();
            let text = template.replace("{H}", &fields).replace("{h}", &fields.replace('\r', ""));
            let answers = exchange(&running, text.as_bytes()).await;
            let answered = String::from_utf8_lossy(&answers).matches("HTTP/1.").count();
            let seen = api.seen();
            assert!(seen.len() <= answered, "{name}: {answered} answers to {seen:?}");
            for request in &seen {
                check(name, request, &api);
                let line = request.split("\r\n").next().unwrap();
                assert!(!line.contains("smuggled"), "{name}: {request}");
            }
            seen.len()
        })
    });
    let mut passed = 0;
    for one in all.collect::<Vec<_>>() {
        passed += one.await.unwrap();
    }
    assert!(passed >= 12, "only {passed} of {} reached the API", CORPUS.len());
}

/// Numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap() % limit.max(1)
    }
}

/// What is put in, or in place of something.
const PIECES: &[&[u8]] = &[
    b"\r",
    b"\n",
    b"\r\n",
    b" ",
    b"\t",
    b"\0",
    b":",
    b",",
    b";",
    b"/",
    b"//",
    b"#",
    b"?",
    b"%0d%0a",
    b"\x80",
    b"\xff",
    b"chunked",
    b"0\r\n\r\n",
    b"1",
    b"GET /x HTTP/1.1\r\n",
    b"host: evil.example\r\n",
    b"content-length: 1\r\n",
    b"transfer-encoding: chunked\r\n",
    b"authorization: Bearer evil\r\n",
    b"connection: host\r\n",
    b"trailer: host\r\n",
    b"te: trailers\r\n",
    b"HTTP/1.0",
    b"http://evil.example",
];

fn mutated(bytes: &mut Vec<u8>, numbers: &mut Numbers) {
    for _ in 0..=numbers.below(3) {
        let at = numbers.below(bytes.len() + 1);
        let piece = PIECES[numbers.below(PIECES.len())];
        match numbers.below(4) {
            0 => drop(bytes.splice(at..at, piece.iter().copied())),
            1 => {
                let end = (at + 1 + numbers.below(12)).min(bytes.len());
                drop(bytes.splice(at.min(end)..end, piece.iter().copied()));
            }
            2 => {
                let end = (at + numbers.below(40)).min(bytes.len());
                let copy = bytes[at.min(end)..end].to_vec();
                drop(bytes.splice(at..at, copy));
            }
            _ => {
                let end = (at + 1).min(bytes.len());
                drop(bytes.drain(at.min(end)..end));
            }
        }
    }
}

fn filled(template: &[u8], fields: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = template;
    while let Some((first, after)) = rest.split_first() {
        match rest.get(..3) {
            Some(b"{H}" | b"{h}") => {
                bytes.extend_from_slice(fields.as_bytes());
                rest = &rest[3..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_made_of_the_corpus_the_api_sees_the_same() {
    let rounds = if std::env::var("DAYPASS_SOAK").is_ok() { 100_000 } else { 1_500 };
    let api = Api::fine().await;
    let running = Arc::new(Running::before(&api.url(), Arc::new(Numbered::default())));
    let fields = running.fields();
    let mut numbers = Numbers(42);
    let mut passed = 0;
    for batch in 0..rounds / 50 {
        let exchanges = (0..50).map(|_| {
            let (_, template) = CORPUS[numbers.below(CORPUS.len())];
            // The fields that every request needs stay whole: without them nothing passes.
            let mut bytes = template.as_bytes().to_vec();
            mutated(&mut bytes, &mut numbers);
            let bytes = filled(&bytes, &fields);
            let running = Arc::clone(&running);
            tokio::spawn(async move { exchange(&running, &bytes).await })
        });
        for exchange in exchanges.collect::<Vec<_>>() {
            exchange.await.unwrap();
        }
        let taken = api.taken();
        for request in &taken {
            check(&format!("batch {batch}"), request, &api);
        }
        passed += taken.len();
    }
    println!(
        "soak: gateway: {rounds} requests made of the corpus, {passed} of them reached the API"
    );
    assert!(passed > rounds / 20, "{passed} of {rounds}");
}

/// `Api` itself looks for two framings, or a field of framing twice.
fn check(name: &str, request: &str, api: &Api) {
    let (head, _) = request.split_once("\r\n\r\n").unwrap();
    let mut lines = head.split("\r\n");
    let line = lines.next().unwrap();
    assert!(line.ends_with(" HTTP/1.1"), "{name}: {line}");
    let target = line.split(' ').nth(1).unwrap();
    assert!(target.starts_with('/') && !target.starts_with("//"), "{name}: {line}");
    let fields: Vec<_> = lines.map(|line| line.split_once(": ").unwrap_or((line, ""))).collect();
    let all = |name: &str| {
        let named = fields.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        named.map(|(_, value)| *value).collect::<Vec<_>>()
    };
    assert_eq!(all("host"), [api.addr.to_string()], "{name}");
    assert_eq!(all("authorization"), ["Bearer token-1"], "{name}");
    for gone in ["connection", "upgrade", "http2-settings", "proxy-authorization", "keep-alive"] {
        assert!(all(gone).is_empty(), "{name}: {gone}");
    }
}
