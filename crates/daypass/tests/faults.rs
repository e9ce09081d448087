//! Every fault of the sandbox, with what the caller meets.

use std::collections::BTreeSet;
use std::time::Duration;

use daypass::{
    ClientAuthMethod, Code, Dialect, Endpoint as Issuer, Error, Granted, MinTtl, Reason,
    Revocation, ScopeSet, Source, Style, TokenSource, Want,
};
use daypass_sandbox::{
    AuthMethod, Client, Endpoint, ExpiresIn, Fault, Flavour, RetryAfter, Sandbox, TokenShape,
    TokenText,
};
use http::StatusCode;
use tokio::time::{Instant, advance, sleep};

use crate::log::Log;
use crate::world::{SECRET, World, get, s, text};

fn oauth_error(error: &str) -> Fault {
    Fault::OauthError { error: error.into(), description: None, status: None }
}

fn throttle(status: u16, retry_after: Option<RetryAfter>) -> Fault {
    Fault::Throttle { status, retry_after }
}

/// The standing fault, what is met after it, and how often the token endpoint was asked.
async fn met(fault: Fault) -> (Result<Granted, Error>, u64) {
    let world = World::with(fault);
    (get(&world.step()).await, world.asked())
}

/// One paragraph for all faults after which the same is met.
async fn told(faults: impl IntoIterator<Item = Fault>) -> String {
    let mut told: Vec<(String, Vec<String>)> = Vec::new();
    for fault in faults {
        let shown = format!("{fault:?}");
        let (met, asked) = met(fault).await;
        let outcome = match met {
            Ok(granted) => format!("a token that lives {:?}", granted.token.lifetime()),
            Err(error) => {
                assert!(!error.to_string().contains(char::is_control), "{error:?}");
                let after = error.retry_after().map(|after| format!("\n  retry after {after:?}"));
                format!("{error:?}{}", after.unwrap_or_default())
            }
        };
        let outcome = format!("  {asked} asked: {outcome}");
        match told.iter_mut().find(|(other, _)| *other == outcome) {
            Some((_, faults)) => faults.push(shown),
            None => told.push((outcome, vec![shown])),
        }
    }
    let told = told.iter().map(|(outcome, faults)| format!("{}\n{outcome}", faults.join("\n")));
    told.collect::<Vec<_>>().join("\n")
}

fn passing() -> Vec<Fault> {
    vec![
        Fault::Status(500),
        Fault::Status(503),
        Fault::Status(408),
        oauth_error("temporarily_unavailable"),
        Fault::Stall,
        Fault::StallBody,
        Fault::Slow { chunk: 1, every: Duration::from_millis(100) },
        Fault::Truncated { after: 10 },
        Fault::Reset,
        Fault::EmptyBody,
        Fault::GarbageBody,
        Fault::HtmlBody,
        Fault::NotAnObject,
        Fault::HugeBody,
        Fault::Delay(s(60)),
    ]
}

fn refusing() -> Vec<Fault> {
    vec![
        Fault::Status(404),
        Fault::Status(401),
        Fault::Status(403),
        Fault::Redirect("https://elsewhere.example/x?token=y".into()),
        oauth_error("invalid_client"),
        oauth_error("invalid_scope"),
        oauth_error("unauthorized_client"),
        oauth_error("invalid_target"),
        oauth_error("invalid_grant"),
        Fault::RateLimited,
        Fault::HostileDescription,
    ]
}

fn unusable() -> Vec<Fault> {
    let texts = [
        TokenText::Newline,
        TokenText::Quote,
        TokenText::Dollar,
        TokenText::Backtick,
        TokenText::Space,
        TokenText::AddMask,
        TokenText::Control,
        TokenText::NonAscii,
        TokenText::Long,
        TokenText::Empty,
        TokenText::NotAString,
        TokenText::Custom("x\r\nset-cookie: y".into()),
    ];
    let texts = texts.into_iter().map(Fault::TokenText);
    texts.chain(["mac", "DPoP", "N_A"].map(|kind| Fault::TokenType(kind.into()))).collect()
}

fn throttling() -> Vec<Fault> {
    vec![
        throttle(429, Some(RetryAfter::Seconds(120))),
        throttle(429, Some(RetryAfter::Date(120))),
        throttle(503, Some(RetryAfter::Seconds(120))),
        throttle(429, Some(RetryAfter::Seconds(86_400))),
    ]
}

fn harmless() -> Vec<Fault> {
    let lifetimes = [
        ExpiresIn::Absent,
        ExpiresIn::Null,
        ExpiresIn::Text,
        ExpiresIn::Float,
        ExpiresIn::Zero,
        ExpiresIn::Negative,
        ExpiresIn::Huge,
        ExpiresIn::HugeInteger,
        ExpiresIn::Raw("true".into()),
        ExpiresIn::Raw("\"soon\"".into()),
        ExpiresIn::Raw("[3600]".into()),
    ];
    let lifetimes = lifetimes.into_iter().map(Fault::ExpiresIn);
    let kinds = ["bearer", "BEARER"].map(|kind| Fault::TokenType(kind.into()));
    let others = [Fault::None, Fault::NoTokenType, Fault::RevokeAll, Fault::Delay(s(9))];
    lifetimes.chain(kinds).chain(others).collect()
}

#[test]
fn no_fault_of_the_token_endpoint_is_left_out() {
    let all = [passing(), refusing(), unusable(), throttling(), harmless()].concat();
    let met: BTreeSet<_> = all.iter().map(Fault::name).collect();
    let missing: Vec<_> = Fault::NAMES.iter().copied().filter(|name| !met.contains(name)).collect();
    assert_eq!(missing, ["unauthorized", "insufficient_scope"], "these are the API's");
}

#[tokio::test(start_paused = true)]
async fn what_passes_is_tried_again_until_the_deadline() {
    insta::assert_snapshot!(told(passing()).await, @r#"
    Status(500)
      16 asked: error[issuer.unavailable]: auth.example.com gave no usable answer for client sandbox: HTTP 500
      hint: nothing valid is cached; check the network and the issuer, then try again
    Status(503)
      16 asked: error[issuer.unavailable]: auth.example.com gave no usable answer for client sandbox: HTTP 503
      hint: nothing valid is cached; check the network and the issuer, then try again
    Status(408)
      16 asked: error[issuer.unavailable]: auth.example.com gave no usable answer for client sandbox: HTTP 408
      hint: nothing valid is cached; check the network and the issuer, then try again
    OauthError { error: "temporarily_unavailable", description: None, status: None }
      16 asked: error[issuer.unavailable]: auth.example.com gave no usable answer for client sandbox: temporarily_unavailable (the sandbox was told so)
      hint: nothing valid is cached; check the network and the issuer, then try again
    Stall
    StallBody
    Slow { chunk: 1, every: 100ms }
    Delay(60s)
      3 asked: error[issuer.unavailable]: auth.example.com gave no usable answer for client sandbox: no complete answer within 9.5 s
      hint: nothing valid is cached; check the network and the issuer, then try again
    Truncated { after: 10 }
      16 asked: error[issuer.unavailable]: auth.example.com gave no usable answer for client sandbox: the connection broke: the connection ended too early
      hint: nothing valid is cached; check the network and the issuer, then try again
    Reset
      16 asked: error[issuer.unavailable]: auth.example.com gave no usable answer for client sandbox: the connection broke: the connection was reset
      hint: nothing valid is cached; check the network and the issuer, then try again
    EmptyBody
      16 asked: error[issuer.unavailable]: auth.example.com gave no usable answer for client sandbox: the answer is empty
      hint: nothing valid is cached; check the network and the issuer, then try again
    GarbageBody
    NotAnObject
      16 asked: error[issuer.unavailable]: auth.example.com gave no usable answer for client sandbox: the answer is not one JSON object
      hint: nothing valid is cached; check the network and the issuer, then try again
    HtmlBody
      16 asked: error[issuer.unavailable]: auth.example.com gave no usable answer for client sandbox: the answer is a web page, not JSON: is a proxy or a login page in between?
      hint: nothing valid is cached; check the network and the issuer, then try again
    HugeBody
      16 asked: error[issuer.unavailable]: auth.example.com gave no usable answer for client sandbox: the answer is larger than 262144 bytes
      hint: nothing valid is cached; check the network and the issuer, then try again
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_told_after_one_request() {
    insta::assert_snapshot!(told(refusing()).await, @r#"
    Status(404)
      1 asked: error[issuer.rejected]: auth.example.com answered HTTP 404 (is the token URL right?) for client sandbox
      hint: the secret is not the problem: check token_url, or issuer
    Status(401)
      1 asked: error[issuer.rejected]: auth.example.com answered HTTP 401 for client sandbox
      hint: is the secret right?
    Status(403)
      1 asked: error[issuer.rejected]: auth.example.com answered HTTP 403 for client sandbox
      hint: is the secret right?
    Redirect("https://elsewhere.example/x?token=y")
      1 asked: error[issuer.rejected]: auth.example.com answered HTTP 302 (redirects to elsewhere.example; a token endpoint never redirects) for client sandbox
      hint: the secret is not the problem: check token_url, or issuer
    OauthError { error: "invalid_client", description: None, status: None }
      1 asked: error[issuer.rejected]: auth.example.com answered invalid_client (the sandbox was told so) for client sandbox
      hint: is the secret right?
    OauthError { error: "invalid_scope", description: None, status: None }
      1 asked: error[issuer.rejected]: auth.example.com answered invalid_scope (the sandbox was told so) for client sandbox
      hint: ask for other scopes, or have the client allowed to use these
    OauthError { error: "unauthorized_client", description: None, status: None }
      1 asked: error[issuer.rejected]: auth.example.com answered unauthorized_client (the sandbox was told so) for client sandbox
      hint: allow the client_credentials grant on the client
    OauthError { error: "invalid_target", description: None, status: None }
      1 asked: error[issuer.rejected]: auth.example.com answered invalid_target (the sandbox was told so) for client sandbox
      hint: the issuer knows no such audience or resource
    OauthError { error: "invalid_grant", description: None, status: None }
      1 asked: error[issuer.rejected]: auth.example.com answered invalid_grant (the sandbox was told so) for client sandbox
      hint: check client id, client secret and token URL
    RateLimited
      1 asked: error[issuer.rejected]: auth.example.com answered invalid_request (rate limit exceeded: too many token requests, try again later) for client sandbox
      hint: the issuer misses something, such as scopes, audience, resource or params
    HostileDescription
      1 asked: error[issuer.rejected]: auth.example.com answered invalid_request (first line\n::error::forged by the server\r\n::add-mask::a\n\u{1b}[2J\u{1b}]0;title\u{7}\u{1b}[31mred\u{0}\u{202e}desrever) for client sandbox
      hint: the issuer misses something, such as scopes, audience, resource or params
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_dangerous_or_of_another_kind_is_no_token() {
    insta::assert_snapshot!(told(unusable()).await, @r#"
    TokenText(Newline)
    TokenText(Quote)
    TokenText(Dollar)
    TokenText(Backtick)
    TokenText(Space)
    TokenText(AddMask)
    TokenText(Control)
    TokenText(NonAscii)
    TokenText(Custom("x\r\nset-cookie: y"))
      1 asked: error[issuer.invalid_response]: auth.example.com answered client sandbox with a token that cannot be used: HTTP 200 (the access token has characters that no bearer token may have)
      hint: ask whoever runs the authorization server; daypass does not pass it on
    TokenText(Long)
      1 asked: error[issuer.invalid_response]: auth.example.com answered client sandbox with a token that cannot be used: HTTP 200 (the access token is longer than 64 KiB)
      hint: ask whoever runs the authorization server; daypass does not pass it on
    TokenText(Empty)
      1 asked: error[issuer.invalid_response]: auth.example.com answered client sandbox with a token that cannot be used: HTTP 200 (the access token is empty)
      hint: ask whoever runs the authorization server; daypass does not pass it on
    TokenText(NotAString)
      1 asked: error[issuer.invalid_response]: auth.example.com answered client sandbox with a token that cannot be used: HTTP 200 (the access_token is not text)
      hint: ask whoever runs the authorization server; daypass does not pass it on
    TokenType("mac")
      1 asked: error[issuer.invalid_response]: auth.example.com answered client sandbox with a token that cannot be used: HTTP 200 (the token_type is mac; only bearer will do)
      hint: ask whoever runs the authorization server; daypass does not pass it on
    TokenType("DPoP")
      1 asked: error[issuer.invalid_response]: auth.example.com answered client sandbox with a token that cannot be used: HTTP 200 (the token_type is DPoP; only bearer will do)
      hint: ask whoever runs the authorization server; daypass does not pass it on
    TokenType("N_A")
      1 asked: error[issuer.invalid_response]: auth.example.com answered client sandbox with a token that cannot be used: HTTP 200 (the token_type is N_A; only bearer will do)
      hint: ask whoever runs the authorization server; daypass does not pass it on
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_throttle_beyond_the_deadline_is_told_with_its_time() {
    insta::assert_snapshot!(told(throttling()).await, @r"
    Throttle { status: 429, retry_after: Some(Seconds(120)) }
    Throttle { status: 429, retry_after: Some(Date(120)) }
    Throttle { status: 503, retry_after: Some(Seconds(120)) }
      1 asked: error[issuer.throttled]: auth.example.com asks to be left alone for 120 s: too many token requests
      hint: something else asks for a token per step: run it through daypass too
      retry after 120s
    Throttle { status: 429, retry_after: Some(Seconds(86400)) }
      1 asked: error[issuer.throttled]: auth.example.com asks to be left alone for 300 s: too many token requests
      hint: something else asks for a token per step: run it through daypass too
      retry after 300s
    ");
}

#[tokio::test(start_paused = true)]
async fn odd_answers_that_do_no_harm_bring_a_token_with_one_request() {
    insta::assert_snapshot!(told(harmless()).await, @r#"
    ExpiresIn(Absent)
    ExpiresIn(Null)
    ExpiresIn(Zero)
    ExpiresIn(Negative)
    ExpiresIn(Raw("true"))
    ExpiresIn(Raw("\"soon\""))
    ExpiresIn(Raw("[3600]"))
      1 asked: a token that lives 300s
    ExpiresIn(Text)
    TokenType("bearer")
    TokenType("BEARER")
    None
    NoTokenType
    RevokeAll
    Delay(9s)
      1 asked: a token that lives 3600s
    ExpiresIn(Float)
      1 asked: a token that lives 3600.5s
    ExpiresIn(Huge)
    ExpiresIn(HugeInteger)
      1 asked: a token that lives 315360000s
    "#);
}

// Attempts and deadlines

#[tokio::test(start_paused = true)]
async fn after_each_fault_that_passes_the_next_answer_is_taken() {
    for fault in passing() {
        let world = World::new();
        world.sandbox.script(Endpoint::Token, [fault.clone()]);
        let granted = get(&world.step()).await.unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        assert_eq!((granted.source, granted.reason), (Source::Issuer, Reason::Cold));
        assert_eq!(world.asked(), 2, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_stalls_ends_after_ten_seconds_and_the_next_one_follows() {
    for fault in [Fault::Stall, Fault::StallBody] {
        let world = World::new();
        world.sandbox.script(Endpoint::Token, [fault.clone(), fault]);
        get(&world.step()).await.unwrap();
        let sent: Vec<_> = world.sent().iter().map(Duration::as_millis).collect();
        assert_eq!(sent, [0, 10_100, 20_300]);
        assert_eq!(world.sandbox.max_concurrent_token_requests(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_its_deadline() {
    for fault in passing() {
        let world = World::with(fault.clone());
        let before = Instant::now();
        let want = Want { timeout: s(3), ..Want::default() };
        let error = world.step().token(want).await.unwrap_err();
        assert_eq!(error.code(), Code::IssuerUnavailable, "{fault:?}");
        assert!(error.is_transient());
        assert!(before.elapsed() <= s(3), "{fault:?}: {:?}", before.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_dribbles_in_within_the_limit_is_taken() {
    let (met, asked) = met(Fault::Slow { chunk: 16, every: Duration::from_millis(500) }).await;
    assert_eq!((met.unwrap().token.lifetime(), asked), (s(3600), 1));
}

// Throttles

#[tokio::test(start_paused = true)]
async fn retry_after_is_waited_for_to_the_second_whether_a_number_or_a_date() {
    for (status, retry_after) in [
        (429, RetryAfter::Seconds(20)),
        (429, RetryAfter::Date(20)),
        (503, RetryAfter::Seconds(20)),
        (503, RetryAfter::Date(20)),
    ] {
        let world = World::new();
        let fault = throttle(status, Some(retry_after));
        world.sandbox.script(Endpoint::Token, [fault.clone()]);
        get(&world.step()).await.unwrap();
        assert_eq!(world.sent(), [s(0), s(20)], "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_usable_retry_after_the_pauses_double_from_a_second() {
    for retry_after in [
        None,
        Some(RetryAfter::Raw("soon".into())),
        Some(RetryAfter::Raw("-5".into())),
        Some(RetryAfter::Raw("1.5".into())),
    ] {
        let world = World::with(throttle(429, retry_after.clone()));
        let error = get(&world.step()).await.unwrap_err();
        assert_eq!(error.code(), Code::IssuerThrottled);
        let sent: Vec<_> = world.sent().iter().map(Duration::as_secs).collect();
        assert_eq!(sent, [0, 1, 3, 7, 15], "{retry_after:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_that_has_passed_still_costs_a_second() {
    for retry_after in [RetryAfter::Seconds(0), RetryAfter::Date(0), RetryAfter::Date(-3600)] {
        let world = World::new();
        world.sandbox.script(Endpoint::Token, [throttle(429, Some(retry_after))]);
        get(&world.step()).await.unwrap();
        assert_eq!(world.sent(), [s(0), s(1)]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_date_from_an_issuer_whose_clock_is_ahead_is_believed_for_five_minutes_at_most() {
    let world = World::new();
    world.sandbox.advance(s(7200));
    world.sandbox.script(Endpoint::Token, [throttle(429, Some(RetryAfter::Date(10)))]);
    assert_eq!(get(&world.step()).await.unwrap_err().code(), Code::IssuerThrottled);
    let error = get(&world.step()).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(s(300)));
    advance(s(300)).await;
    get(&world.step()).await.unwrap();
    assert_eq!(world.asked(), 2);
}

fn genesys() -> World {
    World::of(Sandbox::builder().flavour(Flavour::Genesys))
}

fn genesys_parts(world: &World) -> daypass::ClientCredentialsParts {
    let mut parts = world.parts();
    parts.dialect = Dialect::Genesys;
    parts.auth = ClientAuthMethod::ClientSecretBasicRaw;
    parts.revocation = Some(Revocation::Delete("https://api.example.com/api/v2/tokens/me".into()));
    parts
}

#[tokio::test(start_paused = true)]
async fn the_rate_limit_of_genesys_cloud_is_a_throttle_although_it_is_a_400() {
    let world = genesys();
    world.sandbox.script(Endpoint::Token, vec![Fault::RateLimited; 2]);
    let granted = get(&world.process(Style::OneShot, genesys_parts(&world))).await.unwrap();
    assert_eq!(granted.token.lifetime(), s(86_400));
    assert_eq!(world.sent(), [s(0), s(1), s(3)]);

    let world = genesys();
    world.sandbox.stand(Endpoint::Token, Fault::RateLimited);
    let step = || world.process(Style::OneShot, genesys_parts(&world));
    let error = get(&step()).await.unwrap_err();
    assert_eq!(error.code(), Code::IssuerThrottled);
    assert!(error.hint().unwrap().contains("token per step"), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_genesys_cloud_is_a_400_with_its_own_field() {
    let world = genesys();
    let mut parts = genesys_parts(&world);
    parts.secret = "wrong".into();
    let error = get(&world.process(Style::OneShot, parts)).await.unwrap_err();
    assert_eq!(error.code(), Code::IssuerRejected);
    assert!(error.message().contains("invalid_client (authentication failed)"), "{error:?}");
    assert_eq!(world.asked(), 1);
}

// What messages may say

#[tokio::test(start_paused = true)]
async fn what_an_issuer_says_is_never_shown_raw_neither_at_once_nor_from_memory() {
    let world = World::with(Fault::HostileDescription);
    let (log, _guard) = Log::listen();
    for _ in 0..2 {
        let error = get(&world.step()).await.unwrap_err();
        for text in [error.to_string(), format!("{error:?}")] {
            assert!(text.contains("first line\\n::error::forged"), "{text}");
            assert!(text.lines().all(|line| !line.trim_start().starts_with("::")), "{text}");
            assert!(!text.contains(['\u{1b}', '\u{7}', '\0', '\r', '\u{202e}']), "{text:?}");
        }
    }
    assert_eq!(world.asked(), 1);
    let record = world.step().record().await.unwrap().unwrap();
    assert!(!format!("{:?}", record.events).contains("desrever\u{202e}"));
    assert!(log.lines().iter().all(|line| !line.contains(char::is_control)), "{:?}", log.lines());
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_repeats_the_secret_is_not_quoted() {
    for encoded in
        ["sandbox-secret", "is SANDBOX-SECRET wrong?", "c2FuZGJveDpzYW5kYm94LXNlY3JldA=="]
    {
        let world = World::with(Fault::OauthError {
            error: "invalid_client".into(),
            description: Some(encoded.into()),
            status: None,
        });
        for _ in 0..2 {
            let error = get(&world.step()).await.unwrap_err();
            assert!(error.message().contains("(not shown: it repeats a secret)"), "{error:?}");
            assert!(!format!("{error:?}").to_lowercase().contains("secret wrong"), "{error:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_names_how_long_it_is_remembered_and_what_asks_at_once() {
    let world = World::with(oauth_error("invalid_client"));
    get(&world.step()).await.unwrap_err();
    advance(s(12)).await;
    insta::assert_snapshot!(format!("{:?}", get(&world.step()).await.unwrap_err()), @"
    error[issuer.rejected]: the same refusal as 12 s ago, invalid_client (the sandbox was told so) for client sandbox; the issuer is not asked again for 18 s
      hint: fixed it? daypass token --fresh asks now
    ");
    assert_eq!(world.asked(), 1);
}

// The protected API

#[tokio::test(start_paused = true)]
async fn after_every_token_was_revoked_one_new_one_is_fetched_for_all() {
    let world = World::new();
    let services: Vec<_> = (0..5).map(|_| world.service()).collect();
    let mut tokens = Vec::new();
    for service in &services {
        tokens.push(get(service).await.unwrap().token);
    }
    world.sandbox.revoke_all();
    for (service, token) in services.iter().zip(&tokens) {
        assert_eq!(world.api("/api/ping", token), StatusCode::UNAUTHORIZED);
        service.reject(token.access_token()).await.unwrap();
        let granted = get(service).await.unwrap();
        assert_eq!(granted.reason, Reason::Rejected);
        assert_eq!(world.api("/api/ping", &granted.token), StatusCode::OK);
    }
    assert_eq!(world.asked(), 2);
}

/// Calls the API as a gateway does, for `seconds`.
async fn called_with(world: &World, path: &str, seconds: u64, fresh: impl Fn() -> daypass::Cached) {
    let start = Instant::now();
    while start.elapsed() < s(seconds) {
        let source = fresh();
        let token = get(&source).await.unwrap().token;
        if world.api(path, &token) == StatusCode::UNAUTHORIZED {
            source.reject(token.access_token()).await.unwrap();
        }
        sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_api_that_refuses_every_token_costs_ten_requests_in_three_minutes() {
    let pauses = [0, 0, 1, 2, 4, 8, 16, 32, 60];
    let (world, (log, _guard)) = (World::new(), Log::listen());
    called_with(&world, "/api/denied", 180, || world.step()).await;
    let sent = world.sent();
    let met: Vec<_> = sent.windows(2).map(|pair| (pair[1] - pair[0]).as_secs()).collect();
    assert_eq!(met, pauses[1..=met.len()], "one-shot processes");
    assert!(log.has("tokens in a row were refused by the API"), "{:?}", log.lines());

    let world = World::new();
    let service = world.service();
    called_with(&world, "/api/denied", 180, || service.clone()).await;
    let sent = world.sent();
    let met: Vec<_> = sent.windows(2).map(|pair| (pair[1] - pair[0]).as_secs()).collect();
    assert_eq!(met, pauses[1..=met.len()], "a process that stays");
    assert!(world.sandbox.unauthorized() > 500);
}

#[tokio::test(start_paused = true)]
async fn one_401_of_an_api_costs_one_request() {
    let world = World::new();
    world.sandbox.script(Endpoint::Api, [Fault::Unauthorized]);
    called_with(&world, "/api/ping", 60, || world.step()).await;
    assert_eq!((world.asked(), world.sandbox.unauthorized()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn insufficient_scope_is_no_401_and_costs_nothing() {
    let world = World::new();
    world.sandbox.stand(Endpoint::Api, Fault::InsufficientScope);
    called_with(&world, "/api/ping", 5, || world.step()).await;
    assert_eq!(world.asked(), 1);
}

// Clocks

#[tokio::test(start_paused = true)]
async fn an_issuer_whose_clock_is_wrong_changes_no_lifetime() {
    for ahead in [true, false] {
        let world = World::of(Sandbox::builder().token_shape(TokenShape::Jwt));
        if ahead {
            world.sandbox.advance(s(7200))
        } else {
            world.sandbox.rewind(s(7200))
        }
        let step = world.step();
        let token = get(&step).await.unwrap().token;
        assert_eq!(token.lifetime(), s(3600));
        advance(s(3000)).await;
        assert_eq!(get(&world.step()).await.unwrap().source, Source::Store);
        advance(s(601)).await;
        assert_eq!(get(&world.step()).await.unwrap().reason, Reason::Expiring);
        assert_eq!(world.asked(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn the_exp_of_a_jwt_is_a_hint_where_the_issuer_states_nothing() {
    let jwt = || World::of(Sandbox::builder().token_shape(TokenShape::Jwt));
    for (shift, lifetime) in [(0_i64, 3600), (1800, 5400), (-1800, 1800), (-7200, 300)] {
        for unstated in [ExpiresIn::Absent, ExpiresIn::Zero, ExpiresIn::Negative] {
            let world = jwt();
            world.sandbox.stand(Endpoint::Token, Fault::ExpiresIn(unstated));
            let by = s(shift.unsigned_abs());
            if shift < 0 {
                world.sandbox.rewind(by)
            } else {
                world.sandbox.advance(by)
            }
            let token = get(&world.step()).await.unwrap().token;
            assert_eq!(token.lifetime(), s(lifetime), "the issuer's clock is {shift} s ahead");
        }
    }
    let world = jwt();
    let client = Client::new("sandbox", SECRET).lifetime(s(600));
    world.sandbox.register(client);
    world.sandbox.stand(Endpoint::Token, Fault::ExpiresIn(ExpiresIn::Raw("900".into())));
    let token = get(&world.step()).await.unwrap().token;
    assert_eq!(token.lifetime(), s(900), "what is stated counts");
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_set_back_revives_no_token_and_the_issuer_is_asked() {
    for back in [-30, -3000, -86_400] {
        let world = World::new();
        let service = world.service();
        let old = text(&get(&service).await.unwrap());
        advance(s(3601)).await;
        world.clock.set_wall(back);
        let granted = get(&service).await.unwrap();
        assert_ne!(text(&granted), old, "the clock went {back} s");
        assert_eq!(world.api("/api/ping", &granted.token), StatusCode::OK);
        assert_eq!(world.asked(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_set_back_revives_no_token_when_the_issuer_is_down_either() {
    let world = World::new();
    let service = world.service();
    get(&service).await.unwrap();
    advance(s(3601)).await;
    world.clock.set_wall(-3000);
    world.sandbox.stand(Endpoint::Token, Fault::Status(503));
    assert_eq!(get(&service).await.unwrap_err().code(), Code::IssuerUnavailable);
    world.sandbox.clear_faults();
    world.sandbox.stand(Endpoint::Token, oauth_error("invalid_client"));
    assert_eq!(get(&service).await.unwrap_err().code(), Code::IssuerRejected);
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_set_forward_costs_a_process_that_stays_nothing() {
    let world = World::new();
    let service = world.service();
    get(&service).await.unwrap();
    world.clock.set_wall(7200);
    assert_eq!(get(&service).await.unwrap().source, Source::Memory);
    assert_eq!(world.asked(), 1);
    // To a new process the record looks as if it had ended: that costs a request and no more.
    let granted = get(&world.step()).await.unwrap();
    assert_eq!((granted.source, world.asked()), (Source::Issuer, 2));
    world.clock.set_wall(-7200);
    assert_eq!(get(&service).await.unwrap().source, Source::Memory);
    let granted = get(&world.step()).await.unwrap();
    assert_eq!((granted.source, world.asked()), (Source::Issuer, 3), "a record from the future");
    advance(s(1000)).await;
    assert_eq!(get(&world.step()).await.unwrap().source, Source::Store);
}

// Revocation

#[tokio::test(start_paused = true)]
async fn a_revocation_that_fails_keeps_the_token_and_one_that_succeeds_ends_it() {
    let world = World::new();
    let mut parts = world.parts();
    parts.revocation = Some(Revocation::Rfc7009("https://auth.example.com/oauth/revoke".into()));
    let source = world.process(Style::OneShot, parts);
    let token = get(&source).await.unwrap().token;
    for (fault, code) in [
        (Fault::Status(503), Code::IssuerUnavailable),
        (Fault::Reset, Code::IssuerUnavailable),
        (Fault::Stall, Code::IssuerUnavailable),
        (oauth_error("invalid_client"), Code::IssuerRejected),
        (oauth_error("unsupported_token_type"), Code::IssuerCannotRevoke),
        (throttle(429, Some(RetryAfter::Seconds(9))), Code::IssuerThrottled),
    ] {
        world.sandbox.script(Endpoint::Revocation, [fault]);
        assert_eq!(source.revoke(s(5)).await.unwrap_err().code(), code);
        assert_eq!(world.api("/api/ping", &token), StatusCode::OK);
        assert_eq!(get(&source).await.unwrap().source, Source::Memory);
    }
    assert!(source.revoke(s(5)).await.unwrap());
    assert_eq!(world.api("/api/ping", &token), StatusCode::UNAUTHORIZED);
    assert_eq!(get(&source).await.unwrap().source, Source::Issuer);
    let without = world.step();
    assert_eq!(without.revoke(s(5)).await.unwrap_err().code(), Code::IssuerCannotRevoke);
}

#[tokio::test(start_paused = true)]
async fn genesys_cloud_revokes_a_token_by_its_own_call() {
    let world = genesys();
    let source = world.process(Style::OneShot, genesys_parts(&world));
    let token = get(&source).await.unwrap().token;
    assert_eq!(world.api("/api/v2/tokens/me", &token), StatusCode::OK);
    assert!(source.revoke(s(5)).await.unwrap());
    assert_eq!(world.api("/api/v2/tokens/me", &token), StatusCode::UNAUTHORIZED);
    assert!(!source.revoke(s(5)).await.unwrap());
}

// Discovery

const ISSUER: &str = "http://127.0.0.1:8080";

fn discovering(world: &World, issuer: &str) -> daypass::Cached {
    let mut parts = world.parts();
    parts.request.endpoint = Issuer::Issuer(issuer.into());
    world.process(Style::OneShot, parts)
}

fn at(world: &World, place: Endpoint) -> usize {
    world.sandbox.log().iter().filter(|entry| entry.endpoint == place).count()
}

#[tokio::test(start_paused = true)]
async fn metadata_is_looked_up_once_a_process_and_not_at_all_for_a_hit() {
    let world = World::new();
    let source = discovering(&world, ISSUER);
    get(&source).await.unwrap();
    source.token(Want { min_ttl: MinTtl::Required(s(3600)), ..Want::default() }).await.unwrap();
    assert!(source.revoke(s(5)).await.unwrap());
    get(&source).await.unwrap();
    assert_eq!((at(&world, Endpoint::Metadata), world.asked()), (1, 2));
    assert_eq!(get(&discovering(&world, ISSUER)).await.unwrap().source, Source::Store);
    assert_eq!((at(&world, Endpoint::Metadata), world.asked()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn metadata_that_fails_for_a_while_is_asked_again() {
    for fault in [
        Fault::Status(503),
        Fault::Status(429),
        Fault::Reset,
        Fault::Stall,
        Fault::EmptyBody,
        Fault::GarbageBody,
        Fault::HtmlBody,
        Fault::HugeBody,
        Fault::Truncated { after: 3 },
    ] {
        let world = World::new();
        world.sandbox.script(Endpoint::Metadata, [fault.clone(), fault.clone()]);
        let met = get(&discovering(&world, ISSUER)).await;
        met.unwrap_or_else(|error| panic!("{fault:?}: {error:?}"));
        assert_eq!(world.asked(), 1, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn metadata_of_somebody_else_gets_no_secret() {
    let world = World::of(Sandbox::builder().issuer("https://evil.example"));
    let source = discovering(&world, ISSUER);
    insta::assert_snapshot!(format!("{:?}", get(&source).await.unwrap_err()), @"
    error[issuer.rejected]: no token for client sandbox: 127.0.0.1:8080 calls itself https://evil.example, but `issuer` is http://127.0.0.1:8080
      hint: check `issuer`: its metadata says where tokens come from
    ");
    advance(s(3)).await;
    insta::assert_snapshot!(format!("{:?}", get(&source).await.unwrap_err()), @"
    error[issuer.rejected]: the same refusal as 3 s ago, 127.0.0.1:8080 calls itself https://evil.example, but `issuer` is http://127.0.0.1:8080 for client sandbox; the issuer is not asked again for 27 s
      hint: fixed it? daypass token --fresh asks now
    ");
    assert_eq!(get(&source).await.unwrap_err().code(), Code::IssuerRejected);
    assert_eq!((at(&world, Endpoint::Metadata), world.asked()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn an_issuer_without_metadata_is_told_so() {
    let world = World::new();
    world.sandbox.stand(Endpoint::Metadata, Fault::Status(404));
    let error = get(&discovering(&world, ISSUER)).await.unwrap_err();
    insta::assert_snapshot!(format!("{error:?}"), @"
    error[issuer.rejected]: no token for client sandbox: 127.0.0.1:8080 has no metadata (RFC 8414, OpenID): is `issuer` right? `token_url` names the endpoint without it
      hint: check `issuer`: its metadata says where tokens come from
    ");
    let redirected = World::new();
    redirected.sandbox.stand(Endpoint::Metadata, Fault::Redirect("http://127.0.0.1:9/".into()));
    let error = get(&discovering(&redirected, ISSUER)).await.unwrap_err();
    assert_eq!(error.code(), Code::IssuerRejected);
    assert_eq!((world.asked(), redirected.asked()), (0, 0));
}

// How the client proves itself

#[tokio::test(start_paused = true)]
async fn a_secret_with_reserved_characters_arrives_by_every_method() {
    let (id, secret) = ("re:served id", "p%40ss:w+rd/& é?=~\"");
    for (ours, theirs) in [
        (ClientAuthMethod::ClientSecretBasic, AuthMethod::ClientSecretBasic),
        (ClientAuthMethod::ClientSecretPost, AuthMethod::ClientSecretPost),
        (ClientAuthMethod::ClientSecretBasicRaw, AuthMethod::ClientSecretBasicRaw),
    ] {
        // Raw Basic can't say a colon in the id (RFC 7617).
        let raw = theirs == AuthMethod::ClientSecretBasicRaw;
        let id = if raw { "reserved id" } else { id };
        let client = Client::new(id, secret).auth([theirs]);
        let world = World::of(Sandbox::builder().client(client));
        let mut parts = world.parts();
        (parts.request.client_id, parts.secret, parts.auth) = (id.into(), secret.into(), ours);
        get(&world.process(Style::OneShot, parts)).await.unwrap();
        assert_eq!(world.sandbox.log()[0].auth, Some(theirs));
    }
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_grants_less_says_so_and_the_user_is_told() {
    let client = Client::new("sandbox", SECRET).scopes(["read"]);
    let world = World::of(Sandbox::builder().client(client).drop_unknown_scopes(true));
    let (log, _guard) = Log::listen();
    let mut parts = world.parts();
    parts.request.scopes = ScopeSet::parse("read write");
    get(&world.process(Style::OneShot, parts)).await.unwrap();
    assert_eq!(
        log.lines(),
        ["WARN message=the issuer did not grant every scope host=auth.example.com missing=write"]
    );
}

#[tokio::test(start_paused = true)]
async fn an_issuer_may_hand_out_the_same_text_again_and_it_lives_on() {
    let world = World::with(Fault::TokenText(TokenText::Custom("always-the-same".into())));
    let service = world.service();
    get(&service).await.unwrap();
    advance(s(3601)).await;
    let granted = get(&service).await.unwrap();
    assert_eq!(granted.source, Source::Issuer);
    advance(s(3000)).await;
    assert_eq!(get(&service).await.unwrap().source, Source::Memory);
    assert_eq!(world.asked(), 2);
}
