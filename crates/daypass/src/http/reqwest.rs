//! The HTTP client of the library, on reqwest.
//!
//! Owns the limits of an exchange: no redirect, no cookie, no decompression, no second attempt, a
//! time limit and a size limit; plain http only to this machine and never through a proxy. Built
//! at the first send, and without roots as long as only plain http is asked for. Whom to trust
//! is `trust.rs`, what an error says is `cause.rs`.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::OnceLock;
use std::time::Duration;

use ::reqwest::{Client, ClientBuilder, NoProxy, Proxy, redirect, retry};
use async_trait::async_trait;
use bytes::Bytes;
use zeroize::Zeroizing;

use super::trust::no_tls;
use super::{HttpClient, HttpError, MAX_BODY, TrustConfig, cause};
use crate::address;

/// How long connecting may take: name, TCP and TLS.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a whole exchange may take.
pub const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(10);

/// What is asked directly, whatever a proxy setting says.
const LOOPBACK: &str = "localhost,127.0.0.0/8,::1";

/// What is reserved for an answer that does not say its length, in bytes.
const USUAL_BODY: usize = 8 * 1024;

/// Sends requests with reqwest, rustls and aws-lc-rs. Making one costs nothing: connections,
/// roots and resolver are set up by the first request that needs them.
pub struct ReqwestClient {
    trust: TrustConfig,
    connect: Duration,
    exchange: Duration,
    plain: OnceLock<Client>,
    tls: OnceLock<Client>,
}

impl ReqwestClient {
    /// Makes a client with [`CONNECT_TIMEOUT`] and [`EXCHANGE_TIMEOUT`].
    pub fn new(trust: TrustConfig) -> Self {
        Self::with_timeouts(trust, CONNECT_TIMEOUT, EXCHANGE_TIMEOUT)
    }

    /// Makes a client with other limits for connecting and for the whole exchange.
    pub fn with_timeouts(trust: TrustConfig, connect: Duration, exchange: Duration) -> Self {
        Self { trust, connect, exchange, plain: OnceLock::new(), tls: OnceLock::new() }
    }

    /// Returns the client for plain http, which knows no roots and no proxy.
    fn plain(&self) -> Result<&Client, HttpError> {
        once(&self.plain, || built(self.common().tls_backend_preconfigured(no_tls()?)))
    }

    /// Returns the client for https.
    fn tls(&self) -> Result<&Client, HttpError> {
        once(&self.tls, || {
            let mut builder = self.common().tls_backend_preconfigured(self.trust.client_config()?);
            if let Some(proxy) = self.proxy()? {
                builder = builder.proxy(proxy);
            }
            built(builder)
        })
    }

    fn common(&self) -> ClientBuilder {
        let localhost: [SocketAddr; 2] =
            [(Ipv4Addr::LOCALHOST, 0).into(), (Ipv6Addr::LOCALHOST, 0).into()];
        Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .http1_only()
            .connect_timeout(self.connect)
            // A kept connection that died would be a second attempt, or a failed one.
            .pool_max_idle_per_host(0)
            .hickory_dns(true)
            .resolve_to_addrs("localhost", &localhost)
    }

    fn proxy(&self) -> Result<Option<Proxy>, HttpError> {
        let Some(proxy) = &self.trust.proxy else { return Ok(None) };
        let unusable = || HttpError::Setup("the proxy's URL can't be used (http or https)".into());
        let url = proxy.url();
        if url.contains("://") && !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(unusable());
        }
        let proxy = Proxy::https(url).map_err(|_| unusable())?;
        let direct = match &self.trust.no_proxy {
            Some(more) => NoProxy::from_string(&format!("{LOOPBACK},{more}")),
            None => NoProxy::from_string(LOOPBACK),
        };
        Ok(Some(proxy.no_proxy(direct)))
    }

    async fn exchange(
        &self,
        request: ::http::Request<Bytes>,
    ) -> Result<::http::Response<Bytes>, HttpError> {
        let request = ::reqwest::Request::try_from(request)
            .map_err(|_| HttpError::Setup("the URL can't be used".into()))?;
        if !address::is_secure(request.url()) {
            let host = address::host_of(request.url());
            return Err(HttpError::Setup(format!("{host} would be asked over plain http")));
        }
        let client = if request.url().scheme() == "https" { self.tls()? } else { self.plain()? };
        let mut answer = client.execute(request).await.map_err(|error| cause::of(&error))?;
        let body = read(&mut answer).await?;
        let mut response = ::http::Response::new(body);
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(response)
    }
}

/// Reads the body, as far as it may go, into a buffer that is zeroed: it holds a token.
async fn read(answer: &mut ::reqwest::Response) -> Result<Bytes, HttpError> {
    let expected = match answer.content_length().map(usize::try_from) {
        Some(Ok(length)) if length <= MAX_BODY => length,
        Some(_) => return Err(HttpError::TooLarge),
        None => USUAL_BODY,
    };
    let mut body = Zeroizing::new(Vec::with_capacity(expected));
    while let Some(chunk) = answer.chunk().await.map_err(|error| cause::of(&error))? {
        if body.len() + chunk.len() > MAX_BODY {
            return Err(HttpError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Bytes::from_owner(body))
}

#[async_trait]
impl HttpClient for ReqwestClient {
    async fn send(
        &self,
        request: ::http::Request<Bytes>,
    ) -> Result<::http::Response<Bytes>, HttpError> {
        match tokio::time::timeout(self.exchange, self.exchange(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(HttpError::Timeout(self.exchange)),
        }
    }
}

impl fmt::Debug for ReqwestClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReqwestClient").field("trust", &self.trust).finish_non_exhaustive()
    }
}

/// Returns what is in `cell`, after filling it if need be. A failure is not kept: the next
/// attempt reads the files again.
fn once(
    cell: &OnceLock<Client>,
    build: impl FnOnce() -> Result<Client, HttpError>,
) -> Result<&Client, HttpError> {
    match cell.get() {
        Some(client) => Ok(client),
        None => build().map(|client| cell.get_or_init(|| client)),
    }
}

fn built(builder: ClientBuilder) -> Result<Client, HttpError> {
    builder.build().map_err(|_| HttpError::Setup("the HTTP client can't be built".into()))
}

#[cfg(test)]
mod tests;
