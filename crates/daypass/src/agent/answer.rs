//! What an agent answered, and what it means.

use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::problem::Problem;
use super::wire::{field, garbage};
use crate::{
    AccessToken, AgentAddress, Error, Granted, Reason, ScopeSet, Source, Timestamp, Token,
    printable,
};

/// How many header fields are read.
const MAX_FIELDS: usize = 48;
/// The longest name of a variable.
const MAX_VARIABLE: usize = 64;

/// Whose token it is, for messages and for the child that gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentLabel {
    /// The profile's name; printable.
    pub name: String,
    /// The region or host; printable.
    pub place: String,
    /// The client identifier, shortened; printable.
    pub client: String,
    /// The variable in which a child process gets the token: upper-case letters, digits and
    /// underscores.
    pub token_variable: String,
}

/// A token that came from an agent.
#[derive(Clone, Debug)]
pub struct AgentToken {
    /// The token. Its source is [`Source::Agent`].
    pub granted: Granted,
    /// Whose it is.
    pub label: AgentLabel,
    /// What a person should know about it; printable.
    pub warning: Option<String>,
}

/// The head of an answer, as far as it counts here.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) status: u16,
    pub(super) length: usize,
    expires_at: Option<i64>,
    sent_at: Option<i64>,
    received_at: Option<i64>,
    reason: Option<Reason>,
    scope: Option<String>,
    name: String,
    place: String,
    client: String,
    token_variable: String,
    warning: Option<String>,
}

impl Fields {
    /// Reads a head and where it ends; `None` while it has not ended.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, &'static str> {
        let mut found = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut response = httparse::Response::new(&mut found);
        let end = match response.parse(bytes) {
            Ok(httparse::Status::Complete(end)) => end,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err("that is not HTTP"),
        };
        let mut fields = Self { status: response.code.unwrap_or_default(), ..Self::default() };
        let mut length = None;
        for header in response.headers.iter() {
            let Ok(value) = std::str::from_utf8(header.value) else { continue };
            let name = header.name;
            let is = |known: &str| name.eq_ignore_ascii_case(known);
            if is("content-length") {
                length = Some(value.parse::<usize>().map_err(|_| "its length is no number")?);
            } else if is("transfer-encoding") {
                return Err("it comes in pieces");
            } else if is(field::EXPIRES_AT_MS) {
                fields.expires_at = value.parse().ok();
            } else if is(field::SENT_AT_MS) {
                fields.sent_at = value.parse().ok();
            } else if is(field::RECEIVED_AT_MS) {
                fields.received_at = value.parse().ok();
            } else if is(field::REASON) {
                fields.reason = Reason::named(value);
            } else if is(field::SCOPE) {
                fields.scope = Some(value.to_owned());
            } else if is(field::PROFILE) {
                fields.name = printable(value);
            } else if is(field::PLACE) {
                fields.place = printable(value);
            } else if is(field::CLIENT) {
                fields.client = printable(value);
            } else if is(field::WARNING) {
                fields.warning = Some(printable(value));
            } else if is(field::TOKEN_VARIABLE) {
                value.clone_into(&mut fields.token_variable);
            }
        }
        fields.length = match (length, fields.status) {
            (Some(length), _) => length,
            (None, 204) => 0,
            (None, _) => return Err("its length is not said"),
        };
        Ok(Some((fields, end)))
    }
}

/// A whole answer.
pub(super) struct Answer {
    pub(super) fields: Fields,
    pub(super) body: Zeroizing<Vec<u8>>,
}

impl Answer {
    /// Returns the token that it brings.
    pub(super) fn token(self, address: &AgentAddress) -> Result<AgentToken, Error> {
        let Self { fields, body } = self.success(address)?;
        let unlike = |what: &str| garbage(address, what);
        let text = std::str::from_utf8(&body).map_err(|_| unlike("its token is not text"))?;
        let access_token = AccessToken::new(text).map_err(|error| unlike(&error.to_string()))?;
        let at = |at: Option<i64>| {
            at.map(Timestamp::from_millis).ok_or_else(|| unlike("its token has no times"))
        };
        let (sent_at, received_at) = (at(fields.sent_at)?, at(fields.received_at)?);
        let scope = fields.scope.as_deref().map(ScopeSet::parse);
        let token = Token::new(access_token, scope, sent_at, received_at, at(fields.expires_at)?);
        if !is_variable(&fields.token_variable) {
            return Err(unlike("its token belongs into no variable"));
        }
        let reason = fields.reason.ok_or_else(|| unlike("its token has no reason"))?;
        let Fields { name, place, client, token_variable, warning, .. } = fields;
        let label = AgentLabel { name, place, client, token_variable };
        Ok(AgentToken { granted: Granted { token, source: Source::Agent, reason }, label, warning })
    }

    /// Returns what its JSON says.
    pub(super) fn json<T: DeserializeOwned>(self, address: &AgentAddress) -> Result<T, Error> {
        let body = self.success(address)?.body;
        serde_json::from_slice(&body).map_err(|_| garbage(address, "its JSON is something else"))
    }

    /// Returns the answer, unless it is an error.
    pub(super) fn success(self, address: &AgentAddress) -> Result<Self, Error> {
        if (200..300).contains(&self.fields.status) {
            return Ok(self);
        }
        let problem = serde_json::from_slice::<Problem>(&self.body).ok();
        Err(problem.and_then(|problem| problem.to_error()).unwrap_or_else(|| {
            garbage(address, &format!("it says {} and not why", self.fields.status))
        }))
    }
}

/// Whether a token may be put into a variable of this name: one of the kind that presets have.
fn is_variable(name: &str) -> bool {
    let usual = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    name.len() <= MAX_VARIABLE
        && name.bytes().all(usual)
        && name.ends_with("TOKEN")
        && !name.starts_with(|c: char| c.is_ascii_digit())
}
