//! What is said: requests as bytes, and answers from bytes as they come. No I/O.
//!
//! One exchange a connection: the request says `Connection: close`, the answer has a
//! `Content-Length` (RFC 9112). A client takes no chunks: who sends some is no agent.

use std::fmt::Write as _;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::answer::{Answer, Fields};
use crate::{AgentAddress, Code, Error, MAX_ACCESS_TOKEN, MinTtl, Timestamp};

/// The header fields of an answer with a token, besides those of HTTP.
pub mod field {
    /// When the token ends (RFC 3339).
    pub const EXPIRES_AT: &str = "daypass-expires-at";
    /// The same in milliseconds since the Unix epoch.
    pub const EXPIRES_AT_MS: &str = "daypass-expires-at-ms";
    /// When the request for the token was sent, in milliseconds.
    pub const SENT_AT_MS: &str = "daypass-sent-at-ms";
    /// When the issuer's answer was there, in milliseconds.
    pub const RECEIVED_AT_MS: &str = "daypass-received-at-ms";
    /// Where the agent had the token from.
    pub const SOURCE: &str = "daypass-source";
    /// Why the issuer was asked for it.
    pub const REASON: &str = "daypass-reason";
    /// The scopes that were granted, where the issuer named them.
    pub const SCOPE: &str = "daypass-scope";
    /// The profile's name.
    pub const PROFILE: &str = "daypass-profile";
    /// The region or host of the profile.
    pub const PLACE: &str = "daypass-place";
    /// The client identifier, shortened.
    pub const CLIENT: &str = "daypass-client";
    /// What a person should know about the token.
    pub const WARNING: &str = "daypass-warning";
    /// The variable in which a child process gets the token.
    pub const TOKEN_VARIABLE: &str = "daypass-token-variable";
}

/// The longest head of an answer, in bytes.
const MAX_HEAD: usize = 32 * 1024;
/// The longest body of an answer, in bytes: a token, or a status of many profiles.
const MAX_BODY: usize = 1024 * 1024;
/// What is read first: enough for most answers.
const FIRST: usize = 4 * 1024;
const _: () = assert!(MAX_ACCESS_TOKEN < MAX_BODY);

/// How long a token must still live, as an agent is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentMinTtl {
    /// What the agent's profile says, else this.
    Profile(MinTtl),
    /// Exactly this; less is an error.
    Required(Duration),
}

impl From<MinTtl> for AgentMinTtl {
    fn from(min_ttl: MinTtl) -> Self {
        match min_ttl {
            MinTtl::Required(min_ttl) => Self::Required(min_ttl),
            preferred @ MinTtl::Preferred(_) => Self::Profile(preferred),
        }
    }
}

/// What is wanted of an agent's token.
#[derive(Clone, Copy, Debug)]
pub struct AgentWant<'a> {
    /// The profile; `None` for the agent's first.
    pub profile: Option<&'a str>,
    /// How long it must still live.
    pub min_ttl: AgentMinTtl,
    /// When it must have arrived at the earliest: what forcing means across processes.
    pub received_since: Option<Timestamp>,
    /// How long the caller waits.
    pub timeout: Duration,
}

/// `POST /v1/profiles`: a profile that an agent should open, as the sender would.
#[derive(Serialize, Deserialize)]
pub struct Join {
    /// The profile's name; `None` for the one that the sender would take.
    pub profile: Option<String>,
    /// The configuration file that the sender names.
    pub config: Option<String>,
    /// The sender's working directory.
    pub directory: Option<String>,
    /// The sender's environment: names and values.
    pub env: Vec<(String, String)>,
}

impl Drop for Join {
    fn drop(&mut self) {
        self.env.iter_mut().for_each(|(_, value)| value.zeroize());
    }
}

/// Shows no value.
impl std::fmt::Debug for Join {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.env.iter().map(|(name, _)| name).collect();
        let mut shown = f.debug_struct("Join");
        shown.field("profile", &self.profile).field("config", &self.config);
        shown.field("directory", &self.directory).field("env", &names).finish()
    }
}

/// What `POST /v1/profiles` answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Joined {
    /// The profile's name.
    pub profile: String,
    /// All profiles that the agent has now.
    pub profiles: Vec<String>,
    /// The agent's process.
    pub pid: u32,
    /// What a person should know.
    pub warnings: Vec<String>,
}

/// What `POST /v1/revoke` answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Revoked {
    /// The profile's name.
    pub profile: String,
    /// Whether there was a token.
    pub revoked: bool,
    /// The host that it was revoked at.
    pub host: String,
}

/// Asks for a token.
pub(super) fn token(want: &AgentWant<'_>) -> Zeroizing<Vec<u8>> {
    let mut query = Query::default();
    query.add("profile", want.profile);
    match want.min_ttl {
        AgentMinTtl::Required(min_ttl) => query.add("min_ttl", Some(&seconds(min_ttl))),
        AgentMinTtl::Profile(MinTtl::TOKEN) => {}
        AgentMinTtl::Profile(MinTtl::Preferred(cap) | MinTtl::Required(cap)) => {
            query.add("preferred_ttl", Some(&seconds(cap)));
        }
    }
    let since = want.received_since.map(|since| since.as_millis().to_string());
    query.add("received_since", since.as_deref());
    query.add("timeout", Some(&seconds(want.timeout)));
    request("GET", &query.to("/v1/token"), "accept: text/plain\r\n", b"")
}

/// Tells that an API refused a token; `worked` is whether it accepted the token before.
pub(super) fn reject(profile: Option<&str>, refused: &str, worked: bool) -> Zeroizing<Vec<u8>> {
    let mut query = Query::default();
    query.add("profile", profile);
    query.add("worked", worked.then_some("true"));
    let target = query.to("/v1/reject");
    request("POST", &target, "content-type: text/plain\r\n", refused.as_bytes())
}

pub(super) fn revoke(profile: Option<&str>) -> Zeroizing<Vec<u8>> {
    let mut query = Query::default();
    query.add("profile", profile);
    request("POST", &query.to("/v1/revoke"), "", b"")
}

pub(super) fn status() -> Zeroizing<Vec<u8>> {
    request("GET", "/v1/status", "", b"")
}

pub(super) fn stop() -> Zeroizing<Vec<u8>> {
    request("POST", "/v1/stop", "", b"")
}

pub(super) fn join(body: &[u8]) -> Zeroizing<Vec<u8>> {
    request("POST", "/v1/profiles", "content-type: application/json\r\n", body)
}

fn request(method: &str, target: &str, fields: &str, body: &[u8]) -> Zeroizing<Vec<u8>> {
    let length = if method == "POST" {
        format!("content-length: {}\r\n", body.len())
    } else {
        String::new()
    };
    let head = format!(
        "{method} {target} HTTP/1.1\r\nhost: agent\r\nconnection: close\r\n{fields}{length}\r\n"
    );
    let mut bytes = Zeroizing::new(Vec::with_capacity(head.len() + body.len()));
    bytes.extend_from_slice(head.as_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// Whole seconds, never less than what is meant.
fn seconds(duration: Duration) -> String {
    duration.as_millis().div_ceil(1000).to_string()
}

#[derive(Default)]
struct Query(String);

impl Query {
    fn add(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            let start = if self.0.is_empty() { '?' } else { '&' };
            let _ = write!(self.0, "{start}{name}=");
            self.0.extend(form_urlencoded::byte_serialize(value.as_bytes()));
        }
    }

    fn to(&self, path: &str) -> String {
        format!("{path}{}", self.0)
    }
}

/// An answer as its bytes come in. What was read of it is zeroed when it goes.
pub(super) struct Incoming {
    bytes: Zeroizing<Vec<u8>>,
    filled: usize,
    head: Option<(Fields, usize)>,
}

impl Incoming {
    pub(super) fn new() -> Self {
        Self { bytes: Zeroizing::new(vec![0; FIRST]), filled: 0, head: None }
    }

    /// Where the next bytes go.
    pub(super) fn space(&mut self) -> &mut [u8] {
        if self.filled == self.bytes.len() {
            // Not by growing it: that could leave a copy behind.
            let mut larger = Zeroizing::new(vec![0; self.bytes.len() * 2]);
            larger.iter_mut().zip(self.bytes.iter()).for_each(|(to, from)| *to = *from);
            self.bytes = larger;
        }
        self.bytes.get_mut(self.filled..).unwrap_or_default()
    }

    /// Takes note of `count` bytes in the space; none means that no more will come. Returns
    /// whether the answer is there.
    pub(super) fn took(&mut self, count: usize, address: &AgentAddress) -> Result<bool, Error> {
        if count == 0 {
            return Err(garbage(address, "it ended in the middle of its answer"));
        }
        self.filled = (self.filled + count).min(self.bytes.len());
        let read = self.bytes.get(..self.filled).unwrap_or_default();
        if self.head.is_none() {
            self.head = Fields::parse(read).map_err(|what| garbage(address, what))?;
        }
        match &self.head {
            None if read.len() > MAX_HEAD => Err(garbage(address, "its answer has a huge head")),
            None => Ok(false),
            Some((fields, _)) if fields.length > MAX_BODY => {
                Err(garbage(address, "its answer is too large"))
            }
            Some((fields, start)) => Ok(read.len() >= start + fields.length),
        }
    }

    /// Returns the answer, once it is there.
    pub(super) fn answer(self, address: &AgentAddress) -> Result<Answer, Error> {
        let Some((fields, start)) = self.head else {
            return Err(garbage(address, "it gave no answer"));
        };
        let end = start + fields.length;
        let body = self.bytes.get(start..end).unwrap_or_default();
        Ok(Answer { body: Zeroizing::new(body.to_vec()), fields })
    }
}

/// What came is not what an agent says.
pub(super) fn garbage(address: &AgentAddress, what: &str) -> Error {
    Error::new(Code::AgentUnreachable, format!("{address} does not answer like an agent: {what}"))
        .with_hint("is it one of another version? daypass agent --stop, then start it again")
}
