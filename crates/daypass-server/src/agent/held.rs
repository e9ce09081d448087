//! A profile that the agent has. Its configuration is what it was when it came; only what its secret's
//! file or command gives may change, and is read again when the issuer refuses the client.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use daypass::{
    AccessToken, Cached, Code, Error, Fingerprint, Granted, MinTtl, Opened, Profile, Record,
    StoreError, StorePlace, Timestamp, TokenSource, Want, short_client_id,
};

/// What gives the tokens of one slot of a pool.
pub(super) fn in_slot(whole: &Arc<Cached>, slot: u32) -> Arc<Cached> {
    if slot == 0 { Arc::clone(whole) } else { Arc::new(whole.in_pool(slot)) }
}

/// Opens a profile once more, as it was opened first.
pub type Reopen = Arc<dyn Fn() -> Result<Opened, Error> + Send + Sync>;

/// A profile that the agent has.
pub(super) struct Held {
    source: ArcSwap<Cached>,
    pub(super) profile: Profile,
    pub(super) client_id: String,
    pub(super) store: StorePlace,
    reopen: Option<Reopen>,
    /// Held by whoever opens it again: the others take what that brings.
    turn: tokio::sync::Mutex<()>,
    /// The token that an API refused last.
    refused: Mutex<Option<Fingerprint>>,
    /// How many tokens a gateway takes in turn.
    slots: AtomicU32,
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").field("profile", &self.profile).finish_non_exhaustive()
    }
}

impl Held {
    /// Takes what was opened. The secret stays within its source.
    pub(super) fn new(opened: Opened, reopen: Option<Reopen>) -> Self {
        let Opened { source, profile, client_id, place, .. } = opened;
        Self {
            source: ArcSwap::from_pointee(source),
            profile,
            client_id,
            store: place,
            reopen,
            turn: tokio::sync::Mutex::default(),
            refused: Mutex::default(),
            slots: AtomicU32::new(1),
        }
    }

    /// The source as it is now.
    pub(super) fn source(&self) -> Arc<Cached> {
        self.source.load_full()
    }

    /// Takes note of a pool's slot that is in use.
    pub(super) fn lend(&self, slot: u32) {
        self.slots.fetch_max(slot.saturating_add(1), Ordering::Relaxed);
    }

    /// The sources of all tokens of the pool that a gateway takes in turn, the profile's own first.
    pub(super) fn pool(&self) -> Vec<Arc<Cached>> {
        let whole = self.source();
        (0..self.slots.load(Ordering::Relaxed)).map(|slot| in_slot(&whole, slot)).collect()
    }

    /// The record of the profile's own token, with the counts of the whole pool.
    pub(super) async fn record(&self) -> Result<Option<Record>, StoreError> {
        let mut record = self.source().record().await?;
        for source in self.pool().iter().skip(1) {
            if let (Some(all), Some(slot)) = (&mut record, source.record().await?) {
                all.tally.merge(slot.tally);
            }
        }
        Ok(record)
    }

    /// Revokes the tokens of the whole pool. Returns whether there was one; the first failure keeps
    /// no other from being revoked.
    pub(super) async fn revoke(&self, timeout: Duration) -> Result<bool, Error> {
        let (mut revoked, mut failed) = (false, None);
        for source in self.pool() {
            match source.revoke(timeout).await {
                Ok(done) => revoked |= done,
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(revoked), Err)
    }

    /// Whether this is still the source. Costs next to nothing.
    pub(super) fn is_still(&self, source: &Arc<Cached>) -> bool {
        Arc::ptr_eq(&self.source.load(), source)
    }

    /// The client identifier as messages show it.
    pub(super) fn client(&self) -> String {
        short_client_id(&self.client_id)
    }

    /// Returns a token as wanted; `since` is for a forced one.
    pub(super) async fn token(&self, want: Want, since: Timestamp) -> Result<Granted, Error> {
        let source = self.source();
        match source.token_since(want, since).await {
            Err(error) => match self.follower(&source, &error).await {
                Some(follower) => follower.token_since(want, since).await,
                None => Err(error),
            },
            granted => granted,
        }
    }

    /// Returns the source that follows `failed`, if its secret is another one by now.
    pub(super) async fn follower(
        &self,
        failed: &Arc<Cached>,
        error: &Error,
    ) -> Option<Arc<Cached>> {
        let reopen = self.reopen.clone().filter(|_| error.code() == Code::IssuerRejected)?;
        let _turn = self.turn.lock().await;
        let current = self.source();
        if !Arc::ptr_eq(&current, failed) {
            return Some(current);
        }
        // It reads files, and may run a command.
        let opened = tokio::task::spawn_blocking(move || reopen()).await.ok()?.ok()?;
        // A file that somebody has changed since must not send a secret to another place.
        let same = opened.profile == self.profile && opened.client_id == self.client_id;
        if !same || opened.source.key() == failed.key() {
            return None;
        }
        tracing::info!("the secret of \"{}\" has changed", opened.profile.name);
        let follower = Arc::new(opened.source);
        self.source.store(Arc::clone(&follower));
        Some(follower)
    }

    /// Tells that an API refused a token, and whether it accepted that token before.
    pub(super) async fn reject(&self, token: &AccessToken, worked: bool) -> Result<(), Error> {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.fingerprint());
        let source = self.source();
        if worked { source.reject_worked(token).await } else { source.reject(token).await }
    }

    /// Returns what whoever gets this token should know: that an API refused it already, or that it
    /// does not live as long as they would like.
    pub(super) async fn warning(
        &self,
        granted: &Granted,
        min_ttl: MinTtl,
        now: Timestamp,
    ) -> Option<String> {
        let token = &granted.token;
        let refused = *self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused == Some(token.fingerprint()) {
            let record = self.source().record().await.ok().flatten();
            let mark = record.and_then(|record| record.rejected)?;
            return (mark.fingerprint == token.fingerprint()).then(|| {
                format!(
                    "{} tokens in a row were refused by the API: the credential or its \
                     permissions are the problem; no new token is fetched for {} s",
                    mark.times,
                    now.until(mark.until).as_secs().max(1)
                )
            });
        }
        let left = token.remaining(now);
        let short = left < min_ttl.for_lifetime(token.lifetime());
        // What a moment's work takes of a required time is no news.
        (short && matches!(min_ttl, MinTtl::Preferred(_))).then(|| {
            let left = left.as_secs();
            format!("the cached token lives {left} s more; no other can be had right now")
        })
    }
}
