//! The life of a token, with paused time and a scripted issuer.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::time::{advance, sleep};

use super::*;
use crate::issuer::{Issuer, IssuerError, IssuerErrorClass};
use crate::store::{Fence, Lease, MemoryStore, Peek, Record, StoreError, TokenStore};
use crate::testing::TestClock;
use crate::{
    AccessToken, CacheKey, Clock, Code, CredentialId, Effects, Endpoint, HttpClient, HttpError,
    Reason, ScopeSet, Source, Token, TokenRequest,
};

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What the issuer answers to one attempt.
#[derive(Clone)]
enum Answer {
    Token { lives: u64 },
    Error(IssuerErrorClass),
    Hang,
}

/// An issuer that answers as scripted, then with the standing answer.
struct FakeIssuer {
    clock: Arc<TestClock>,
    script: Mutex<VecDeque<Answer>>,
    standing: Mutex<Answer>,
    delay: Mutex<Duration>,
    asked: AtomicU64,
    under_way: AtomicUsize,
    most_at_once: AtomicUsize,
    revoked: AtomicUsize,
}

impl FakeIssuer {
    fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }

    fn script(&self, answers: impl IntoIterator<Item = Answer>) {
        self.script.lock().unwrap().extend(answers);
    }

    fn stand(&self, answer: Answer) {
        *self.standing.lock().unwrap() = answer;
    }
}

#[async_trait]
impl Issuer for FakeIssuer {
    async fn issue(&self, timeout: Duration) -> Result<Token, IssuerError> {
        let n = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let at_once = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(at_once, Ordering::SeqCst);
        let sent_at = self.clock.now();
        let scripted = self.script.lock().unwrap().pop_front();
        let answer = scripted.unwrap_or_else(|| self.standing.lock().unwrap().clone());
        let delay = *self.delay.lock().unwrap();
        let class = match answer {
            Answer::Hang => {
                sleep(timeout).await;
                Err(IssuerErrorClass::Transient)
            }
            Answer::Token { lives } => {
                sleep(delay).await;
                Ok(lives)
            }
            Answer::Error(class) => {
                sleep(delay).await;
                Err(class)
            }
        };
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        match class {
            Ok(lives) => {
                let text = AccessToken::new(&format!("token-{n}")).unwrap();
                let ends = sent_at.saturating_add(s(lives));
                Ok(Token::new(text, None, sent_at, self.clock.now(), ends))
            }
            Err(class) => Err(IssuerError {
                class,
                status: Some(400),
                error: Some("fake_error".into()),
                description: None,
            }),
        }
    }

    async fn revoke(&self, _: &Token, _: Duration) -> Result<(), IssuerError> {
        self.revoked.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn host(&self) -> &str {
        "auth.example.com"
    }
}

struct NoHttp;

#[async_trait]
impl HttpClient for NoHttp {
    async fn send(&self, _: http::Request<Bytes>) -> Result<http::Response<Bytes>, HttpError> {
        Err(HttpError::Setup("no http in these tests".into()))
    }
}

/// One machine: a store, an issuer, and as many processes as a test opens.
struct World {
    clock: Arc<TestClock>,
    issuer: Arc<FakeIssuer>,
    store: Arc<dyn TokenStore>,
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(TestClock::new());
        Self::with_store(Arc::new(MemoryStore::new(clock.clone())), clock)
    }

    fn with_store(store: Arc<dyn TokenStore>, clock: Arc<TestClock>) -> Self {
        let issuer = Arc::new(FakeIssuer {
            clock: clock.clone(),
            script: Mutex::default(),
            standing: Mutex::new(Answer::Token { lives: 3600 }),
            delay: Mutex::new(Duration::from_millis(150)),
            asked: AtomicU64::new(0),
            under_way: AtomicUsize::new(0),
            most_at_once: AtomicUsize::new(0),
            revoked: AtomicUsize::new(0),
        });
        Self { clock, issuer, store }
    }

    fn process_asking(&self, style: Style, scope: &str) -> Cached {
        let mut request = TokenRequest::client_credentials(
            Endpoint::TokenUrl("https://auth.example.com/token".into()),
            "ci",
            CredentialId([7; 16]),
        );
        request.scopes = ScopeSet::parse(scope);
        Cached::new(CachedParts {
            request,
            store: self.store.clone(),
            issuer: self.issuer.clone(),
            effects: Effects { clock: self.clock.clone(), http: Arc::new(NoHttp), jitter: || 0.0 },
            style,
            labels: Labels { client: "client ci".into(), ..Labels::default() },
        })
    }

    fn step(&self) -> Cached {
        self.process_asking(Style::OneShot, "")
    }

    fn service(&self) -> Cached {
        self.process_asking(Style::LongLived, "")
    }
}

fn text(granted: &Granted) -> String {
    granted.token.access_token().secret().to_owned()
}

fn want(min_ttl: MinTtl) -> Want {
    Want { min_ttl, ..Want::default() }
}

fn forced() -> Want {
    Want { force: true, ..Want::default() }
}

fn remaining(world: &World, granted: &Granted) -> u64 {
    granted.token.remaining(world.clock.now()).as_secs()
}

// One flight

#[tokio::test(start_paused = true)]
async fn a_thousand_tasks_share_one_request() {
    let world = World::new();
    let source = world.service();
    let tasks: Vec<_> = (0..1000)
        .map(|_| {
            let source = source.clone();
            tokio::spawn(async move { source.token(Want::default()).await.unwrap() })
        })
        .collect();
    let mut sources = std::collections::BTreeMap::new();
    for task in tasks {
        let granted = task.await.unwrap();
        assert_eq!(text(&granted), "token-1");
        *sources.entry(granted.source.as_str()).or_insert(0) += 1;
    }
    assert_eq!(world.issuer.asked(), 1);
    assert_eq!(sources, [("issuer", 1), ("waited", 999)].into());
    assert_eq!(source.token(Want::default()).await.unwrap().source, Source::Memory);
}

#[tokio::test(start_paused = true)]
async fn processes_that_share_a_store_share_one_request() {
    let world = World::new();
    let steps: Vec<_> = (0..50).map(|_| world.step()).collect();
    let tasks: Vec<_> = steps
        .into_iter()
        .map(|step| tokio::spawn(async move { step.token(Want::default()).await.unwrap() }))
        .collect();
    let mut waited = 0;
    for task in tasks {
        let granted = task.await.unwrap();
        assert_eq!((text(&granted).as_str(), granted.reason), ("token-1", Reason::Cold));
        waited += usize::from(granted.source == Source::Waited);
    }
    assert_eq!((world.issuer.asked(), waited), (1, 49));
    let later = world.step();
    assert_eq!(later.token(Want::default()).await.unwrap().source, Source::Store);
    assert_eq!(later.peek(MinTtl::TOKEN).unwrap().source, Source::Store);
}

#[tokio::test(start_paused = true)]
async fn all_who_wait_share_the_error() {
    let world = World::new();
    world.issuer.stand(Answer::Error(IssuerErrorClass::Rejected));
    let source = world.service();
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let source = source.clone();
            tokio::spawn(async move { source.token(Want::default()).await.unwrap_err() })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap().code(), Code::IssuerRejected);
    }
    assert_eq!(world.issuer.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_flight_goes_on_when_its_caller_goes_away() {
    let world = World::new();
    let source = world.service();
    let caller = {
        let source = source.clone();
        tokio::spawn(async move { source.token(Want::default()).await })
    };
    sleep(Duration::from_millis(50)).await;
    caller.abort();
    sleep(Duration::from_millis(200)).await;
    assert!(matches!(source.cached(MinTtl::TOKEN), Fresh::Fresh(_)));
    assert_eq!(world.issuer.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn each_waits_with_a_deadline_of_its_own() {
    let world = World::new();
    *world.issuer.delay.lock().unwrap() = s(8);
    let source = world.service();
    let patient = {
        let source = source.clone();
        tokio::spawn(async move { source.token(Want::default()).await })
    };
    sleep(Duration::from_millis(10)).await;
    let hasty = source.token(Want { timeout: s(1), ..Want::default() }).await.unwrap_err();
    assert_eq!(hasty.code(), Code::TokenDeadline);
    assert_eq!(text(&patient.await.unwrap().unwrap()), "token-1");
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_hangs_delays_others_by_its_lease_and_cannot_overwrite_them() {
    let world = World::new();
    let key = world.step();
    let stuck = world.store.claim(&key.inner.key, flight::LEASE).await.unwrap().unwrap();
    let before = tokio::time::Instant::now();
    let granted = world.step().token(Want::default()).await.unwrap();
    assert_eq!(text(&granted), "token-1");
    assert!(before.elapsed() >= s(15) && before.elapsed() < s(16), "{:?}", before.elapsed());
    assert_eq!(stuck.finish(Some(Record::default())).await, Err(StoreError::Lost));
    assert_eq!(world.step().token(Want::default()).await.unwrap().source, Source::Store);
}

// Freshness

#[tokio::test(start_paused = true)]
async fn an_expired_token_is_never_handed_out() {
    let world = World::new();
    let (service, step) = (world.service(), world.step());
    service.token(Want::default()).await.unwrap();
    world.issuer.stand(Answer::Error(IssuerErrorClass::Transient));
    advance(s(3599)).await;
    assert_eq!(text(&step.token(Want::default()).await.unwrap()), "token-1");
    advance(s(1)).await;
    for source in [&service, &step, &world.step()] {
        assert!(matches!(source.cached(MinTtl::Required(s(0))), Fresh::Miss));
        assert!(source.peek(MinTtl::Required(s(0))).is_none());
        assert_eq!(
            source.token(Want::default()).await.unwrap_err().code(),
            Code::IssuerUnavailable
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_set_back_never_revives_an_expired_token() {
    let world = World::new();
    let service = world.service();
    service.token(Want::default()).await.unwrap();
    advance(s(3601)).await;
    world.clock.advance_wall(-3_000_000);
    assert!(matches!(service.cached(MinTtl::Required(s(0))), Fresh::Miss));
}

#[tokio::test(start_paused = true)]
async fn a_service_hands_out_the_due_token_and_refreshes_in_the_background() {
    let world = World::new();
    let service = world.service();
    service.token(Want::default()).await.unwrap();
    advance(s(3350)).await;
    assert!(matches!(service.cached(MinTtl::TOKEN), Fresh::Due(_)));
    assert_eq!(text(&service.token(Want::default()).await.unwrap()), "token-1");
    sleep(s(1)).await;
    let granted = service.token(Want::default()).await.unwrap();
    assert_eq!((text(&granted).as_str(), granted.reason), ("token-2", Reason::Expiring));
}

#[tokio::test(start_paused = true)]
async fn a_failed_background_refresh_keeps_the_old_token_and_is_tried_again() {
    let world = World::new();
    let service = world.service();
    service.token(Want::default()).await.unwrap();
    world.issuer.stand(Answer::Error(IssuerErrorClass::Unusable));
    advance(s(3350)).await;
    let mut asked_at = vec![];
    for second in 0..120 {
        let before = world.issuer.asked();
        assert_eq!(text(&service.token(Want::default()).await.unwrap()), "token-1");
        sleep(s(1)).await;
        if world.issuer.asked() > before {
            asked_at.push(second);
        }
    }
    assert!((4..=6).contains(&asked_at.len()), "{asked_at:?}");
    world.issuer.stand(Answer::Token { lives: 3600 });
    sleep(s(60)).await;
    service.token(Want::default()).await.unwrap();
    sleep(s(1)).await;
    assert_ne!(text(&service.token(Want::default()).await.unwrap()), "token-1");
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_is_down_is_asked_once_at_each_early_refresh_if_there_is_time_for_another() {
    // At 0, 5, 15 and 35 s; the other token ends too soon for that.
    for (lives, age, seconds, least, most) in [(3600, 3350, 60, 4, 4), (60, 57, 1, 2, 99)] {
        let world = World::new();
        world.issuer.stand(Answer::Token { lives });
        let service = world.service();
        service.token(Want::default()).await.unwrap();
        advance(s(age)).await;
        world.issuer.stand(Answer::Error(IssuerErrorClass::Transient));
        for _ in 0..seconds * 10 {
            assert_eq!(text(&service.token(Want::default()).await.unwrap()), "token-1");
            sleep(Duration::from_millis(100)).await;
        }
        let asked = world.issuer.asked() - 1;
        assert!((least..=most).contains(&asked), "{lives}: {asked}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_waits_two_seconds_at_most_for_an_early_refresh() {
    let world = World::new();
    world.step().token(Want::default()).await.unwrap();
    advance(s(3350)).await;
    world.issuer.stand(Answer::Hang);
    let before = tokio::time::Instant::now();
    let step = world.step();
    assert!(step.peek(MinTtl::TOKEN).is_none());
    assert_eq!(text(&step.token(Want::default()).await.unwrap()), "token-1");
    assert!(before.elapsed() <= s(2) + Duration::from_millis(10), "{:?}", before.elapsed());
    let next = world.step();
    assert_eq!(next.peek(MinTtl::TOKEN).unwrap().source, Source::Store, "the failure is damped");
    assert_eq!(world.issuer.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_step_refreshes_a_due_token_when_the_issuer_is_quick() {
    let world = World::new();
    world.step().token(Want::default()).await.unwrap();
    advance(s(3350)).await;
    let granted = world.step().token(Want::default()).await.unwrap();
    assert_eq!((text(&granted).as_str(), granted.reason), ("token-2", Reason::Expiring));
}

#[tokio::test(start_paused = true)]
async fn a_due_token_is_handed_out_at_once_while_somebody_else_refreshes() {
    let world = World::new();
    world.step().token(Want::default()).await.unwrap();
    advance(s(3350)).await;
    let lease = world.store.claim(&world.step().inner.key, s(15)).await.unwrap();
    let before = tokio::time::Instant::now();
    assert_eq!(text(&world.step().token(Want::default()).await.unwrap()), "token-1");
    assert!(before.elapsed() < Duration::from_millis(10));
    drop(lease);
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_hands_out_the_same_lifetime_again_is_not_asked_at_every_call() {
    let world = World::new();
    world.step().token(Want::default()).await.unwrap();
    advance(s(3350)).await;
    world.issuer.stand(Answer::Token { lives: 240 });
    for _ in 0..20 {
        let granted = world.step().token(Want::default()).await.unwrap();
        assert_eq!(text(&granted), "token-1", "the one that lives longer is kept");
    }
    assert_eq!(world.issuer.asked(), 2);
}

// min_ttl

#[tokio::test(start_paused = true)]
async fn a_min_ttl_that_no_token_reaches_is_an_error_after_one_request() {
    let world = World::new();
    let want = want(MinTtl::Required(s(7200)));
    for _ in 0..5 {
        let error = world.step().token(want).await.unwrap_err();
        assert_eq!(error.code(), Code::TokenMinTtl);
        assert_eq!(error.message(), "2h wanted, but client ci gets tokens that live 1h");
    }
    assert_eq!(world.issuer.asked(), 1);
    assert_eq!(text(&world.step().token(Want::default()).await.unwrap()), "token-1");
    world.issuer.stand(Answer::Token { lives: 86_400 });
    advance(s(6)).await;
    let raised = world.step().token(want).await.unwrap();
    assert_eq!((text(&raised).as_str(), raised.reason), ("token-2", Reason::MinTtl));
}

#[tokio::test(start_paused = true)]
async fn a_min_ttl_of_the_whole_lifetime_is_met_by_a_new_token() {
    let world = World::new();
    let whole = want(MinTtl::Required(s(3600)));
    for n in 1..3 {
        assert_eq!(text(&world.step().token(whole).await.unwrap()), format!("token-{n}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_required_min_ttl_fetches_and_never_settles_for_less() {
    let world = World::new();
    world.step().token(Want::default()).await.unwrap();
    advance(s(2000)).await;
    let half = want(MinTtl::Required(s(1800)));
    world.issuer.script([Answer::Error(IssuerErrorClass::Rejected)]);
    assert_eq!(world.step().token(half).await.unwrap_err().code(), Code::IssuerRejected);
    assert_eq!(text(&world.step().token(Want::default()).await.unwrap()), "token-1");
    advance(s(31)).await;
    let granted = world.step().token(half).await.unwrap();
    assert!(remaining(&world, &granted) >= 1800);
    assert_eq!(granted.reason, Reason::MinTtl);
}

// Failure

#[tokio::test(start_paused = true)]
async fn transient_failures_are_retried_within_the_deadline() {
    let world = World::new();
    world.issuer.script(vec![Answer::Error(IssuerErrorClass::Transient); 3]);
    assert_eq!(text(&world.step().token(Want::default()).await.unwrap()), "token-4");
    let world = World::new();
    world.issuer.stand(Answer::Error(IssuerErrorClass::Transient));
    let before = tokio::time::Instant::now();
    let error = world.step().token(Want { timeout: s(5), ..Want::default() }).await.unwrap_err();
    assert_eq!(error.code(), Code::IssuerUnavailable);
    assert!(before.elapsed() <= s(5), "{:?}", before.elapsed());
    assert!(error.is_transient());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_shared_for_thirty_seconds_and_force_passes_it() {
    let world = World::new();
    world.issuer.stand(Answer::Error(IssuerErrorClass::Rejected));
    world.step().token(Want::default()).await.unwrap_err();
    advance(s(12)).await;
    let remembered = world.step().token(Want::default()).await.unwrap_err();
    assert_eq!(
        remembered.message(),
        "the same refusal as 12 s ago, fake_error for client ci; the issuer is not asked again \
         for 18 s"
    );
    assert_eq!(remembered.retry_after().unwrap().as_secs(), 18);
    assert_eq!(world.issuer.asked(), 1);
    world.step().token(forced()).await.unwrap_err();
    assert_eq!(world.issuer.asked(), 2);
    advance(s(31)).await;
    world.issuer.stand(Answer::Token { lives: 3600 });
    assert_eq!(text(&world.step().token(Want::default()).await.unwrap()), "token-3");
}

#[tokio::test(start_paused = true)]
async fn a_bare_refusal_is_forgotten_after_five_seconds() {
    let world = World::new();
    world.issuer.script([Answer::Error(IssuerErrorClass::BareRejected)]);
    world.step().token(Want::default()).await.unwrap_err();
    advance(s(4)).await;
    world.step().token(Want::default()).await.unwrap_err();
    assert_eq!(world.issuer.asked(), 1);
    advance(s(1)).await;
    world.step().token(Want::default()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_throttle_is_waited_for_within_the_deadline() {
    let world = World::new();
    world.issuer.script([Answer::Error(IssuerErrorClass::Throttled(Some(s(20))))]);
    let before = tokio::time::Instant::now();
    assert_eq!(text(&world.step().token(Want::default()).await.unwrap()), "token-2");
    assert!(before.elapsed() >= s(20));
}

#[tokio::test(start_paused = true)]
async fn a_throttle_longer_than_the_deadline_is_told_with_its_time_and_shared() {
    let world = World::new();
    world.issuer.script([Answer::Error(IssuerErrorClass::Throttled(Some(s(120))))]);
    let error = world.step().token(Want::default()).await.unwrap_err();
    assert_eq!(error.code(), Code::IssuerThrottled);
    advance(s(20)).await;
    let other = world.process_asking(Style::OneShot, "another:scope");
    let error = other.token(Want::default()).await.unwrap_err();
    assert_eq!(
        (error.code(), error.retry_after().unwrap().as_secs()),
        (Code::IssuerThrottled, 100)
    );
    let error = world.step().token(forced()).await.unwrap_err();
    assert_eq!(error.code(), Code::IssuerThrottled, "force does not pass a throttle");
    assert_eq!(world.issuer.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn no_throttle_is_believed_for_more_than_five_minutes() {
    let world = World::new();
    world.issuer.script([Answer::Error(IssuerErrorClass::Throttled(Some(s(86_400))))]);
    world.step().token(Want::default()).await.unwrap_err();
    advance(s(301)).await;
    assert_eq!(text(&world.step().token(Want::default()).await.unwrap()), "token-2");
}

#[tokio::test(start_paused = true)]
async fn when_a_throttle_ends_one_request_probes_and_the_others_wait_for_it() {
    let world = World::new();
    world.issuer.script([Answer::Error(IssuerErrorClass::Throttled(Some(s(10))))]);
    let tasks: Vec<_> = (0..20)
        .map(|n| world.process_asking(Style::OneShot, &format!("scope:{n}")))
        .enumerate()
        .map(|(n, step)| {
            tokio::spawn(async move {
                sleep(Duration::from_millis(if n == 0 { 0 } else { 200 })).await;
                step.token(Want::default()).await.unwrap()
            })
        })
        .collect();
    sleep(Duration::from_millis(10_200)).await;
    assert_eq!(world.issuer.asked(), 2, "only the probe is under way");
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(world.issuer.asked(), 21);
}

#[tokio::test(start_paused = true)]
async fn while_a_token_is_valid_a_failed_refresh_costs_a_warning() {
    let world = World::new();
    world.step().token(Want::default()).await.unwrap();
    for class in [
        IssuerErrorClass::Rejected,
        IssuerErrorClass::Throttled(Some(s(100))),
        IssuerErrorClass::Transient,
    ] {
        world.issuer.stand(Answer::Error(class));
        advance(s(1)).await;
        assert_eq!(text(&world.step().token(Want::default()).await.unwrap()), "token-1");
    }
    advance(s(3580)).await;
    assert_eq!(text(&world.step().token(Want::default()).await.unwrap()), "token-1");
}

// Rejection

#[tokio::test(start_paused = true)]
async fn a_hundred_refused_requests_cost_one_new_token() {
    let world = World::new();
    let source = world.service();
    let old = source.token(Want::default()).await.unwrap().token;
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let (source, old) = (source.clone(), old.clone());
            tokio::spawn(async move {
                source.reject(old.access_token()).await.unwrap();
                source.token(Want::default()).await.unwrap()
            })
        })
        .collect();
    for task in tasks {
        let granted = task.await.unwrap();
        assert_eq!((text(&granted).as_str(), granted.reason), ("token-2", Reason::Rejected));
    }
    assert_eq!(world.issuer.asked(), 2);
    source.reject(old.access_token()).await.unwrap();
    assert_eq!(text(&source.token(Want::default()).await.unwrap()), "token-2");
    assert_eq!(world.issuer.asked(), 2, "a late 401 for a replaced token costs nothing");
}

#[tokio::test(start_paused = true)]
async fn processes_learn_of_a_rejection_from_each_other() {
    let world = World::new();
    let (a, b) = (world.service(), world.service());
    let old = a.token(Want::default()).await.unwrap().token;
    b.token(Want::default()).await.unwrap();
    a.reject(old.access_token()).await.unwrap();
    assert_eq!(text(&a.token(Want::default()).await.unwrap()), "token-2");
    b.reject(old.access_token()).await.unwrap();
    assert_eq!(text(&b.token(Want::default()).await.unwrap()), "token-2");
    assert_eq!(world.issuer.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn replacements_that_are_refused_too_are_damped_even_among_one_shot_processes() {
    let world = World::new();
    let mut asked_at = vec![];
    let start = tokio::time::Instant::now();
    let mut granted = world.step().token(Want::default()).await.unwrap();
    while start.elapsed() < s(200) {
        world.step().reject(granted.token.access_token()).await.unwrap();
        let before = world.issuer.asked();
        granted = world.step().token(Want::default()).await.unwrap();
        if world.issuer.asked() > before {
            asked_at.push(start.elapsed().as_secs());
        }
        sleep(Duration::from_millis(100)).await;
    }
    assert!((7..=10).contains(&asked_at.len()), "{asked_at:?}");
}

#[tokio::test(start_paused = true)]
async fn each_slot_of_a_pool_has_a_token_of_its_own_and_shares_the_cache() {
    let world = World::new();
    let (one, other) = (world.service(), world.service());
    for slot in 0..3 {
        let first = one.in_pool(slot).token(Want::default()).await.unwrap();
        assert_eq!(text(&first), format!("token-{}", slot + 1));
        let again = other.in_pool(slot).token(Want::default()).await.unwrap();
        assert_eq!(text(&again), text(&first));
    }
    assert_eq!(text(&one.token(Want::default()).await.unwrap()), "token-1");
    assert_eq!(world.issuer.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_worked_is_replaced_at_once_however_often_it_happens() {
    let world = World::new();
    let service = world.service();
    for round in 1..=30 {
        let granted = service.token(Want::default()).await.unwrap();
        assert_eq!(text(&granted), format!("token-{round}"));
        service.reject_worked(granted.token.access_token()).await.unwrap();
    }
    // What did not work is counted from there on.
    let first = service.token(Want::default()).await.unwrap().token;
    service.reject(first.access_token()).await.unwrap();
    let damped = service.token(Want::default()).await.unwrap().token;
    assert_eq!(damped.fingerprint(), first.fingerprint());
}

#[tokio::test(start_paused = true)]
async fn a_rejected_token_is_handed_out_while_the_issuer_is_down_but_not_after_a_refusal() {
    let world = World::new();
    let old = world.step().token(Want::default()).await.unwrap().token;
    world.step().reject(old.access_token()).await.unwrap();
    world.issuer.stand(Answer::Error(IssuerErrorClass::Transient));
    assert_eq!(text(&world.step().token(Want::default()).await.unwrap()), "token-1");
    world.issuer.stand(Answer::Error(IssuerErrorClass::Rejected));
    let error = world.step().token(Want::default()).await.unwrap_err();
    assert_eq!(error.code(), Code::IssuerRejected);
}

// Force

#[tokio::test(start_paused = true)]
async fn who_asks_for_others_says_since_when_a_forced_token_must_have_come() {
    let world = World::new();
    let service = world.service();
    assert_eq!(text(&service.token(Want::default()).await.unwrap()), "token-1");
    advance(s(100)).await;
    let began = world.clock.now();
    // Fifty that began at one time share one request, whenever they come.
    for after in 0..50 {
        let granted = service.token_since(forced(), began).await.unwrap();
        assert_eq!(text(&granted), "token-2", "{after}");
        advance(s(1)).await;
    }
    let later = service.token_since(forced(), world.clock.now()).await.unwrap();
    assert_eq!((text(&later).as_str(), later.reason), ("token-3", Reason::Forced));
    // What is not forced has no beginning.
    let any = service.token_since(Want::default(), world.clock.now()).await.unwrap();
    assert_eq!((text(&any).as_str(), world.issuer.asked()), ("token-3", 3));
}

#[tokio::test(start_paused = true)]
async fn fifty_forced_steps_share_one_request() {
    let world = World::new();
    world.step().token(Want::default()).await.unwrap();
    sleep(s(10)).await;
    let tasks: Vec<_> = (0..50)
        .map(|n| {
            let world = World { ..clone(&world) };
            tokio::spawn(async move {
                sleep(Duration::from_millis(n)).await;
                world.step().token(forced()).await.unwrap()
            })
        })
        .collect();
    for task in tasks {
        let granted = task.await.unwrap();
        assert_eq!((text(&granted).as_str(), granted.reason), ("token-2", Reason::Forced));
    }
    assert_eq!(world.issuer.asked(), 2);
}

fn clone(world: &World) -> World {
    World { clock: world.clock.clone(), issuer: world.issuer.clone(), store: world.store.clone() }
}

// Forgetting

#[tokio::test(start_paused = true)]
async fn a_forgotten_token_is_gone_for_all() {
    let world = World::new();
    let source = world.service();
    source.token(Want::default()).await.unwrap();
    assert!(world.step().forget().await.unwrap().is_some());
    assert!(world.step().forget().await.unwrap().is_none());
    assert_eq!(text(&world.step().token(Want::default()).await.unwrap()), "token-2");
    source.forget().await.unwrap();
    assert_eq!(text(&source.token(Want::default()).await.unwrap()), "token-3");
    assert!(source.revoke(s(5)).await.unwrap());
    assert!(!source.revoke(s(5)).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_replaced_early_is_revoked_too_where_that_is_wanted() {
    let world = World::new();
    let another = async |source: &Cached| source.token_since(forced(), world.clock.now()).await;
    for (wanted, revoked) in [(false, 1), (true, 3)] {
        let source = world.service();
        if wanted {
            source.keep_replaced();
        }
        another(&source).await.unwrap();
        advance(s(10)).await;
        another(&source).await.unwrap();
        // Another slot of a pool has others.
        another(&source.in_pool(1)).await.unwrap();
        advance(s(10)).await;
        let slot = source.in_pool(1);
        let before = text(&slot.token(Want::default()).await.unwrap());
        advance(s(10)).await;
        assert_ne!(text(&another(&slot).await.unwrap()), before);
        world.issuer.revoked.store(0, Ordering::SeqCst);
        assert!(source.revoke(s(5)).await.unwrap());
        assert_eq!(world.issuer.revoked.load(Ordering::SeqCst), revoked, "wanted: {wanted}");
    }
    // Those that have ended need none.
    let source = world.service();
    source.keep_replaced();
    another(&source).await.unwrap();
    advance(s(10)).await;
    another(&source).await.unwrap();
    advance(s(4000)).await;
    world.issuer.revoked.store(0, Ordering::SeqCst);
    assert!(!source.revoke(s(5)).await.unwrap());
    assert_eq!(world.issuer.revoked.load(Ordering::SeqCst), 0);
}

// A store that fails

struct Broken;

#[async_trait]
impl TokenStore for Broken {
    fn peek(&self, _: &CacheKey) -> Peek {
        Peek::Ask
    }

    async fn load(&self, _: &CacheKey) -> Result<Option<Record>, StoreError> {
        Err(StoreError::Failed("no space left on device".into()))
    }

    async fn claim(&self, _: &CacheKey, _: Duration) -> Result<Option<Box<dyn Lease>>, StoreError> {
        Err(StoreError::Failed("no space left on device".into()))
    }

    async fn changed(&self, _: &CacheKey, _: Fence) {}

    fn count(&self, _: &CacheKey, _: Source) {}
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_is_passed_by() {
    let clock = Arc::new(TestClock::new());
    let world = World::with_store(Arc::new(Broken), clock);
    let source = world.service();
    let old = source.token(Want::default()).await.unwrap();
    assert_eq!(old.source, Source::Issuer);
    assert_eq!(source.token(Want::default()).await.unwrap().source, Source::Memory);
    assert!(source.store_failures() > 0);
    source.reject(old.token.access_token()).await.unwrap();
    assert_eq!(text(&source.token(Want::default()).await.unwrap()), "token-2");
    advance(s(3350)).await;
    world.issuer.stand(Answer::Error(IssuerErrorClass::Unusable));
    for _ in 0..10 {
        source.token(Want::default()).await.unwrap();
        sleep(Duration::from_millis(500)).await;
    }
    assert_eq!(world.issuer.asked(), 3, "a failed early refresh is damped without a store too");
}

#[tokio::test(start_paused = true)]
async fn a_token_in_memory_is_revoked_without_a_store_too_and_the_failure_is_told() {
    let clock = Arc::new(TestClock::new());
    let world = World::with_store(Arc::new(Broken), clock);
    let source = world.service();
    let told = async || {
        let error = source.revoke(s(5)).await.unwrap_err();
        (error.code(), error.hint().is_some())
    };
    assert_eq!(told().await, (Code::StoreFailed, true));
    assert_eq!(world.issuer.revoked.load(Ordering::SeqCst), 0);
    source.token(Want::default()).await.unwrap();
    assert_eq!(told().await, (Code::StoreFailed, true));
    assert_eq!(world.issuer.revoked.load(Ordering::SeqCst), 1);
    assert_eq!(text(&source.token(Want::default()).await.unwrap()), "token-2");
}

#[tokio::test(start_paused = true)]
async fn an_api_that_always_refuses_is_damped_without_a_store_too() {
    let clock = Arc::new(TestClock::new());
    let world = World::with_store(Arc::new(Broken), clock);
    let source = world.service();
    for _ in 0..50 {
        let granted = source.token(Want::default()).await.unwrap();
        source.reject(granted.token.access_token()).await.unwrap();
    }
    assert!(world.issuer.asked() <= 3, "{} requests", world.issuer.asked());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_remembered_without_a_store_too() {
    let clock = Arc::new(TestClock::new());
    let world = World::with_store(Arc::new(Broken), clock);
    let source = world.service();
    world.issuer.stand(Answer::Error(IssuerErrorClass::Rejected));
    for _ in 0..10 {
        source.token(Want::default()).await.unwrap_err();
    }
    assert_eq!(world.issuer.asked(), 1);
    advance(s(31)).await;
    source.token(Want::default()).await.unwrap_err();
    assert_eq!(world.issuer.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_throttle_is_kept_without_a_store_too() {
    let clock = Arc::new(TestClock::new());
    let world = World::with_store(Arc::new(Broken), clock);
    let source = world.service();
    let throttled = Answer::Error(IssuerErrorClass::Throttled(Some(s(120))));
    world.issuer.script([throttled.clone(), throttled]);
    let want = Want { timeout: s(5), ..Want::default() };
    for _ in 0..10 {
        let error = source.token(want).await.unwrap_err();
        assert_eq!(error.code(), Code::IssuerThrottled);
    }
    assert_eq!(world.issuer.asked(), 1);
    // What is told is what is left, and the probe's answer counts anew.
    advance(s(121)).await;
    source.token(want).await.unwrap_err();
    assert_eq!(world.issuer.asked(), 2);
    advance(s(121)).await;
    source.token(want).await.unwrap();
    assert_eq!(world.issuer.asked(), 3);
}
