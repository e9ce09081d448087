//! RFC 8414.

use daypass_sandbox::{Endpoint, Fault};
use serde_json::json;

use crate::support::*;

const PATHS: [&str; 2] =
    ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"];

#[test]
fn the_metadata_names_the_address_it_was_asked_at() {
    let base = "http://127.0.0.1:4711";
    let methods = json!(["client_secret_basic", "client_secret_post"]);
    let expected = json!({
        "issuer": base,
        "token_endpoint": format!("{base}/oauth/token"),
        "revocation_endpoint": format!("{base}/oauth/revoke"),
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_methods_supported": methods,
    });
    for path in PATHS {
        assert_eq!(send(&sandbox(), get(path)).json(), expected);
    }
}

#[test]
fn the_issuer_can_be_told_wrong() {
    let sandbox = builder().issuer("https://elsewhere.example").build();
    assert_eq!(send(&sandbox, get(PATHS[0])).text("issuer"), "https://elsewhere.example");
}

#[test]
fn the_metadata_can_fail_too() {
    let sandbox = sandbox();
    sandbox.script(Endpoint::Metadata, [Fault::HtmlBody]);
    assert_eq!(
        send(&sandbox, get(PATHS[0])).header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(send(&sandbox, get(PATHS[0])).status(), 200);
    assert_eq!(send(&sandbox, json("POST", PATHS[0], "")).status(), 405);
}
