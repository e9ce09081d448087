//! Errors on the wire: problem details (RFC 9457) with daypass's code and hint, both ways.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::Class;
use crate::printable::printable_up_to;
use crate::{Code, Error};

/// What names a kind of problem, followed by the code.
const TYPE: &str = "urn:daypass:error:";
/// The longest text that is taken from somebody else's problem, in characters.
const LONGEST: usize = 2000;

/// An error as `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// `urn:daypass:error:` and the code.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// The code once more, for people.
    #[serde(default)]
    pub title: String,
    /// The HTTP status.
    #[serde(default)]
    pub status: u16,
    /// What happened.
    #[serde(default)]
    pub detail: String,
    /// The code.
    #[serde(default)]
    pub code: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hint: Option<String>,
    /// How long to wait before asking again, in seconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub retry_after: Option<f64>,
}

impl Problem {
    /// The media type.
    pub const MEDIA_TYPE: &str = "application/problem+json";

    /// Puts an error into words.
    pub fn of(error: &Error) -> Self {
        let code = error.code().as_str();
        Self {
            kind: format!("{TYPE}{code}"),
            title: code.to_owned(),
            status: status(error.code()),
            detail: error.message().to_owned(),
            code: code.to_owned(),
            hint: error.hint().map(str::to_owned),
            retry_after: error.retry_after().map(|after| after.as_secs_f64()),
        }
    }

    /// Returns the error that somebody put into these words; `None` if its code is none of ours.
    pub fn to_error(&self) -> Option<Error> {
        let code = Code::named(&self.code)?;
        let mut error = Error::new(code, printable_up_to(&self.detail, LONGEST));
        if let Some(hint) = &self.hint {
            error = error.with_hint(printable_up_to(hint, LONGEST));
        }
        let after = self.retry_after.and_then(|after| Duration::try_from_secs_f64(after).ok());
        Some(after.map_or(error.clone(), |after| error.with_retry_after(after)))
    }
}

/// The HTTP status for a code.
const fn status(code: Code) -> u16 {
    match code {
        Code::ConfigUnknownProfile | Code::ConfigNoProfile => 404,
        Code::ConfigAmbiguous => 409,
        Code::AgentRefused => 403,
        _ => match code.class() {
            Class::Config => 400,
            Class::Rejected => 502,
            Class::Unavailable => 503,
            Class::Store | Class::Internal => 500,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_comes_back_as_it_was() {
        for code in Code::ALL {
            let error = Error::new(*code, format!("something about \"{code}\""))
                .with_hint("do this: x -- y")
                .with_retry_after(Duration::from_millis(29_700));
            let text = serde_json::to_string(&Problem::of(&error)).unwrap();
            let problem: Problem = serde_json::from_str(&text).unwrap();
            let back = problem.to_error().unwrap();
            assert_eq!(format!("{back:?}"), format!("{error:?}"));
            assert_eq!(back.retry_after(), error.retry_after());
            assert!((400..600).contains(&problem.status), "{code}");
        }
    }

    #[test]
    fn a_problem_of_somebody_else_is_none_of_ours() {
        for text in ["{}", r#"{"type":"about:blank","status":404}"#, r#"{"code":"agent.new"}"#] {
            let problem: Problem = serde_json::from_str(text).unwrap();
            assert!(problem.to_error().is_none(), "{text}");
        }
        assert!(serde_json::from_str::<Problem>("<html>").is_err());
    }

    #[test]
    fn what_an_agent_says_is_made_printable_and_keeps_its_length() {
        let long = "x".repeat(900);
        let text = serde_json::json!({
            "code": "usage", "detail": format!("a\u{1b}[31m\n::add-mask::{long}"),
            "retry_after": -5.0,
        });
        let problem: Problem = serde_json::from_value(text).unwrap();
        let error = problem.to_error().unwrap();
        assert_eq!(error.message(), format!("a\\u{{1b}}[31m\\n::add-mask::{long}"));
        assert_eq!(error.retry_after(), None);
    }
}
