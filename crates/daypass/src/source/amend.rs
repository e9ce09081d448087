//! Changing what is known about a token otherwise than by fetching: marking it as refused, forgetting
//! it, revoking it. Each is a write under the record's lease.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::cached::Cached;
use super::damping;
use super::inner::Inner;
use crate::store::{EventKind, Lease, Record, StoreError};
use crate::{Code, Error, Fingerprint, Token};

/// How long to wait for the lease when a record is to be marked or forgotten.
const MARKING: Duration = Duration::from_secs(5);

impl Cached {
    /// Forgets the token, here and in the store. Refusals and pauses are forgotten with it;
    /// counts and events stay. Returns the token that was forgotten.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't be used or somebody keeps the lease.
    pub async fn forget(&self) -> Result<Option<Token>, StoreError> {
        self.inner.slot.clear();
        self.inner.unkept.clear();
        let now = self.inner.effects.clock.now();
        let mut forgotten = None;
        self.inner
            .amend(|record| {
                forgotten = record.token.take();
                record.reason = None;
                record.refusal = None;
                record.rejected = None;
                record.retry = None;
                if forgotten.is_some() {
                    record.note(now, EventKind::Forgotten);
                }
                true
            })
            .await?;
        Ok(forgotten)
    }

    /// Remembers from now on the tokens that are replaced before their end, those of the pool too:
    /// they are revoked with the one at hand.
    pub fn keep_replaced(&self) {
        self.inner.replaced.keep();
    }

    /// Revokes the token at the issuer and forgets it. Returns whether there was one.
    ///
    /// # Errors
    ///
    /// `issuer.cannot_revoke`, `issuer.rejected`, `issuer.unavailable`: the token is still
    /// cached then. `store.failed` when it is revoked but could not be forgotten.
    pub async fn revoke(&self, timeout: Duration) -> Result<bool, Error> {
        let replaced = self.revoke_replaced(timeout).await;
        let cached = self.revoke_cached(timeout).await;
        Ok(replaced? | cached?)
    }

    /// One that is not revoked keeps no other from it.
    async fn revoke_replaced(&self, timeout: Duration) -> Result<bool, Error> {
        let inner = &self.inner;
        let lives = |token: &Token| !inner.remaining(token).is_zero();
        let (mut revoked, mut failed) = (false, None);
        for token in inner.replaced.take().into_iter().filter(lives) {
            match inner.issuer.revoke(&token, timeout).await {
                Ok(()) => revoked = true,
                Err(error) => {
                    inner.replaced.add(token, lives);
                    let host = inner.issuer.revocation_host();
                    failed = failed.or_else(|| Some(inner.labels.revocation_error(host, &error)));
                }
            }
        }
        failed.map_or(Ok(revoked), Err)
    }

    async fn revoke_cached(&self, timeout: Duration) -> Result<bool, Error> {
        let inner = &self.inner;
        let store_failed = |error: StoreError| {
            Error::new(Code::StoreFailed, format!("the cache cannot be used: {error}"))
                .with_hint("check that the cache folder is yours and has space left")
        };
        let cached = match inner.store.load(&inner.key).await {
            Ok(record) => record.and_then(|record| record.token).or_else(|| inner.slot.token()),
            Err(error) => Some(inner.slot.token().ok_or_else(|| store_failed(error))?),
        };
        let Some(token) = cached.filter(|token| !inner.remaining(token).is_zero()) else {
            return Ok(false);
        };
        let revoked = inner.issuer.revoke(&token, timeout).await;
        let host = inner.issuer.revocation_host();
        revoked.map_err(|error| inner.labels.revocation_error(host, &error))?;
        inner.slot.clear();
        inner.unkept.clear();
        let now = inner.effects.clock.now();
        inner
            .amend(|record| {
                let fingerprint = token.fingerprint();
                if record.token.as_ref().is_some_and(|t| t.fingerprint() == fingerprint) {
                    record.token = None;
                    record.reason = None;
                }
                record.note(now, EventKind::Revoked(fingerprint));
                true
            })
            .await
            .map_err(store_failed)?;
        Ok(true)
    }
}

impl Inner {
    /// Marks a token as refused, if it is still the cached one and nobody did so yet. One that had
    /// worked before is not counted towards damping. A store that fails is passed by.
    pub(super) async fn reject(&self, fingerprint: Fingerprint, worked: bool) {
        self.slot.refuse(fingerprint);
        let now = self.effects.clock.now();
        let mark = |record: &mut Record| {
            let sent_at = record.token.as_ref().map_or(now, Token::sent_at);
            let previous = record.rejected.filter(|_| !worked);
            record.rejected = Some(damping::mark(previous, fingerprint, sent_at, now));
            record.note(now, EventKind::Rejected(fingerprint));
            true
        };
        let unmarked = |record: &Record| is_cached_unmarked(record, fingerprint);
        if let Err(error) = self.amend_while(unmarked, mark).await {
            self.store_failed(&error);
            let stored = self.store.load(&self.key).await.ok().flatten();
            let mut record = self.unkept.over(stored.unwrap_or_else(|| self.remembered()));
            if unmarked(&record) {
                mark(&mut record);
                self.unkept.keep(record);
            }
        }
    }

    /// Changes the record under a lease.
    async fn amend(&self, change: impl FnOnce(&mut Record) -> bool) -> Result<(), StoreError> {
        self.amend_while(|_| true, change).await
    }

    /// Changes the record under a lease, waiting for it as long as `needed` holds.
    async fn amend_while(
        &self,
        needed: impl Fn(&Record) -> bool,
        change: impl FnOnce(&mut Record) -> bool,
    ) -> Result<(), StoreError> {
        let deadline = Instant::now() + MARKING;
        loop {
            let record = self.store.load(&self.key).await?.unwrap_or_default();
            if !needed(&self.unkept.over(record.clone())) {
                return Ok(());
            }
            if let Some(lease) = self.store.claim(&self.key, MARKING).await? {
                return amend_leased(lease, needed, change).await;
            }
            let waiting = timeout_at(deadline, self.store.changed(&self.key, record.fence));
            if waiting.await.is_err() {
                return Err(StoreError::Failed("somebody else keeps the record".into()));
            }
        }
    }
}

fn is_cached_unmarked(record: &Record, fingerprint: Fingerprint) -> bool {
    record.token.as_ref().is_some_and(|token| token.fingerprint() == fingerprint)
        && record.rejected.is_none_or(|mark| mark.fingerprint != fingerprint)
}

async fn amend_leased(
    lease: Box<dyn Lease>,
    needed: impl Fn(&Record) -> bool,
    change: impl FnOnce(&mut Record) -> bool,
) -> Result<(), StoreError> {
    let mut record = lease.record().cloned().unwrap_or_default();
    let changed = needed(&record) && change(&mut record);
    lease.finish(changed.then_some(record)).await
}
