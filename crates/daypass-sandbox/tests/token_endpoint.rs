//! RFC 6749 4.4, 5.1, 5.2: what is answered to a token request.

use std::collections::HashSet;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use daypass_sandbox::{AuthMethod, Client, Sandbox, TokenShape};
use http::Request;
use serde_json::{Value, json};

use crate::support::*;

const GRANT: (&str, &str) = ("grant_type", "client_credentials");

#[test]
fn the_default_client_gets_a_token_for_an_hour() {
    let answer = send(&sandbox(), ask());
    let mut json = answer.json();
    let token = json["access_token"].take().as_str().unwrap().to_owned();
    assert_eq!(token.len(), 88);
    assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
    assert_eq!(json, json!({"access_token": null, "token_type": "Bearer", "expires_in": 3600}));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[test]
fn the_short_path_is_the_same_endpoint() {
    let request = form("/token", &basic("sandbox", "sandbox-secret"), &[GRANT]);
    assert_eq!(send(&sandbox(), request).status(), 200);
}

#[test]
fn no_token_comes_twice_in_a_process_after_a_reset_or_in_another_process() {
    let (one, other) = (Sandbox::new(), Sandbox::new());
    let mut seen: HashSet<_> = (0..50).map(|_| token(&one)).collect();
    one.reset();
    seen.extend((0..50).map(|_| token(&one)));
    seen.extend((0..50).map(|_| token(&other)));
    assert_eq!(seen.len(), 150);
}

#[test]
fn a_seed_makes_the_same_tokens_again() {
    assert_eq!(token(&sandbox()), token(&sandbox()));
    assert_ne!(token(&sandbox()), token(&builder().seed(8).build()));
}

#[test]
fn a_jwt_has_three_parts_the_usual_claims_and_the_usual_length() {
    let sandbox = builder().token_shape(TokenShape::Jwt).build();
    let token = token(&sandbox);
    assert!((1000..1200).contains(&token.len()), "{}", token.len());
    let parts: Vec<_> = token.split('.').collect();
    let part = |i: usize| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[i]).unwrap()).unwrap()
    };
    assert_eq!(parts.len(), 3);
    assert_eq!(part(0)["alg"], "RS256");
    assert_eq!(part(1)["sub"], "sandbox");
    assert_eq!(part(1)["exp"], START_S + 3600);
    assert_eq!(send(&sandbox, call("GET", "/api/echo", &token)).status(), 200);
}

#[test]
fn a_client_has_its_own_lifetime() {
    let client = Client::new("short", "s").lifetime(Duration::from_millis(5999));
    let sandbox = builder().client(client).build();
    let answer = send(&sandbox, form("/token", &basic("short", "s"), &[GRANT]));
    assert_eq!(answer.json()["expires_in"], 5);
    let token = answer.text("access_token");
    sandbox.advance(Duration::from_millis(4999));
    assert_eq!(send(&sandbox, call("GET", "/api/echo", &token)).status(), 200);
    sandbox.advance(Duration::from_millis(1));
    assert_eq!(send(&sandbox, call("GET", "/api/echo", &token)).status(), 401);
}

#[test]
fn a_client_that_is_not_known_is_invalid_and_is_challenged_if_it_used_basic() {
    let sandbox = sandbox();
    for (authorization, challenged) in [
        (basic("sandbox", "wrong"), true),
        (basic("nobody", "sandbox-secret"), true),
        ("Basic ###".to_owned(), true),
        ("Basic".to_owned(), true),
        ("Bearer abc".to_owned(), true),
        (String::new(), false),
    ] {
        let answer = send(&sandbox, form("/token", &authorization, &[GRANT]));
        assert_eq!(answer.refusal(), (401, "invalid_client".into()), "{authorization}");
        assert_eq!(answer.header("www-authenticate").is_some(), challenged, "{authorization}");
    }
    assert_eq!(sandbox.tokens_issued(), 0);
}

#[test]
fn the_secret_may_come_in_the_body() {
    let fields = [GRANT, ("client_id", "sandbox"), ("client_secret", "sandbox-secret")];
    assert_eq!(send(&sandbox(), form("/token", "", &fields)).status(), 200);
    let fields = [GRANT, ("client_id", "sandbox"), ("client_secret", "wrong")];
    let answer = send(&sandbox(), form("/token", "", &fields));
    assert_eq!(answer.refusal(), (401, "invalid_client".into()));
    assert_eq!(answer.header("www-authenticate"), None);
}

#[test]
fn each_way_to_authenticate_can_be_told_from_the_others() {
    let (id, secret) = ("team:a b", "p%+s&=\u{fc}");
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let encoded = || form("/token", &basic(&encode(id), &encode(secret)), &[GRANT]);
    let post = || form("/token", "", &[GRANT, ("client_id", id), ("client_secret", secret)]);
    // A colon can't be in a raw id (RFC 7617 2), so that client has another.
    let raw = || form("/token", &basic("team", secret), &[GRANT]);
    for (method, accepted) in [
        (AuthMethod::ClientSecretBasic, [true, false, false]),
        (AuthMethod::ClientSecretBasicRaw, [false, true, false]),
        (AuthMethod::ClientSecretPost, [false, false, true]),
    ] {
        let clients = [id, "team"].map(|id| Client::new(id, secret).auth([method]));
        let [one, other] = clients;
        let sandbox = builder().client(one).client(other).build();
        let tried =
            [encoded(), raw(), post()].map(|request| send(&sandbox, request).status() == 200);
        assert_eq!(tried, accepted, "{method:?}");
        let used = sandbox.log().into_iter().find(|entry| entry.status == Some(200)).unwrap();
        assert_eq!(used.auth, Some(method));
    }
}

#[test]
fn a_malformed_request_is_refused_with_the_code_of_the_rfc() {
    let sandbox = sandbox();
    let auth = basic("sandbox", "sandbox-secret");
    let secret = ("client_secret", "sandbox-secret");
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[], "invalid_request"),
        (&[("grant_type", "")], "invalid_request"),
        (&[GRANT, GRANT], "invalid_request"),
        (&[GRANT, ("scope", "a"), ("scope", "b")], "invalid_request"),
        (&[GRANT, ("client_id", "sandbox"), secret], "invalid_request"),
        (&[GRANT, ("client_id", "other")], "invalid_request"),
        (&[("grant_type", "password")], "unsupported_grant_type"),
        (&[("grant_type", "CLIENT_CREDENTIALS")], "unsupported_grant_type"),
        (&[GRANT, ("scope", "a\"b")], "invalid_scope"),
        (&[GRANT, ("scope", "a\nb")], "invalid_scope"),
    ];
    for (fields, error) in cases {
        let answer = send(&sandbox, form("/token", &auth, fields));
        assert_eq!(answer.refusal(), (400, (*error).into()), "{fields:?}");
        assert!(!answer.text("error_description").is_empty());
    }
    assert_eq!(
        send(&sandbox, form("/token", &auth, &[GRANT, ("client_id", "sandbox")])).status(),
        200
    );
    assert_eq!(send(&sandbox, form("/token", &auth, &[GRANT, ("scope", "")])).status(), 200);
}

#[test]
fn only_a_form_in_utf_8_is_read() {
    let post = |content_type: &str, body: &'static [u8]| {
        Request::post("/token")
            .header("content-type", content_type)
            .header("authorization", basic("sandbox", "sandbox-secret"))
            .body(Bytes::from_static(body))
            .unwrap()
    };
    let grant = b"grant_type=client_credentials";
    let status = |content_type, body| send(&sandbox(), post(content_type, body)).status();
    assert_eq!(status("application/x-www-form-urlencoded; charset=UTF-8", grant), 200);
    assert_eq!(status("Application/X-WWW-Form-Urlencoded", grant), 200);
    assert_eq!(status("application/json", grant), 400);
    assert_eq!(status("", grant), 400);
    assert_eq!(status(FORM, b"grant_type=client_credentials&scope=%ff"), 400);
}

#[test]
fn only_post_is_allowed() {
    let answer = send(&sandbox(), get("/oauth/token"));
    assert_eq!((answer.status(), answer.header("allow")), (405, Some("POST")));
}

#[test]
fn the_granted_scope_is_told_when_one_was_asked_for() {
    let sandbox = sandbox();
    let answer = send(&sandbox, ask_with(&[("scope", "b a  b")]));
    assert_eq!(answer.text("scope"), "b a");
    assert_eq!(send(&sandbox, ask()).json().get("scope"), None);
}

#[test]
fn a_scope_that_the_client_may_not_have_is_refused_or_dropped() {
    let client = || Client::new("c", "s").scopes(["read", "write"]);
    let auth = basic("c", "s");
    let ask = || form("/token", &auth, &[GRANT, ("scope", "read admin")]);
    let strict = builder().client(client()).build();
    assert_eq!(send(&strict, ask()).refusal(), (400, "invalid_scope".into()));
    let lenient = builder().client(client()).drop_unknown_scopes(true).build();
    assert_eq!(send(&lenient, ask()).text("scope"), "read");
}

#[test]
fn a_client_can_need_its_audience() {
    let url = "https://api.example";
    let sandbox = builder().client(Client::new("c", "s").audience(url)).build();
    let ask = |fields: &[(&str, &str)]| {
        let fields = [&[GRANT], fields].concat();
        send(&sandbox, form("/token", &basic("c", "s"), &fields))
    };
    assert_eq!(ask(&[]).refusal(), (400, "invalid_target".into()));
    assert_eq!(ask(&[("audience", "https://other.example")]).refusal().1, "invalid_target");
    assert_eq!(ask(&[("resource", "https://other.example"), ("resource", url)]).status(), 200);
    let token = ask(&[("audience", url)]).text("access_token");
    assert_eq!(send(&sandbox, call("GET", "/api/echo", &token)).text("audience"), url);
}

#[test]
fn a_new_secret_replaces_the_old_one_and_the_tokens_live_on() {
    let sandbox = sandbox();
    let token = token(&sandbox);
    sandbox.register(Client::new("sandbox", "rotated"));
    assert_eq!(send(&sandbox, ask()).refusal().1, "invalid_client");
    let fresh = form("/token", &basic("sandbox", "rotated"), &[GRANT]);
    assert_eq!(send(&sandbox, fresh).status(), 200);
    assert_eq!(send(&sandbox, call("GET", "/api/echo", &token)).status(), 200);
}
