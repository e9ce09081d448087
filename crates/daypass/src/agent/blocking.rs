//! The blocking shell: for commands, which ask once and have no runtime.

use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use serde_json::Value;
use zeroize::Zeroizing;

use super::answer::{AgentToken, Answer};
use super::exchange::{GRACE, PROMPT, foreign, silent, unreachable};
use super::peer::peer_of;
use super::wire::{self, AgentWant, Incoming, Join, Joined, Revoked};
use crate::{AccessToken, AgentAddress, Clock, Error, SystemClock, Ticks};

/// How long an agent has to open a profile: a command may give the secret.
const OPENING: Duration = Duration::from_secs(60);

impl AgentAddress {
    /// Asks for a token.
    ///
    /// # Errors
    ///
    /// What the agent says, as it would be said without one; `agent.unreachable`,
    /// `agent.refused`.
    pub fn token(&self, want: &AgentWant<'_>) -> Result<AgentToken, Error> {
        self.ask(&wire::token(want), want.timeout.saturating_add(GRACE))?.token(self)
    }

    /// Tells that an API refused this token of the profile.
    ///
    /// # Errors
    ///
    /// As [`AgentAddress::token`].
    pub fn reject(&self, profile: Option<&str>, refused: &AccessToken) -> Result<(), Error> {
        self.ask(&wire::reject(profile, refused.secret(), false), PROMPT)?.success(self).map(drop)
    }

    /// Asks what the agent has: `GET /v1/status`.
    ///
    /// # Errors
    ///
    /// As [`AgentAddress::token`].
    pub fn status(&self) -> Result<Value, Error> {
        self.ask(&wire::status(), PROMPT)?.json(self)
    }

    /// Has the profile's token revoked.
    ///
    /// # Errors
    ///
    /// As [`AgentAddress::token`]; `agent.refused` unless the agent was told to allow it.
    pub fn revoke(&self, profile: Option<&str>, timeout: Duration) -> Result<Revoked, Error> {
        self.ask(&wire::revoke(profile), timeout.saturating_add(GRACE))?.json(self)
    }

    /// Gives the agent another profile.
    ///
    /// # Errors
    ///
    /// As [`AgentAddress::token`]; `config.*` of the profile; `config.ambiguous` if the agent has
    /// another one of that name.
    pub fn join(&self, join: &Join) -> Result<Joined, Error> {
        let body = Zeroizing::new(serde_json::to_vec(join).map_err(Error::internal)?);
        self.ask(&wire::join(&body), OPENING)?.json(self)
    }

    /// Asks the agent to end.
    ///
    /// # Errors
    ///
    /// As [`AgentAddress::token`].
    pub fn stop(&self) -> Result<(), Error> {
        self.ask(&wire::stop(), PROMPT)?.success(self).map(drop)
    }

    /// Returns the agent's process, if there is one and it is seen: for messages.
    pub fn process(&self) -> Option<i32> {
        let deadline = SystemClock.ticks().saturating_add(PROMPT);
        let peer = peer_of(&connect(self, deadline).ok()?).ok()?;
        Some(peer.pid).filter(|pid| *pid > 0)
    }

    fn ask(&self, request: &[u8], patience: Duration) -> Result<Answer, Error> {
        let deadline = SystemClock.ticks().saturating_add(patience);
        let failed_of = |error: io::Error, process| match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => silent(self, patience, process),
            _ => unreachable(self, &error),
        };
        let failed = |error| failed_of(error, None);
        let mut stream = connect(self, deadline).map_err(failed)?;
        let peer = peer_of(&stream).map_err(failed)?;
        if !peer.is_own() {
            return Err(foreign(self));
        }
        let failed = |error| failed_of(error, Some(peer.pid));
        stream.write_all(request).map_err(failed)?;
        let mut incoming = Incoming::new();
        loop {
            stream.set_read_timeout(Some(left(deadline).map_err(failed)?)).map_err(failed)?;
            let count = match stream.read(incoming.space()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other.map_err(failed)?,
            };
            if incoming.took(count, self)? {
                return incoming.answer(self);
            }
        }
    }
}

/// Connects; an agent with too many callers at its door is not waited for longer than for an
/// answer.
fn connect(address: &AgentAddress, deadline: Ticks) -> io::Result<UnixStream> {
    let to = SocketAddrUnix::new(address.path())?;
    let flags = SocketFlags::CLOEXEC;
    let socket: OwnedFd =
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    set_socket_timeout(&socket, Timeout::Send, Some(left(deadline)?))?;
    rustix::io::retry_on_intr(|| rustix::net::connect(&socket, &to))?;
    Ok(UnixStream::from(socket))
}

fn left(deadline: Ticks) -> io::Result<Duration> {
    let left = SystemClock.ticks().until(deadline);
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}
