//! The HTTP server over real sockets: what a client sees of each ending.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use daypass_sandbox::{Endpoint, Fault, Sandbox, ServeError, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::*;

const LOOPBACK: &str = "127.0.0.1:0";
/// Longer than anything here takes, so that a hang fails.
const PATIENCE: Duration = Duration::from_secs(30);
/// Long enough for loopback, short enough for a test that must see nothing.
const NOTHING: Duration = Duration::from_millis(150);

fn wire(close: bool) -> String {
    let body = "grant_type=client_credentials";
    let connection = if close { "close" } else { "keep-alive" };
    format!(
        "POST /oauth/token HTTP/1.1\r\nhost: h\r\nconnection: {connection}\r\nauthorization: {}\r\n\
         content-type: {FORM}\r\ncontent-length: {}\r\n\r\n{body}",
        basic("sandbox", "sandbox-secret"),
        body.len(),
    )
}

/// Sends a token request and leaves the connection open.
fn connect(addr: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(wire(false).as_bytes()).unwrap();
    stream
}

/// Reads until the server closes; a reset is an end like any other.
fn read_all(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn split(answer: &str) -> (usize, &str) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    (length.parse().unwrap(), body)
}

fn serve(fault: &str) -> (Sandbox, daypass_sandbox::ServerThread) {
    let sandbox = Sandbox::new();
    sandbox.plan(fault.parse().unwrap());
    let server = Server::spawn_thread(sandbox.clone()).unwrap();
    (sandbox, server)
}

#[test]
fn a_thread_serves_a_synchronous_test_until_it_is_shut_down() {
    let (sandbox, server) = serve("none*1");
    assert_eq!(server.url(), format!("http://127.0.0.1:{}", server.addr.port()));
    let mut stream = TcpStream::connect(server.addr).unwrap();
    stream.write_all(wire(true).as_bytes()).unwrap();
    let answer = read_all(&mut stream);
    let (length, body) = split(&answer);
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && body.len() == length);
    assert_eq!(sandbox.tokens_issued(), 1);

    let mut open = connect(server.addr);
    let addr = server.addr;
    server.shutdown();
    read_all(&mut open);
    assert!(TcpStream::connect(addr).is_err());
}

#[tokio::test]
async fn a_current_thread_runtime_serves_too() {
    let sandbox = Sandbox::new();
    let server = Server::start(sandbox.clone(), LOOPBACK.parse().unwrap()).await.unwrap();
    let mut stream = tokio::net::TcpStream::connect(server.addr).await.unwrap();
    stream.write_all(wire(true).as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"));
    let addr = server.addr;
    server.shutdown().await;
    assert!(tokio::net::TcpStream::connect(addr).await.is_err());
}

#[tokio::test]
async fn both_families_have_the_same_port() {
    let server = Server::start_on_both(Sandbox::new(), 0).await.unwrap();
    let port = server.addr.port();
    for addr in [format!("127.0.0.1:{port}"), format!("[::1]:{port}")] {
        let mut stream = tokio::net::TcpStream::connect(addr).await.unwrap();
        stream.write_all(wire(true).as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"));
    }
}

#[tokio::test]
async fn only_loopback_is_served() {
    for addr in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[::ffff:127.0.0.1]:0"] {
        let refused = Server::start(Sandbox::new(), addr.parse().unwrap()).await;
        assert!(matches!(refused, Err(ServeError::NotLoopback(_))), "{addr}");
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error_that_names_it() {
    let first = Server::start(Sandbox::new(), LOOPBACK.parse().unwrap()).await.unwrap();
    let error = Server::start(Sandbox::new(), first.addr).await.unwrap_err();
    assert!(error.to_string().contains(&first.addr.to_string()), "{error}");
    assert!(Server::start_on_both(Sandbox::new(), first.addr.port()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_delay_is_tokios_and_so_costs_no_time_when_paused() {
    let sandbox = Sandbox::new();
    sandbox.stand(Endpoint::Token, Fault::Delay(Duration::from_secs(3600)));
    let server = Server::start(sandbox, LOOPBACK.parse().unwrap()).await.unwrap();
    let before = tokio::time::Instant::now();
    let mut stream = tokio::net::TcpStream::connect(server.addr).await.unwrap();
    stream.write_all(wire(true).as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(before.elapsed() >= Duration::from_secs(3600));
}

#[test]
fn a_stalled_request_keeps_its_connection_and_gets_nothing() {
    let (_, server) = serve("stall");
    let mut stream = connect(server.addr);
    stream.set_read_timeout(Some(NOTHING)).unwrap();
    let error = stream.read(&mut [0; 16]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
}

#[test]
fn a_stalled_body_has_headers_before_it() {
    let (_, server) = serve("stall_body");
    let mut stream = connect(server.addr);
    let mut answer = [0; 4096];
    let n = stream.read(&mut answer).unwrap();
    let text = String::from_utf8_lossy(&answer[..n]).into_owned();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("\r\n\r\n"), "{text}");
    assert!(split(&text).0 > 0);
    stream.set_read_timeout(Some(NOTHING)).unwrap();
    assert_eq!(stream.read(&mut answer).unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn a_truncated_answer_promises_more_than_it_sends() {
    for (after, fault) in [(7, r#"{"truncated":{"after":7}}"#), (0, r#"{"truncated":{"after":0}}"#)]
    {
        let (_, server) = serve(fault);
        let answer = read_all(&mut connect(server.addr));
        let (length, body) = split(&answer);
        assert_eq!(body.len(), after);
        assert!(length > 100);
    }
}

#[test]
fn a_truncated_answer_that_is_shorter_than_the_cut_still_breaks_its_promise() {
    let (_, server) = serve(r#"{"truncated":{"after":100000}}"#);
    let answer = read_all(&mut connect(server.addr));
    let (length, body) = split(&answer);
    assert_eq!(length, body.len() + 1);
}

#[test]
fn a_reset_connection_closes_without_a_byte() {
    let (_, server) = serve("reset");
    assert_eq!(read_all(&mut connect(server.addr)), "");
}

#[test]
fn a_slow_answer_comes_in_pieces_and_whole() {
    let (_, server) = serve(r#"{"slow":{"chunk":30,"every_ms":20}}"#);
    let mut stream = connect(server.addr);
    let (mut answer, mut pieces) = (String::new(), 0);
    loop {
        let mut piece = [0; 4096];
        let n = stream.read(&mut piece).unwrap();
        answer.push_str(std::str::from_utf8(&piece[..n]).unwrap());
        pieces += 1;
        if let Some((head, body)) = answer.split_once("\r\n\r\n")
            && head.contains(&format!("content-length: {}", body.len()))
        {
            break;
        }
    }
    assert!(pieces > 2, "{pieces}");
    assert!(answer.ends_with("\"expires_in\":3600}"));
}

#[test]
fn a_connection_serves_one_request_after_the_other() {
    let (sandbox, server) = serve("none*1");
    let mut stream = connect(server.addr);
    stream.write_all(wire(true).as_bytes()).unwrap();
    assert_eq!(read_all(&mut stream).matches("HTTP/1.1 200 OK").count(), 2);
    assert_eq!((sandbox.token_requests(), sandbox.max_concurrent_token_requests()), (2, 1));
}

#[tokio::test]
async fn two_hundred_clients_at_once_are_all_there_at_once() {
    let (sandbox, server) = serve("stall*200");
    let clients = (0..200).map(|_| async {
        let mut stream = tokio::net::TcpStream::connect(server.addr).await.unwrap();
        stream.write_all(wire(false).as_bytes()).await.unwrap();
        stream
    });
    let mut streams = Vec::new();
    for client in clients {
        streams.push(client.await);
    }
    let all_there = async {
        while sandbox.max_concurrent_token_requests() < 200 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, all_there).await.unwrap();
    drop(streams);
    assert_eq!(sandbox.token_requests(), 200);
    assert_eq!(sandbox.max_concurrent_token_requests(), 200);
}

#[tokio::test]
async fn a_client_that_gives_up_is_no_longer_under_way() {
    let (sandbox, server) = serve("stall*3");
    let streams = [(); 3].map(|()| connect(server.addr));
    let soon = |met: fn(&Sandbox) -> bool| {
        let sandbox = sandbox.clone();
        tokio::time::timeout(PATIENCE, async move {
            while !met(&sandbox) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
    };
    soon(|sandbox| sandbox.max_concurrent_token_requests() == 3).await.unwrap();
    drop(streams);
    let alone = |sandbox: &Sandbox| {
        sandbox.reset();
        drop(sandbox.handle(ask()));
        sandbox.max_concurrent_token_requests() == 1
    };
    soon(alone).await.unwrap();
}

#[test]
fn bytes_that_are_no_http_end_the_connection_and_nothing_else() {
    let (_, server) = serve("none*1");
    let mut stream = TcpStream::connect(server.addr).unwrap();
    stream.write_all(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n").unwrap();
    read_all(&mut stream);
    let mut stream = TcpStream::connect(server.addr).unwrap();
    stream.write_all(wire(true).as_bytes()).unwrap();
    assert!(read_all(&mut stream).starts_with("HTTP/1.1 200 OK"));
}
