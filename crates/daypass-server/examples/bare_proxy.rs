//! The least that a gateway can be with the same library: it puts one fixed token on each request
//! and streams both ways. No credential of its own, no retry, no refresh, no check of anything. The
//! gateway's speed is measured beside it.
//!
//! Usage: `bare_proxy PORT UPSTREAM_PORT`

use std::error::Error;

use http::header::{AUTHORIZATION, CONNECTION, HOST, TE, TRAILER, UPGRADE};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderName, HeaderValue, Request, Uri};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

const HOP_BY_HOP: [HeaderName; 5] =
    [CONNECTION, TE, TRAILER, UPGRADE, HeaderName::from_static("keep-alive")];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let usage = "usage: bare_proxy PORT UPSTREAM_PORT";
    let port: u16 = std::env::args().nth(1).ok_or(usage)?.parse()?;
    let upstream: u16 = std::env::args().nth(2).ok_or(usage)?.parse()?;
    let upstream: Authority = format!("127.0.0.1:{upstream}").parse()?;
    let bearer = HeaderValue::from_str(&format!("Bearer {}", "t".repeat(1100)))?;
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Client<_, Incoming> =
        Client::builder(TokioExecutor::new()).pool_max_idle_per_host(512).build(connector);
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (client, upstream, bearer) = (client.clone(), upstream.clone(), bearer.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            prepare(&mut request, &upstream, &bearer);
            let answer = client.request(request);
            async move {
                let mut answer = answer.await?;
                HOP_BY_HOP.iter().for_each(|name| drop(answer.headers_mut().remove(name)));
                Ok::<_, hyper_util::client::legacy::Error>(answer)
            }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

fn prepare(request: &mut Request<Incoming>, upstream: &Authority, bearer: &HeaderValue) {
    let target = request.uri().path_and_query().cloned();
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(upstream.clone());
    parts.path_and_query = Some(target.unwrap_or(PathAndQuery::from_static("/")));
    *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
    let headers = request.headers_mut();
    HOP_BY_HOP.iter().for_each(|name| drop(headers.remove(name)));
    headers.remove(HOST);
    headers.insert(AUTHORIZATION, bearer.clone());
}
