//! The life of a token, rule by rule: the whole stack against the sandbox, with paused time.
//!
//! What a scripted issuer shows better is in `source/tests.rs`; what every store must do is in
//! `store/conformance.rs`, what processes that are killed do is in `store_torture.rs`. A number
//! before a group of tests is that of the rule.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use daypass::{
    Cached, ClientCredentialsParts, Clock, Code, EventKind, FileStore, Fresh, MinTtl, Reason,
    ScopeSet, Sealer, Source, Style, TokenSource, Want,
};
use daypass_sandbox::{Client, Endpoint, ExpiresIn, Fault, Sandbox};
use tokio::time::{Instant, advance, sleep};

use crate::log::Log;
use crate::world::{SECRET, World, get, s, text};

/// A world whose processes share a folder, each with a store of its own.
struct Folder {
    world: World,
    outer: tempfile::TempDir,
}

impl Folder {
    fn new() -> Self {
        Self::of(World::new())
    }

    fn of(world: World) -> Self {
        Self { world, outer: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.outer.path().join("daypass")
    }

    fn store(&self) -> FileStore {
        self.store_of(SECRET)
    }

    fn store_of(&self, secret: &str) -> FileStore {
        let sealer = Sealer::derive(None, secret.as_bytes()).unwrap();
        FileStore::open(self.path(), self.world.clock.clone(), sealer).unwrap()
    }

    fn process(&self, style: Style, parts: ClientCredentialsParts) -> Cached {
        self.world.process_with(style, parts, Arc::new(self.store()))
    }

    fn step(&self) -> Cached {
        self.process(Style::OneShot, self.world.parts())
    }

    fn service(&self) -> Cached {
        self.process(Style::LongLived, self.world.parts())
    }

    /// The files that are records.
    fn records(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path()).unwrap().map(|entry| entry.unwrap().path());
        let is_record = |path: &PathBuf| path.file_name().unwrap().len() == 64;
        entries.filter(is_record).collect()
    }
}

fn forced() -> Want {
    Want { force: true, ..Want::default() }
}

fn required(seconds: u64) -> Want {
    Want { min_ttl: MinTtl::Required(s(seconds)), ..Want::default() }
}

fn scoped(world: &World, scopes: &str) -> ClientCredentialsParts {
    let mut parts = world.parts();
    parts.request.scopes = ScopeSet::parse(scopes);
    parts
}

fn lives(seconds: u64) -> Client {
    Client::new("sandbox", SECRET).lifetime(s(seconds))
}

fn down(world: &World) {
    world.sandbox.stand(Endpoint::Token, Fault::Status(503));
}

// 1: identity. What goes into the key is in `request.rs`.

#[tokio::test(start_paused = true)]
async fn requests_that_could_be_answered_differently_never_share_a_token() {
    let folder = Folder::of(World::of(
        Sandbox::builder().client(Client::new("another", SECRET)).client(lives(3600)),
    ));
    let world = &folder.world;
    type Change = fn(&mut ClientCredentialsParts);
    let changes: [Change; 9] = [
        |_| {},
        |parts| parts.request.client_id = "another".into(),
        |parts| parts.request.scopes = ScopeSet::parse("read"),
        |parts| parts.request.scopes = ScopeSet::parse("read write"),
        |parts| parts.request.audience = Some("https://api.example.com".into()),
        |parts| parts.request.resources = ["https://api.example.com".to_owned()].into(),
        |parts| parts.request.params = [("tenant".into(), "a".into())].into(),
        |parts| parts.request.params = [("tenant".into(), "b".into())].into(),
        |parts| parts.request.trust = Some([1; 32]),
    ];
    let mut texts = BTreeSet::new();
    for round in [Source::Issuer, Source::Store] {
        for change in changes {
            let mut parts = world.parts();
            change(&mut parts);
            let granted = get(&folder.process(Style::OneShot, parts)).await.unwrap();
            assert_eq!(granted.source, round);
            texts.insert(text(&granted));
        }
    }
    assert_eq!((texts.len(), world.asked()), (changes.len(), changes.len() as u64));
}

#[tokio::test(start_paused = true)]
async fn the_order_of_scopes_does_not_matter() {
    let folder = Folder::new();
    for scopes in ["read write", "write read", "write  write read "] {
        get(&folder.process(Style::OneShot, scoped(&folder.world, scopes))).await.unwrap();
    }
    assert_eq!(folder.world.asked(), 1);
    assert_eq!(folder.world.sandbox.log()[0].scope.as_deref(), Some("read write"));
}

// 2 and 3: expiry. All forms of `expires_in` are in `faults.rs`.

#[tokio::test(start_paused = true)]
async fn a_token_ends_counted_from_when_the_request_was_sent() {
    let world = World::new();
    world.sandbox.script(Endpoint::Token, [Fault::Status(503), Fault::Delay(s(7))]);
    let began = world.clock.now();
    let token = get(&world.step()).await.unwrap().token;
    assert_eq!(began.until(token.sent_at()), Duration::from_millis(100), "of the second attempt");
    assert_eq!(token.sent_at().until(token.received_at()), s(7));
    assert_eq!(token.sent_at().until(token.expires_at()), s(3600));
    assert_eq!(token.remaining(world.clock.now()), s(3593));
}

#[tokio::test(start_paused = true)]
async fn max_ttl_caps_a_lifetime_and_never_extends_it() {
    for (max_ttl, lifetime) in [(900, 900), (3600, 3600), (86_400, 3600)] {
        let world = World::new();
        let parts = || ClientCredentialsParts { max_ttl: Some(s(max_ttl)), ..world.parts() };
        let step = || world.process(Style::OneShot, parts());
        let token = get(&step()).await.unwrap().token;
        assert_eq!(token.lifetime(), s(lifetime));
        advance(s(lifetime)).await;
        assert_eq!(get(&step()).await.unwrap().source, Source::Issuer);
    }
    let world = World::with(Fault::ExpiresIn(ExpiresIn::Huge));
    let parts = ClientCredentialsParts { max_ttl: Some(s(7200)), ..world.parts() };
    let token = get(&world.process(Style::OneShot, parts)).await.unwrap().token;
    assert_eq!(token.lifetime(), s(7200));
}

#[tokio::test(start_paused = true)]
async fn assume_ttl_counts_only_where_nothing_is_stated() {
    for (fault, max_ttl, lifetime) in [
        (Fault::ExpiresIn(ExpiresIn::Absent), None, 1200),
        (Fault::ExpiresIn(ExpiresIn::Null), None, 1200),
        (Fault::ExpiresIn(ExpiresIn::Absent), Some(s(60)), 60),
        (Fault::None, None, 3600),
    ] {
        let world = World::with(fault);
        let parts = ClientCredentialsParts { assume_ttl: s(1200), max_ttl, ..world.parts() };
        let token = get(&world.process(Style::OneShot, parts)).await.unwrap().token;
        assert_eq!(token.lifetime(), s(lifetime));
    }
}

// 4: clocks; see also `faults.rs`.

#[tokio::test(start_paused = true)]
async fn a_record_from_the_future_is_a_miss_beyond_a_minute_of_skew() {
    for (back, source) in [(-59, Source::Store), (-61, Source::Issuer)] {
        let folder = Folder::new();
        get(&folder.step()).await.unwrap();
        folder.world.clock.set_wall(back);
        assert_eq!(get(&folder.step()).await.unwrap().source, source, "{back} s");
    }
}

// 5, 6 and 7: freshness. `source/decide.rs` has the table.

#[tokio::test(start_paused = true)]
async fn tokens_of_five_seconds_and_of_five_minutes_are_cached() {
    for lifetime in [5, 300] {
        let folder = Folder::of(World::of(Sandbox::builder().client(lives(lifetime))));
        get(&folder.step()).await.unwrap();
        advance(s(lifetime) * 8 / 10).await;
        assert_eq!(get(&folder.step()).await.unwrap().source, Source::Store, "{lifetime}");
        advance(s(lifetime) / 5).await;
        assert_eq!(get(&folder.step()).await.unwrap().reason, Reason::Expiring);
        assert_eq!(folder.world.asked(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_min_ttl_beyond_every_token_names_both_times_and_the_setting_after_one_request() {
    let folder = Folder::of(World::of(Sandbox::builder().client(lives(900))));
    for _ in 0..5 {
        let error = folder.step().token(required(1800)).await.unwrap_err();
        insta::allow_duplicates! {
            insta::assert_snapshot!(format!("{error:?}"), @"
            error[token.min_ttl]: 30m wanted, but client sandbox gets tokens that live 15m
              hint: the client's settings decide
            ");
        }
    }
    assert_eq!(folder.world.asked(), 1);
    assert_eq!(get(&folder.step()).await.unwrap().source, Source::Store);
}

#[tokio::test(start_paused = true)]
async fn a_required_min_ttl_is_kept_after_a_slow_answer_too() {
    let folder = Folder::of(World::of(Sandbox::builder().client(lives(10))));
    folder.world.sandbox.stand(Endpoint::Token, Fault::Delay(s(5)));
    let error = folder.step().token(required(9)).await.unwrap_err();
    assert_eq!(error.code(), Code::TokenMinTtl);
    assert!(folder.step().token(required(4)).await.is_ok());
    assert_eq!(folder.world.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_is_down_is_not_taken_for_one_whose_tokens_are_short() {
    let folder = Folder::of(World::of(Sandbox::builder().client(lives(60))));
    get(&folder.step()).await.unwrap();
    down(&folder.world);
    advance(s(8)).await;
    for _ in 0..2 {
        let want = Want { timeout: s(2), ..required(55) };
        let error = folder.step().token(want).await.unwrap_err();
        assert_eq!(error.code(), Code::IssuerUnavailable, "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_ended_on_its_way_is_not_asked_for_again_at_once() {
    let folder = Folder::of(World::of(Sandbox::builder().client(lives(2))));
    folder.world.sandbox.stand(Endpoint::Token, Fault::Delay(s(3)));
    for _ in 0..5 {
        let error = get(&folder.step()).await.unwrap_err();
        assert_eq!(error.code(), Code::IssuerInvalidResponse);
    }
    assert_eq!(folder.world.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_early_refresh_that_stalls_holds_a_step_up_for_two_seconds_and_is_not_repeated() {
    let folder = Folder::new();
    let old = text(&get(&folder.step()).await.unwrap());
    advance(s(3400)).await;
    folder.world.sandbox.stand(Endpoint::Token, Fault::Stall);
    let before = Instant::now();
    assert_eq!(text(&get(&folder.step()).await.unwrap()), old);
    let took = before.elapsed();
    assert!(took > s(1) && took <= s(2), "{took:?}");
    for _ in 0..4 {
        sleep(s(1)).await;
        let before = Instant::now();
        assert_eq!(text(&get(&folder.step()).await.unwrap()), old);
        assert_eq!(before.elapsed(), Duration::ZERO);
    }
    assert_eq!(folder.world.asked(), 2, "the pause is in the record");
}

#[tokio::test(start_paused = true)]
async fn a_process_that_stays_refreshes_behind_its_callers_and_goes_on_after_failures() {
    let world = World::new();
    let service = world.service();
    let old = text(&get(&service).await.unwrap());
    advance(s(3400)).await;
    down(&world);
    for _ in 0..100 {
        let before = Instant::now();
        assert_eq!(text(&get(&service).await.unwrap()), old);
        assert_eq!(before.elapsed(), Duration::ZERO, "nobody waits");
        sleep(s(1)).await;
    }
    let asked = world.asked();
    assert!(asked > 5, "{asked}: it gave up");
    assert!(asked < 60, "{asked}: it is a burden");
    world.sandbox.clear_faults();
    sleep(s(60)).await;
    get(&service).await.unwrap();
    sleep(s(1)).await;
    let granted = get(&service).await.unwrap();
    assert_eq!((granted.reason, granted.source), (Reason::Expiring, Source::Memory));
    assert_ne!(text(&granted), old);
}

// 8: an expired token is never handed out.

#[tokio::test(start_paused = true)]
async fn whatever_fails_an_expired_token_is_not_handed_out() {
    for fault in [
        Fault::Status(503),
        Fault::Stall,
        Fault::Reset,
        Fault::HtmlBody,
        Fault::Status(403),
        Fault::RateLimited,
        Fault::TokenText(daypass_sandbox::TokenText::Space),
        Fault::Throttle { status: 429, retry_after: None },
    ] {
        let folder = Folder::new();
        let service = folder.service();
        get(&service).await.unwrap();
        get(&folder.step()).await.unwrap();
        advance(s(3600)).await;
        folder.world.sandbox.stand(Endpoint::Token, fault.clone());
        let want = Want { min_ttl: MinTtl::Required(Duration::ZERO), ..Want::default() };
        for source in [&service, &folder.step(), &folder.service()] {
            assert!(matches!(source.cached(want.min_ttl), Fresh::Miss));
            assert!(source.peek(want.min_ttl).is_none());
            let error = source.token(want).await.unwrap_err();
            assert_ne!(error.code(), Code::Internal, "{fault:?}");
        }
    }
}

// 9, 10, 11 and 12: one flight.

#[tokio::test(start_paused = true)]
async fn processes_that_share_a_folder_share_one_request() {
    let folder = Folder::new();
    folder.world.sandbox.stand(Endpoint::Token, Fault::Delay(s(2)));
    let tasks: Vec<_> = (0..20)
        .map(|n| {
            let source = if n % 2 == 0 { folder.step() } else { folder.service() };
            tokio::spawn(async move { get(&source).await.unwrap() })
        })
        .collect();
    let (mut texts, mut waited) = (BTreeSet::new(), 0);
    for task in tasks {
        let granted = task.await.unwrap();
        texts.insert(text(&granted));
        waited += usize::from(granted.source == Source::Waited);
    }
    assert_eq!((folder.world.asked(), texts.len(), waited), (1, 1, 19));
    assert_eq!(folder.world.sandbox.max_concurrent_token_requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn never_two_requests_of_a_key_are_under_way_whatever_happens() {
    let folder = Folder::new();
    let sandbox = &folder.world.sandbox;
    let tasks: Vec<_> = (0..10)
        .map(|n| {
            let source = if n % 2 == 0 { folder.step() } else { folder.service() };
            let sandbox = sandbox.clone();
            tokio::spawn(async move {
                for round in 0..200 {
                    if n == 0 && round % 10 == 0 {
                        let faults = [Fault::Status(500), Fault::Reset, Fault::Delay(s(4))];
                        sandbox.script(Endpoint::Token, faults);
                    }
                    let want = Want { force: round % 50 == n, ..Want::default() };
                    if let Ok(granted) = source.token(want).await
                        && (round + n) % 7 == 0
                    {
                        source.reject(granted.token.access_token()).await.unwrap();
                    }
                    sleep(Duration::from_millis(10 * (n + 1))).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(sandbox.max_concurrent_token_requests(), 1);
    assert!(folder.world.asked() > 5, "{}", folder.world.asked());
}

#[tokio::test(start_paused = true)]
async fn all_who_wait_meet_the_same_refusal() {
    let folder = Folder::new();
    let refusal =
        Fault::OauthError { error: "invalid_client".into(), description: None, status: Some(401) };
    folder.world.sandbox.stand(Endpoint::Token, refusal);
    folder.world.sandbox.stand(Endpoint::Token, Fault::Delay(s(1)));
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let source = folder.step();
            tokio::spawn(async move { get(&source).await.unwrap_err() })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap().code(), Code::IssuerRejected);
    }
    assert_eq!(folder.world.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_goes_on_when_all_who_wanted_it_are_gone() {
    let folder = Folder::new();
    folder.world.sandbox.stand(Endpoint::Token, Fault::Delay(s(5)));
    let service = folder.service();
    let callers: Vec<_> = (0..3)
        .map(|_| {
            let service = service.clone();
            tokio::spawn(async move { get(&service).await })
        })
        .collect();
    sleep(s(1)).await;
    callers.iter().for_each(tokio::task::JoinHandle::abort);
    sleep(s(5)).await;
    assert!(matches!(service.cached(MinTtl::TOKEN), Fresh::Fresh(_)));
    assert_eq!(get(&folder.step()).await.unwrap().source, Source::Store);
    assert_eq!(folder.world.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_hangs_holds_up_no_other() {
    let folder = Folder::new();
    folder.world.sandbox.script(Endpoint::Token, [Fault::Stall]);
    let stuck = folder.process(Style::OneShot, scoped(&folder.world, "slow"));
    let stuck = tokio::spawn(async move { get(&stuck).await });
    sleep(s(1)).await;
    let before = Instant::now();
    for n in 0..20 {
        let scope = format!("scope:{n}");
        get(&folder.process(Style::OneShot, scoped(&folder.world, &scope))).await.unwrap();
    }
    assert_eq!(before.elapsed(), Duration::ZERO);
    stuck.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_vanishes_is_followed_at_once_and_one_that_hangs_after_its_lease() {
    use daypass::TokenStore;
    let folder = Folder::new();
    let key = folder.world.parts().request.key();
    let gone = folder.store().claim(&key, s(15)).await.unwrap();
    drop(gone);
    get(&folder.step()).await.unwrap();

    let folder = Folder::new();
    let hangs = folder.store().claim(&key, s(15)).await.unwrap().unwrap();
    let before = Instant::now();
    let granted = get(&folder.step()).await.unwrap();
    let took = before.elapsed();
    assert!(took >= s(15) && took < s(17), "{took:?}");
    hangs.finish(Some(daypass::Record::default())).await.unwrap_err();
    assert_eq!(text(&get(&folder.step()).await.unwrap()), text(&granted));
}

// 13: failure. The table is in `faults.rs`.

#[tokio::test(start_paused = true)]
async fn a_refusal_is_shared_through_the_folder_and_a_changed_secret_asks_at_once() {
    let folder = Folder::of(World::of(Sandbox::builder().client(lives(3600))));
    let world = &folder.world;
    let with = |secret: &'static str| {
        let mut parts = world.parts();
        parts.secret = secret.into();
        parts.request.credential = Sealer::credential_id(None, secret.as_bytes()).unwrap();
        let store = folder.store_of(secret);
        world.process_with(Style::OneShot, parts, Arc::new(store))
    };
    for _ in 0..10 {
        assert_eq!(get(&with("stale-secret")).await.unwrap_err().code(), Code::IssuerRejected);
    }
    assert_eq!(world.asked(), 1);
    get(&with(SECRET)).await.unwrap();
    assert_eq!(world.asked(), 2, "the corrected secret is another key");
    world.sandbox.register(Client::new("sandbox", "stale-secret"));
    assert_eq!(get(&with("stale-secret")).await.unwrap_err().code(), Code::IssuerRejected);
    let forced = with("stale-secret").token(forced()).await.unwrap();
    assert_eq!((forced.reason, world.asked()), (Reason::Forced, 3), "force passes a refusal");
    assert_eq!(get(&with("stale-secret")).await.unwrap().source, Source::Store, "and ends it");
}

#[tokio::test(start_paused = true)]
async fn who_only_waits_for_a_throttle_notes_no_event() {
    let folder = Folder::new();
    let retry_after = Some(daypass_sandbox::RetryAfter::Seconds(100));
    let throttle = Fault::Throttle { status: 429, retry_after };
    folder.world.sandbox.script(Endpoint::Token, [throttle]);
    for _ in 0..4 {
        get(&folder.step()).await.unwrap_err();
    }
    assert_eq!(folder.world.asked(), 1);
    let record = folder.step().record().await.unwrap().unwrap();
    assert_eq!(record.events.len(), 1, "{:?}", record.events);
}

#[tokio::test(start_paused = true)]
async fn a_throttle_is_shared_through_the_folder_and_force_does_not_pass_it() {
    let folder = Folder::new();
    let world = &folder.world;
    let retry_after = Some(daypass_sandbox::RetryAfter::Seconds(100));
    world.sandbox.script(Endpoint::Token, [Fault::Throttle { status: 429, retry_after }]);
    get(&folder.step()).await.unwrap_err();
    advance(s(10)).await;
    let other = folder.process(Style::OneShot, scoped(world, "another:scope"));
    for (source, want) in
        [(&other, Want::default()), (&other, forced()), (&folder.step(), forced())]
    {
        let error = source.token(want).await.unwrap_err();
        assert_eq!((error.code(), error.retry_after()), (Code::IssuerThrottled, Some(s(90))));
    }
    assert_eq!(world.asked(), 1);
    advance(s(90)).await;
    get(&other).await.unwrap();
    get(&folder.step()).await.unwrap();
    assert_eq!(world.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_passes_is_remembered_only_in_the_process_that_met_it() {
    let folder = Folder::new();
    down(&folder.world);
    get(&folder.step()).await.unwrap_err();
    let asked = folder.world.asked();
    folder.world.sandbox.clear_faults();
    get(&folder.step()).await.unwrap();
    assert_eq!(folder.world.asked(), asked + 1);
}

// 14: while a token is valid.

#[tokio::test(start_paused = true)]
async fn while_a_token_is_valid_no_refusal_hides_it() {
    let folder = Folder::new();
    let (log, _guard) = Log::listen();
    let old = text(&get(&folder.step()).await.unwrap());
    advance(s(3400)).await;
    folder.world.sandbox.stand(Endpoint::Token, Fault::Status(403));
    for _ in 0..3 {
        assert_eq!(text(&get(&folder.step()).await.unwrap()), old);
        advance(s(1)).await;
    }
    assert_eq!(folder.world.asked(), 2);
    assert!(log.has("auth.example.com gave no new token"), "{:?}", log.lines());
}

// 15: a store that fails is passed by.

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    let at = at.min(bytes.len() - 1);
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_record_that_was_changed_anywhere_is_a_miss_and_is_replaced() {
    let folder = Folder::new();
    get(&folder.step()).await.unwrap();
    let [record] = &folder.records()[..] else { panic!("{:?}", folder.records()) };
    let mut asked = 1;
    for at in (0..600).step_by(23) {
        let (log, _guard) = Log::listen();
        flip(record, at);
        assert!(folder.step().peek(MinTtl::TOKEN).is_none());
        assert_eq!(get(&folder.step()).await.unwrap().source, Source::Issuer, "byte {at}");
        assert!(log.has("does not open"), "{:?}", log.lines());
        asked += 1;
        assert_eq!(get(&folder.step()).await.unwrap().source, Source::Store);
    }
    assert_eq!(folder.world.asked(), asked);
}

#[tokio::test(start_paused = true)]
async fn a_record_in_the_place_of_another_is_a_miss() {
    let folder = Folder::new();
    let [one, other] = ["one", "other"].map(|scope| scoped(&folder.world, scope));
    let place = folder.path().join(other.request.key().to_string());
    get(&folder.process(Style::OneShot, one)).await.unwrap();
    fs::rename(&folder.records()[0], &place).unwrap();
    assert_eq!(get(&folder.process(Style::OneShot, other)).await.unwrap().source, Source::Issuer);
    assert_eq!(folder.world.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_folder_that_becomes_unusable_costs_a_warning_and_requests_but_no_token() {
    let folder = Folder::new();
    let (log, _guard) = Log::listen();
    let (service, step) = (folder.service(), folder.step());
    fs::remove_dir_all(folder.path()).unwrap();
    fs::write(folder.path(), "not a folder").unwrap();
    assert_eq!(get(&step).await.unwrap().source, Source::Issuer);
    let granted = get(&service).await.unwrap();
    assert_eq!(granted.source, Source::Issuer);
    assert_eq!(get(&service).await.unwrap().source, Source::Memory);
    service.reject(granted.token.access_token()).await.unwrap();
    assert_ne!(text(&get(&service).await.unwrap()), text(&granted));
    assert!(service.store_failures() > 0);
    let warned = log.lines();
    let warned = warned.iter().filter(|line| line.contains("the cache cannot be used"));
    assert_eq!(warned.count(), 2, "once a process: {:?}", log.lines());
    assert_eq!(folder.world.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_tasks_of_a_process_share_one_request_without_a_usable_store_too() {
    let folder = Folder::new();
    let service = folder.service();
    fs::remove_dir_all(folder.path()).unwrap();
    fs::write(folder.path(), "not a folder").unwrap();
    folder.world.sandbox.stand(Endpoint::Token, Fault::Delay(s(1)));
    let tasks: Vec<_> = (0..1000)
        .map(|_| {
            let service = service.clone();
            tokio::spawn(async move { text(&get(&service).await.unwrap()) })
        })
        .collect();
    let mut texts = BTreeSet::new();
    for task in tasks {
        texts.insert(task.await.unwrap());
    }
    assert_eq!((texts.len(), folder.world.asked()), (1, 1));
}

// 16 and 17: rejection; the loops are in `faults.rs`.

#[tokio::test(start_paused = true)]
async fn a_hundred_401s_in_ten_processes_cost_one_new_token() {
    let folder = Folder::new();
    let sources: Vec<_> = (0..10).map(|_| folder.service()).collect();
    let old = get(&sources[0]).await.unwrap().token;
    for source in &sources {
        get(source).await.unwrap();
    }
    folder.world.sandbox.revoke_all();
    folder.world.sandbox.stand(Endpoint::Token, Fault::Delay(s(1)));
    let tasks: Vec<_> = (0..100)
        .map(|n| {
            let (source, old) = (sources[n % 10].clone(), old.clone());
            tokio::spawn(async move {
                source.reject(old.access_token()).await.unwrap();
                get(&source).await.unwrap()
            })
        })
        .collect();
    let mut texts = BTreeSet::new();
    for task in tasks {
        texts.insert(text(&task.await.unwrap()));
    }
    assert_eq!((texts.len(), folder.world.asked()), (1, 2));
    for source in &sources {
        source.reject(old.access_token()).await.unwrap();
        assert_ne!(text(&get(source).await.unwrap()), text_of(&old));
    }
    assert_eq!(folder.world.asked(), 2, "a 401 for a replaced token costs nothing");
}

fn text_of(token: &daypass::Token) -> String {
    token.access_token().secret().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_replacement_that_is_accepted_ends_the_damping() {
    let folder = Folder::new();
    for _ in 0..4 {
        let token = get(&folder.step()).await.unwrap().token;
        folder.step().reject(token.access_token()).await.unwrap();
    }
    let asked = folder.world.asked();
    assert_eq!(asked, 2, "the third rejection is damped");
    advance(s(1800)).await;
    let token = get(&folder.step()).await.unwrap().token;
    advance(s(600)).await;
    folder.step().reject(token.access_token()).await.unwrap();
    assert_eq!(get(&folder.step()).await.unwrap().reason, Reason::Rejected);
    assert_eq!(folder.world.asked(), asked + 2, "it worked for long: its end is taken at its word");
}

// 18: force.

#[tokio::test(start_paused = true)]
async fn fifty_forced_steps_of_one_job_share_one_request_and_a_later_one_makes_its_own() {
    let folder = Folder::new();
    get(&folder.step()).await.unwrap();
    sleep(s(5)).await;
    folder.world.sandbox.stand(Endpoint::Token, Fault::Delay(s(1)));
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let source = folder.step();
            tokio::spawn(async move { source.token(forced()).await.unwrap() })
        })
        .collect();
    let mut texts = BTreeSet::new();
    for task in tasks {
        let granted = task.await.unwrap();
        assert_eq!(granted.reason, Reason::Forced);
        texts.insert(text(&granted));
    }
    assert_eq!((texts.len(), folder.world.asked()), (1, 2));
    sleep(s(1)).await;
    let later = folder.step();
    later.token(forced()).await.unwrap();
    assert_eq!(folder.world.asked(), 3);
    assert_eq!(later.token(forced()).await.unwrap().source, Source::Memory);
    assert_eq!(folder.world.asked(), 3, "issued after this process began");
}

// 19: what is told.

#[tokio::test(start_paused = true)]
async fn every_token_says_where_it_came_from_and_why_and_the_record_counts_it() {
    let folder = Folder::new();
    let service = folder.service();
    let mut told = Vec::new();
    let mut tell = |granted: daypass::Granted| {
        told.push((granted.source.as_str(), granted.reason.as_str()));
        granted
    };
    tell(get(&service).await.unwrap());
    tell(get(&service).await.unwrap());
    let token = tell(get(&folder.step()).await.unwrap()).token;
    service.reject(token.access_token()).await.unwrap();
    tell(get(&service).await.unwrap());
    advance(s(2000)).await;
    tell(service.token(required(3000)).await.unwrap());
    sleep(s(1)).await;
    tell(folder.step().token(forced()).await.unwrap());
    advance(s(3600)).await;
    tell(get(&folder.step()).await.unwrap());
    assert_eq!(
        told,
        [
            ("issuer", "cold"),
            ("memory", "cold"),
            ("store", "cold"),
            ("issuer", "rejected"),
            ("issuer", "min_ttl"),
            ("issuer", "forced"),
            ("issuer", "expiring"),
        ]
    );
    let record = service.record().await.unwrap().unwrap();
    assert_eq!((record.tally.issuer, record.tally.store), (5, 1));
    let fetched = record.events.iter().filter_map(|event| match &event.kind {
        EventKind::Fetched { reason, .. } => Some(reason.as_str()),
        EventKind::Rejected(_) => Some("401"),
        _ => None,
    });
    let fetched: Vec<_> = fetched.collect();
    assert_eq!(fetched, ["cold", "401", "rejected", "min_ttl", "forced", "expiring"]);
}

#[tokio::test(start_paused = true)]
async fn the_record_keeps_the_last_twenty_events_and_no_secret() {
    let folder = Folder::new();
    for _ in 0..30 {
        folder.step().token(forced()).await.unwrap();
        sleep(Duration::from_millis(5)).await;
    }
    let record = folder.step().record().await.unwrap().unwrap();
    assert_eq!((record.events.len(), record.tally.issuer), (20, 30));
    let shown = format!("{record:?}");
    assert!(!shown.contains(&text(&get(&folder.step()).await.unwrap())), "{shown}");
    let sealed = fs::read(&folder.records()[0]).unwrap();
    assert!(!String::from_utf8_lossy(&sealed).contains("sandbox"), "nothing is readable at rest");
}

// Refresh tokens

#[tokio::test(start_paused = true)]
async fn a_refresh_token_that_an_issuer_sends_is_neither_kept_nor_used() {
    let folder = Folder::new();
    let sent = "3600,\"refresh_token\":\"a-refresh-token\",\"refresh_expires_in\":86400";
    let fault = Fault::ExpiresIn(ExpiresIn::Raw(sent.into()));
    folder.world.sandbox.stand(Endpoint::Token, fault);
    let service = folder.service();
    assert_eq!(get(&service).await.unwrap().token.lifetime(), s(3600));
    let size = fs::metadata(&folder.records()[0]).unwrap().len();
    advance(s(3400)).await;
    get(&service).await.unwrap();
    sleep(s(1)).await;
    advance(s(3600)).await;
    get(&service).await.unwrap();
    assert_eq!(folder.world.bodies(), ["grant_type=client_credentials"; 3]);

    let without = Folder::new();
    get(&without.service()).await.unwrap();
    assert_eq!(size, fs::metadata(&without.records()[0]).unwrap().len(), "the record has no room");
}
