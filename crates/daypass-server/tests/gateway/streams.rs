//! Bodies, in both directions.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::upstream::{Act, Api, answer};
use crate::world::{Numbered, Running};

fn tokens() -> Arc<Numbered> {
    Arc::new(Numbered::default())
}

#[tokio::test]
async fn a_hundred_continue_is_said_when_the_body_is_wanted_and_not_passed_on() {
    let api = Api::fine().await;
    let running = Running::before(&api.url(), tokens());
    let mut connection = running.connect().await;
    let fields = format!("{}expect: 100-continue\r\ncontent-length: 4\r\n", running.fields());
    connection.send(format!("PUT /api HTTP/1.1\r\n{fields}\r\n").as_bytes()).await;
    assert_eq!(connection.answer().await.status, 100);
    connection.send(b"body").await;
    assert_eq!(connection.answer().await.status, 200);
    let seen = api.seen();
    assert!(seen[0].ends_with("\r\n\r\nbody") && !seen[0].contains("expect"), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_still_sends_can_read_the_answer_that_came_before() {
    use std::io::{Read, Write};

    let early = answer("413 Content Too Large", "connection: close\r\n", "too much");
    let api = Api::start(move |_| Act::Early(early.clone())).await;
    let running = Running::before(&api.url(), tokens());
    let (fields, port) = (running.fields(), running.gateway.port());
    let foreign = fields.replace("daypass-local-token", "daypass-local-other");
    // The API's own answer, and one of the gateway.
    for (fields, status) in [(fields, "413"), (foreign, "401")] {
        let read = tokio::task::spawn_blocking(move || {
            let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
            let head = format!("POST /api HTTP/1.1\r\n{fields}content-length: 90000000\r\n\r\n");
            stream.write_all(head.as_bytes()).unwrap();
            // More than the kernel takes in while nobody reads it.
            let part = vec![b'x'; 1_000_000];
            let sent = (0..30).try_for_each(|_| stream.write_all(&part));
            let mut answer = String::new();
            let read = stream.read_to_string(&mut answer);
            (sent.map_err(|e| e.kind()), read.map_err(|e| e.kind()), answer)
        });
        let (sent, read, answer) = read.await.unwrap();
        assert!(sent.is_ok() && read.is_ok(), "{sent:?} {read:?} {answer}");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
}

#[tokio::test]
async fn head_keeps_its_length_and_has_no_body() {
    let api = Api::start(|_| {
        Act::Answer(b"HTTP/1.1 200 OK\r\ncontent-length: 1234\r\netag: x\r\n\r\n".to_vec())
    })
    .await;
    let running = Running::before(&api.url(), tokens());
    let mut connection = running.connect().await;
    for _ in 0..2 {
        connection.send(format!("HEAD /api HTTP/1.1\r\n{}\r\n", running.fields()).as_bytes()).await;
        let answer = connection.answer_to(true).await;
        assert_eq!((answer.status, answer.field("content-length").as_deref()), (200, Some("1234")));
    }
}

#[tokio::test]
async fn trailers_pass_to_who_takes_them() {
    let chunked =
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum, set-cookie\r\n\r\n\
        4\r\nbody\r\n0\r\nx-sum: 7\r\nset-cookie: a=b\r\n\r\n";
    let api = Api::start(|_| Act::Answer(chunked.to_vec())).await;
    let running = Running::before(&api.url(), tokens());
    let answer = running.ask("GET /api", "te: trailers\r\nconnection: te\r\n", "").await;
    assert!(answer.body.ends_with("0\r\nx-sum: 7\r\n\r\n"), "{answer:?}");
    assert!(answer.field("trailer").is_some());
    assert!(api.seen()[0].contains("te: trailers\r\n"), "{:?}", api.seen());
    // Who takes none is not told of any.
    let answer = running.ask("GET /api", "", "").await;
    assert!(answer.body.ends_with("body\r\n0\r\n\r\n"), "{answer:?}");
    assert_eq!(answer.field("trailer"), None);
}

#[tokio::test]
async fn compressed_bodies_and_odd_fields_are_not_touched() {
    let fields = "content-encoding: gzip\r\ncontent-type: application/json\r\nset-cookie: a\r\n\
                  set-cookie: b\r\ninin-ratelimit-count: 1\r\ndaypass-error: forged\r\n";
    let api = Api::start(move |_| Act::Answer(answer("200 OK", fields, "\x1f\x08raw"))).await;
    let running = Running::before(&api.url(), tokens());
    let answer = running.ask("GET /api", "accept-encoding: gzip, br\r\ndaypass-x: 1\r\n", "").await;
    assert_eq!(answer.body, "\x1f\x08raw");
    assert!(answer.fields.contains("content-encoding: gzip\r\n"));
    assert_eq!(answer.fields.matches("set-cookie").count(), 2);
    assert!(!answer.fields.contains("forged"));
    let seen = api.seen();
    assert!(seen[0].contains("accept-encoding: gzip, br\r\n") && !seen[0].contains("daypass-x"));
}

#[tokio::test]
async fn events_arrive_as_they_are_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (next, mut wanted) = tokio::sync::mpsc::channel::<()>(1);
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 4096];
        let _ = stream.read(&mut request).await.unwrap();
        let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(head).await.unwrap();
        while wanted.recv().await.is_some() {
            stream.write_all(b"b\r\ndata: one\n\n\r\n").await.unwrap();
        }
        stream.write_all(b"0\r\n\r\n").await.unwrap();
    });
    let running = Running::before(&format!("http://{addr}"), tokens());
    let mut connection = running.connect().await;
    connection.send(format!("GET /events HTTP/1.1\r\n{}\r\n", running.fields()).as_bytes()).await;
    let mut got = Vec::new();
    for events in 0..4 {
        if events > 0 {
            next.send(()).await.unwrap();
        }
        let all = |got: &[u8]| got.windows(11).filter(|part| part == b"data: one\n\n").count();
        while all(&got) < events || !got.windows(4).any(|part| part == b"\r\n\r\n") {
            let mut part = [0; 1024];
            let read = connection.stream.read(&mut part);
            let length =
                tokio::time::timeout(Duration::from_secs(20), read).await.unwrap().unwrap();
            assert!(length > 0);
            got.extend_from_slice(&part[..length]);
        }
    }
}

/// Sends and receives much more than anything keeps, and looks at what the process has grown by.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_bodies_stream_in_constant_memory() {
    const MIB: usize = 1024 * 1024;
    let whole = if std::env::var("DAYPASS_SOAK").is_ok() { 1024 * MIB } else { 128 * MIB };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {whole}\r\n\r\n");
        // An echo: what comes goes back, from the first byte on.
        let (mut reading, mut writing) = stream.split();
        let mut buffer = vec![0; 256 * 1024];
        let mut seen = Vec::new();
        let start = loop {
            let length = reading.read(&mut buffer).await.unwrap();
            seen.extend_from_slice(&buffer[..length]);
            if let Some(at) = seen.windows(4).position(|part| part == b"\r\n\r\n") {
                break at + 4;
            }
        };
        writing.write_all(head.as_bytes()).await.unwrap();
        writing.write_all(&seen[start..]).await.unwrap();
        let mut sent = seen.len() - start;
        while sent < whole {
            let length = reading.read(&mut buffer).await.unwrap();
            writing.write_all(&buffer[..length]).await.unwrap();
            sent += length;
        }
    });
    let running = Running::before(&format!("http://{addr}"), tokens());
    let connection = running.connect().await;
    let head =
        format!("POST /echo HTTP/1.1\r\n{}content-length: {whole}\r\n\r\n", running.fields());
    let (mut reading, mut writing) = connection.stream.into_split();
    let before = rss();
    let upload = tokio::spawn(async move {
        writing.write_all(head.as_bytes()).await.unwrap();
        let part = vec![b'x'; 64 * 1024];
        for _ in 0..whole / part.len() {
            writing.write_all(&part).await.unwrap();
        }
        writing
    });
    let mut buffer = vec![0; 256 * 1024];
    let (mut got, mut most) = (0, 0);
    while got < whole {
        let length = reading.read(&mut buffer).await.unwrap();
        assert!(length > 0, "{got} of {whole}");
        got += length;
        most = most.max(rss());
    }
    upload.await.unwrap();
    let grown = most.saturating_sub(before);
    assert!(grown < 24 * MIB, "grown by {} MiB while {} passed", grown / MIB, whole / MIB);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_is_passed_on_while_nobody_reads_the_answer_to_it() {
    // More than all buffers on the way take.
    const WHOLE: usize = 24 * 1024 * 1024;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (mut reading, mut writing) = stream.into_split();
        let mut part = vec![0; 64 * 1024];
        let _ = reading.read(&mut part).await.unwrap();
        tokio::spawn(async move {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {WHOLE}\r\n\r\n");
            writing.write_all(head.as_bytes()).await.unwrap();
            writing.write_all(&vec![b'y'; WHOLE]).await.unwrap();
        });
        while reading.read(&mut part).await.is_ok_and(|length| length > 0) {}
    });
    let running = Running::before(&format!("http://{addr}"), tokens());
    let mut connection = running.connect().await;
    let head = format!("POST /x HTTP/1.1\r\n{}content-length: {WHOLE}\r\n\r\n", running.fields());
    connection.send(head.as_bytes()).await;
    connection.send(&vec![b'x'; WHOLE]).await;
    let answer = connection.answer().await;
    assert_eq!((answer.status, answer.body.len(), answer.whole), (200, WHOLE, true));
}

fn rss() -> usize {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap();
    status.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[tokio::test]
async fn a_gateway_that_drains_finishes_what_is_under_way_and_accepts_no_more() {
    let api = Api::start(|_| Act::Silence).await;
    let mut running = Running::before(&api.url(), tokens());
    let port = running.gateway.port();
    let mut idle = running.connect().await;
    idle.send(b"").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let slow = Running::before(&format!("http://{}", listener.local_addr().unwrap()), tokens());
    let mut slow_gateway = slow;
    let mut connection = slow_gateway.connect().await;
    let request = format!("GET /api HTTP/1.1\r\n{}\r\n", slow_gateway.fields());
    connection.send(request.as_bytes()).await;
    let (mut upstream, _) = listener.accept().await.unwrap();
    let slow_port = slow_gateway.gateway.port();
    let draining = tokio::spawn(async move { slow_gateway.gateway.drain().await });
    while tokio::net::TcpStream::connect(("127.0.0.1", slow_port)).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    upstream.write_all(&answer("200 OK", "", "late")).await.unwrap();
    let late = connection.answer().await;
    assert_eq!((late.status, late.body.as_str()), (200, "late"));
    tokio::time::timeout(Duration::from_secs(20), draining).await.unwrap().unwrap();
    // Nothing is under way: an idle connection is no reason to wait.
    tokio::time::timeout(Duration::from_secs(20), running.gateway.drain()).await.unwrap();
    assert!(tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err());
}
