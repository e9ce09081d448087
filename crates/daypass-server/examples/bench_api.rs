//! An API and its token endpoint for measurements: `bench_api PORT`.
//!
//! `/oauth/token` gives tokens for an hour, `/api/v2/blob` answers with 1 MiB, everything else with a
//! small JSON object. Nothing is checked: what is measured is what stands before it.

use std::convert::Infallible;
use std::error::Error;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

const BLOB: usize = 1024 * 1024;
const SMALL: &str = r#"{"id":"5a4db0c5-0000-4000-8000-000000000001","name":"Sandbox User 1"}"#;

fn main() -> Result<(), Box<dyn Error>> {
    let port: u16 = std::env::args().nth(1).ok_or("PORT")?.parse()?;
    let token = format!("{:0>1078}", 1);
    let token =
        format!("{{\"access_token\":\"{token}\",\"token_type\":\"bearer\",\"expires_in\":3600}}");
    let (token, blob) = (Bytes::from(token), Bytes::from(vec![b'x'; BLOB]));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let (token, blob) = (token.clone(), blob.clone());
            let service = service_fn(move |request: Request<Incoming>| {
                let body = match request.uri().path() {
                    "/oauth/token" => token.clone(),
                    "/api/v2/blob" => blob.clone(),
                    _ => Bytes::from_static(SMALL.as_bytes()),
                };
                let mut answer = Response::new(Full::new(body));
                let json = HeaderValue::from_static("application/json");
                answer.headers_mut().insert(CONTENT_TYPE, json);
                async { Ok::<_, Infallible>(answer) }
            });
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(async { drop(connection.await) });
        }
    })
}
