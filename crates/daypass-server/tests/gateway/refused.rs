//! What a 401 of the API leads to.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use daypass::{Fresh, MinTtl, TokenSource, Want};
use daypass_sandbox::{Endpoint, Fault, Flavour};

use crate::upstream::{Act, Api, answer, ok, unauthorized};
use crate::world::{Issuer, Numbered, Running, unavailable};

/// An API that accepts every token but these.
async fn refusing(tokens: &'static [&'static str]) -> Api {
    Api::start(move |head| {
        let refused = tokens.iter().any(|token| head.contains(&format!("Bearer {token}\r\n")));
        Act::Answer(if refused { unauthorized() } else { ok("fine") })
    })
    .await
}

#[tokio::test]
async fn a_refused_request_is_sent_again_with_another_token_whatever_its_method() {
    let api = refusing(&["token-1"]).await;
    for method in ["GET", "POST", "PATCH", "PUT", "DELETE"] {
        let source = Arc::new(Numbered::default());
        let running = Running::before(&api.url(), Arc::clone(&source) as _);
        let body = "a=1&b=2";
        let length = format!("content-length: {}\r\n", body.len());
        let answer = running.ask(&format!("{method} /api"), &length, body).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "fine"), "{method}");
        assert_eq!(answer.code(), None);
        assert_eq!(source.rejected(), ["token-1"]);
        let seen = api.seen();
        let [.., first, second] = seen.as_slice() else { panic!("{seen:?}") };
        assert!(first.starts_with(method) && second.ends_with(body), "{seen:?}");
        assert_eq!(first.replace("token-1", "token-2"), *second);
    }
}

#[tokio::test]
async fn a_chunked_body_is_sent_again_whole() {
    let api = refusing(&["token-1"]).await;
    let running = Running::before(&api.url(), Arc::new(Numbered::default()));
    let body = "5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nx-sum: 7\r\nauthorization: evil\r\n\r\n";
    let fields = "transfer-encoding: chunked\r\ntrailer: x-sum, authorization\r\n";
    assert_eq!(running.ask("POST /api", fields, body).await.status, 200);
    for request in api.seen() {
        assert!(request.ends_with("\r\n\r\nhello worldx-sum: 7\r\n"), "{request}");
        assert!(request.contains("transfer-encoding: chunked\r\n"), "{request}");
    }
    assert_eq!(api.seen().len(), 2);
}

#[tokio::test]
async fn a_request_whose_new_token_was_revoked_before_its_turn_is_sent_once_more() {
    let api = Api::start(|head| {
        let refused = head.contains("x-late:") && !head.contains("Bearer token-3\r\n");
        Act::Answer(if refused { unauthorized() } else { ok("fine") })
    })
    .await;
    let source = Arc::new(Numbered::default());
    let running = Running::before(&api.url(), Arc::clone(&source) as _);
    assert_eq!(running.get("/api").await.status, 200);
    let answer = running.ask("GET /api", "x-late: 1\r\n", "").await;
    assert_eq!((answer.status, answer.code()), (200, None));
    assert_eq!(source.rejected(), ["token-1", "token-2"]);
    assert_eq!(api.seen().len(), 4);
    // Nobody is held up, and nothing is doubted.
    assert_eq!(running.gateway.counts().held, 0);
    assert_eq!(running.gateway.counts().passed_on, 0);
}

#[tokio::test]
async fn a_new_token_that_is_refused_too_is_the_end_and_says_so() {
    let api = refusing(&["token-1", "token-2"]).await;
    let source = Arc::new(Numbered::default());
    let running = Running::before(&api.url(), Arc::clone(&source) as _);
    let answer = running.get("/api").await;
    assert_eq!((answer.status, answer.body.as_str()), (401, "who?"));
    assert_eq!(answer.code().as_deref(), Some("gateway.refused_again"));
    assert_eq!(answer.field("www-authenticate").as_deref(), Some("Bearer error=\"invalid_token\""));
    assert_eq!(api.seen().len(), 2, "once again and no more");
    assert_eq!(source.rejected(), ["token-1"]);
}

#[tokio::test]
async fn while_fetching_is_damped_the_refusal_is_passed_on() {
    let api = refusing(&["token-1"]).await;
    let source = Arc::new(Numbered::default());
    source.damped.store(true, Ordering::SeqCst);
    let running = Running::before(&api.url(), source);
    let answer = running.get("/api").await;
    assert_eq!((answer.status, answer.code().as_deref()), (401, Some("gateway.refused_again")));
    assert_eq!(api.seen().len(), 1, "the same token is not tried again");
}

#[tokio::test]
async fn missing_permissions_cost_no_token() {
    for challenge in ["Bearer error=\"insufficient_scope\"", "Bearer error=\"invalid_request\""] {
        let fields = format!("www-authenticate: {challenge}\r\n");
        let api = Api::start(move |_| Act::Answer(answer("401 Unauthorized", &fields, "no"))).await;
        let source = Arc::new(Numbered::default());
        let running = Running::before(&api.url(), Arc::clone(&source) as _);
        let answer = running.get("/api").await;
        assert_eq!((answer.status, answer.code().as_deref()), (401, Some("gateway.scope")));
        assert!(source.rejected().is_empty());
    }
    let api = Api::start(|_| Act::Answer(answer("403 Forbidden", "", "no"))).await;
    let source = Arc::new(Numbered::default());
    let running = Running::before(&api.url(), Arc::clone(&source) as _);
    let answer = running.get("/api").await;
    assert_eq!((answer.status, answer.code()), (403, None));
    assert!(source.rejected().is_empty());
}

#[tokio::test]
async fn a_body_past_the_memory_is_sent_once_and_its_refusal_passed_on() {
    let api = refusing(&["token-1"]).await;
    let source = Arc::new(Numbered::default());
    let running = Running::with(&api.url(), Arc::clone(&source) as _, |settings| {
        settings.replay.per_request = 1000;
    });
    let answer = running.post("/api", &"x".repeat(1001)).await;
    assert_eq!((answer.status, answer.code().as_deref()), (401, Some("gateway.body_too_large")));
    assert_eq!(source.rejected(), ["token-1"], "the next request gets another token");
    assert_eq!(running.post("/api", &"x".repeat(1001)).await.status, 200);
    // A body that does not say how long it is grows past it on its way.
    let source = Arc::new(Numbered::default());
    let running = Running::with(&api.url(), source, |settings| settings.replay.per_request = 1000);
    let chunk = format!("3e9\r\n{}\r\n0\r\n\r\n", "x".repeat(1001));
    let answer = running.ask("POST /api", "transfer-encoding: chunked\r\n", &chunk).await;
    assert_eq!((answer.status, answer.code().as_deref()), (401, Some("gateway.body_too_large")));
    assert_eq!(api.seen().len(), 3);
}

#[tokio::test]
async fn a_body_of_very_many_small_chunks_takes_no_more_memory_than_it_is_long() {
    let api = refusing(&["token-1"]).await;
    let running = Running::before(&api.url(), Arc::new(Numbered::default()));
    let body = "1\r\nx\r\n".repeat(50_000) + "0\r\n\r\n";
    let answer = running.ask("POST /api", "transfer-encoding: chunked\r\n", &body).await;
    assert_eq!((answer.status, answer.code()), (200, None));
    let seen = api.seen();
    assert!(seen.iter().all(|request| request.ends_with(&"x".repeat(50_000))));
    assert_eq!(seen.len(), 2);
}

#[tokio::test]
async fn a_body_that_is_sent_again_arrives_whole_though_the_answer_comes_before_it() {
    let api = Api::start(|head| match head.contains("Bearer token-1\r\n") {
        true => Act::Answer(unauthorized()),
        false => Act::AnswerThenRead(ok("early")),
    })
    .await;
    let most = 40_000_000;
    let running = Running::with(&api.url(), Arc::new(Numbered::default()), |settings| {
        settings.replay.per_request = most;
        settings.replay.in_all = most;
    });
    // More than the kernel takes in while nobody reads it.
    let length = 30_000_000;
    let chunk = format!("{:x}\r\n{}\r\n0\r\n\r\n", length, "x".repeat(length));
    let answer = running.ask("POST /api", "transfer-encoding: chunked\r\n", &chunk).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "early"));
    let until = std::time::Instant::now() + crate::world::PATIENCE;
    while api.seen().len() < 2 && std::time::Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let lengths: Vec<_> = api.seen().iter().map(|request| request.matches('x').count()).collect();
    assert!(lengths.len() == 2 && lengths.iter().all(|got| *got >= length), "{lengths:?}");
}

#[tokio::test]
async fn when_no_other_token_can_be_had_the_refusal_is_passed_on() {
    let api = refusing(&["token-1"]).await;
    let source = Arc::new(Numbered::default());
    let running = Running::before(&api.url(), Arc::clone(&source) as _);
    // The first request has its token already when the issuer goes away.
    struct Once(Arc<Numbered>);
    #[async_trait::async_trait]
    impl TokenSource for Once {
        fn cached(&self, min_ttl: MinTtl) -> Fresh {
            self.0.cached(min_ttl)
        }
        async fn token(&self, want: Want) -> Result<daypass::Granted, daypass::Error> {
            self.0.token(want).await
        }
        async fn reject(&self, token: &daypass::AccessToken) -> Result<(), daypass::Error> {
            *self.0.trouble.lock().unwrap() = Some(unavailable());
            self.0.reject(token).await
        }
    }
    drop(running);
    let running = Running::before(&api.url(), Arc::new(Once(source)));
    let answer = running.get("/api").await;
    assert_eq!((answer.status, answer.code().as_deref()), (401, Some("gateway.not_replaced")));
    assert_eq!(answer.field("retry-after").as_deref(), Some("7"));
    assert_eq!(api.seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_hundred_uploads_that_are_all_refused_cost_one_token_and_all_arrive() {
    let issuer = Issuer::start(Flavour::Standard, Duration::from_secs(3600));
    let running = Arc::new(Running::before(&issuer.server.url(), Arc::new(issuer.open().source)));
    assert_eq!(running.get("/api/echo").await.status, 200);
    issuer.sandbox.revoke_all();
    let uploads = (0..300).map(|number| {
        let running = Arc::clone(&running);
        tokio::spawn(async move {
            let size = 1000 + number * 7;
            let answer = running.post("/api/upload", &"x".repeat(size)).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            let echo: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
            assert_eq!(echo["body_bytes"], size);
        })
    });
    for upload in uploads.collect::<Vec<_>>() {
        upload.await.unwrap();
    }
    assert_eq!(issuer.sandbox.token_requests(), 2);
}

#[tokio::test]
async fn a_path_that_refuses_every_token_costs_good_requests_nothing() {
    let issuer = Issuer::start(Flavour::Standard, Duration::from_secs(3600));
    let running = Running::before(&issuer.server.url(), Arc::new(issuer.open().source));
    let mut codes = std::collections::BTreeSet::new();
    for round in 0..400 {
        assert_eq!(running.get("/api/echo").await.status, 200, "round {round}");
        if round % 4 == 0 {
            let answer = running.get(&format!("/api/denied?round={round}")).await;
            assert_eq!(answer.status, 401);
            codes.insert(answer.code().unwrap());
        }
    }
    assert_eq!(
        codes.into_iter().collect::<Vec<_>>(),
        ["gateway.path_refused", "gateway.refused_again"]
    );
    // The first one, and the one that the path was given to try.
    assert_eq!(issuer.sandbox.token_requests(), 2);
    // The path is not blamed for a token that was really revoked.
    issuer.sandbox.revoke_all();
    assert_eq!(running.get("/api/echo").await.status, 200);
    assert_eq!(issuer.sandbox.token_requests(), 3);
}

#[tokio::test]
async fn a_client_whose_tokens_are_all_refused_is_damped() {
    let issuer = Issuer::start(Flavour::Standard, Duration::from_secs(3600));
    issuer.sandbox.stand(Endpoint::Api, Fault::Unauthorized);
    let running = Running::before(&issuer.server.url(), Arc::new(issuer.open().source));
    for _ in 0..50 {
        assert_eq!(running.get("/api/echo").await.status, 401);
    }
    let fetched = issuer.sandbox.token_requests();
    assert!(fetched <= 4, "{fetched} tokens for requests that are all refused");
    issuer.sandbox.clear_faults();
    assert_eq!(running.get("/api/echo").await.status, 200);
}

#[tokio::test]
async fn tokens_that_are_revoked_again_and_again_cost_one_each_and_no_request() {
    let issuer = Issuer::start(Flavour::Standard, Duration::from_secs(3600));
    let running = Running::before(&issuer.server.url(), Arc::new(issuer.open().source));
    for round in 1..=20 {
        for _ in 0..3 {
            let answer = running.post("/api/echo", "body").await;
            assert_eq!(answer.status, 200, "round {round}: {answer:?}");
        }
        assert_eq!(issuer.sandbox.token_requests(), round);
        issuer.sandbox.revoke_all();
    }
}

#[tokio::test]
async fn many_paths_that_refuse_every_token_are_damped_together() {
    let issuer = Issuer::start(Flavour::Standard, Duration::from_secs(3600));
    let api = Api::start(|head| {
        Act::Answer(if head.contains(" /bad/") { unauthorized() } else { ok("fine") })
    })
    .await;
    let running = Arc::new(Running::before(&api.url(), Arc::new(issuer.open().source)));
    assert_eq!(running.get("/good").await.status, 200);
    // Each path is new, and good requests pass between them.
    let bad = (0..30).map(|path| {
        let running = Arc::clone(&running);
        tokio::spawn(async move { running.get(&format!("/bad/{path}")).await })
    });
    for answer in bad.collect::<Vec<_>>() {
        assert_eq!(running.get("/good").await.status, 200);
        assert_eq!(answer.await.unwrap().status, 401);
    }
    let fetched = issuer.sandbox.token_requests();
    assert!(fetched <= 6, "{fetched} tokens");
    // One after the other, with nothing between: the first wait for pauses that end soon, and all
    // that come after are told at once.
    let before = running.gateway.counts();
    for path in 30..60 {
        let answer = running.get(&format!("/bad/{path}")).await;
        assert_eq!((answer.status, answer.code().as_deref()), (401, Some("gateway.refused_again")));
    }
    let held = running.gateway.counts().held - before.held;
    assert!(held <= 3, "{held} of 30 requests were held");
}
