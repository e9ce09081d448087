//! An API over https: whom the gateway trusts, HTTP/2 and HTTP/1.1, a proxy on the way.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use daypass::{ProxyConfig, TrustConfig};
use daypass_sandbox::Flavour;
use daypass_server::Upstream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::nginx::Nginx;
use crate::upstream::Api;
use crate::world::{Issuer, Numbered, Running};

fn trusting(url: &str, trust: &TrustConfig) -> Running {
    let upstream = Upstream::new(url, trust).unwrap();
    Running::with("http://127.0.0.1:1", Arc::new(Numbered::default()), |settings| {
        settings.upstream = upstream;
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http2_and_http1_are_chosen_by_what_the_api_speaks() {
    let api = Api::fine().await;
    for (http2, protocol) in [(true, "HTTP/2.0"), (false, "HTTP/1.1")] {
        let nginx = Nginx::before(api.addr, http2);
        let running = trusting(&nginx.url(), &nginx.trust());
        for body in ["", "a body"] {
            let answer = running.post("/api/v2/users?a=%20b", body).await;
            assert_eq!((answer.status, answer.body.as_str()), (200, "fine"), "{answer:?}");
            assert_eq!(answer.field("x-protocol").as_deref(), Some(protocol));
            let seen = api.seen();
            let last = seen.last().unwrap();
            assert!(last.starts_with("POST /api/v2/users?a=%20b HTTP/1.1\r\n"), "{last}");
            assert!(last.contains("Bearer token-1\r\n") && last.ends_with(body), "{last}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_nobody_who_is_trusted_is_a_502_and_gets_no_token() {
    let api = Api::fine().await;
    let nginx = Nginx::before(api.addr, true);
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let other = TrustConfig {
        ca_file: Some(daypass::CaFile::Pem(other.cert.pem().into_bytes())),
        ..TrustConfig::default()
    };
    let by_address = format!("https://127.0.0.1:{}", nginx.addr.port());
    for (url, trust) in [(nginx.url(), other), (by_address, nginx.trust())] {
        let answer = trusting(&url, &trust).get("/api").await;
        assert_eq!((answer.status, answer.code().as_deref()), (502, Some("gateway.upstream")));
        let problem = answer.problem();
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.to_lowercase().contains("certificate"), "{detail}");
    }
    assert!(api.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http2_many_uploads_that_are_refused_arrive_with_another_token() {
    let issuer = Issuer::start(Flavour::Standard, Duration::from_secs(3600));
    let nginx = Nginx::before(issuer.server.addr, true);
    let upstream = Upstream::new(&nginx.url(), &nginx.trust()).unwrap();
    let source = Arc::new(issuer.open().source);
    let running = Running::with("http://127.0.0.1:1", source, |s| s.upstream = upstream);
    let running = Arc::new(running);
    assert_eq!(running.get("/api/echo").await.status, 200);
    issuer.sandbox.revoke_all();
    let uploads = (0..50).map(|number| {
        let running = Arc::clone(&running);
        tokio::spawn(async move {
            let size = 20_000 + number;
            let answer = running.post("/api/upload", &"x".repeat(size)).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            assert_eq!(answer.field("x-protocol").as_deref(), Some("HTTP/2.0"));
            let echo: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
            assert_eq!(echo["body_bytes"], size);
        })
    });
    for upload in uploads.collect::<Vec<_>>() {
        upload.await.unwrap();
    }
    assert_eq!(issuer.sandbox.token_requests(), 2);
}

/// A proxy that tunnels, and tells what it was asked for.
async fn proxy(to: std::net::SocketAddr) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                if client.read(&mut byte).await.unwrap_or(0) == 0 {
                    break;
                }
                head.push(byte[0]);
            }
            log.lock().unwrap().push(String::from_utf8(head).unwrap());
            tokio::spawn(async move {
                let mut api = TcpStream::connect(to).await.unwrap();
                client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
                tokio::io::copy_bidirectional(&mut client, &mut api).await.ok();
            });
        }
    });
    (port, asked)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_carries_https_and_never_sees_a_token() {
    let api = Api::fine().await;
    let nginx = Nginx::before(api.addr, true);
    let (port, asked) = proxy(nginx.addr).await;
    let trust = TrustConfig {
        proxy: Some(ProxyConfig::new(format!("http://user:pass@127.0.0.1:{port}"))),
        ..nginx.trust()
    };
    // This machine is reached directly; another one only through the proxy. Its name is checked
    // all the same: the certificate is for localhost.
    let answer = trusting(&nginx.url(), &trust).get("/api").await;
    assert_eq!((answer.status, asked.lock().unwrap().len()), (200, 0));
    let answer = trusting("https://api.example.com", &trust).get("/api").await;
    assert_eq!((answer.status, answer.code().as_deref()), (502, Some("gateway.upstream")));
    let asked = asked.lock().unwrap().clone();
    assert!(asked[0].starts_with("CONNECT api.example.com:443 HTTP/1.1\r\n"), "{asked:?}");
    assert!(asked[0].contains("Basic dXNlcjpwYXNz"), "{asked:?}");
    assert!(!asked.concat().contains("token-1"));
}
