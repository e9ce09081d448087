//! The Genesys flavour, after the public SDKs' sources.

use std::time::Duration;

use daypass_sandbox::{Client, Endpoint, Fault, Flavour, Sandbox};
use serde_json::json;

use crate::support::*;

fn genesys() -> Sandbox {
    builder().flavour(Flavour::Genesys).build()
}

#[test]
fn a_token_is_lower_case_bearer_lives_a_day_and_names_no_scope() {
    let mut json = send(&genesys(), ask_with(&[("scope", "ignored")])).json();
    json["access_token"].take();
    assert_eq!(json, json!({"access_token": null, "token_type": "bearer", "expires_in": 86400}));
}

#[test]
fn errors_are_400_with_a_description_of_their_own() {
    let sandbox = genesys();
    let fields = [("grant_type", "client_credentials")];
    let answer = send(&sandbox, form("/oauth/token", &basic("sandbox", "wrong"), &fields));
    assert_eq!(answer.status(), 400);
    assert_eq!(
        answer.json(),
        json!({
            "error": "invalid_client",
            "description": "authentication failed",
            "error_description": "authentication failed",
        })
    );
    assert_eq!(answer.header("www-authenticate"), None);
    let answer = send(&sandbox, ask_with(&[("scope", "offline_access")]));
    assert_eq!(answer.refusal(), (400, "invalid_scope".into()));
}

#[test]
fn basic_is_read_as_it_is() {
    let client =
        Client::new("c", "a+b%41").auth([daypass_sandbox::AuthMethod::ClientSecretBasicRaw]);
    let sandbox = builder().flavour(Flavour::Genesys).client(client).build();
    let fields = [("grant_type", "client_credentials")];
    assert_eq!(send(&sandbox, form("/oauth/token", &basic("c", "a+b%41"), &fields)).status(), 200);
}

#[test]
fn the_token_rate_limit_is_an_invalid_request() {
    let sandbox = genesys();
    sandbox.script(Endpoint::Token, [Fault::RateLimited]);
    let answer = send(&sandbox, ask());
    assert_eq!(answer.refusal(), (400, "invalid_request".into()));
    assert!(answer.text("description").starts_with("rate limit exceeded"));
    assert_eq!(answer.text("error_description"), answer.text("description"));
    assert_eq!(send(&sandbox, ask()).status(), 200);
}

#[test]
fn a_token_can_look_at_itself_and_end_itself() {
    let sandbox = genesys();
    let token = token(&sandbox);
    let me = |method| send(&sandbox, call(method, "/api/v2/tokens/me", &token));
    let answer = me("GET");
    assert_eq!(answer.json()["OAuthClient"]["id"], "sandbox");
    assert!(!answer.body().contains(&token));
    assert_eq!(me("HEAD").status(), 200);
    assert_eq!(me("PUT").status(), 405);
    assert_eq!(me("DELETE").status(), 204);
    assert_eq!(me("HEAD").status(), 401);
}

#[test]
fn users_come_in_pages() {
    let sandbox = builder().flavour(Flavour::Genesys).users(60).build();
    let token = token(&sandbox);
    let users = |query: &str| send(&sandbox, call("GET", &format!("/api/v2/users{query}"), &token));
    for (query, size, number, count, page_count) in [
        ("", 25, 1, 25, 3),
        ("?pageSize=25&pageNumber=3", 25, 3, 10, 3),
        ("?pageNumber=4", 25, 4, 0, 3),
        ("?pageSize=500", 500, 1, 60, 1),
        ("?pageNumber=18446744073709551615", 25, u64::MAX, 0, 3),
    ] {
        let page = users(query).json();
        assert_eq!(page["entities"].as_array().unwrap().len(), count, "{query}");
        assert_eq!(
            (&page["pageSize"], &page["pageNumber"], &page["total"], &page["pageCount"]),
            (&json!(size), &json!(number), &json!(60), &json!(page_count)),
        );
    }
    assert_eq!(users("?pageSize=2&pageNumber=2").json()["entities"][0]["name"], "Sandbox User 3");
    for query in ["?pageSize=0", "?pageSize=501", "?pageNumber=0", "?pageNumber=x"] {
        assert_eq!(users(query).status(), 400, "{query}");
    }
    assert_eq!(send(&sandbox, call("POST", "/api/v2/users", &token)).status(), 405);
    assert_eq!(send(&sandbox, call("GET", "/api/v2/users", "unknown")).status(), 401);
}

#[test]
fn each_token_has_its_calls_counted_by_the_minute() {
    let sandbox = builder().flavour(Flavour::Genesys).api_rate_limit(Some(2)).build();
    let (one, other) = (token(&sandbox), token(&sandbox));
    let ask = |token: &str| {
        let answer = send(&sandbox, call("GET", "/api/echo", token));
        let header = |name| answer.header(name).unwrap().to_owned();
        (
            answer.status(),
            header("inin-ratelimit-count"),
            header("inin-ratelimit-allowed"),
            header("inin-ratelimit-reset"),
            answer.header("retry-after").map(str::to_owned),
        )
    };
    let row = |status, count: &str, reset: &str, retry: Option<&str>| {
        (status, count.into(), "2".to_owned(), reset.into(), retry.map(str::to_owned))
    };
    assert_eq!(ask(&one), row(200, "1", "60", None));
    sandbox.advance(Duration::from_millis(20_500));
    assert_eq!(ask(&one), row(200, "2", "40", None));
    assert_eq!(ask(&one), row(429, "3", "40", Some("40")));
    assert_eq!(ask(&other), row(200, "1", "60", None));
    sandbox.advance(Duration::from_millis(39_500));
    assert_eq!(ask(&one), row(200, "1", "60", None));
}

#[test]
fn there_is_no_limit_without_one_and_none_in_the_standard_flavour() {
    for sandbox in [builder().flavour(Flavour::Genesys).api_rate_limit(None).build(), sandbox()] {
        let token = token(&sandbox);
        for _ in 0..400 {
            let answer = send(&sandbox, call("GET", "/api/echo", &token));
            assert_eq!((answer.status(), answer.header("inin-ratelimit-count")), (200, None));
        }
    }
}

#[test]
fn revocation_and_metadata_endpoints_do_not_exist() {
    let sandbox = genesys();
    let revoke = form("/oauth/revoke", &basic("sandbox", "sandbox-secret"), &[("token", "x")]);
    assert_eq!(send(&sandbox, revoke).status(), 404);
    let metadata = get("/.well-known/oauth-authorization-server");
    assert_eq!(send(&sandbox, metadata).status(), 404);
}
