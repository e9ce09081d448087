//! What every store must do, written once and run on each.
//!
//! [`suite!`] makes a test of each behaviour. Time is paused; a store's clock follows it.

use std::sync::Arc;
use std::time::Duration;

use super::{Event, EventKind, Fence, Lease, Peek, Record, Refusal, Rejected, Retry, StoreError};
use super::{Tally, TokenStore};
use crate::testing::TestClock;
use crate::{
    AccessToken, CacheKey, Clock, Fingerprint, Reason, ScopeSet, Source, Timestamp, Token,
};

/// A store under test with its clock.
pub(crate) struct Place {
    pub(crate) store: Arc<dyn TokenStore>,
    pub(crate) clock: Arc<TestClock>,
    /// What must outlive the store, such as its folder.
    _keep: Option<Box<dyn std::any::Any>>,
}

impl Place {
    pub(crate) fn new(store: Arc<dyn TokenStore>, clock: Arc<TestClock>) -> Self {
        Self { store, clock, _keep: None }
    }

    pub(crate) fn keeping(self, what: impl std::any::Any) -> Self {
        Self { _keep: Some(Box::new(what)), ..self }
    }

    async fn claim(&self, key: &CacheKey) -> Option<Box<dyn Lease>> {
        self.store.claim(key, LEASE).await.unwrap()
    }

    async fn load(&self, key: &CacheKey) -> Option<Record> {
        self.store.load(key).await.unwrap()
    }

    async fn write(&self, key: &CacheKey, record: Record) {
        self.claim(key).await.unwrap().finish(Some(record)).await.unwrap();
    }

    fn token(&self, text: &str) -> Record {
        record_with_token(text, self.clock.now(), Duration::from_secs(3600))
    }

    /// Waits for a change in a task; tells after how long it came.
    fn waiter(&self, key: CacheKey, since: Fence) -> tokio::task::JoinHandle<Duration> {
        let store = Arc::clone(&self.store);
        let start = tokio::time::Instant::now();
        tokio::spawn(async move {
            store.changed(&key, since).await;
            start.elapsed()
        })
    }
}

const LEASE: Duration = Duration::from_secs(10);

/// Within this time after it happens, a change must be seen.
const SOON: Duration = Duration::from_millis(100);

pub(crate) fn key(n: u64) -> CacheKey {
    CacheKey(crate::crypto::sha256(&n.to_be_bytes()))
}

pub(crate) fn record_with_token(text: &str, now: Timestamp, lifetime: Duration) -> Record {
    let token = Token::new(
        AccessToken::new(text).unwrap(),
        Some(ScopeSet::parse("a b:c")),
        now,
        now.saturating_add(Duration::from_millis(250)),
        now.saturating_add(lifetime),
    );
    Record { token: Some(token), reason: Some(Reason::Cold), ..Record::default() }
}

/// A record with something in every field.
pub(crate) fn full_record(now: Timestamp) -> Record {
    let later = |seconds| now.saturating_add(Duration::from_secs(seconds));
    let fingerprint = Fingerprint::of("old");
    let mut record = record_with_token("abc.DEF-123_~+/=!|", now, Duration::from_secs(3600));
    record.refusal = Some(Refusal {
        error: "invalid_client".into(),
        description: Some("no ümlaut is lost".into()),
        status: 401,
        at: now,
        until: later(30),
    });
    record.rejected = Some(Rejected { fingerprint, times: 3, until: later(4) });
    record.retry = Some(Retry { at: later(5), failures: 2 });
    record.throttled_until = Some(later(300));
    record.tally = Tally { memory: 1, store: 2, agent: 3, issuer: 4, waited: 5 };
    let lifetime = Duration::from_secs(3600);
    let took = Duration::from_millis(250);
    for kind in [
        EventKind::Fetched { reason: Reason::Forced, fingerprint, lifetime, took },
        EventKind::Failed("the issuer is down".into()),
        EventKind::Throttled(Duration::from_secs(7)),
        EventKind::Rejected(fingerprint),
        EventKind::Forgotten,
        EventKind::Revoked(fingerprint),
    ] {
        record.note(now, kind);
    }
    record
}

/// Compares everything but the fence.
pub(crate) fn assert_same(one: &Record, other: &Record) {
    let token = |record: &Record| {
        record.token.as_ref().map(|token| {
            (
                token.access_token().secret().to_owned(),
                token.scope().cloned(),
                [token.sent_at(), token.received_at(), token.expires_at()],
            )
        })
    };
    assert_eq!(token(one), token(other));
    assert_eq!(one.reason, other.reason);
    assert_eq!(one.refusal, other.refusal);
    assert_eq!(one.rejected, other.rejected);
    assert_eq!(one.retry, other.retry);
    assert_eq!(one.throttled_until, other.throttled_until);
    assert_eq!(one.tally, other.tally);
    let events = |record: &Record| -> Vec<Event> { record.events.clone() };
    assert_eq!(events(one), events(other));
}

pub(crate) async fn a_claim_excludes_every_other(place: Place) {
    let lease = place.claim(&key(1)).await.unwrap();
    assert!(place.claim(&key(1)).await.is_none());
    tokio::time::advance(LEASE - Duration::from_millis(1)).await;
    assert!(place.claim(&key(1)).await.is_none());
    lease.finish(None).await.unwrap();
    assert!(place.claim(&key(1)).await.is_some());
}

pub(crate) async fn two_keys_never_block_each_other(place: Place) {
    let one = place.claim(&key(1)).await.unwrap();
    let two = place.claim(&key(2)).await.unwrap();
    two.finish(Some(place.token("two"))).await.unwrap();
    assert!(place.load(&key(1)).await.is_none());
    one.finish(Some(place.token("one"))).await.unwrap();
    for (n, text) in [(1, "one"), (2, "two")] {
        let token = place.load(&key(n)).await.unwrap().token.unwrap();
        assert_eq!(token.access_token().secret(), text);
    }
}

pub(crate) async fn a_lease_that_ran_out_passes_on_with_a_higher_fence(place: Place) {
    let old = place.claim(&key(1)).await.unwrap();
    tokio::time::advance(LEASE).await;
    let new = place.claim(&key(1)).await.unwrap();
    assert!(place.claim(&key(1)).await.is_none());
    new.finish(Some(place.token("new"))).await.unwrap();
    let written = place.load(&key(1)).await.unwrap().fence;
    assert_eq!(old.finish(Some(place.token("old"))).await, Err(StoreError::Lost));
    let record = place.load(&key(1)).await.unwrap();
    assert_eq!(record.fence, written);
    assert_eq!(record.token.unwrap().access_token().secret(), "new");
    place.write(&key(1), place.token("newer")).await;
    assert!(place.load(&key(1)).await.unwrap().fence > written);
}

pub(crate) async fn a_late_finish_is_refused_while_the_next_holder_works(place: Place) {
    let mut old = place.claim(&key(1)).await.unwrap();
    tokio::time::advance(LEASE).await;
    let new = place.claim(&key(1)).await.unwrap();
    assert_eq!(old.renew().await, Err(StoreError::Lost));
    assert_eq!(old.finish(Some(place.token("old"))).await, Err(StoreError::Lost));
    assert!(place.load(&key(1)).await.is_none());
    assert!(place.claim(&key(1)).await.is_none(), "the late holder freed another's lease");
    new.finish(Some(place.token("new"))).await.unwrap();
}

pub(crate) async fn a_late_finish_with_nobody_after_it_is_written(place: Place) {
    let lease = place.claim(&key(1)).await.unwrap();
    tokio::time::advance(LEASE * 2).await;
    lease.finish(Some(place.token("late"))).await.unwrap();
    assert!(place.load(&key(1)).await.unwrap().token.is_some());
}

pub(crate) async fn a_dropped_lease_is_free_at_once_and_wrote_nothing(place: Place) {
    place.write(&key(1), place.token("kept")).await;
    let before = place.load(&key(1)).await.unwrap();
    drop(place.claim(&key(1)).await.unwrap());
    let lease = place.claim(&key(1)).await.unwrap();
    assert_eq!(lease.record().unwrap().fence, before.fence);
    assert_same(lease.record().unwrap(), &before);
}

pub(crate) async fn renewing_extends_the_lease(place: Place) {
    let mut lease = place.claim(&key(1)).await.unwrap();
    tokio::time::advance(LEASE / 2).await;
    lease.renew().await.unwrap();
    tokio::time::advance(LEASE - Duration::from_millis(1)).await;
    assert!(place.claim(&key(1)).await.is_none());
    tokio::time::advance(Duration::from_millis(1)).await;
    assert!(place.claim(&key(1)).await.is_some());
}

pub(crate) async fn a_wall_clock_that_is_set_neither_ends_nor_prolongs_a_lease(place: Place) {
    for millis in [-86_400_000, 2 * 86_400_000] {
        let lease = place.claim(&key(1)).await.unwrap();
        place.clock.advance_wall(millis);
        assert!(place.claim(&key(1)).await.is_none());
        tokio::time::advance(LEASE).await;
        assert!(place.claim(&key(1)).await.is_some());
        drop(lease);
    }
}

pub(crate) async fn a_waiter_wakes_when_the_record_is_written(place: Place) {
    place.write(&key(1), place.token("one")).await;
    let since = place.load(&key(1)).await.unwrap().fence;
    let lease = place.claim(&key(1)).await.unwrap();
    let waiter = place.waiter(key(1), since);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(!waiter.is_finished());
    lease.finish(Some(place.token("two"))).await.unwrap();
    let waited = waiter.await.unwrap();
    assert!(waited >= Duration::from_secs(3) && waited < Duration::from_secs(3) + SOON);
}

pub(crate) async fn a_waiter_wakes_when_the_lease_is_given_up(place: Place) {
    let lease = place.claim(&key(1)).await.unwrap();
    let waiters: Vec<_> = (0..50).map(|_| place.waiter(key(1), Fence(0))).collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    drop(lease);
    for waiter in waiters {
        let waited = waiter.await.unwrap();
        assert!(waited >= Duration::from_secs(1) && waited < Duration::from_secs(1) + SOON);
    }
}

pub(crate) async fn a_waiter_wakes_when_the_lease_runs_out(place: Place) {
    let mut lease = place.claim(&key(1)).await.unwrap();
    let waiter = place.waiter(key(1), Fence(0));
    tokio::time::sleep(LEASE / 2).await;
    lease.renew().await.unwrap();
    let waited = waiter.await.unwrap();
    assert!(waited <= LEASE + LEASE / 2 + SOON, "{waited:?}");
    if waited < LEASE + LEASE / 2 {
        // A store may wake early, but a second look must last.
        let waited = place.waiter(key(1), Fence(0)).await.unwrap();
        assert!(waited <= LEASE / 2 + SOON, "{waited:?}");
    }
    assert!(place.claim(&key(1)).await.is_some());
}

pub(crate) async fn nobody_waits_for_what_has_changed_already(place: Place) {
    let wait = async |since| {
        tokio::time::timeout(Duration::ZERO, place.store.changed(&key(1), since)).await.unwrap();
    };
    wait(Fence(0)).await;
    place.write(&key(1), place.token("t")).await;
    let _lease = place.claim(&key(1)).await.unwrap();
    wait(Fence(0)).await;
}

pub(crate) async fn a_cancelled_wait_leaves_nothing_behind(place: Place) {
    let lease = place.claim(&key(1)).await.unwrap();
    for _ in 0..20 {
        let key = key(1);
        let wait = place.store.changed(&key, Fence(0));
        assert!(tokio::time::timeout(Duration::from_millis(7), wait).await.is_err());
    }
    let waiter = place.waiter(key(1), Fence(0));
    tokio::time::sleep(Duration::from_millis(10)).await;
    lease.finish(Some(place.token("t"))).await.unwrap();
    assert!(waiter.await.unwrap() < SOON);
}

pub(crate) async fn everything_in_a_record_comes_back(place: Place) {
    let record = full_record(place.clock.now());
    place.write(&key(1), record.clone()).await;
    let loaded = place.load(&key(1)).await.unwrap();
    assert_same(&loaded, &record);
    assert!(loaded.fence > Fence(0));
    let lease = place.claim(&key(1)).await.unwrap();
    assert_same(lease.record().unwrap(), &record);
    match place.store.peek(&key(1)) {
        Peek::Known(Some(peeked)) => assert_same(&peeked, &record),
        Peek::Known(None) => panic!("peek does not see the record"),
        Peek::Ask => {}
    }
}

pub(crate) async fn a_throttle_comes_back_by_itself(place: Place) {
    let throttled_until = Some(place.clock.now().saturating_add(Duration::from_secs(9)));
    place.write(&key(1), Record { throttled_until, ..Record::default() }).await;
    let record = place.load(&key(1)).await.unwrap();
    assert_same(&record, &Record { throttled_until, ..Record::default() });
}

pub(crate) async fn an_emptied_record_holds_nothing_and_its_fence_goes_on(place: Place) {
    place.write(&key(1), place.token("t")).await;
    let first = place.load(&key(1)).await.unwrap().fence;
    place.write(&key(1), Record::default()).await;
    assert!(place.load(&key(1)).await.is_none_or(|record| record.token.is_none()));
    place.write(&key(1), place.token("u")).await;
    assert!(place.load(&key(1)).await.unwrap().fence > first);
}

pub(crate) async fn counts_add_up(place: Place) {
    place.store.count(&key(1), Source::Store);
    let mut record = place.token("t");
    record.tally.add(Source::Issuer, 1);
    place.write(&key(1), record).await;
    let count = |n: usize, source| (0..n).for_each(|_| place.store.count(&key(1), source));
    count(3, Source::Store);
    count(1, Source::Memory);
    let expected = Tally { store: 3, memory: 1, issuer: 1, ..Tally::default() };
    assert_eq!(place.load(&key(1)).await.unwrap().tally, expected);

    let lease = place.claim(&key(1)).await.unwrap();
    let mut record = lease.record().unwrap().clone();
    assert_eq!(record.tally, expected);
    count(2, Source::Waited);
    count(1, Source::Agent);
    record.tally.add(Source::Issuer, 1);
    lease.finish(Some(record)).await.unwrap();
    let expected = Tally { store: 3, memory: 1, issuer: 2, waited: 2, agent: 1 };
    assert_eq!(place.load(&key(1)).await.unwrap().tally, expected);

    let lease = place.claim(&key(1)).await.unwrap();
    let record = lease.record().unwrap().clone();
    lease.finish(Some(record)).await.unwrap();
    assert_eq!(place.load(&key(1)).await.unwrap().tally, expected, "counted twice");
}

pub(crate) async fn fifty_tasks_take_turns(place: Place) {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (store, now) = (Arc::clone(&place.store), place.clock.now());
        tasks.spawn(async move {
            loop {
                let since = store.load(&key(1)).await.unwrap().map_or(Fence(0), |r| r.fence);
                let Some(lease) = store.claim(&key(1), LEASE).await.unwrap() else {
                    store.changed(&key(1), since).await;
                    continue;
                };
                let mut record = lease.record().cloned().unwrap_or_default();
                record.retry = Some(Retry {
                    at: now.saturating_add(Duration::from_secs(3600)),
                    failures: record.retry.map_or(0, |retry| retry.failures) + 1,
                });
                tokio::time::sleep(Duration::from_millis(20)).await;
                return lease.finish(Some(record)).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(place.load(&key(1)).await.unwrap().retry.unwrap().failures, 50);
}

/// Makes a test of every behaviour, on places that `$place` makes.
macro_rules! suite {
    ($place:path) => {
        $crate::store::conformance::suite! { $place;
            a_claim_excludes_every_other
            two_keys_never_block_each_other
            a_lease_that_ran_out_passes_on_with_a_higher_fence
            a_late_finish_is_refused_while_the_next_holder_works
            a_late_finish_with_nobody_after_it_is_written
            a_dropped_lease_is_free_at_once_and_wrote_nothing
            renewing_extends_the_lease
            a_wall_clock_that_is_set_neither_ends_nor_prolongs_a_lease
            a_waiter_wakes_when_the_record_is_written
            a_waiter_wakes_when_the_lease_is_given_up
            a_waiter_wakes_when_the_lease_runs_out
            nobody_waits_for_what_has_changed_already
            a_cancelled_wait_leaves_nothing_behind
            everything_in_a_record_comes_back
            a_throttle_comes_back_by_itself
            an_emptied_record_holds_nothing_and_its_fence_goes_on
            counts_add_up
            fifty_tasks_take_turns
        }
    };
    ($place:path; $($behaviour:ident)*) => {
        $(
            #[tokio::test(start_paused = true)]
            async fn $behaviour() {
                $crate::store::conformance::$behaviour($place()).await;
            }
        )*
    };
}
pub(crate) use suite;
