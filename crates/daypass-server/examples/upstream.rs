//! An API for measuring proxies: `/ok` answers some JSON, `/blob` one mebibyte, both at once. It
//! answers 401 to a request without exactly one bearer token.
//!
//! Usage: `upstream PORT`

use std::convert::Infallible;
use std::error::Error;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

static BLOB: [u8; 1 << 20] = [b'b'; 1 << 20];
const SMALL: &[u8] = br#"{"entities":[{"id":"1","name":"one"}],"pageNumber":1,"total":1}"#;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let port: u16 = std::env::args().nth(1).ok_or("usage: upstream PORT")?.parse()?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(
            http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)),
        );
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut bearers = request.headers().get_all(AUTHORIZATION).iter();
    let has_one = bearers.next().is_some_and(|value| value.as_bytes().starts_with(b"Bearer "))
        && bearers.next().is_none();
    let (status, body) = match (has_one, request.uri().path()) {
        (false, _) => (StatusCode::UNAUTHORIZED, &b"{}"[..]),
        (true, "/blob") => (StatusCode::OK, &BLOB[..]),
        (true, _) => (StatusCode::OK, SMALL),
    };
    let mut response = Response::new(Full::new(Bytes::from_static(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    Ok(response)
}
