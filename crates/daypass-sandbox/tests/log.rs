//! The log tells what happened, and no secret.

use bytes::Bytes;
use daypass_sandbox::{Client, Endpoint, Fault, Sandbox};
use http::Request;

use crate::support::*;

const SENTINEL: &str = "s3ntinel+s3cret";

#[test]
fn every_request_is_noted_with_what_came_of_it() {
    let sandbox = sandbox();
    sandbox.script(Endpoint::Token, [Fault::Reset]);
    send(&sandbox, ask());
    let more = [("scope", "a b"), ("audience", "https://api.example")];
    let token = send(&sandbox, ask_with(&more)).text("access_token");
    send(&sandbox, call("PATCH", "/api/echo?page=2", &token));
    let noted: Vec<_> = sandbox.log().iter().map(|e| serde_json::to_string(e).unwrap()).collect();
    insta::assert_snapshot!(noted.join("\n"), @r#"
    {"n":1,"at_ms":1000000000000,"endpoint":"token","method":"POST","path":"/oauth/token","client_id":"sandbox","grant_type":"client_credentials","scope":null,"audience":null,"auth":"client_secret_basic","status":null,"token":null,"faults":["reset"]}
    {"n":2,"at_ms":1000000000000,"endpoint":"token","method":"POST","path":"/oauth/token","client_id":"sandbox","grant_type":"client_credentials","scope":"a b","audience":"https://api.example","auth":"client_secret_basic","status":200,"token":1,"faults":[]}
    {"n":3,"at_ms":1000000000000,"endpoint":"api","method":"PATCH","path":"/api/echo","client_id":"sandbox","grant_type":null,"scope":null,"audience":null,"auth":null,"status":200,"token":1,"faults":[]}
    "#);
}

#[test]
fn the_log_keeps_the_last_ten_thousand_and_counts_all() {
    let sandbox = sandbox();
    for _ in 0..10_001 {
        send(&sandbox, get("/api/echo"));
    }
    let log = sandbox.log();
    assert_eq!((log.len(), log[0].n, sandbox.api_calls()), (10_000, 2, 10_001));
}

#[test]
fn no_secret_and_no_token_is_in_the_log_the_state_or_any_debug() {
    let client = Client::new("c", SENTINEL);
    let (client_shown, building) = (format!("{client:?}"), builder().client(client).control(true));
    let building_shown = format!("{building:?}");
    let sandbox = building.build();
    let fields = [("grant_type", "client_credentials")];
    let token = send(&sandbox, form("/token", &basic("c", "s3ntinel%2Bs3cret"), &fields))
        .text("access_token");

    let spare = self::token(&sandbox);
    // What careless clients do: the halves swapped, credentials in the path, the query, the wrong field.
    send(&sandbox, form("/token", &basic("s3ntinel%2Bs3cret", "c"), &fields));
    send(&sandbox, form("/token", "", &[("grant_type", SENTINEL), ("scope", SENTINEL)]));
    send(&sandbox, form("/token", "", &[("audience", &token), ("scope", &format!("a {token}"))]));
    send(&sandbox, call("GET", &format!("/api/{token}/{SENTINEL}?t={token}"), &token));
    send(&sandbox, get(&format!("/elsewhere/{token}")));
    send(&sandbox, form("/oauth/revoke", &basic("c", SENTINEL), &[("token", &token)]));
    send(&sandbox, get("/elsewhere?s=s3ntinel%2Bs3cret"));
    send(&sandbox, get("/elsewhere/s3ntinel%2Bs3cret/x"));
    let echo = send(&sandbox, call("GET", &format!("/api/s3ntinel%2Bs3cret?{token}"), &spare))
        .text("target");
    let reply = sandbox.handle(form("/token", &basic("c", "s3ntinel%2Bs3cret"), &fields));
    let fresh: serde_json::Value = serde_json::from_slice(reply.response.body()).unwrap();
    let fresh = fresh["access_token"].as_str().unwrap();

    let shown = [
        client_shown,
        echo,
        building_shown,
        format!("{sandbox:?}"),
        format!("{reply:?}"),
        format!("{:?}", sandbox.log()),
        format!("{:?}", sandbox.snapshot()),
        send(&sandbox, get("/_sandbox/log")).body(),
        send(&sandbox, get("/_sandbox/state")).body(),
    ];
    for text in shown {
        for secret in [SENTINEL, "s3ntinel%2Bs3cret", "sandbox-secret", &token, fresh] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

#[test]
fn a_short_secret_is_hidden_as_a_word_and_leaves_other_words_alone() {
    let sandbox = builder().client(Client::new("services", "s")).build();
    let fields = [("grant_type", "client_credentials"), ("scope", "s users")];
    send(&sandbox, form("/token", &basic("services", "s"), &fields));
    sandbox.register(Client::new("services", "rotated"));
    send(&sandbox, get("/services/s/"));
    let log = sandbox.log();
    assert_eq!(log[0].client_id.as_deref(), Some("services"));
    assert_eq!(log[0].scope.as_deref(), Some("[hidden] users"));
    assert_eq!(log[1].path, "/services/[hidden]/");
}

#[test]
fn outside_text_in_the_log_is_cut() {
    let sandbox = Sandbox::new();
    let long = "x".repeat(5000);
    send(&sandbox, ask_with(&[("scope", &long)]));
    send(&sandbox, Request::get(format!("/{long}")).body(Bytes::new()).unwrap());
    assert_eq!(sandbox.log()[0].scope.as_ref().unwrap().len(), 200);
    assert_eq!(sandbox.log()[1].path.len(), 200);
}
