//! Clients that close one direction, and clients that go away.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::world::{Connection, Numbered, PATIENCE, Running};

/// A gateway, and what its API accepts; a client's request is under way there.
async fn under_way(request: &str, body: &str) -> (Running, Connection, TcpStream) {
    let api = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", api.local_addr().unwrap());
    let running = Running::before(&url, Arc::new(Numbered::default()));
    let mut client = running.connect().await;
    client.send(format!("{request}{}\r\n{body}", running.fields()).as_bytes()).await;
    let (mut upstream, _) = timeout(PATIENCE, api.accept()).await.unwrap().unwrap();
    let mut seen = Vec::new();
    let ends = format!("\r\n\r\n{body}");
    while !seen.ends_with(ends.as_bytes()) {
        let mut part = [0; 4096];
        let length = timeout(PATIENCE, upstream.read(&mut part)).await.unwrap().unwrap();
        assert!(length > 0);
        seen.extend_from_slice(&part[..length]);
    }
    (running, client, upstream)
}

/// Waits until the gateway closes its connection to the API.
async fn closed(upstream: &mut TcpStream) {
    let read = timeout(PATIENCE, upstream.read(&mut [0; 16])).await.expect("it is closed");
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
}

/// Whether the request stays under way, though the gateway has time to give it up.
async fn is_quiet(upstream: &mut TcpStream) -> bool {
    timeout(Duration::from_millis(100), upstream.read(&mut [0; 1])).await.is_err()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_client_that_sends_no_more_gets_its_answer_and_then_the_end() {
    for (request, body) in [
        ("GET /api HTTP/1.1\r\n", ""),
        ("POST /api HTTP/1.1\r\ncontent-length: 4\r\n", "body"),
        ("POST /api HTTP/1.1\r\ncontent-length: 2000000\r\n", &"x".repeat(2_000_000)),
    ] {
        let (_running, mut client, mut upstream) = under_way(request, body).await;
        client.stream.shutdown().await.unwrap();
        // The gateway has time to misunderstand that.
        assert!(is_quiet(&mut upstream).await, "{request}");
        upstream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "ok"), "{request}");
        let mut rest = Vec::new();
        timeout(PATIENCE, client.stream.read_to_end(&mut rest)).await.unwrap().unwrap();
        assert!(rest.is_empty());
    }
}

#[tokio::test]
async fn the_request_of_a_client_that_is_gone_is_given_up() {
    let (_running, client, mut upstream) = under_way("GET /api HTTP/1.1\r\n", "").await;
    drop(client);
    closed(&mut upstream).await;
}

#[tokio::test]
async fn the_request_of_a_client_that_sends_no_more_and_then_goes_is_given_up() {
    let (_running, mut client, mut upstream) = under_way("GET /api HTTP/1.1\r\n", "").await;
    client.stream.shutdown().await.unwrap();
    assert!(is_quiet(&mut upstream).await || cfg!(not(target_os = "linux")));
    drop(client);
    closed(&mut upstream).await;
}

#[tokio::test]
async fn a_client_that_is_gone_in_the_midst_of_an_answer_ends_it() {
    let (_running, mut client, mut upstream) = under_way("GET /api HTTP/1.1\r\n", "").await;
    upstream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok").await.unwrap();
    timeout(PATIENCE, client.stream.read_exact(&mut [0; 12])).await.unwrap().unwrap();
    drop(client);
    closed(&mut upstream).await;
}
