//! A profile of the agent as a source for whoever lives in the same process: the gateway. A secret
//! that was rotated is taken up by both at once.

use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use daypass::{AccessToken, Cached, Error, Fresh, Granted, MinTtl, TokenSource, Want};

use super::held::{Held, in_slot};

/// One slot of a profile's pool; the first is the one that the agent hands out.
pub(super) struct Lent {
    held: Arc<Held>,
    slot: u32,
    /// The profile's source, and the slot's that was made from it.
    known: ArcSwap<(Arc<Cached>, Arc<Cached>)>,
}

impl Lent {
    pub(super) fn new(held: Arc<Held>, slot: u32) -> Self {
        held.lend(slot);
        let whole = held.source();
        let own = in_slot(&whole, slot);
        Self { held, slot, known: ArcSwap::from_pointee((whole, own)) }
    }

    /// The slot's source, of the profile's as it is now.
    fn current(&self) -> Arc<Cached> {
        let whole = self.held.source();
        let known = self.known.load();
        if Arc::ptr_eq(&known.0, &whole) {
            return Arc::clone(&known.1);
        }
        let own = in_slot(&whole, self.slot);
        self.known.store(Arc::new((whole, Arc::clone(&own))));
        own
    }
}

#[async_trait]
impl TokenSource for Lent {
    fn cached(&self, min_ttl: MinTtl) -> Fresh {
        let known = self.known.load();
        if self.held.is_still(&known.0) { known.1.cached(min_ttl) } else { Fresh::Miss }
    }

    async fn token(&self, want: Want) -> Result<Granted, Error> {
        let (whole, own) = (self.held.source(), self.current());
        match own.token(want).await {
            Err(error) => match self.held.follower(&whole, &error).await {
                Some(_) => self.current().token(want).await,
                None => Err(error),
            },
            granted => granted,
        }
    }

    async fn reject(&self, token: &AccessToken) -> Result<(), Error> {
        self.current().reject(token).await
    }

    async fn reject_worked(&self, token: &AccessToken) -> Result<(), Error> {
        self.current().reject_worked(token).await
    }
}
