//! Against servers of a few lines on loopback, one connection after the other.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use rustls::pki_types::PrivateKeyDer;

use super::*;
use crate::{CaFile, ProxyConfig};

const TLS_HANDSHAKE: u8 = 22;
const SENTINEL: &str = "sentinel-5ec2e7";

/// Serves each connection with `handle` and reports the head of each request.
fn serve<S: Read + Write>(
    accept: impl Fn(TcpStream) -> S + Send + 'static,
    handle: impl Fn(&mut S) + Send + 'static,
) -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (heads, seen) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = accept(stream.unwrap());
            let _ = heads.send(head(&mut stream));
            handle(&mut stream);
        }
    });
    (address, seen)
}

/// Reads the head of a request; of TLS where plain HTTP is expected, one byte.
fn head(stream: &mut impl Read) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        head.push(byte[0]);
        if byte == [TLS_HANDSHAKE] {
            break;
        }
    }
    String::from_utf8(head).unwrap()
}

fn answering(answer: impl AsRef<[u8]> + Send + 'static) -> (SocketAddr, Receiver<String>) {
    serve(|stream| stream, move |stream| drop(stream.write_all(answer.as_ref())))
}

fn client(trust: TrustConfig) -> ReqwestClient {
    ReqwestClient::with_timeouts(trust, Duration::from_millis(500), Duration::from_millis(700))
}

async fn get(client: &ReqwestClient, url: &str) -> Result<::http::Response<Bytes>, HttpError> {
    let request = ::http::Request::get(url).header("authorization", SENTINEL);
    let result = client.send(request.body(Bytes::new()).unwrap()).await;
    if let Err(error) = &result {
        assert!(!format!("{error:?} {error}").contains(SENTINEL), "{error:?}");
        assert!(!error.to_string().contains("query"), "{error}");
    }
    result
}

async fn get_plain(address: SocketAddr) -> Result<::http::Response<Bytes>, HttpError> {
    get(&client(TrustConfig::default()), &format!("http://{address}/{SENTINEL}?query")).await
}

#[tokio::test]
async fn an_answer_is_returned_whole_whatever_its_status() {
    let (address, seen) = answering("HTTP/1.1 418 Odd\r\nRetry-After: 7\r\n\r\nhello");
    let answer = get_plain(address).await.unwrap();
    assert_eq!(answer.status(), 418);
    assert_eq!(answer.headers()["retry-after"], "7");
    assert_eq!(answer.body().as_ref(), b"hello");
    let head = seen.recv().unwrap();
    assert!(head.starts_with(&format!("GET /{SENTINEL}?query HTTP/1.1\r\n")), "{head}");
    assert!(!head.to_lowercase().contains("accept-encoding"), "{head}");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let (elsewhere, seen) = answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let (address, _) =
        answering(format!("HTTP/1.1 307 X\r\nLocation: http://{elsewhere}/\r\n\r\n"));
    assert_eq!(get_plain(address).await.unwrap().status(), 307);
    assert!(seen.try_recv().is_err());
}

#[tokio::test]
async fn an_answer_of_the_largest_size_is_read_and_one_byte_more_is_not() {
    let fits = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(MAX_BODY));
    assert_eq!(get_plain(answering(fits.clone()).0).await.unwrap().body().len(), MAX_BODY);
    assert_eq!(get_plain(answering(fits + "x").0).await.unwrap_err(), HttpError::TooLarge);
    let announced = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", MAX_BODY + 1);
    assert_eq!(get_plain(answering(announced).0).await.unwrap_err(), HttpError::TooLarge);
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let chunked =
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}", chunk.repeat(5));
    assert_eq!(get_plain(answering(chunked).0).await.unwrap_err(), HttpError::TooLarge);
}

#[tokio::test]
async fn a_server_that_is_silent_or_endless_ends_at_the_time_limit() {
    let silent = |stream: &mut TcpStream| drop(stream.read(&mut [0]));
    let (address, _) = serve(|stream| stream, silent);
    let limit = HttpError::Timeout(Duration::from_millis(700));
    assert_eq!(get_plain(address).await.unwrap_err(), limit);
    assert_eq!(limit.to_string(), "no complete answer within 0.7 s");
    let (address, _) = serve(
        |stream| stream,
        |stream| {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
            let _ = stream.read(&mut [0]);
        },
    );
    assert_eq!(get_plain(address).await.unwrap_err(), limit);
}

#[tokio::test]
async fn a_broken_answer_is_told_from_a_failed_connection() {
    for answer in [
        "",
        "nonsense\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ] {
        let error = get_plain(answering(answer).0).await.unwrap_err();
        assert!(matches!(error, HttpError::Broken(_)), "{answer:?}: {error:?}");
    }
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = get_plain(unused).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot connect: connection refused");
}

#[tokio::test]
async fn one_send_is_one_connection_even_after_the_server_hung_up() {
    let (address, seen) = answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let client = client(TrustConfig::default());
    for _ in 0..3 {
        assert_eq!(get(&client, &format!("http://{address}/")).await.unwrap().status(), 200);
    }
    assert_eq!(seen.try_iter().count(), 3);
}

#[tokio::test]
async fn localhost_is_this_machine_without_dns() {
    let (address, _) = answering("HTTP/1.1 204 No\r\n\r\n");
    let url = format!("http://localhost:{}/", address.port());
    assert_eq!(get(&client(TrustConfig::default()), &url).await.unwrap().status(), 204);
}

#[tokio::test]
async fn plain_http_to_another_machine_is_never_sent() {
    let error = get(&client(TrustConfig::default()), "http://192.0.2.1/x?query").await.unwrap_err();
    assert_eq!(error, HttpError::Setup("192.0.2.1 would be asked over plain http".into()));
}

#[tokio::test]
async fn plain_http_reads_no_roots_and_https_says_what_is_wrong_with_them() {
    let trust =
        TrustConfig { ca_file: Some(CaFile::Path("/nonexistent".into())), ..Default::default() };
    let client = client(trust);
    let (address, _) = answering("HTTP/1.1 204 No\r\n\r\n");
    assert_eq!(get(&client, &format!("http://{address}/")).await.unwrap().status(), 204);
    let error = get(&client, &format!("https://{address}/")).await.unwrap_err();
    assert!(matches!(error, HttpError::Setup(_)), "{error:?}");
}

fn proxied(proxy: &str, no_proxy: Option<&str>) -> ReqwestClient {
    client(TrustConfig {
        proxy: Some(ProxyConfig::new(proxy)),
        no_proxy: no_proxy.map(Into::into),
        ..TrustConfig::default()
    })
}

#[tokio::test]
async fn a_proxy_is_asked_for_another_machine_and_never_for_this_one() {
    let (proxy, seen) = answering("HTTP/1.1 403 No\r\n\r\n");
    let (address, direct) = answering("HTTP/1.1 204 No\r\n\r\n");
    for url in [format!("http://user:{SENTINEL}@{proxy}"), proxy.to_string()] {
        let client = proxied(&url, None);
        let error = get(&client, "https://login.invalid/x?query").await.unwrap_err();
        assert_eq!(error.to_string(), "cannot connect: the proxy refuses to connect there");
        let head = seen.recv().unwrap();
        assert!(head.starts_with("CONNECT login.invalid:443 HTTP/1.1\r\n"), "{head}");
        assert_eq!(head.to_lowercase().contains("proxy-authorization: basic "), url.contains('@'));
        assert!(!format!("{client:?}").contains(SENTINEL));

        get(&client, &format!("http://{address}/")).await.unwrap();
        get(&client, &format!("http://localhost:{}/", address.port())).await.unwrap();
        get(&client, &format!("https://{address}/")).await.unwrap_err();
        get(&client, &format!("https://localhost:{}/", address.port())).await.unwrap_err();
        get(&client, "https://[::1]:1/").await.unwrap_err();
        assert_eq!(direct.try_iter().count(), 4);
        assert!(seen.try_recv().is_err());
    }
}

#[tokio::test]
async fn no_proxy_names_what_is_asked_directly() {
    let (proxy, seen) = answering("HTTP/1.1 403 No\r\n\r\n");
    let client = proxied(&format!("http://{proxy}"), Some("192.0.2.0/24, .example.com"));
    get(&client, "https://192.0.2.1/").await.unwrap_err();
    assert!(seen.try_recv().is_err());
    get(&client, "https://198.51.100.1/").await.unwrap_err();
    assert!(seen.recv().unwrap().starts_with("CONNECT 198.51.100.1:443 "));
}

#[tokio::test]
async fn what_a_proxy_did_is_told() {
    for (answer, text) in [
        ("HTTP/1.1 407 Login\r\n\r\n", "cannot connect: the proxy asks for a login"),
        ("HTTP/1.1 502 Bad\r\n\r\n", "cannot connect: the proxy refuses to connect there"),
        ("", "cannot connect: the proxy gave no usable answer"),
    ] {
        let client = proxied(&answering(answer).0.to_string(), None);
        let error = get(&client, "https://login.invalid/x?query").await.unwrap_err();
        assert_eq!(error.to_string(), text);
    }
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = get(&proxied(&unused.to_string(), None), "https://login.invalid/").await;
    assert_eq!(error.unwrap_err().to_string(), "cannot connect: connection refused");
    for url in ["socks5://127.0.0.1:1", "http://", "ftp://x"] {
        let error = get(&proxied(url, None), "https://login.invalid/").await.unwrap_err();
        assert!(matches!(error, HttpError::Setup(_)), "{error:?}");
    }
}

/// A TLS server whose certificate is for `name`, and the certificate in PEM form.
fn tls_server(name: &str, until_year: i32) -> (SocketAddr, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(until_year, 1, 1);
    let certificate = params.self_signed(&key).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let config = Arc::new(config);
    let accept = move |stream| {
        let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
        rustls::StreamOwned::new(connection, stream)
    };
    let answer = |stream: &mut rustls::StreamOwned<rustls::ServerConnection, TcpStream>| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        stream.conn.send_close_notify();
        let _ = stream.flush();
    };
    (serve(accept, answer).0, certificate.pem())
}

#[tokio::test]
async fn ca_file_decides_which_certificate_is_trusted_and_the_rest_is_told() {
    let trusting = |pem: &str| {
        let ca_file = Some(CaFile::Pem(pem.as_bytes().to_vec()));
        client(TrustConfig { ca_file, ..TrustConfig::default() })
    };
    let (address, pem) = tls_server("localhost", 2300);
    let url = format!("https://localhost:{}/x?query", address.port());
    assert_eq!(get(&trusting(&pem), &url).await.unwrap().body().as_ref(), b"ok");

    let (_, other) = tls_server("localhost", 2300);
    let error = get(&trusting(&other), &url).await.unwrap_err();
    let text = "the server's certificate comes from an authority that is not trusted here";
    assert_eq!(error, HttpError::Untrusted(text.into()));

    let error = get(&trusting(&pem), &format!("https://{address}/x?query")).await.unwrap_err();
    let text = "cannot connect: the server's certificate is for another host name";
    assert_eq!(error.to_string(), text);

    let (address, pem) = tls_server("127.0.0.1", 2020);
    let error = get(&trusting(&pem), &format!("https://{address}/x?query")).await.unwrap_err();
    let text = "cannot connect: the server's certificate has expired, or the clock here is wrong";
    assert_eq!(error.to_string(), text);

    let (address, _) = answering("HTTP/1.1 400 Bad\r\n\r\n");
    let error = get(&trusting(&pem), &format!("https://{address}/x?query")).await.unwrap_err();
    assert!(error.to_string().starts_with("cannot connect: no TLS connection"), "{error}");
}
