//! RFC 6750: what the protected API answers.

use std::time::Duration;

use bytes::Bytes;
use daypass_sandbox::Client;
use http::Request;
use serde_json::json;

use crate::support::*;

#[test]
fn a_live_token_is_described_and_never_repeated() {
    let sandbox = sandbox();
    token(&sandbox);
    let token = send(&sandbox, ask_with(&[("scope", "a b")])).text("access_token");
    sandbox.advance(Duration::from_secs(600));
    let request = Request::put(format!("/api/things/7?q=1&t={token}"))
        .header("authorization", format!("bearer {token}"))
        .header("host", "h:1")
        .header("x-one", "1")
        .body(Bytes::from("12345"))
        .unwrap();
    let answer = send(&sandbox, request);
    assert_eq!(answer.status(), 200);
    assert!(!answer.body().contains(&token));
    let expected = json!({
        "method": "PUT",
        "target": "/api/things/7?q=1&t=[hidden]",
        "host": "h:1",
        "headers": ["authorization", "host", "x-one"],
        "body_bytes": 5,
        "token": 2,
        "client_id": "sandbox",
        "scope": "a b",
        "audience": null,
        "expires_in": 3000,
    });
    assert_eq!(answer.json(), expected);
}

#[test]
fn a_token_that_is_unknown_expired_or_revoked_is_invalid() {
    let sandbox = sandbox();
    let refused = |text: &str| {
        let answer = send(&sandbox, call("GET", "/api/echo", text));
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        answer.status() == 401 && challenge.contains("error=\"invalid_token\"")
    };
    assert!(refused("unknown") && refused("") && refused("a b"));
    let text = token(&sandbox);
    assert!(!refused(&text));
    sandbox.advance(Duration::from_secs(3600));
    assert!(refused(&text));
    sandbox.rewind(Duration::from_secs(1));
    assert!(!refused(&text));
    assert!(sandbox.revoke(1));
    assert!(!sandbox.revoke(1) && !sandbox.revoke(2));
    assert!(refused(&text));
    assert_eq!((sandbox.api_calls(), sandbox.unauthorized()), (7, 5));
}

#[test]
fn a_request_without_a_token_is_challenged_without_an_error_code() {
    for request in [get("/api/echo"), get("/api")] {
        let answer = send(&sandbox(), request);
        assert_eq!(answer.status(), 401);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"sandbox\""));
    }
}

#[test]
fn a_path_can_need_a_scope() {
    let sandbox = sandbox();
    let token = send(&sandbox, ask_with(&[("scope", "invoices:read")])).text("access_token");
    assert_eq!(send(&sandbox, call("GET", "/api/needs/invoices:read", &token)).status(), 200);
    let answer = send(&sandbox, call("GET", "/api/needs/invoices:write", &token));
    assert_eq!(answer.refusal(), (403, "insufficient_scope".into()));
    let expected =
        "Bearer realm=\"sandbox\", error=\"insufficient_scope\", scope=\"invoices:write\"";
    assert_eq!(answer.header("www-authenticate"), Some(expected));
    assert_eq!(sandbox.unauthorized(), 0);
}

#[test]
fn a_request_without_a_scope_gets_all_that_the_client_may_have() {
    let sandbox = builder().client(Client::new("c", "s").scopes(["a", "b"])).build();
    let fields = [("grant_type", "client_credentials")];
    let token = send(&sandbox, form("/token", &basic("c", "s"), &fields)).text("access_token");
    assert_eq!(send(&sandbox, call("GET", "/api/needs/b", &token)).status(), 200);
}

#[test]
fn one_path_refuses_every_token() {
    let sandbox = sandbox();
    let token = token(&sandbox);
    assert_eq!(send(&sandbox, call("GET", "/api/denied", &token)).status(), 401);
    assert_eq!(send(&sandbox, call("GET", "/api/allowed", &token)).status(), 200);
}

#[test]
fn an_answer_to_head_has_no_body() {
    let sandbox = sandbox();
    let token = token(&sandbox);
    let answer = send(&sandbox, call("HEAD", "/api/echo", &token));
    assert_eq!((answer.status(), answer.0.body().len()), (200, 0));
}

#[test]
fn other_paths_are_not_found() {
    for path in ["/", "/apiary", "/oauth", "/_sandbox/state"] {
        assert_eq!(send(&sandbox(), get(path)).status(), 404, "{path}");
    }
}
