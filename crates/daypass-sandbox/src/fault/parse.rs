//! Faults from text: the shorthand of the command line, or JSON.

use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error as _, Unexpected};
use serde_json::{Value, json};

use super::{Endpoint, Fault, PlannedFault};

/// Why a text is no fault. The messages are printable: control characters are escaped, long text is cut.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultError {
    /// Nothing has this name.
    #[error("no fault is called `{name}`; there are: {}", Fault::NAMES.join(", "))]
    UnknownName {
        /// The name, printable.
        name: String,
    },
    /// The fault needs a value, and none was given.
    #[error("{name} needs a value, for example `{example}`")]
    MissingValue {
        /// The fault.
        name: &'static str,
        /// A text that works.
        example: &'static str,
    },
    /// The value does not fit the fault.
    #[error("{name} can't be that; write {}", Fault::usage(name))]
    BadValue {
        /// The fault.
        name: &'static str,
    },
    /// Requests there never meet this fault.
    #[error("{name} is not met there; write {instead}")]
    Elsewhere {
        /// The fault.
        name: &'static str,
        /// A text that works.
        instead: &'static str,
    },
    /// The JSON is broken or has the wrong shape; the text says what is allowed.
    #[error("not a fault: {0}")]
    Json(String),
    /// `*TIMES` is not a number from 1.
    #[error("`*TIMES` is a whole number from 1, as in `status=503*3`")]
    Times,
}

impl FromStr for Fault {
    type Err = FaultError;

    /// Reads `NAME`, `NAME=VALUE` or JSON.
    fn from_str(text: &str) -> Result<Self, FaultError> {
        let text = text.trim();
        if is_json(text) {
            return serde_json::from_str(text).map_err(json_error);
        }
        let (given, value) = match text.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim())),
            None => (text, None),
        };
        let given = given.replace('-', "_");
        let Some(name) = Self::NAMES.iter().copied().find(|name| *name == given) else {
            return Err(FaultError::UnknownName { name: printable(&given) });
        };
        let bad = |_: serde_json::Error| FaultError::BadValue { name };
        let Some(value) = value else {
            return match default_value(name) {
                Ok(Some(value)) => serde_json::from_value(json!({ name: value })).map_err(bad),
                Ok(None) => serde_json::from_value(json!(name)).map_err(bad),
                Err(example) => Err(FaultError::MissingValue { name, example }),
            };
        };
        let typed = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
        // A word such as `null` is a name here before it is JSON.
        let as_word = |error| serde_json::from_value(json!({ name: value })).map_err(|_| error);
        serde_json::from_value(json!({ name: typed })).or_else(as_word).or_else(|error| {
            // `oauth_error=invalid_client`: the field that matters most, bare.
            match (name, value) {
                ("oauth_error", value) if !value.starts_with('{') => Ok(Self::OauthError {
                    error: value.to_owned(),
                    description: None,
                    status: None,
                }),
                _ => Err(bad(error)),
            }
        })
    }
}

impl FromStr for PlannedFault {
    type Err = FaultError;

    /// Reads `[ENDPOINT:]NAME[=VALUE][*TIMES]`, or JSON of either a planned fault or a fault.
    fn from_str(text: &str) -> Result<Self, FaultError> {
        let text = text.trim();
        if is_json(text) {
            let value: Value = serde_json::from_str(text).map_err(json_error)?;
            return Self::from_json(value);
        }
        let (at, rest) = match text.split_once(':') {
            Some((at, rest)) => match serde_json::from_value(json!(at)) {
                Ok(at) => (at, rest),
                Err(_) => (Endpoint::Token, text),
            },
            None => (Endpoint::Token, text),
        };
        let (fault, times) = match rest.rsplit_once('*') {
            // A value may have a star of its own, as long as no number follows.
            Some((fault, times)) if !fault.contains('=') || is_digits(times) => {
                (fault, Some(times.parse().map_err(|_| FaultError::Times)?))
            }
            _ => (rest, None),
        };
        Self { at, times, fault: fault.parse()? }.in_place()
    }
}

impl PlannedFault {
    /// Reads a planned fault, or a fault alone: standing, at the token endpoint.
    pub(crate) fn from_json(value: Value) -> Result<Self, FaultError> {
        let is_field = |name: &String| matches!(name.as_str(), "at" | "times" | "fault");
        let fields = value.as_object();
        if fields.is_some_and(|fields| fields.len() != 1 || fields.keys().any(is_field)) {
            return serde_json::from_value(value).map_err(json_error).and_then(Self::in_place);
        }
        let fault = serde_json::from_value(value).map_err(json_error)?;
        Self { at: Endpoint::Token, times: None, fault }.in_place()
    }

    /// Refuses a fault that no request to its endpoint would meet.
    fn in_place(self) -> Result<Self, FaultError> {
        let name = self.fault.name();
        let api = matches!(self.fault, Fault::Unauthorized | Fault::InsufficientScope);
        let token = matches!(
            self.fault,
            Fault::ExpiresIn(_) | Fault::TokenText(_) | Fault::TokenType(_) | Fault::NoTokenType
        );
        let elsewhere = || Err(FaultError::Elsewhere { name, instead: Fault::usage(name) });
        match self.at {
            Endpoint::Api | Endpoint::Other if token => elsewhere(),
            Endpoint::Revocation | Endpoint::Metadata if token || api => elsewhere(),
            Endpoint::Token if api => elsewhere(),
            _ => Ok(self),
        }
    }
}

/// The value a bare name stands for: `Ok(None)` for faults without one, `Err(example)` where there is no good one.
fn default_value(name: &str) -> Result<Option<Value>, &'static str> {
    Ok(Some(match name {
        "delay_ms" => json!(1000),
        "slow" | "truncated" => json!({}),
        "status" => json!(503),
        "oauth_error" => json!({ "error": "invalid_client" }),
        "throttle" => json!({ "retry_after": { "seconds": 1 } }),
        "expires_in" => json!("absent"),
        "token_text" => json!("newline"),
        "token_type" => json!("mac"),
        "redirect" => return Err("redirect=https://example.com/"),
        _ => return Ok(None),
    }))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_json(text: &str) -> bool {
    text.starts_with(['{', '"', '['])
}

fn json_error(error: serde_json::Error) -> FaultError {
    FaultError::Json(printable(&error.to_string()))
}

/// Outside text that is safe to show: control characters escaped, 600 characters at most.
pub(crate) fn printable(text: &str) -> String {
    const LONGEST: usize = 600;
    let escaped = |c: char| match c {
        ' '..='~' => c.to_string(),
        _ => c.escape_default().to_string(),
    };
    text.chars().take(LONGEST).map(escaped).collect()
}

/// A status that a server can send as its last.
pub(super) fn status<'de, D: Deserializer<'de>>(from: D) -> Result<u16, D::Error> {
    let status = u16::deserialize(from)?;
    if (200..=599).contains(&status) {
        return Ok(status);
    }
    let given = Unexpected::Unsigned(u64::from(status));
    Err(D::Error::invalid_value(given, &"a status from 200 to 599"))
}

pub(super) fn optional_status<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u16>, D::Error> {
    #[derive(serde::Deserialize)]
    struct Checked(#[serde(deserialize_with = "status")] u16);
    Option::<Checked>::deserialize(from).map(|status| status.map(|checked| checked.0))
}

#[cfg(test)]
mod tests;
