//! The control API under `/_sandbox/`.

use bytes::Bytes;
use daypass_sandbox::Sandbox;
use http::Request;
use serde_json::json;

use crate::support::*;

fn controlled() -> Sandbox {
    builder().control(true).build()
}

#[test]
fn control_is_off_unless_it_is_turned_on() {
    let sandbox = sandbox();
    assert_eq!(send(&sandbox, json("POST", "/_sandbox/reset", "")).status(), 404);
    assert_eq!(sandbox.log().len(), 1);
}

#[test]
fn the_state_and_the_log_can_be_read_and_leave_no_trace() {
    let sandbox = controlled();
    token(&sandbox);
    let state = send(&sandbox, get("/_sandbox/state")).json();
    assert_eq!(state["tokens_issued"], 1);
    assert_eq!(state["now_ms"], START_S * 1000);
    assert_eq!(state["clients"], json!(["sandbox"]));
    let log = send(&sandbox, get("/_sandbox/log")).json();
    assert_eq!(log.as_array().unwrap().len(), 1);
    assert_eq!(log[0]["token"], 1);
}

#[test]
fn faults_are_planned_listed_and_cleared() {
    let sandbox = controlled();
    let post = |body| send(&sandbox, json("POST", "/_sandbox/faults", body));
    assert_eq!(post(r#"{"at":"token","times":1,"fault":{"status":503}}"#).status(), 200);
    assert_eq!(post(r#"["stall", {"at":"api","fault":"unauthorized"}]"#).status(), 200);
    let listed = json!([
        {"at": "token", "fault": "stall"},
        {"at": "api", "fault": "unauthorized"},
        {"at": "token", "times": 1, "fault": {"status": 503}},
    ]);
    assert_eq!(send(&sandbox, get("/_sandbox/faults")).json(), listed);
    assert_eq!(send(&sandbox, ask()).status(), 503);
    assert_eq!(send(&sandbox, json("DELETE", "/_sandbox/faults", "")).status(), 204);
    assert_eq!(send(&sandbox, ask()).status(), 200);
}

#[test]
fn a_body_that_is_wrong_changes_nothing_and_is_told_what_is_allowed() {
    let sandbox = controlled();
    for (path, body, expected) in [
        ("faults", r#"{"at":"token","fault":"stall","often":2}"#, "expected one of `at`, `times`"),
        ("faults", r#"["stall", "stal"]"#, "expected one of `none`"),
        ("faults", "", "there are: none, delay_ms"),
        ("clock", r#"{"advance":1}"#, "write {\"advance_s\": 60}, whole seconds"),
        ("clock", r#"{"advance_s":"1h"}"#, "write {\"advance_s\": 60}, whole seconds"),
    ] {
        let answer = send(&sandbox, json("POST", &format!("/_sandbox/{path}"), body));
        assert_eq!(answer.status(), 400);
        assert!(answer.text("error").contains(expected), "{}", answer.body());
    }
    assert!(sandbox.snapshot().faults.is_empty());
}

#[test]
fn the_clock_can_be_moved() {
    let sandbox = controlled();
    let clock = |body: &str| send(&sandbox, json("POST", "/_sandbox/clock", body)).json();
    assert_eq!(clock(r#"{"advance_s":3600}"#), json!({"now_ms": (START_S + 3600) * 1000}));
    assert_eq!(clock(r#"{"advance_s":-7200}"#), json!({"now_ms": (START_S - 3600) * 1000}));
    clock(&format!("{{\"advance_s\":{}}}", i64::MAX));
    clock(&format!("{{\"advance_s\":{}}}", i64::MIN));
}

#[test]
fn tokens_can_be_revoked_and_everything_reset() {
    let sandbox = controlled();
    let token = token(&sandbox);
    assert_eq!(send(&sandbox, json("POST", "/_sandbox/revoke-all", "")).status(), 204);
    assert_eq!(send(&sandbox, call("GET", "/api/echo", &token)).status(), 401);
    assert_eq!(send(&sandbox, json("POST", "/_sandbox/reset", "")).status(), 204);
    assert_eq!(sandbox.token_requests(), 0);
}

#[test]
fn other_paths_methods_and_web_pages_are_refused() {
    let sandbox = controlled();
    assert_eq!(send(&sandbox, get("/_sandbox/nothing")).status(), 404);
    assert_eq!(send(&sandbox, get("/_sandbox/reset")).header("allow"), Some("POST"));
    assert_eq!(send(&sandbox, json("PUT", "/_sandbox/faults", "")).status(), 405);
    let page = Request::post("/_sandbox/reset").header("origin", "https://evil.example");
    assert_eq!(send(&sandbox, page.body(Bytes::new()).unwrap()).status(), 403);
}
