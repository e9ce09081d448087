//! How a connection to the API is made: name, TCP, a proxy on the way, TLS, HTTP/1.1 or HTTP/2.
//!
//! Names are asked of the name servers, never of the C library: a static one cannot load what
//! nsswitch.conf names. `localhost` is this machine without asking anybody. A proxy is what the
//! captured environment or the profile says, and never on the way to this machine.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};
use std::time::Duration;

use daypass::{Code, Error, TrustConfig, printable};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::LookupIpStrategy;
use http::Uri;
use hyper::client::conn::{http1, http2};
use hyper::rt::{Read, Write};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connection, HttpConnector};
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tower_service::Service;

use super::early::Early;
use super::link::Http1;
use super::pool::Link;
use crate::descriptors::is_exhausted;

/// How long TCP may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long the whole way may take.
const WHOLE: Duration = Duration::from_secs(20);
/// What is asked directly, whatever the environment says.
const LOOPBACK: &str = "localhost,127.0.0.0/8,::1";

/// Why there is no connection.
#[derive(Debug)]
pub(super) struct NoConnection {
    pub(super) why: String,
    /// No file descriptor was left.
    pub(super) exhausted: bool,
}

impl NoConnection {
    fn since(error: &(dyn std::error::Error + 'static)) -> Self {
        Self { why: why(error), exhausted: is_exhausted(error) }
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Direct = HttpConnector<Names>;

pub(super) struct Connector {
    target: Uri,
    way: Way,
}

enum Way {
    Plain(Direct),
    Tls(HttpsConnector<Direct>),
    Tunnel(Box<HttpsConnector<Tunnel<HttpsConnector<Direct>>>>),
}

impl Connector {
    pub(super) fn new(target: Uri, secure: bool, trust: &TrustConfig) -> Result<Self, Error> {
        let way = if !secure {
            Way::Plain(direct())
        } else {
            let tls = |error: daypass::HttpError| {
                Error::new(Code::ConfigTls, error.to_string())
                    .with_hint("check api_ca_file, SSL_CERT_FILE and the proxy settings")
            };
            let config = trust.client_config().map_err(tls)?;
            let builder = HttpsConnectorBuilder::new().with_tls_config(config.clone());
            let builder = builder.https_only().enable_http1().enable_http2();
            match proxy(&target, trust)? {
                None => Way::Tls(builder.wrap_connector(direct())),
                Some(proxy) => {
                    let to_proxy = HttpsConnectorBuilder::new().with_tls_config(config);
                    let to_proxy = to_proxy.https_or_http().enable_http1();
                    let tunnel =
                        Tunnel::new(proxy.uri().clone(), to_proxy.wrap_connector(direct()));
                    let tunnel = match proxy.basic_auth() {
                        Some(credentials) => tunnel.with_auth(credentials.clone()),
                        None => tunnel,
                    };
                    Way::Tunnel(Box::new(builder.wrap_connector(tunnel)))
                }
            }
        };
        Ok(Self { target, way })
    }

    /// Opens a connection; an error says why there is none.
    pub(super) async fn open(&self) -> Result<Link, NoConnection> {
        let opening = async {
            match &self.way {
                Way::Plain(way) => open(way.clone(), self.target.clone()).await,
                Way::Tls(way) => open(way.clone(), self.target.clone()).await,
                Way::Tunnel(way) => open((**way).clone(), self.target.clone()).await,
            }
        };
        match tokio::time::timeout(WHOLE, opening).await {
            Ok(opened) => opened,
            Err(_) => {
                let why = format!("no connection within {} s", WHOLE.as_secs());
                Err(NoConnection { why, exhausted: false })
            }
        }
    }
}

fn direct() -> Direct {
    let mut connector = HttpConnector::new_with_resolver(Names);
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT));
    connector.set_keepalive(Some(Duration::from_secs(60)));
    connector
}

fn proxy(
    target: &Uri,
    trust: &TrustConfig,
) -> Result<Option<hyper_util::client::proxy::matcher::Intercept>, Error> {
    let Some(proxy) = &trust.proxy else { return Ok(None) };
    let direct = match &trust.no_proxy {
        Some(more) => format!("{LOOPBACK},{more}"),
        None => LOOPBACK.to_owned(),
    };
    let matcher = Matcher::builder().https(proxy.url().to_owned()).no(direct).build();
    let Some(intercept) = matcher.intercept(target) else { return Ok(None) };
    match intercept.uri().scheme_str() {
        Some("http" | "https") => Ok(Some(intercept)),
        _ => Err(Error::new(Code::ConfigTls, "the proxy's URL can't be used (http or https)")
            .with_hint("check `proxy` and HTTPS_PROXY")),
    }
}

async fn open<C>(mut connector: C, target: Uri) -> Result<Link, NoConnection>
where
    C: Service<Uri, Error: Into<BoxError>>,
    C::Response: Read + Write + Connection + Unpin + Send + 'static,
{
    let ready = std::future::poll_fn(|cx| connector.poll_ready(cx));
    ready.await.map_err(|error| NoConnection::since(&*error.into()))?;
    let io = connector.call(target).await;
    let io = io.map_err(|error| NoConnection::since(&*error.into()))?;
    if io.connected().is_negotiated_h2() {
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .adaptive_window(true)
            .keep_alive_interval(Duration::from_secs(30))
            .keep_alive_timeout(Duration::from_secs(20))
            .handshake(io)
            .await
            .map_err(|error| NoConnection::since(&error))?;
        tokio::spawn(async { drop(connection.await) });
        return Ok(Link::Http2(sender));
    }
    let io = Early::new(io);
    let opened = http1::handshake(io).await;
    let (sender, connection) = opened.map_err(|error| NoConnection::since(&error))?;
    Ok(Link::Http1(Http1::new(sender, connection)))
}

/// What went wrong at the bottom.
pub(in crate::gateway) fn why(error: &(dyn std::error::Error + 'static)) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    printable(&deepest.to_string())
}

/// Asks the name servers of /etc/resolv.conf.
#[derive(Clone)]
struct Names;

static RESOLVER: OnceLock<TokioResolver> = OnceLock::new();

fn resolver() -> Result<&'static TokioResolver, BoxError> {
    if let Some(resolver) = RESOLVER.get() {
        return Ok(resolver);
    }
    let mut builder = TokioResolver::builder_tokio()?;
    builder.options_mut().ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    let resolver = builder.build()?;
    Ok(RESOLVER.get_or_init(|| resolver))
}

async fn addresses(name: Name) -> Result<std::vec::IntoIter<SocketAddr>, BoxError> {
    let addresses: Vec<IpAddr> = if name.as_str().eq_ignore_ascii_case("localhost") {
        vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
    } else {
        resolver()?.lookup_ip(name.as_str()).await?.iter().collect()
    };
    let addresses: Vec<_> = addresses.into_iter().map(|ip| SocketAddr::new(ip, 0)).collect();
    Ok(addresses.into_iter())
}

impl Service<Name> for Names {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        Box::pin(addresses(name))
    }
}
