//! A bare hyper proxy, to hold the gateway against: `bare_proxy LISTEN_PORT UPSTREAM_PORT`.
//!
//! The least that a reverse proxy with a token does: hop-by-hop fields out, one field in, hyper on
//! both sides with its own pool. No peer check, no guard, no limits, no second try, no counting.

use std::convert::Infallible;
use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{Either, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};

const HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
];

type Proxied = Response<Either<Incoming, Empty<Bytes>>>;

fn prepare(request: &mut Request<Incoming>, upstream: &Authority, token: &HeaderValue) {
    let target = request.uri().path_and_query().cloned();
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(upstream.clone());
    parts.path_and_query = Some(target.unwrap_or(PathAndQuery::from_static("/")));
    *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
    let headers = request.headers_mut();
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
    headers.remove(header::HOST);
    headers.insert(header::AUTHORIZATION, token.clone());
}

async fn pass_on(
    client: Client<HttpConnector, Incoming>,
    request: Request<Incoming>,
) -> Result<Proxied, Infallible> {
    Ok(match client.request(request).await {
        Ok(mut answer) => {
            for name in &HOP_BY_HOP {
                answer.headers_mut().remove(name);
            }
            answer.map(Either::Left)
        }
        Err(_) => {
            let mut answer = Response::new(Either::Right(Empty::new()));
            *answer.status_mut() = StatusCode::BAD_GATEWAY;
            answer
        }
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let ports: Vec<u16> =
        std::env::args().skip(1).map(|port| port.parse()).collect::<Result<_, _>>()?;
    let [listen, upstream] = ports.as_slice() else {
        return Err("LISTEN_PORT UPSTREAM_PORT".into());
    };
    let upstream: Authority = format!("127.0.0.1:{upstream}").parse()?;
    // As long as a usual JWT.
    let mut token = HeaderValue::from_str(&format!("Bearer {:0>1085}", 1))?;
    token.set_sensitive(true);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", *listen)).await?;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client: Client<_, Incoming> = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(512)
            .pool_idle_timeout(Duration::from_secs(60))
            .build(connector);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let (client, upstream, token) = (client.clone(), upstream.clone(), token.clone());
            let service = service_fn(move |mut request| {
                prepare(&mut request, &upstream, &token);
                pass_on(client.clone(), request)
            });
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(async { drop(connection.await) });
        }
    })
}
