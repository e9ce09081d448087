//! The tokens that requests are sent with: one, or a pool of them, used in turn.
//!
//! A token that is due is replaced while it is used: one task at a time asks for its successor,
//! and only because a request came by. Nothing is fetched for an idle gateway.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use daypass::{AccessToken, Error, Fresh, MinTtl, TokenSource, Want};

pub(super) struct Tokens {
    slots: Box<[Slot]>,
    next: AtomicUsize,
}

/// One source, and whether somebody asks it for the successor of a token that is due.
pub(super) struct Slot {
    source: Arc<dyn TokenSource>,
    /// What a request waits for.
    want: Want,
    asking: Arc<AtomicBool>,
    /// Where the token lies that the API accepted last.
    accepted: AtomicUsize,
}

impl Tokens {
    /// `timeout` is how long a request waits for a token.
    pub(super) fn new(sources: Vec<Arc<dyn TokenSource>>, timeout: Duration) -> Self {
        let want = Want { timeout, ..Want::default() };
        let (asking, accepted) = (Arc::default, AtomicUsize::default);
        let slot = |source| Slot { source, want, asking: asking(), accepted: accepted() };
        Self { slots: sources.into_iter().map(slot).collect(), next: AtomicUsize::new(0) }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Returns whose turn it is.
    pub(super) fn turn(&self) -> usize {
        match self.slots.len() {
            0 | 1 => 0,
            slots => self.next.fetch_add(1, Ordering::Relaxed) % slots,
        }
    }

    pub(super) fn slot(&self, number: usize) -> Option<&Slot> {
        self.slots.get(number)
    }
}

impl Slot {
    /// The token at hand.
    pub(super) fn at_hand(&self) -> Option<AccessToken> {
        match self.source.cached(MinTtl::TOKEN) {
            Fresh::Fresh(token) => Some(token.token().access_token().clone()),
            Fresh::Due(token) => {
                self.ask_for_the_next();
                Some(token.token().access_token().clone())
            }
            Fresh::Miss => None,
        }
    }

    /// A token, from wherever it can be had.
    pub(super) async fn token(&self) -> Result<AccessToken, Error> {
        let granted = self.source.token(self.want).await?;
        Ok(granted.token.access_token().clone())
    }

    /// The API accepted a token.
    pub(super) fn accept(&self, token: &AccessToken) {
        let place = place_of(token);
        if self.accepted.load(Ordering::Relaxed) != place {
            self.accepted.store(place, Ordering::Relaxed);
        }
    }

    /// Whether the API accepted this token before.
    pub(super) fn has_accepted(&self, token: &AccessToken) -> bool {
        self.accepted.load(Ordering::Relaxed) == place_of(token)
    }

    /// A token in place of one that the API refused. It is the same one while fetching is damped.
    /// `worked`: the token was accepted before, and its refusal says nothing about the credential.
    pub(super) async fn instead_of(
        &self,
        refused: &AccessToken,
        worked: bool,
    ) -> Result<AccessToken, Error> {
        // A 401 for a token that was replaced meanwhile costs none.
        if let Some(token) = self.at_hand().filter(|token| token.secret() != refused.secret()) {
            return Ok(token);
        }
        if worked {
            self.source.reject_worked(refused).await?;
        } else {
            self.source.reject(refused).await?;
        }
        self.token().await
    }

    fn ask_for_the_next(&self) {
        if self.asking.swap(true, Ordering::Relaxed) {
            return;
        }
        let (source, asking) = (Arc::clone(&self.source), Asking(Arc::clone(&self.asking)));
        tokio::spawn(async move {
            // The token that is due is still good: what went wrong was told by the source.
            drop(source.token(Want::default()).await);
            drop(asking);
        });
    }
}

/// Clones of a token share their text, so this tells tokens apart without reading them (asking for
/// the text would look at each character, with each request). A later token may lie where one was
/// that is gone: it is then taken for one that was accepted, and if that is wrong, its refusal is
/// not counted, once.
fn place_of(token: &AccessToken) -> usize {
    token.header().as_bytes().as_ptr().addr()
}

/// Says that nobody is asking any more, also when the task is dropped.
struct Asking(Arc<AtomicBool>);

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}
