//! HTTP as a dependency: one request, one whole answer, no redirects.

mod cause;
mod reqwest;
mod trust;

use async_trait::async_trait;
use bytes::Bytes;

pub use self::reqwest::{CONNECT_TIMEOUT, EXCHANGE_TIMEOUT, ReqwestClient};
pub use self::trust::{CaFile, ProxyConfig, TrustConfig};

/// Sends one HTTP request and reads the whole answer.
///
/// Implementations follow no redirect, keep the whole exchange within a time limit and read at
/// most [`MAX_BODY`] bytes.
#[async_trait]
pub trait HttpClient: Send + Sync {
    /// Sends `request` and returns the answer, whatever its status.
    ///
    /// # Errors
    ///
    /// An [`HttpError`] when there was no complete answer.
    async fn send(
        &self,
        request: ::http::Request<Bytes>,
    ) -> Result<::http::Response<Bytes>, HttpError>;
}

/// The largest answer that is read, in bytes.
pub const MAX_BODY: usize = 256 * 1024;

/// Why there was no complete answer. The texts hold no header, body or query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// No connection: name resolution, TCP or TLS failed.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// No complete answer within the time limit.
    #[error("no complete answer within {} s", (.0.as_secs_f64() * 10.0).round() / 10.0)]
    Timeout(std::time::Duration),
    /// The answer is larger than [`MAX_BODY`].
    #[error("the answer is larger than {MAX_BODY} bytes")]
    TooLarge,
    /// The connection broke before the answer was complete.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// The certificate of the server comes from nobody who is trusted here: a retry cannot help,
    /// a `ca_file` can.
    #[error("{0}")]
    Untrusted(String),
    /// The client could not be built (roots, proxy): a retry cannot help.
    #[error("{0}")]
    Setup(String),
}
