//! Waiting for somebody else's flight before there is a runtime.
//!
//! Of many processes that start together one asks the issuer. The others need nothing that a
//! request needs: no runtime, no TLS, no HTTP client. They look until the record has a token.

use std::time::Duration;

use super::MinTtl;
use super::judge::{Ask, Concern, Moment, Verdict, judge};
use crate::store::{Peek, Record, TokenStore};
use crate::{CacheKey, Source};

/// Waits while somebody else is asking the issuer, and returns the record when its token can be
/// handed out as it is. `None` means: ask the source. That is so when nobody is asking, when what
/// came is a refusal, or when `pause`, which is called for each time to let pass, answers `false`.
pub(crate) fn wait(
    store: &dyn TokenStore,
    key: &CacheKey,
    min_ttl: MinTtl,
    moment: impl Fn() -> Moment,
    mut pause: impl FnMut(Duration) -> bool,
) -> Option<Box<Record>> {
    loop {
        let Peek::Known(record) = store.peek(key) else { return None };
        let record = record.unwrap_or_default();
        let ask = Ask { min_ttl, force: false, refresh: true, refused: None };
        match judge(&record, &ask, moment()) {
            Verdict::Serve(Concern::None) => {
                store.count(key, Source::Waited);
                return Some(record);
            }
            // Nobody waits for the replacement of a token that is good.
            Verdict::Fetch(_) if !is_usable(&record, min_ttl, moment()) => {}
            _ => return None,
        }
        let mut waited = None;
        store.changed_blocking(key, record.fence, &mut |length| {
            let goes_on = pause(length);
            waited = Some(goes_on);
            goes_on
        });
        if waited != Some(true) {
            return None;
        }
    }
}

/// Whether the token is good but for being due.
fn is_usable(record: &Record, min_ttl: MinTtl, moment: Moment) -> bool {
    let ask = Ask { min_ttl, force: false, refresh: false, refused: None };
    matches!(judge(record, &ask, moment), Verdict::Serve(_))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::store::conformance::{key, record_with_token};
    use crate::store::{FileStore, Refusal, Sealer};
    use crate::testing::TestClock;
    use crate::{Clock, Fence};

    const HOUR: Duration = Duration::from_secs(3600);
    const LEASE: Duration = Duration::from_secs(15);

    struct World {
        runtime: tokio::runtime::Runtime,
        clock: Arc<TestClock>,
        store: FileStore,
        _folder: tempfile::TempDir,
    }

    impl World {
        fn new() -> Self {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .unwrap();
            let guard = runtime.enter();
            let folder = tempfile::tempdir().unwrap();
            let clock = Arc::new(TestClock::new());
            let keys = crate::crypto::CredentialKeys::derive(None, b"a secret of a test");
            let sealer = Sealer::new(keys.sealing_key().unwrap());
            let store =
                FileStore::open(folder.path().join("store"), Arc::clone(&clock) as _, sealer);
            drop(guard);
            Self { runtime, clock, store: store.unwrap(), _folder: folder }
        }

        /// Waits; `then` is what the holder does at the third look.
        fn wait(&self, at_third: impl FnOnce()) -> (Option<String>, u32) {
            let _guard = self.runtime.enter();
            let (mut looks, mut at_third) = (0, Some(at_third));
            let moment = || {
                let now = self.clock.now();
                Moment { now, began: now, jitter: 0.5, known: None }
            };
            let record = wait(&self.store, &key(1), MinTtl::TOKEN, moment, |length| {
                assert!(length > Duration::ZERO && length <= Duration::from_millis(50));
                looks += 1;
                if looks == 3
                    && let Some(act) = at_third.take()
                {
                    act();
                }
                looks < 10
            });
            let token = record.map(|record| record.token.unwrap());
            (token.map(|token| token.access_token().secret().to_owned()), looks)
        }

        fn hold(&self) -> Box<dyn crate::Lease> {
            self.runtime.block_on(self.store.claim(&key(1), LEASE)).unwrap().unwrap()
        }

        fn finish(&self, lease: Box<dyn crate::Lease>, record: Option<Record>) {
            // Not `block_on`: the waiter is within the runtime's context. Nothing waits in there.
            let mut finish = lease.finish(record);
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            assert!(finish.as_mut().poll(&mut context).is_ready());
        }

        fn token(&self) -> Record {
            let _guard = self.runtime.enter();
            record_with_token("t", self.clock.now(), HOUR)
        }
    }

    #[test]
    fn the_token_that_the_holder_writes_is_handed_out_and_counted() {
        let world = World::new();
        let (lease, record) = (world.hold(), world.token());
        let found = world.wait(|| world.finish(lease, Some(record)));
        assert_eq!(found, (Some("t".to_owned()), 3));
        let counted = world.runtime.block_on(world.store.load(&key(1))).unwrap().unwrap();
        assert_eq!(counted.tally.waited, 1);
    }

    #[test]
    fn nobody_waits_for_nobody() {
        let world = World::new();
        assert_eq!(world.wait(|| {}), (None, 0));
    }

    #[test]
    fn a_holder_that_gives_up_or_is_refused_leaves_the_rest_to_the_source() {
        let world = World::new();
        let lease = world.hold();
        assert_eq!(world.wait(|| world.finish(lease, None)), (None, 3));
        let now = world.runtime.block_on(async { world.clock.now() });
        let refusal = Refusal {
            at: now,
            until: now.saturating_add(HOUR),
            status: 401,
            error: "invalid_client".into(),
            description: None,
        };
        let lease = world.hold();
        let record = Record { refusal: Some(refusal), ..Record::default() };
        assert_eq!(world.wait(|| world.finish(lease, Some(record))), (None, 3));
    }

    #[test]
    fn patience_ends() {
        let world = World::new();
        let _lease = world.hold();
        assert_eq!(world.wait(|| {}), (None, 10));
    }

    #[test]
    fn a_token_that_is_only_due_is_not_waited_for() {
        let world = World::new();
        let record = world.token();
        world.finish(world.hold(), Some(record));
        world.runtime.block_on(tokio::time::advance(HOUR - Duration::from_secs(120)));
        let lease = world.hold();
        assert!(lease.record().unwrap().fence > Fence(0));
        assert_eq!(world.wait(|| {}), (None, 0));
    }
}
