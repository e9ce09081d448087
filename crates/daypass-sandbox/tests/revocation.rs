//! RFC 7009 and the revocations that tests do.

use daypass_sandbox::{Client, Sandbox};

use crate::support::*;

fn revoke(sandbox: &Sandbox, authorization: &str, token: &str) -> Answer {
    send(sandbox, form("/oauth/revoke", authorization, &[("token", token)]))
}

#[test]
fn a_client_revokes_its_own_tokens_only() {
    let sandbox = builder().client(Client::new("other", "s")).build();
    let text = token(&sandbox);
    let live = || send(&sandbox, call("GET", "/api/echo", &text)).status() == 200;
    assert_eq!(revoke(&sandbox, &basic("sandbox", "wrong"), &text).refusal().1, "invalid_client");
    assert_eq!(revoke(&sandbox, &basic("other", "s"), &text).refusal().1, "unauthorized_client");
    assert!(live());
    assert_eq!(revoke(&sandbox, &basic("sandbox", "sandbox-secret"), &text).status(), 200);
    assert!(!live());
}

#[test]
fn an_unknown_token_is_as_good_as_revoked_and_a_missing_one_is_an_error() {
    let sandbox = sandbox();
    let auth = basic("sandbox", "sandbox-secret");
    assert_eq!(revoke(&sandbox, &auth, "unknown").status(), 200);
    assert_eq!(revoke(&sandbox, &auth, "").refusal(), (400, "invalid_request".into()));
    assert_eq!(send(&sandbox, get("/oauth/revoke")).status(), 405);
}
