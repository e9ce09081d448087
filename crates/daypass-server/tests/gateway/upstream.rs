//! An API that records what it is sent, byte by byte, and answers as a test says.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What an API does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Reads the request whole, then sends this, and keeps the connection.
    Answer(Vec<u8>),
    /// Sends this when the fields of the request are there, and reads no body.
    Early(Vec<u8>),
    /// Reads the request whole, sends this and closes.
    AnswerAndClose(Vec<u8>),
    /// Reads the request whole, sends this and resets the connection.
    AnswerAndReset(Vec<u8>),
    /// Reads the request whole, and says nothing more on it.
    Silence,
}

type Script = dyn Fn(&str) -> Act + Send + Sync;

/// A listening API. Every request that it read is kept as text.
pub(crate) struct Api {
    pub(crate) addr: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Api {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Api {
    pub(crate) async fn start(script: impl Fn(&str) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let script: Arc<Script> = Arc::new(script);
        let (log, count) = (Arc::clone(&seen), Arc::clone(&connections));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(stream, Arc::clone(&script), Arc::clone(&log)));
            }
        });
        Self { addr, seen, connections, task }
    }

    /// An API that answers 200 to everything.
    pub(crate) async fn fine() -> Self {
        Self::start(|_| Act::Answer(ok("fine"))).await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

/// An answer with a length.
pub(crate) fn answer(status: &str, fields: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{fields}content-length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

pub(crate) fn ok(body: &str) -> Vec<u8> {
    answer("200 OK", "", body)
}

pub(crate) fn unauthorized() -> Vec<u8> {
    answer("401 Unauthorized", "www-authenticate: Bearer error=\"invalid_token\"\r\n", "who?")
}

async fn serve(mut stream: TcpStream, script: Arc<Script>, seen: Arc<Mutex<Vec<String>>>) {
    let mut buffer = Vec::new();
    loop {
        let Some(head) = read_until(&mut stream, &mut buffer, b"\r\n\r\n").await else { return };
        let head = String::from_utf8_lossy(&head).into_owned();
        let act = script(&head);
        if let Act::Early(bytes) = act {
            seen.lock().unwrap().push(head);
            stream.write_all(&bytes).await.ok();
            stream.shutdown().await.ok();
            return;
        }
        let Some(body) = read_body(&head, &mut stream, &mut buffer).await else { return };
        seen.lock().unwrap().push(format!("{head}{body}"));
        match act {
            Act::Answer(bytes) => {
                if stream.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            Act::AnswerAndClose(bytes) => {
                stream.write_all(&bytes).await.ok();
                return;
            }
            Act::AnswerAndReset(bytes) => {
                stream.write_all(&bytes).await.ok();
                // The bytes must be read before the reset overtakes them.
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                rustix::net::sockopt::set_socket_linger(&stream, Some(std::time::Duration::ZERO))
                    .ok();
                return;
            }
            Act::Silence => std::future::pending().await,
            Act::Early(_) => return,
        }
    }
}

/// Reads what a request's fields announce; strictly, as an API that trusts nobody would.
async fn read_body(head: &str, stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<String> {
    let field = |name: &str| {
        let values: Vec<_> = head
            .split("\r\n")
            .filter_map(|line| line.split_once(':'))
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().to_owned())
            .collect();
        assert!(values.len() < 2, "{name} stands twice: {head}");
        values.into_iter().next()
    };
    match (field("content-length"), field("transfer-encoding")) {
        (Some(_), Some(_)) => panic!("two framings: {head}"),
        (None, None) => Some(String::new()),
        (Some(length), None) => {
            let length: usize = length.parse().unwrap();
            while buffer.len() < length {
                more(stream, buffer).await?;
            }
            Some(String::from_utf8_lossy(&buffer.drain(..length).collect::<Vec<_>>()).into_owned())
        }
        (None, Some(coding)) => {
            assert_eq!(coding, "chunked");
            let mut body = String::new();
            loop {
                let line = read_until(stream, buffer, b"\r\n").await?;
                let digits = std::str::from_utf8(&line).unwrap().trim();
                let length = usize::from_str_radix(digits, 16).unwrap();
                if length == 0 {
                    let mut trailers = read_until(stream, buffer, b"\r\n").await?;
                    while trailers != b"\r\n" {
                        body.push_str(&String::from_utf8_lossy(&trailers));
                        trailers = read_until(stream, buffer, b"\r\n").await?;
                    }
                    return Some(body);
                }
                while buffer.len() < length + 2 {
                    more(stream, buffer).await?;
                }
                let chunk: Vec<_> = buffer.drain(..length + 2).collect();
                body.push_str(&String::from_utf8_lossy(&chunk[..length]));
            }
        }
    }
}

async fn read_until(stream: &mut TcpStream, buffer: &mut Vec<u8>, end: &[u8]) -> Option<Vec<u8>> {
    loop {
        if let Some(at) = buffer.windows(end.len()).position(|part| part == end) {
            return Some(buffer.drain(..at + end.len()).collect());
        }
        more(stream, buffer).await?;
    }
}

async fn more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    let mut part = [0; 16 * 1024];
    let length = stream.read(&mut part).await.ok().filter(|length| *length > 0)?;
    buffer.extend_from_slice(&part[..length]);
    Some(())
}
