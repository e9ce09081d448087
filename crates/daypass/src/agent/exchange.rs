//! The asynchronous shell: one exchange, within a time. And what is said when there is none.

use std::io;
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
    timeout(patience, exchange(address, request))
        .await
        .unwrap_or_else(|_| Err(silent(address, patience)))
}

async fn exchange(address: &AgentAddress, request: &[u8]) -> Result<Answer, Error> {
    let failed = |error: io::Error| unreachable(address, &error);
    let mut stream = UnixStream::connect(address.path()).await.map_err(failed)?;
    if !peer_of(&stream).map_err(failed)?.is_own() {
        return Err(foreign(address));
    }
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

/// It does not answer.
pub(super) fn silent(address: &AgentAddress, patience: Duration) -> Error {
    let seconds = patience.as_secs().max(1);
    Error::new(
        Code::AgentUnreachable,
        format!("the agent at {address} has not answered for {seconds} s"),
    )
    .with_hint("is it stopped, or the machine overloaded? daypass agent --stop ends it")
}

/// It is somebody else's.
pub(super) fn foreign(address: &AgentAddress) -> Error {
    Error::new(
        Code::AgentRefused,
        format!("the agent at {address} belongs to another user: it is asked nothing"),
    )
    .with_hint("was this started with sudo? An agent serves its own user alone")
}
