//! That a gateway takes no more memory after very many requests than after some.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::world::{Running, World, soaking};

/// Requests that are sent at once on a connection.
const AT_ONCE: usize = 16;
const CONNECTIONS: usize = 4;
/// How often the API refuses a token: the request is sent again with another one then.
const REFUSES: u64 = 5_000;

/// An API that answers as soon as it has read the fields of a request; now and then with 401.
fn api() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answered = Arc::new(AtomicU64::new(0));
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let answered = Arc::clone(&answered);
            std::thread::spawn(move || answer_all(stream, &answered));
        }
    });
    port
}

fn answer_all(mut stream: TcpStream, answered: &AtomicU64) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut buffer = vec![0; 64 * 1024];
    let mut filled = 0;
    loop {
        let length = stream.read(&mut buffer[filled..]).ok().filter(|length| *length > 0)?;
        filled += length;
        while let Some(end) = find(&buffer[..filled], b"\r\n\r\n") {
            let mut used = end + 4;
            if buffer.starts_with(b"POST") {
                used += 4;
                if filled < used {
                    break;
                }
            }
            buffer.copy_within(used..filled, 0);
            filled -= used;
            let number = answered.fetch_add(1, Ordering::Relaxed);
            let status = if number % REFUSES == REFUSES - 1 { "401 No" } else { "200 OK" };
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 5\r\n\r\n~end~");
            stream.write_all(answer.as_bytes()).ok()?;
        }
    }
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

/// Sends so many requests, and returns how many were not answered with 200.
fn send(port: u16, token: &str, requests: u64) -> u64 {
    let each = requests / (CONNECTIONS * AT_ONCE) as u64;
    let clients = (0..CONNECTIONS).map(|_| {
        let fields = format!("host: 127.0.0.1:{port}\r\nauthorization: Bearer {token}\r\n");
        std::thread::spawn(move || {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
            stream.set_nodelay(true).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
            let get = format!("GET /api/v2/users HTTP/1.1\r\n{fields}\r\n");
            let post = format!("POST /api/v2/x HTTP/1.1\r\n{fields}content-length: 4\r\n\r\nbody");
            let batch = get.repeat(AT_ONCE - 1) + &post;
            let mut wrong = 0;
            let mut part = [0; 16 * 1024];
            let mut answers = Vec::new();
            for _ in 0..each {
                stream.write_all(batch.as_bytes()).unwrap();
                answers.clear();
                let ends = |answers: &[u8]| answers.windows(5).filter(|w| w == b"~end~").count();
                while !answers.ends_with(b"~end~") || ends(&answers) < AT_ONCE {
                    let length = stream.read(&mut part).unwrap();
                    assert!(length > 0, "{}", String::from_utf8_lossy(&answers));
                    answers.extend_from_slice(&part[..length]);
                }
                let good = answers.windows(12).filter(|w| w == b"HTTP/1.1 200").count();
                wrong += (AT_ONCE - good) as u64;
            }
            wrong
        })
    });
    clients.collect::<Vec<_>>().into_iter().map(|client| client.join().unwrap()).sum()
}

/// In KiB.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_gateway_takes_no_more_memory_after_very_many_requests_than_after_some() {
    let requests = if soaking() { 10_000_000 } else { 32_000 };
    let world = World::new(Duration::from_secs(3600));
    world.api_at(api());
    let running = Running::start(&world, &[]);
    let port = u16::try_from(running.ready["port"].as_u64().unwrap()).unwrap();
    let token = running.ready["token"].as_str().unwrap();
    // What is there only once: connections, buffers, arenas.
    let mut wrong = send(port, token, requests / 10);
    let before = resident(running.child.id());
    wrong += send(port, token, requests);
    let after = resident(running.child.id());
    println!(
        "soak: gateway: {before} KiB resident, {after} KiB after {requests} more requests, {wrong} \
         of them not answered with 200; {} tokens",
        world.sandbox.tokens_issued()
    );
    assert_eq!(wrong, 0);
    assert!(world.sandbox.tokens_issued() > requests / REFUSES / 2, "some were refused");
    assert!(after < before + 1024, "{before} KiB, then {after} KiB");
}

/// Holds so many connections at once that sent a part of their fields or of a body, and lets them go.
fn flood(port: u16, token: &str, connections: usize) {
    let post = format!(
        "POST /api/v2/x HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: Bearer {token}\r\n\
         content-length: 1000000\r\n\r\n{}",
        "y".repeat(50_000)
    );
    let get = format!("GET / HTTP/1.1\r\nx: {}", "y".repeat(30_000));
    let held = (0..connections).map(|number| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let what = if number % 2 == 0 { &get } else { &post };
        // It may be cut off: that is up to the gateway.
        stream.write_all(what.as_bytes()).ok();
        stream
    });
    let held: Vec<_> = held.collect();
    // Who comes after them is served after they have been let in.
    assert_eq!(send(port, token, 64), 0);
    drop(held);
}

#[test]
fn a_gateway_takes_no_more_memory_after_many_floods_than_after_some() {
    let world = World::new(Duration::from_secs(3600));
    world.api_at(api());
    let running = Running::start(&world, &[]);
    let port = u16::try_from(running.ready["port"].as_u64().unwrap()).unwrap();
    let token = running.ready["token"].as_str().unwrap();
    let first = resident(running.child.id());
    let rounds = |count| (0..count).for_each(|_| flood(port, token, 150));
    rounds(5);
    let before = resident(running.child.id());
    rounds(15);
    let after = resident(running.child.id());
    assert!(before > first + 2048, "the floods arrived: {first} KiB, then {before} KiB");
    assert!(after < before + 4096, "{before} KiB, then {after} KiB");
}
