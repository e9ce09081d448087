//! Who is listened to, and how programs log in.

use std::sync::Arc;

use crate::upstream::Api;
use crate::world::{Connection, Numbered, Running};

#[tokio::test]
async fn authorization_is_replaced_and_not_added() {
    let api = Api::fine().await;
    let running = Running::before(&api.url(), Arc::new(Numbered::default()));
    assert_eq!(running.get("/api/v2/users?a=%2F&b=//x").await.status, 200);
    let seen = api.seen();
    let [request] = seen.as_slice() else { panic!("{seen:?}") };
    assert!(request.starts_with("GET /api/v2/users?a=%2F&b=//x HTTP/1.1\r\n"), "{request}");
    assert_eq!(request.matches("authorization: ").count(), 1, "{request}");
    assert!(request.contains("authorization: Bearer token-1\r\n"), "{request}");
    assert!(request.contains(&format!("host: {}\r\n", api.addr)), "{request}");
    assert!(!request.contains("daypass-local"), "{request}");
}

#[tokio::test]
async fn without_a_local_credential_nothing_is_passed_on() {
    let api = Api::fine().await;
    let running = Running::before(&api.url(), Arc::new(Numbered::default()));
    let host = format!("host: localhost:{}\r\n", running.gateway.port());
    for fields in [
        host.clone(),
        format!("{host}authorization: Bearer \r\n"),
        format!("{host}authorization: Bearer something-real\r\n"),
        format!("{host}authorization: Bearer daypass-local-token-0\r\n"),
    ] {
        let mut connection = running.connect().await;
        connection.send(format!("GET /api HTTP/1.1\r\n{fields}\r\n").as_bytes()).await;
        let answer = connection.answer().await;
        assert_eq!((answer.status, answer.code().as_deref()), (401, Some("gateway.credential")));
        assert!(answer.problem()["hint"].as_str().unwrap().contains("/oauth/token"));
        assert!(answer.field("www-authenticate").is_some());
    }
    assert!(api.seen().is_empty());
    assert_eq!(running.gateway.counts().turned_away, 4);
}

#[tokio::test]
async fn a_login_with_the_local_credential_gives_a_token_for_a_day_and_asks_nobody() {
    let api = Api::fine().await;
    let running = Running::before(&api.url(), Arc::new(Numbered::default()));
    let local = &running.local;
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}",
        local.client_id(),
        local.client_secret()
    );
    let host = format!("host: localhost:{}\r\n", running.gateway.port());
    let mut connection = running.connect().await;
    let kind = "content-type: application/x-www-form-urlencoded\r\n";
    let request = format!(
        "POST /oauth/token HTTP/1.1\r\n{host}{kind}content-length: {}\r\n\r\n{form}",
        form.len()
    );
    connection.send(request.as_bytes()).await;
    let answer = connection.answer().await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let token: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((&token["expires_in"], &token["token_type"]), (&86_400.into(), &"bearer".into()));
    assert_eq!(token["access_token"], local.token());
    assert_eq!(answer.field("cache-control").as_deref(), Some("no-store"));

    let wrong = form.replace("client_secret=daypass", "client_secret=real");
    let request = format!(
        "POST /oauth/token HTTP/1.1\r\n{host}{kind}content-length: {}\r\n\r\n{wrong}",
        wrong.len()
    );
    connection.send(request.as_bytes()).await;
    let answer = connection.answer().await;
    assert_eq!((answer.status, answer.code().as_deref()), (401, Some("gateway.login")));
    assert!(answer.body.contains("invalid_client"));
    assert!(api.seen().is_empty(), "no login goes anywhere");
}

#[tokio::test]
async fn a_tool_that_cannot_log_in_uses_the_secret_path() {
    let api = Api::fine().await;
    let running = Running::before(&api.url(), Arc::new(Numbered::default()));
    let host = format!("host: localhost:{}\r\n", running.gateway.port());
    let mut connection = running.connect().await;
    let path = running.local.path();
    connection.send(format!("GET {path}/api?x=1 HTTP/1.1\r\n{host}\r\n").as_bytes()).await;
    assert_eq!(connection.answer().await.status, 200);
    assert!(api.seen()[0].starts_with("GET /api?x=1 HTTP/1.1\r\n"));
    let (start, end) = path.split_at(path.len() - 1);
    let other = if end == "0" { "1" } else { "0" };
    connection.send(format!("GET {start}{other}/api HTTP/1.1\r\n{host}\r\n").as_bytes()).await;
    assert_eq!(connection.answer().await.code().as_deref(), Some("gateway.credential"));
    assert_eq!(api.seen().len(), 1);
}

#[tokio::test]
async fn an_open_port_wants_no_credential_but_is_no_less_careful_otherwise() {
    let api = Api::fine().await;
    let source = Arc::new(Numbered::default());
    let running = Running::with(&api.url(), source, |settings| settings.open_ports = vec![0]);
    let [port] = running.gateway.open_ports() else { panic!("one port") };
    for (fields, expected) in [
        (format!("host: localhost:{port}\r\n"), 200),
        (format!("host: localhost:{port}\r\nauthorization: Bearer \r\n"), 200),
        (format!("host: localhost:{}\r\n", running.gateway.port()), 403),
        (format!("host: localhost:{port}\r\norigin: http://localhost:{port}\r\n"), 403),
        (format!("host: localhost:{port}\r\nsec-fetch-site: cross-site\r\n"), 403),
    ] {
        let mut connection = Connection::to(*port).await;
        connection.send(format!("GET /api HTTP/1.1\r\n{fields}\r\n").as_bytes()).await;
        assert_eq!(connection.answer().await.status, expected, "{fields}");
    }
    assert_eq!(api.seen().len(), 2);
    assert!(api.seen().iter().all(|request| request.contains("authorization: Bearer token-1\r\n")));
}

#[tokio::test]
async fn names_that_were_rebound_and_pages_are_refused() {
    let api = Api::fine().await;
    let running = Running::before(&api.url(), Arc::new(Numbered::default()));
    let (port, token) = (running.gateway.port(), running.local.token());
    for (fields, code) in [
        (format!("host: evil.example:{port}\r\n"), "gateway.host"),
        ("host: 127.0.0.1\r\n".to_owned(), "gateway.host"),
        (String::new(), "gateway.host"),
        (format!("host: 127.0.0.1:{port}\r\norigin: https://evil.example\r\n"), "gateway.page"),
        (format!("host: 127.0.0.1:{port}\r\nsec-fetch-site: same-origin\r\n"), "gateway.page"),
    ] {
        let mut connection = running.connect().await;
        let authorization = format!("authorization: Bearer {token}\r\n");
        let request = format!("GET /api HTTP/1.1\r\n{fields}{authorization}\r\n");
        connection.send(request.as_bytes()).await;
        let answer = connection.answer().await;
        assert_eq!((answer.status, answer.code().as_deref()), (403, Some(code)), "{fields}");
    }
    assert!(api.seen().is_empty());
}

#[tokio::test]
async fn both_families_are_served() {
    let api = Api::fine().await;
    let running = Running::before(&api.url(), Arc::new(Numbered::default()));
    let port = running.gateway.port();
    let mut stream = tokio::net::TcpStream::connect(("::1", port)).await.unwrap();
    let request = format!(
        "GET /api HTTP/1.1\r\nhost: [::1]:{port}\r\nauthorization: Bearer {}\r\nconnection: close\r\n\r\n",
        running.local.token()
    );
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}
