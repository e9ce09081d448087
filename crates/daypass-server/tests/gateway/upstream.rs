//! An API that records what it is sent, byte by byte, and answers as a test says.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What an API does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Reads the request whole, then sends this, and keeps the connection.
    Answer(Vec<u8>),
    /// Sends this when the fields of the request are there, and reads no body.
    Early(Vec<u8>),
    /// Sends this when the fields of the request are there, waits a little, and reads its body then.
    AnswerThenRead(Vec<u8>),
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
    wrong: Arc<Mutex<Vec<String>>>,
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
        let wrong = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let script: Arc<Script> = Arc::new(script);
        let (log, count) = (Arc::clone(&seen), Arc::clone(&connections));
        let faults = Arc::clone(&wrong);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                let (script, log) = (Arc::clone(&script), Arc::clone(&log));
                let faults = Arc::clone(&faults);
                tokio::spawn(async move {
                    if let Err(fault) = serve(stream, script, log).await {
                        faults.lock().unwrap().push(fault);
                    }
                });
            }
        });
        Self { addr, seen, wrong, connections, task }
    }

    /// An API that answers 200 to everything.
    pub(crate) async fn fine() -> Self {
        Self::start(|_| Act::Answer(ok("fine"))).await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Every request. Fails where one was framed in more than one way, or in a wrong one.
    pub(crate) fn seen(&self) -> Vec<String> {
        let wrong = self.wrong.lock().unwrap().clone();
        assert!(wrong.is_empty(), "{wrong:?}");
        self.seen.lock().unwrap().clone()
    }

    /// Every request since the last time.
    pub(crate) fn taken(&self) -> Vec<String> {
        let seen = self.seen();
        self.seen.lock().unwrap().drain(..seen.len());
        seen
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

async fn serve(
    mut stream: TcpStream,
    script: Arc<Script>,
    seen: Arc<Mutex<Vec<String>>>,
) -> Result<(), String> {
    let mut buffer = Vec::new();
    loop {
        let Some(head) = read_until(&mut stream, &mut buffer, b"\r\n\r\n").await else {
            return Ok(());
        };
        let head = String::from_utf8_lossy(&head).into_owned();
        let act = script(&head);
        if let Act::Early(bytes) = act {
            seen.lock().unwrap().push(head);
            stream.write_all(&bytes).await.ok();
            stream.shutdown().await.ok();
            return Ok(());
        }
        if let Act::AnswerThenRead(bytes) = &act {
            stream.write_all(bytes).await.ok();
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let Some(body) = read_body(&head, &mut stream, &mut buffer).await? else { return Ok(()) };
        seen.lock().unwrap().push(format!("{head}{body}"));
        match act {
            Act::Answer(bytes) => {
                if stream.write_all(&bytes).await.is_err() {
                    return Ok(());
                }
            }
            Act::AnswerAndClose(bytes) => {
                stream.write_all(&bytes).await.ok();
                return Ok(());
            }
            Act::AnswerAndReset(bytes) => {
                stream.write_all(&bytes).await.ok();
                // The bytes must be read before the reset overtakes them.
                tokio::time::sleep(Duration::from_millis(50)).await;
                rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).ok();
                return Ok(());
            }
            Act::AnswerThenRead(_) => {}
            Act::Silence => std::future::pending().await,
            Act::Early(_) => return Ok(()),
        }
    }
}

/// Reads what a request's fields announce; strictly, as an API that trusts nobody would. `None` if
/// the connection ends before.
async fn read_body(
    head: &str,
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
) -> Result<Option<String>, String> {
    let field = |name: &str| {
        let lines = head.split("\r\n").filter_map(|line| line.split_once(':'));
        let mut values = lines.filter(|(key, _)| key.eq_ignore_ascii_case(name));
        let first = values.next().map(|(_, value)| value.trim().to_owned());
        match values.next() {
            None => Ok(first),
            Some(_) => Err(format!("{name} stands twice: {head}")),
        }
    };
    match (field("content-length")?, field("transfer-encoding")?) {
        (Some(_), Some(_)) => Err(format!("two framings: {head}")),
        (None, None) => Ok(Some(String::new())),
        (Some(length), None) => {
            let length: usize = length.parse().map_err(|_| format!("no length: {head}"))?;
            while buffer.len() < length {
                if more(stream, buffer).await.is_none() {
                    return Ok(None);
                }
            }
            let body: Vec<u8> = buffer.drain(..length).collect();
            Ok(Some(String::from_utf8_lossy(&body).into_owned()))
        }
        (None, Some(coding)) if coding == "chunked" => read_chunks(stream, buffer).await,
        (None, Some(coding)) => Err(format!("{coding}: {head}")),
    }
}

async fn read_chunks(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
) -> Result<Option<String>, String> {
    let mut body = String::new();
    loop {
        let Some(line) = read_until(stream, buffer, b"\r\n").await else { return Ok(None) };
        let digits = String::from_utf8_lossy(&line).trim_end().to_owned();
        let length = usize::from_str_radix(&digits, 16)
            .ok()
            .filter(|_| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .ok_or_else(|| format!("no chunk: {digits:?}"))?;
        if length == 0 {
            loop {
                let Some(line) = read_until(stream, buffer, b"\r\n").await else {
                    return Ok(None);
                };
                if line == b"\r\n" {
                    return Ok(Some(body));
                }
                body.push_str(&String::from_utf8_lossy(&line));
            }
        }
        while buffer.len() < length + 2 {
            if more(stream, buffer).await.is_none() {
                return Ok(None);
            }
        }
        let chunk: Vec<u8> = buffer.drain(..length + 2).collect();
        if !chunk.ends_with(b"\r\n") {
            return Err("a chunk does not end".to_owned());
        }
        body.push_str(&String::from_utf8_lossy(&chunk[..length]));
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
