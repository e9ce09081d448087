//! Requests as one line each, and a clock that stands still.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use daypass_sandbox::{Reply, Sandbox, SandboxBuilder};
use http::{HeaderName, Request, Response};
use serde_json::Value;

pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// The start of the tests' time: 2001-09-09T01:46:40Z.
pub(crate) const START_S: u64 = 1_000_000_000;

pub(crate) fn builder() -> SandboxBuilder {
    let clock: Arc<dyn Fn() -> SystemTime + Send + Sync> =
        Arc::new(|| UNIX_EPOCH + Duration::from_secs(START_S));
    Sandbox::builder().clock(clock).seed(7)
}

pub(crate) fn sandbox() -> Sandbox {
    builder().build()
}

pub(crate) fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

/// A form posted to a path, with an `Authorization` header unless it is empty.
pub(crate) fn form(path: &str, authorization: &str, fields: &[(&str, &str)]) -> Request<Bytes> {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let mut request = Request::post(path).header("content-type", FORM).header("host", "h:1");
    if !authorization.is_empty() {
        request = request.header("authorization", authorization);
    }
    request.body(body.into()).unwrap()
}

/// The default client asking for a token.
pub(crate) fn ask() -> Request<Bytes> {
    ask_with(&[])
}

/// The default client asking for a token, with more fields.
pub(crate) fn ask_with(more: &[(&str, &str)]) -> Request<Bytes> {
    let fields = [&[("grant_type", "client_credentials")], more].concat();
    form("/oauth/token", &basic("sandbox", "sandbox-secret"), &fields)
}

pub(crate) fn call(method: &str, path: &str, token: &str) -> Request<Bytes> {
    let request = Request::builder().method(method).uri(path);
    request.header("authorization", format!("Bearer {token}")).body(Bytes::new()).unwrap()
}

pub(crate) fn get(path: &str) -> Request<Bytes> {
    Request::get(path).header("host", "127.0.0.1:4711").body(Bytes::new()).unwrap()
}

/// A request with a JSON body.
pub(crate) fn json(method: &str, path: &str, body: &str) -> Request<Bytes> {
    Request::builder().method(method).uri(path).body(body.to_owned().into()).unwrap()
}

pub(crate) fn send(sandbox: &Sandbox, request: Request<Bytes>) -> Answer {
    let Reply { response, .. } = sandbox.handle(request);
    Answer(response)
}

/// The default client's new token.
pub(crate) fn token(sandbox: &Sandbox) -> String {
    send(sandbox, ask()).text("access_token")
}

pub(crate) struct Answer(pub(crate) Response<Bytes>);

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.0.status().as_u16()
    }

    pub(crate) fn body(&self) -> String {
        String::from_utf8_lossy(self.0.body()).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(self.0.body()).unwrap_or_else(|why| panic!("{why}: {}", self.body()))
    }

    pub(crate) fn text(&self, field: &str) -> String {
        let json = self.json();
        json[field].as_str().unwrap_or_else(|| panic!("{field} is no text in {json}")).to_owned()
    }

    pub(crate) fn header(&self, name: &'static str) -> Option<&str> {
        Some(self.0.headers().get(HeaderName::from_static(name))?.to_str().unwrap())
    }

    /// Status and `error`, for tables.
    pub(crate) fn refusal(&self) -> (u16, String) {
        (self.status(), self.text("error"))
    }
}
