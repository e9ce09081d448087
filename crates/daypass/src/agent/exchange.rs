//! The asynchronous shell: one exchange, within a time. And what is said when there is none.

use std::io;
use std::sync::OnceLock;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::answer::Answer;
use super::peer::peer_of;
use super::wire::Incoming;
use crate::{AgentAddress, Code, Error};

/// How long an agent has to answer what it knows.
pub(super) const PROMPT: Duration = Duration::from_secs(10);
/// What an agent gets on top of the time that it may take: it tells why it has no token. Little, since
/// somebody said how long to wait; an agent is near, and answers a little before its time is over.
pub(super) const GRACE: Duration = Duration::from_millis(250);

pub(super) async fn ask(
    address: &AgentAddress,
    request: &[u8],
    patience: Duration,
) -> Result<Answer, Error> {
    let process = OnceLock::new();
    timeout(patience, exchange(address, request, &process))
        .await
        .unwrap_or_else(|_| Err(silent(address, patience, process.get().copied())))
}

/// Notes whose process is at the other end, as soon as that is known.
async fn exchange(
    address: &AgentAddress,
    request: &[u8],
    process: &OnceLock<i32>,
) -> Result<Answer, Error> {
    let failed = |error: io::Error| unreachable(address, &error);
    let mut stream = UnixStream::connect(address.path()).await.map_err(failed)?;
    let peer = peer_of(&stream).map_err(failed)?;
    if !peer.is_own() {
        return Err(foreign(address));
    }
    let _ = process.set(peer.pid);
    stream.write_all(request).await.map_err(failed)?;
    let mut incoming = Incoming::new();
    loop {
        let count = stream.read(incoming.space()).await.map_err(failed)?;
        if incoming.took(count, address)? {
            return incoming.answer(address);
        }
    }
}

/// Nobody is there.
pub(super) fn unreachable(address: &AgentAddress, error: &io::Error) -> Error {
    let why = match error.kind() {
        io::ErrorKind::NotFound => "there is no such socket".to_owned(),
        io::ErrorKind::ConnectionRefused => "nobody listens there any more".to_owned(),
        io::ErrorKind::PermissionDenied => "this user may not use that socket".to_owned(),
        kind => kind.to_string(),
    };
    Error::new(Code::AgentUnreachable, format!("no agent answers at {address}: {why}"))
        .with_hint("did its job end? Start one: daypass agent --detach; or unset DAYPASS_AGENT")
}

/// It does not answer. Its process may be known all the same: it listens.
pub(super) fn silent(address: &AgentAddress, patience: Duration, process: Option<i32>) -> Error {
    let seconds = patience.as_secs().max(1);
    Error::new(
        Code::AgentUnreachable,
        format!("the agent at {address} has not answered for {seconds} s"),
    )
    .with_hint(match process.filter(|pid| *pid > 0) {
        Some(pid) => format!(
            "is the machine overloaded, or its process {pid} stopped? kill -CONT {pid} lets it go \
             on, kill -9 {pid} ends it"
        ),
        None => "is the machine overloaded, or its process stopped?".to_owned(),
    })
}

/// It is somebody else's.
pub(super) fn foreign(address: &AgentAddress) -> Error {
    Error::new(
        Code::AgentRefused,
        format!("the agent at {address} belongs to another user: it is asked nothing"),
    )
    .with_hint("was this started with sudo? An agent serves its own user alone")
}
