//! What the gateway says itself: problem details (RFC 9457) with a stable code. Pure.
//!
//! `docs/gateway.md` has the table; a test holds the two together. No answer names a body, a
//! query, a token or a secret. An answer of the API that is passed on, and that daypass knows more
//! about, carries the code alone, in `Daypass-Error`.

use std::time::Duration;

use bytes::Bytes;
use daypass::{Class, Error};
use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::json;

use super::body::AnswerBody;
use super::target;

pub(super) const DAYPASS_ERROR: HeaderName = HeaderName::from_static("daypass-error");

/// When to come back for what is wanting just now.
const SOON: Duration = Duration::from_secs(1);

/// Why the gateway answers instead of the API, or what it knows about the API's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Method,
    Target,
    Host,
    Page,
    Credential,
    Headers,
    Coding,
    Expect,
    Login,
    Upstream,
    Descriptors,
    Broken,
    Timeout,
    Body,
    Stalled,
    Scope,
    RefusedAgain,
    PathRefused,
    BodyTooLarge,
    NotReplaced,
}

impl Fault {
    /// All faults, in the order of the documentation.
    #[cfg(test)]
    pub(super) const ALL: [Self; 20] = [
        Self::Method,
        Self::Target,
        Self::Host,
        Self::Page,
        Self::Credential,
        Self::Headers,
        Self::Coding,
        Self::Expect,
        Self::Login,
        Self::Upstream,
        Self::Descriptors,
        Self::Broken,
        Self::Timeout,
        Self::Body,
        Self::Stalled,
        Self::Scope,
        Self::RefusedAgain,
        Self::PathRefused,
        Self::BodyTooLarge,
        Self::NotReplaced,
    ];

    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Method => "gateway.method",
            Self::Target => "gateway.target",
            Self::Host => "gateway.host",
            Self::Page => "gateway.page",
            Self::Credential => "gateway.credential",
            Self::Headers => "gateway.headers",
            Self::Coding => "gateway.coding",
            Self::Expect => "gateway.expect",
            Self::Login => "gateway.login",
            Self::Upstream => "gateway.upstream",
            Self::Descriptors => "gateway.descriptors",
            Self::Broken => "gateway.broken",
            Self::Timeout => "gateway.timeout",
            Self::Body => "gateway.body",
            Self::Stalled => "gateway.stalled",
            Self::Scope => "gateway.scope",
            Self::RefusedAgain => "gateway.refused_again",
            Self::PathRefused => "gateway.path_refused",
            Self::BodyTooLarge => "gateway.body_too_large",
            Self::NotReplaced => "gateway.not_replaced",
        }
    }

    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Target | Self::Headers | Self::Login | Self::Body => StatusCode::BAD_REQUEST,
            Self::Host | Self::Page => StatusCode::FORBIDDEN,
            Self::Coding => StatusCode::NOT_IMPLEMENTED,
            Self::Expect => StatusCode::EXPECTATION_FAILED,
            Self::Upstream | Self::Broken => StatusCode::BAD_GATEWAY,
            Self::Descriptors => StatusCode::SERVICE_UNAVAILABLE,
            Self::Timeout => StatusCode::GATEWAY_TIMEOUT,
            Self::Stalled => StatusCode::REQUEST_TIMEOUT,
            Self::Credential
            | Self::Scope
            | Self::RefusedAgain
            | Self::PathRefused
            | Self::BodyTooLarge
            | Self::NotReplaced => StatusCode::UNAUTHORIZED,
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Method => "The gateway does not pass this method on",
            Self::Target => "The gateway passes on paths that start with one slash",
            Self::Host => "This is not a name of the gateway",
            Self::Page => "The gateway does not talk to pages in a browser",
            Self::Credential => "The gateway wants its own local credential",
            Self::Headers => "Connection names a field that is meant for the API",
            Self::Coding => "The gateway knows no transfer coding but chunked",
            Self::Expect => "The gateway cannot promise what is expected",
            Self::Login => "This is not a login that the gateway knows",
            Self::Upstream => "The API cannot be reached",
            Self::Descriptors => "No file descriptor is left for a connection to the API",
            Self::Broken => "The API gave no usable answer",
            Self::Timeout => "The API did not answer in time",
            Self::Body => "The body of the request broke off, or is framed wrongly",
            Self::Stalled => "The body of the request did not come",
            Self::Scope => "No token of this client may do this",
            Self::RefusedAgain => "The API refused a new token too",
            Self::PathRefused => "The API refuses this path, and accepts the token elsewhere",
            Self::BodyTooLarge => "The API refused the token, and the body is gone",
            Self::NotReplaced => "The API refused the token, and there is no other one",
        }
    }

    const fn hint(self) -> &'static str {
        match self {
            Self::Method => "CONNECT, TRACE and proxies of other hosts are not what this is for",
            Self::Target => "use the gateway's address as the base URL, not as an HTTP proxy",
            Self::Host => "use the address as it was given, with its port",
            Self::Page => "call it from a program, not from a web page",
            Self::Credential => {
                "log in at /oauth/token with the daypass-local- id and secret, or send the \
                 daypass-local- token; those of another gateway are worth nothing here, and a real \
                 one is not wanted"
            }
            Self::Headers => "leave the field out of Connection",
            Self::Coding => "send Transfer-Encoding: chunked alone; Content-Encoding passes",
            Self::Expect => "send Expect: 100-continue, or none",
            Self::Login => "POST grant_type=client_credentials to /oauth/token",
            Self::Upstream => "check the network, api_url and api_ca_file, then try again",
            Self::Descriptors => {
                "raise the limit of open files (ulimit -n), or have less under way at once; the API \
                 is not to blame"
            }
            Self::Broken => {
                "the connection broke, or what came was no HTTP or more than is taken; whether the \
                 request was acted on is not known"
            }
            Self::Timeout => "whether the request was acted on is not known",
            Self::Body => {
                "check how the program writes chunks and lengths; the API is not to blame"
            }
            Self::Stalled => "send the body without long pauses",
            Self::Scope => "have the client's permissions changed; another token is no use",
            Self::RefusedAgain => "the credential or its permissions are the problem",
            Self::PathRefused => "check the path and the client's permissions for it",
            Self::BodyTooLarge => "send it again: the next request gets another token",
            Self::NotReplaced => "see the log of daypass for why none could be had",
        }
    }

    /// The answer that the gateway gives.
    pub(super) fn answer(self) -> Response<AnswerBody> {
        self.answer_because("")
    }

    /// The answer, with what is known besides; `why` is fit to be shown.
    pub(super) fn answer_because(self, why: &str) -> Response<AnswerBody> {
        let detail = if why.is_empty() {
            self.title().to_owned()
        } else {
            format!("{}: {why}", self.title())
        };
        let told = Told {
            status: self.status(),
            code: self.code(),
            title: self.title(),
            detail: &detail,
            hint: Some(self.hint()),
            retry_after: matches!(self, Self::Descriptors).then_some(SOON),
        };
        let mut answer = told.answer();
        match self {
            Self::Method => field(&mut answer, ALLOW, target::ALLOW),
            Self::Credential => field(&mut answer, WWW_AUTHENTICATE, "Bearer realm=\"daypass\""),
            // What it meant to say is not known.
            Self::Target | Self::Headers | Self::Coding | Self::Body | Self::Stalled => {
                field(&mut answer, CONNECTION, "close");
            }
            _ => {}
        }
        answer
    }

    /// Says in an answer of the API what is known about it.
    pub(super) fn mark<B>(self, answer: &mut Response<B>) {
        field(answer, DAYPASS_ERROR, self.code());
    }
}

/// The answer when there is no token: nothing is sent to the API without one.
pub(super) fn no_token(error: &Error) -> Response<AnswerBody> {
    let status = match error.code().class() {
        Class::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_GATEWAY,
    };
    let told = Told {
        status,
        code: error.code().as_str(),
        title: "There is no valid token",
        detail: error.message(),
        hint: error.hint(),
        retry_after: error.retry_after(),
    };
    told.answer()
}

struct Told<'a> {
    status: StatusCode,
    code: &'static str,
    title: &'a str,
    detail: &'a str,
    hint: Option<&'a str>,
    retry_after: Option<Duration>,
}

impl Told<'_> {
    fn answer(&self) -> Response<AnswerBody> {
        let retry_after = self.retry_after.map(|after| after.as_millis().div_ceil(1000));
        let problem = json!({
            "type": format!("urn:daypass:error:{}", self.code),
            "title": self.title,
            "status": self.status.as_u16(),
            "detail": self.detail,
            "code": self.code,
            "hint": self.hint,
            "retry_after": retry_after.and_then(|seconds| u64::try_from(seconds).ok()),
        });
        let mut answer = json_answer(self.status, "application/problem+json", &problem);
        field(&mut answer, DAYPASS_ERROR, self.code);
        if let Some(seconds) = retry_after {
            field(&mut answer, RETRY_AFTER, &seconds.to_string());
        }
        answer
    }
}

/// An answer in JSON that nobody may store.
pub(super) fn json_answer(
    status: StatusCode,
    content_type: &'static str,
    value: &serde_json::Value,
) -> Response<AnswerBody> {
    let mut answer = Response::new(AnswerBody::Whole(Some(Bytes::from(format!("{value}\n")))));
    *answer.status_mut() = status;
    field(&mut answer, CONTENT_TYPE, content_type);
    field(&mut answer, CACHE_CONTROL, "no-store");
    answer
}

/// A value that can't be one is left out.
pub(super) fn field<B>(answer: &mut Response<B>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use daypass::Code;
    use hyper::body::Body;

    use super::*;

    fn problem(answer: Response<AnswerBody>) -> serde_json::Value {
        assert_eq!(answer.headers()[CONTENT_TYPE], "application/problem+json");
        assert!(answer.body().size_hint().exact().is_some());
        match answer.into_body() {
            AnswerBody::Whole(Some(bytes)) => serde_json::from_slice(&bytes).unwrap(),
            _ => panic!("no body"),
        }
    }

    #[test]
    fn every_fault_has_its_own_code_and_says_what_to_do() {
        let mut codes = std::collections::BTreeSet::new();
        for fault in Fault::ALL {
            let answer = fault.answer_because("why");
            assert_eq!(answer.headers()[DAYPASS_ERROR], fault.code());
            assert_eq!(answer.status(), fault.status());
            let problem = problem(answer);
            assert_eq!(problem["code"], fault.code());
            assert_eq!(problem["type"], format!("urn:daypass:error:{}", fault.code()));
            assert_eq!(problem["status"], fault.status().as_u16());
            assert!(problem["detail"].as_str().unwrap().ends_with(": why"));
            assert!(!problem["hint"].as_str().unwrap().is_empty());
            assert!(codes.insert(fault.code()));
        }
        assert_eq!(Fault::Method.answer().headers()[ALLOW], target::ALLOW);
    }

    #[test]
    fn every_fault_is_in_the_table_of_the_documentation() {
        let page = include_str!("../../../../docs/gateway.md");
        let row = |fault: &Fault| format!("| `{}` | {} |", fault.code(), fault.status().as_u16());
        for fault in Fault::ALL {
            assert!(page.contains(&row(&fault)), "{}", row(&fault));
        }
    }

    #[test]
    fn without_a_token_the_answer_says_why_and_when_to_come_back() {
        let throttled = Error::new(Code::IssuerThrottled, "asks to be left alone")
            .with_hint("wait")
            .with_retry_after(Duration::from_millis(1500));
        let answer = no_token(&throttled);
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()[RETRY_AFTER]),
            (503, &"2".parse().unwrap())
        );
        let problem = problem(answer);
        assert_eq!(
            (&problem["code"], &problem["retry_after"]),
            (&json!("issuer.throttled"), &json!(2))
        );
        for (code, status) in [
            (Code::IssuerUnavailable, 503),
            (Code::TokenDeadline, 503),
            (Code::IssuerRejected, 502),
            (Code::IssuerInvalidResponse, 502),
            (Code::Internal, 502),
        ] {
            let answer = no_token(&Error::new(code, "x"));
            assert_eq!(answer.status().as_u16(), status, "{code}");
            assert!(!answer.headers().contains_key(RETRY_AFTER));
        }
    }
}
