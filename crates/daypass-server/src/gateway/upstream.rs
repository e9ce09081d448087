//! The API behind the gateway: one scheme, one authority, and the connections to it.
//!
//! Targets arrive as they are to be sent. Connections are kept and used again; a request that a
//! kept connection did not take is sent on another one. What may be sent twice is decided by
//! `exchange`.

mod connect;
mod early;
mod link;
mod pool;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use daypass::{Code, Error, TrustConfig, printable};
use http::header::HOST;
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Request, Response, StatusCode, Uri, Version};
use hyper::body::Body as _;
use tokio::time::timeout;

use super::body::{RequestBody, Streamed};
use super::headers;
use connect::Connector;
pub(super) use connect::why;
use link::Unanswered;
pub(super) use pool::Lease;
use pool::{Link, Pool};

/// How long the API may take until its answer begins.
pub(super) const ANSWER: Duration = Duration::from_secs(300);

/// The API that a gateway passes requests on to.
pub struct Upstream {
    scheme: Scheme,
    authority: Authority,
    host: HeaderValue,
    connector: Connector,
    pool: Arc<Pool>,
    /// Whether it has been said that descriptors are wanting.
    told: AtomicBool,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum SendError {
    /// No connection.
    Connect(String),
    /// No file descriptor was left for one.
    Exhausted,
    /// The connection broke, or what came was no HTTP.
    Broken {
        why: hyper::Error,
        /// The connection had been used before: the API may have closed it in the same moment.
        reused: bool,
    },
    /// What came was an answer, but none that can be passed on.
    Unfit(&'static str),
    /// No answer within [`ANSWER`].
    Timeout,
}

impl Upstream {
    /// Takes the API's address, such as `https://api.example.com`, and whom to trust for it.
    ///
    /// # Errors
    ///
    /// `config.invalid` for what is no such address; `config.insecure_url` for plain http to
    /// another machine; `config.tls` for roots or a proxy that cannot be used.
    pub fn new(api_url: &str, trust: &TrustConfig) -> Result<Self, Error> {
        let shown = printable(api_url);
        let invalid = |what: &str| {
            Error::new(Code::ConfigInvalid, format!("`api_url` {what}: {shown}"))
                .with_hint("the gateway needs a scheme and a host: https://api.example.com")
        };
        let uri: Uri = api_url.parse().map_err(|_| invalid("is not a URL"))?;
        let parts = uri.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(invalid("is not a URL"));
        };
        if parts.path_and_query.is_some_and(|path| path.as_str() != "/") {
            return Err(invalid("has a path"));
        }
        if authority.as_str().contains('@') {
            return Err(Error::new(Code::ConfigInsecureUrl, "`api_url` has a user name in it")
                .with_hint("remove it; the gateway adds a token"));
        }
        let secure = scheme == Scheme::HTTPS;
        if !secure && (scheme != Scheme::HTTP || !is_loopback(authority.host())) {
            return Err(Error::new(
                Code::ConfigInsecureUrl,
                format!(
                    "`api_url` would send tokens over plain {}: {shown}",
                    printable(scheme.as_str())
                ),
            )
            .with_hint(
                "write https://; plain http works for 127.0.0.1, [::1] and localhost only",
            ));
        }
        let host =
            HeaderValue::from_str(authority.as_str()).map_err(|_| invalid("is not a URL"))?;
        let target = Uri::builder().scheme(scheme.clone()).authority(authority.clone());
        let target = target.path_and_query("/").build().map_err(|_| invalid("is not a URL"))?;
        let connector = Connector::new(target, secure, trust)?;
        let (pool, told) = (Arc::new(Pool::new(secure)), AtomicBool::new(false));
        Ok(Self { scheme, authority, host, connector, pool, told })
    }

    /// Returns the API's authority, for messages.
    pub fn authority(&self) -> &str {
        self.authority.as_str()
    }

    /// The value of `Host`.
    pub(super) fn host(&self) -> HeaderValue {
        self.host.clone()
    }

    /// Sends a request. `fresh` takes no connection that was used before.
    pub(super) async fn send(
        &self,
        mut request: Request<RequestBody>,
        fresh: bool,
    ) -> Result<Response<Streamed>, SendError> {
        let mut kept = if fresh { None } else { self.pool.take() };
        loop {
            let reused = kept.is_some();
            let link = match kept.take() {
                Some(link) => link,
                None => Box::pin(self.open()).await?,
            };
            if let Link::Http2(_) = link {
                self.make_absolute(&mut request);
            }
            request = match link.send(request, &self.pool).await {
                Ok(answer) => return fit(answer),
                // Not begun: another connection gets it, of the kept ones first.
                Err(Unanswered::Broken(_, Some(request))) if reused => {
                    kept = self.pool.take();
                    *request
                }
                Err(Unanswered::Broken(why, _)) => return Err(SendError::Broken { why, reused }),
                Err(Unanswered::Timeout) => return Err(SendError::Timeout),
            };
        }
    }

    /// Closes the connections that nobody uses.
    pub(super) fn forget_idle(&self) {
        self.pool.forget_idle();
    }

    async fn open(&self) -> Result<Link, SendError> {
        match timeout(ANSWER, self.pool.open(&self.connector)).await {
            Ok(Ok(link)) => Ok(link),
            Ok(Err(none)) if none.exhausted => {
                if !self.told.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        "no file descriptor is left for a connection to the API; raise the limit \
                         of open files (ulimit -n)"
                    );
                }
                Err(SendError::Exhausted)
            }
            Ok(Err(none)) => Err(SendError::Connect(none.why)),
            Err(_) => Err(SendError::Timeout),
        }
    }

    /// HTTP/2 carries scheme and authority beside the target (RFC 9113 section 8.3.1).
    fn make_absolute(&self, request: &mut Request<RequestBody>) {
        request.headers_mut().remove(HOST);
        let mut parts = std::mem::take(request.uri_mut()).into_parts();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        // With a scheme, an authority and a path these are always parts of a URI.
        *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Upstream({}://{})", self.scheme, self.authority)
    }
}

/// An answer that can be passed on; its version is the gateway's own (RFC 9110 section 2.5).
fn fit(mut answer: Response<Streamed>) -> Result<Response<Streamed>, SendError> {
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        return Err(SendError::Unfit("it answered 101, and nobody asked for another protocol"));
    }
    // A body with a length has no coding (RFC 9112 section 6.2).
    if answer.body().size_hint().exact().is_none() && !headers::is_chunked(answer.headers()) {
        return Err(SendError::Unfit("its answer has a transfer coding that nobody asked for"));
    }
    *answer.version_mut() = Version::HTTP_11;
    Ok(answer)
}

/// Whether a host is this machine by its text alone.
fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_go_over_https_or_stay_on_this_machine() {
        for (url, expected) in [
            ("http://127.0.0.1:8080", Ok("127.0.0.1:8080")),
            ("http://localhost:8080/", Ok("localhost:8080")),
            ("http://[::1]:1", Ok("[::1]:1")),
            ("http://api.example.com", Err(Code::ConfigInsecureUrl)),
            ("http://127.0.0.1.example.com", Err(Code::ConfigInsecureUrl)),
            ("http://10.0.0.1", Err(Code::ConfigInsecureUrl)),
            ("ftp://127.0.0.1", Err(Code::ConfigInsecureUrl)),
            ("http://user@127.0.0.1", Err(Code::ConfigInsecureUrl)),
            ("http://127.0.0.1/api/v2", Err(Code::ConfigInvalid)),
            ("http://127.0.0.1/?x", Err(Code::ConfigInvalid)),
            ("127.0.0.1:80", Err(Code::ConfigInvalid)),
            ("/api", Err(Code::ConfigInvalid)),
            ("", Err(Code::ConfigInvalid)),
        ] {
            let upstream = Upstream::new(url, &TrustConfig::default());
            let authority = upstream.as_ref().map(|upstream| upstream.authority());
            assert_eq!(authority.map_err(|error| error.code()), expected, "{url}");
        }
    }
}
