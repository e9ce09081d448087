//! Authorization servers that others wrote: oidc-provider and glewlwyd, over real sockets, from a
//! configuration file to a token. `tests/real/README.md` tells what they answer.

mod servers;

use std::fs;

use bytes::Bytes;
use daypass::{
    Code, Error, Granted, HttpClient, MinTtl, Opened, Reason, Source, Token, TokenSource, Want,
};
use http::{Request, StatusCode};

use self::servers::{Machine, Server, plain_http, wait};
use crate::log::Log;
use crate::world::{s, text};

const SOON: Want = Want { min_ttl: MinTtl::TOKEN, timeout: s(10), force: false };
const RESERVED: &str = "p%40ss:w+rd/& ?=~\"";

async fn get(opened: &Opened) -> Result<Granted, Error> {
    opened.source.token(SOON).await
}

/// A machine that asks this oidc-provider over plain http, with these settings besides.
fn asking(server: &Server, id: &str, secret: &str, more: &[(&str, &str)]) -> Machine {
    let url = server.plain("/token");
    let mut settings = vec![("token_url", url.as_str()), ("client_id", id)];
    settings.push(("client_secret", secret));
    settings.extend(more);
    Machine::new(&settings)
}

fn basic(server: &Server, more: &[(&str, &str)]) -> Machine {
    asking(server, "basic", "basic-secret", more)
}

// oidc-provider: the life of a token

#[tokio::test]
async fn oidc_provider_gives_a_token_that_its_api_takes() {
    let server = Server::shared_oidc();
    let granted = get(&basic(server, &[]).step()).await.unwrap();
    assert_eq!((granted.source, granted.reason), (Source::Issuer, Reason::Cold));
    assert_eq!(granted.token.lifetime(), s(600));
    assert_eq!(server.ping(&granted.token).await, StatusCode::OK);
}

#[tokio::test]
async fn twenty_processes_at_once_and_twenty_after_them_cost_oidc_provider_one_request() {
    let server = Server::oidc();
    let machine = basic(&server, &[]);
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let opened = machine.step();
            tokio::spawn(async move { text(&get(&opened).await.unwrap()) })
        })
        .collect();
    let mut texts = std::collections::BTreeSet::new();
    for task in tasks {
        texts.insert(task.await.unwrap());
    }
    for _ in 0..20 {
        let opened = machine.step();
        let granted = opened.source.peek(MinTtl::TOKEN).unwrap();
        assert_eq!(granted.source, Source::Store);
        texts.insert(text(&granted));
    }
    assert_eq!((texts.len(), server.asked().await), (1, 1));
}

#[tokio::test]
async fn a_token_of_three_seconds_is_cached_ends_and_is_followed() {
    let server = Server::oidc();
    let machine = asking(&server, "short", "short-secret", &[]);
    let service = machine.service();
    let old = get(&service).await.unwrap().token;
    assert_eq!(get(&machine.step()).await.unwrap().source, Source::Store);
    assert_eq!(server.ping(&old).await, StatusCode::OK);
    wait(3.1).await;
    assert_eq!(server.ping(&old).await, StatusCode::UNAUTHORIZED);
    let granted = get(&service).await.unwrap();
    assert_eq!((granted.source, granted.reason), (Source::Issuer, Reason::Expiring));
    assert_eq!(server.ping(&granted.token).await, StatusCode::OK);
    assert_eq!(text(&get(&machine.step()).await.unwrap()), text(&granted));
    assert_eq!(server.asked().await, 2);
}

#[tokio::test]
async fn a_token_that_was_revoked_elsewhere_is_rejected_once_and_replaced() {
    let server = Server::oidc();
    let revocation = server.plain(server.said("revocation_path"));
    let machine = basic(&server, &[("revocation_url", &revocation)]);
    let service = machine.service();
    let old = get(&service).await.unwrap().token;
    assert!(machine.step().source.revoke(s(10)).await.unwrap());
    assert_eq!(server.ping(&old).await, StatusCode::UNAUTHORIZED);
    for _ in 0..3 {
        service.source.reject(old.access_token()).await.unwrap();
        let token = get(&service).await.unwrap().token;
        assert_eq!(server.ping(&token).await, StatusCode::OK);
    }
    assert_eq!(server.asked().await, 2);
    assert!(!basic(&server, &[]).step().source.revoke(s(10)).await.unwrap(), "nothing is cached");
}

#[tokio::test]
async fn when_the_server_is_gone_the_cached_token_is_handed_out_and_a_cold_one_is_unavailable() {
    let server = Server::oidc();
    let machine = basic(&server, &[]);
    let other = basic(&server, &[]);
    let old = text(&get(&machine.step()).await.unwrap());
    server.end();
    let granted = get(&machine.step()).await.unwrap();
    assert_eq!((text(&granted), granted.source), (old, Source::Store));
    let want = Want { timeout: s(1), ..SOON };
    let error = other.step().source.token(want).await.unwrap_err();
    assert_eq!((error.code(), error.code().class().exit_code()), (Code::IssuerUnavailable, 4));
    assert!(error.message().contains("cannot connect: connection refused"), "{error:?}");
}

// oidc-provider: refusals

#[tokio::test]
async fn a_wrong_secret_is_refused_remembered_and_asked_anew_once_it_is_corrected() {
    let server = Server::oidc();
    let url = server.plain("/token");
    let settings = |secret| [("token_url", url.as_str()), ("client_id", "basic"), secret];
    let machine = Machine::new(&settings(("client_secret", "wrong-sentinel")));
    let error = get(&machine.step()).await.unwrap_err();
    assert_eq!((error.code(), error.code().class().exit_code()), (Code::IssuerRejected, 3));
    let expected = "answered invalid_client (client authentication failed) for client basic";
    assert!(error.message().contains(expected), "{error:?}");
    assert!(error.hint().unwrap().contains("secret"), "{error:?}");
    let again = get(&machine.step()).await.unwrap_err();
    assert_eq!(again.code(), Code::IssuerRejected);
    assert!(again.message().starts_with("the same refusal as "), "{again:?}");
    assert!(again.retry_after().unwrap() <= s(30));
    assert_eq!(server.asked().await, 1);
    let shown = format!("{error:?} {again:?} {:?}", machine.step());
    assert!(!shown.contains("sentinel"), "{shown}");
    machine.write(&settings(("client_secret", "basic-secret")));
    get(&machine.step()).await.unwrap();
    assert_eq!(server.asked().await, 2);
}

#[tokio::test]
async fn oidc_provider_drops_an_unknown_scope_in_silence_and_daypass_does_not() {
    let server = Server::shared_oidc();
    let (log, _guard) = Log::listen();
    let scopes = [("scopes", r#"["api:read", "nope"]"#)];
    let machine = asking(server, "scoped", "scoped-secret", &scopes);
    let token = get(&machine.step()).await.unwrap().token;
    assert_eq!(token.scope().unwrap().to_string(), "api:read");
    assert!(log.has("the issuer did not grant every scope"), "{:?}", log.lines());
    assert!(log.has("missing=nope"), "{:?}", log.lines());

    let (log, _guard) = Log::listen();
    let both = [("scopes", r#"["api:write", "api:read"]"#)];
    get(&asking(server, "scoped", "scoped-secret", &both).step()).await.unwrap();
    assert_eq!(log.lines(), Vec::<String>::new());
}

#[tokio::test]
async fn a_scope_that_the_client_may_not_have_is_refused_with_what_to_do() {
    let server = Server::shared_oidc();
    let machine = asking(server, "scoped", "scoped-secret", &[("scopes", r#"["api:admin"]"#)]);
    let error = get(&machine.step()).await.unwrap_err();
    assert_eq!(error.code(), Code::IssuerRejected);
    assert!(error.message().contains("invalid_scope (requested scope is not allowed)"));
    let hint = "ask for other scopes, or have the client allowed to use these";
    assert_eq!(error.hint(), Some(hint));
}

// oidc-provider: how the client proves itself, and what it asks for

#[tokio::test]
async fn secrets_with_reserved_characters_arrive_at_oidc_provider() {
    let server = Server::shared_oidc();
    for (id, secret, method) in [
        ("reserved", RESERVED, "client_secret_basic"),
        ("reserved", RESERVED, "client_secret_post"),
        ("re:served", "colon-secret", "client_secret_basic"),
        ("re:served", "colon-secret", "client_secret_post"),
        ("post", "post-secret", "client_secret_post"),
    ] {
        let machine = asking(server, id, secret, &[("client_auth", method)]);
        let token = get(&machine.step()).await.unwrap_or_else(|e| panic!("{id} {method}: {e:?}"));
        assert_eq!(server.ping(&token.token).await, StatusCode::OK);
    }
    let raw = [("client_auth", "client_secret_basic_raw")];
    let error = get(&asking(server, "reserved", RESERVED, &raw).step()).await.unwrap_err();
    assert_eq!(error.code(), Code::IssuerRejected, "oidc-provider wants it form-encoded");
}

#[tokio::test]
async fn a_resource_indicator_brings_a_token_of_its_own() {
    let server = Server::shared_oidc();
    let machine = basic(server, &[("resource", r#"["https://api.example.test"]"#)]);
    let granted = get(&machine.step()).await.unwrap();
    assert_eq!(granted.token.lifetime(), s(300));
    assert_eq!(text(&granted).split('.').count(), 3, "a JWT");
    assert_eq!(get(&machine.step()).await.unwrap().source, Source::Store);
    let revocation = server.plain(server.said("revocation_path"));
    let more =
        [("resource", r#"["https://api.example.test"]"#), ("revocation_url", &revocation[..])];
    let opened = basic(server, &more).step();
    get(&opened).await.unwrap();
    let error = opened.source.revoke(s(10)).await.unwrap_err();
    assert_eq!(error.code(), Code::IssuerCannotRevoke, "oidc-provider revokes no JWT");

    let other = basic(server, &[("resource", r#"["https://other.example.test"]"#)]);
    let error = get(&other.step()).await.unwrap_err();
    assert!(error.message().contains("invalid_target"), "{error:?}");
    assert_eq!(error.hint(), Some("the issuer knows no such audience or resource"));
}

// oidc-provider: discovery and TLS

#[tokio::test]
async fn an_issuer_is_enough_to_get_a_token_and_to_revoke_it() {
    let server = Server::shared_oidc();
    let settings = |issuer| [("issuer", issuer), ("client_id", "basic")];
    let plain = server.plain("");
    let [issuer, id] = settings(&plain);
    let machine = Machine::new(&[issuer, id, ("client_secret", "basic-secret")]);
    let opened = machine.step();
    let token = get(&opened).await.unwrap().token;
    assert_eq!(server.ping(&token).await, StatusCode::OK);
    assert_eq!(get(&machine.step()).await.unwrap().source, Source::Store);
    assert!(opened.source.revoke(s(10)).await.unwrap());
    assert_eq!(server.ping(&token).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn an_issuer_by_another_name_than_its_own_gets_no_secret() {
    let server = Server::oidc();
    let port = server.plain("").rsplit_once(':').unwrap().1.to_owned();
    let by_name = format!("http://localhost:{port}");
    let settings = [("issuer", &by_name[..]), ("client_id", "basic"), ("client_secret", "x")];
    let error = get(&Machine::new(&settings).step()).await.unwrap_err();
    assert_eq!(error.code(), Code::IssuerRejected);
    let expected = format!("calls itself http://127.0.0.1:{port}, but `issuer` is {by_name}");
    assert!(error.message().contains(&expected), "{error:?}");
    assert_eq!(server.asked().await, 0);
}

#[tokio::test]
async fn a_private_authority_is_trusted_when_ca_file_names_it() {
    let server = Server::shared_oidc();
    let (token_url, issuer) = (server.secure("/token"), server.secure(""));
    for endpoint in [("token_url", &token_url[..]), ("issuer", &issuer)] {
        let machine = Machine::new(&[
            endpoint,
            ("client_id", "basic"),
            ("client_secret", "basic-secret"),
            ("ca_file", server.said("ca_file")),
        ]);
        let token = get(&machine.step()).await.unwrap().token;
        assert_eq!(server.ping(&token).await, StatusCode::OK);
        assert_eq!(get(&machine.step()).await.unwrap().source, Source::Store);
    }
    let by_env = Machine::new(&[
        ("token_url", &token_url),
        ("client_id", "basic"),
        ("client_secret", "basic-secret"),
    ])
    .with("SSL_CERT_FILE", server.said("ca_file"));
    get(&by_env.step()).await.unwrap();
}

#[tokio::test]
async fn a_private_authority_that_nobody_named_is_a_setup_error_that_names_ca_file() {
    let server = Server::oidc();
    let url = server.secure("/token");
    let settings =
        [("token_url", &url[..]), ("client_id", "basic"), ("client_secret", "basic-secret")];
    let before = std::time::Instant::now();
    let error = get(&Machine::new(&settings).step()).await.unwrap_err();
    assert_eq!((error.code(), error.code().class().exit_code()), (Code::ConfigTls, 2));
    assert!(error.message().contains("an authority that is not trusted here"), "{error:?}");
    assert!(error.hint().unwrap().contains("ca_file"), "{error:?}");
    assert!(before.elapsed() < s(5), "it was tried again: {:?}", before.elapsed());

    let another = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let machine = Machine::new(&[]);
    fs::write(machine.path("ca.pem"), another.cert.pem()).unwrap();
    let ca_file = machine.path("ca.pem").to_str().unwrap().to_owned();
    machine.write(&[settings[0], settings[1], settings[2], ("ca_file", &ca_file)]);
    assert_eq!(get(&machine.step()).await.unwrap_err().code(), Code::ConfigTls);
    assert_eq!(server.asked().await, 0, "no credential was sent");
}

// glewlwyd

fn glewlwyd(settings: &[(&str, &str)]) -> Machine {
    let server = Server::shared_glewlwyd();
    let defaults = [
        ("token_url", server.said("token_url")),
        ("client_id", server.said("client_id")),
        ("client_secret", server.said("client_secret")),
        ("scopes", server.said("scope")),
    ];
    let is_default = |key: &str| !settings.iter().any(|(other, _)| *other == key);
    let defaults = defaults.iter().filter(|(key, _)| is_default(key));
    Machine::new(&defaults.chain(settings).copied().collect::<Vec<_>>())
}

/// Whether glewlwyd says that a token is active (RFC 7662).
async fn is_active(url: &str, token: &Token) -> bool {
    use base64::Engine as _;
    let server = Server::shared_glewlwyd();
    let pair = format!("{}:{}", server.said("client_id"), server.said("client_secret"));
    let pair = base64::prelude::BASE64_STANDARD.encode(pair);
    let request = Request::post(server.said(url))
        .header("authorization", format!("Basic {pair}"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Bytes::from(format!("token={}", token.access_token().secret())))
        .unwrap();
    let answer = plain_http().send(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let body: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
    body["active"].as_bool().unwrap()
}

#[tokio::test]
async fn glewlwyd_gives_a_token_that_is_cached_and_can_be_revoked() {
    let server = Server::shared_glewlwyd();
    let machine = glewlwyd(&[("revocation_url", server.said("revocation_url"))]);
    let granted = get(&machine.step()).await.unwrap();
    assert_eq!(granted.token.lifetime(), s(3600));
    assert_eq!(granted.token.scope().unwrap().to_string(), "api.read");
    let again = get(&machine.step()).await.unwrap();
    assert_eq!((again.source, text(&again)), (Source::Store, text(&granted)));
    assert!(is_active("introspection_url", &granted.token).await);
    assert!(machine.step().source.revoke(s(10)).await.unwrap());
    assert!(!is_active("introspection_url", &granted.token).await);
    let next = get(&machine.step()).await.unwrap();
    assert_eq!((next.source, next.reason), (Source::Issuer, Reason::Cold));
    assert!(is_active("introspection_url", &next.token).await);
}

#[tokio::test]
async fn a_short_token_of_glewlwyd_ends_and_is_followed() {
    let server = Server::shared_glewlwyd();
    let machine = glewlwyd(&[("token_url", server.said("short_token_url"))]);
    let old = get(&machine.step()).await.unwrap().token;
    assert_eq!(old.lifetime(), s(3));
    assert_eq!(get(&machine.step()).await.unwrap().source, Source::Store);
    wait(3.1).await;
    let granted = get(&machine.step()).await.unwrap();
    assert_eq!((granted.source, granted.reason), (Source::Issuer, Reason::Expiring));
    assert!(is_active("short_introspection_url", &granted.token).await);
}

#[tokio::test]
async fn a_bare_403_of_glewlwyd_is_a_refusal_for_five_seconds() {
    let machine = glewlwyd(&[("client_secret", "wrong-sentinel")]);
    let error = get(&machine.step()).await.unwrap_err();
    assert_eq!((error.code(), error.code().class().exit_code()), (Code::IssuerRejected, 3));
    assert!(error.message().contains("answered HTTP 403 for client ci"), "{error:?}");
    let again = get(&machine.step()).await.unwrap_err();
    assert!(again.message().starts_with("the same refusal as "), "{again:?}");
    let left = again.retry_after().unwrap();
    assert!(left > s(3) && left <= s(5), "{left:?}");
    wait(left.as_secs_f64() + 0.1).await;
    let third = get(&machine.step()).await.unwrap_err();
    assert!(third.message().contains("answered HTTP 403"), "it was asked again: {third:?}");
    assert!(!format!("{error:?}{again:?}").contains("sentinel"));
}

#[tokio::test]
async fn secrets_with_reserved_characters_arrive_at_glewlwyd_as_it_wants_them() {
    let server = Server::shared_glewlwyd();
    let reserved = |method| {
        glewlwyd(&[
            ("client_id", server.said("reserved_client_id")),
            ("client_secret", server.said("reserved_client_secret")),
            ("client_auth", method),
        ])
    };
    get(&reserved("client_secret_basic_raw").step()).await.unwrap();
    let error = get(&reserved("client_secret_basic").step()).await.unwrap_err();
    assert_eq!(error.code(), Code::IssuerRejected, "glewlwyd does not decode it");
    let post = glewlwyd(&[
        ("client_id", server.said("post_client_id")),
        ("client_secret", server.said("post_client_secret")),
        ("client_auth", "client_secret_post"),
    ]);
    get(&post.step()).await.unwrap();
}

#[tokio::test]
async fn glewlwyd_refuses_a_scope_alone_and_drops_it_among_others() {
    let server = Server::shared_glewlwyd();
    let forbidden = server.said("forbidden_scope");
    let machine = glewlwyd(&[("scopes", forbidden)]);
    let error = get(&machine.step()).await.unwrap_err();
    assert!(error.message().contains("answered scope_invalid for client ci"), "{error:?}");
    let left = get(&machine.step()).await.unwrap_err().retry_after().unwrap();
    assert!(left > s(25) && left <= s(30), "it said why: {left:?}");

    let (log, _guard) = Log::listen();
    let among = format!("{} {forbidden}", server.said("scope"));
    let token = get(&glewlwyd(&[("scopes", &among)]).step()).await.unwrap().token;
    assert_eq!(token.scope().unwrap().to_string(), "api.read");
    assert!(log.has("missing=api.forbidden"), "{:?}", log.lines());
}
