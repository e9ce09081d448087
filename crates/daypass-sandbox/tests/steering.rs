//! Clock, counts and reset.

use std::time::Duration;

use daypass_sandbox::{Endpoint, Fault, Sandbox};

use crate::support::*;

fn shareable<T: Clone + Send + Sync + 'static>(_: &T) {}

#[test]
fn clones_share_everything_and_may_cross_threads() {
    let sandbox = sandbox();
    shareable(&sandbox);
    token(&sandbox.clone());
    assert_eq!(sandbox.tokens_issued(), 1);
}

#[test]
fn the_clock_goes_forward_and_back_as_far_as_it_likes() {
    let sandbox = sandbox();
    sandbox.advance(Duration::from_secs(90));
    assert_eq!(sandbox.snapshot().now_ms, 1_000_000_090_000);
    sandbox.rewind(Duration::from_secs(100));
    assert_eq!(sandbox.snapshot().now_ms, 999_999_990_000);
    for _ in 0..3 {
        sandbox.advance(Duration::MAX);
        assert_eq!(send(&sandbox, ask()).status(), 200);
    }
    for _ in 0..3 {
        sandbox.rewind(Duration::MAX);
        assert_eq!(send(&sandbox, ask()).status(), 200);
    }
}

#[test]
fn the_most_token_requests_under_way_at_once_are_counted_until_their_replies_go() {
    let sandbox = sandbox();
    let first = sandbox.handle(ask());
    let second = sandbox.handle(ask());
    drop(first);
    let third = sandbox.handle(ask());
    drop((second, third));
    sandbox.handle(ask());
    for _ in 0..5 {
        sandbox.handle(get("/api/echo"));
    }
    assert_eq!(sandbox.max_concurrent_token_requests(), 2);
}

#[test]
fn a_reset_forgets_all_but_the_clients() {
    let sandbox = sandbox();
    let old = token(&sandbox);
    let pair = (sandbox.handle(ask()), sandbox.handle(ask()));
    drop(pair);
    send(&sandbox, get("/api/echo"));
    sandbox.stand(Endpoint::Api, Fault::Reset);
    sandbox.advance(Duration::from_secs(5));
    let fresh = self::sandbox().snapshot();
    assert_ne!(sandbox.snapshot(), fresh);
    sandbox.reset();
    assert_eq!(sandbox.snapshot(), fresh);
    assert!(sandbox.log().is_empty());
    assert_eq!(send(&sandbox, call("GET", "/api/echo", &old)).status(), 401);
    assert_eq!(send(&sandbox, ask()).status(), 200);
}

#[test]
fn the_default_clock_is_the_systems() {
    // Any time after 2020 will do: the point is that it isn't zero.
    assert!(Sandbox::new().snapshot().now_ms > 1_577_836_800_000);
}
