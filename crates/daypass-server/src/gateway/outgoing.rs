//! A request as it goes to the API, as often as it may.

use http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, TE, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use hyper::body::{Body, Incoming, SizeHint};
use std::sync::Arc;

use daypass::AccessToken;

use super::body::{RequestBody, Stall};
use super::headers::{self, Unfit};
use super::replay::{Budget, Kept, keep};

/// What is needed to send a request once more.
pub(super) struct Outgoing {
    pub(super) method: Method,
    pub(super) uri: Uri,
    headers: HeaderMap,
    size: SizeHint,
    body: Copy,
}

enum Copy {
    /// There is no body.
    Empty,
    /// The body, as long as it is not too large.
    Kept(Kept),
    /// The body is sent once.
    None,
}

impl Outgoing {
    /// Makes a client's request one to the API, without authorization.
    pub(super) fn new(
        head: Parts,
        incoming: Incoming,
        host: HeaderValue,
        budget: &Arc<Budget>,
    ) -> Result<(Self, RequestBody), Unfit> {
        let Parts { method, uri, mut headers, .. } = head;
        let said_length = headers.contains_key(CONTENT_LENGTH);
        headers::to_upstream(&mut headers)?;
        headers.insert(HOST, host);
        let size = incoming.size_hint();
        let (body, copy) = if incoming.is_end_stream() {
            (RequestBody::Empty, Copy::Empty)
        } else if budget.could_keep(&size) {
            let (copied, kept) = keep(incoming, Arc::clone(budget));
            (RequestBody::Kept(copied), Copy::Kept(kept))
        } else {
            (RequestBody::Once(incoming, Stall::default()), Copy::None)
        };
        match (&copy, size.exact()) {
            (Copy::Empty, _) if !said_length => {}
            (Copy::Empty, _) => drop(headers.insert(CONTENT_LENGTH, HeaderValue::from(0))),
            (_, Some(length)) => drop(headers.insert(CONTENT_LENGTH, HeaderValue::from(length))),
            // Else a body that comes with a GET would be taken for none.
            (_, None) => {
                headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
            }
        }
        Ok((Self { method, uri, headers, size, body: copy }, body))
    }

    /// Whether the client takes trailers.
    pub(super) fn takes_trailers(&self) -> bool {
        self.headers.contains_key(TE)
    }

    /// The request, for the first time.
    pub(super) fn request(&self, body: RequestBody, token: &AccessToken) -> Request<RequestBody> {
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request.headers_mut().insert(AUTHORIZATION, token.header().clone());
        request
    }

    /// The request once more; `None` if its body is gone.
    pub(super) fn again(&self, token: &AccessToken) -> Option<Request<RequestBody>> {
        let body = match &self.body {
            Copy::Empty => RequestBody::Empty,
            Copy::Kept(kept) => RequestBody::Kept(kept.again(self.size)?),
            Copy::None => return None,
        };
        Some(self.request(body, token))
    }
}
