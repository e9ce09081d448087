//! With which arguments a cached function was called by those who share its key: so that a token
//! can be rejected, and all can be forgotten, by a process that has called it with none.
//!
//! One more record of the function, sealed like the others: its "token" is the list. What is lost
//! with it is found again at the next call with those arguments.

use std::sync::Arc;
use std::time::Duration;

use daypass::{
    AccessToken, CacheKey, Clock, Lease, MAX_ACCESS_TOKEN, Record, StoreError, SystemClock, Token,
    TokenStore,
};
use tokio::time::{Instant, timeout_at};

/// How many sets of arguments are kept: the latest.
const MOST: usize = 256;
/// How long the list is kept after the last call that is new in it.
const KEPT: Duration = Duration::from_hours(365 * 24);
/// How long a list is written at most, and somebody else's writing waited for.
const WRITING: Duration = Duration::from_secs(2);

pub(crate) struct Index {
    store: Arc<dyn TokenStore>,
    key: CacheKey,
}

impl Index {
    pub(crate) const fn new(store: Arc<dyn TokenStore>, key: CacheKey) -> Self {
        Self { store, key }
    }

    /// Returns the sets of arguments that are known, the oldest first.
    pub(crate) async fn arguments(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.store.load(&self.key).await?.map(|record| listed(&record)).unwrap_or_default())
    }

    /// Notes arguments, unless they are. A list that can't be written is passed by.
    pub(crate) async fn note(&self, arguments: &str) {
        if let Err(failed) = self.try_note(arguments).await {
            tracing::debug!("the arguments of a cached function are not noted: {failed}");
        }
    }

    async fn try_note(&self, arguments: &str) -> Result<(), StoreError> {
        let record = self.store.load(&self.key).await?.unwrap_or_default();
        let lives = record.token.as_ref().map(|token| token.remaining(SystemClock.now()));
        if lives.is_some_and(|left| left > KEPT / 2)
            && listed(&record).iter().any(|a| a == arguments)
        {
            return Ok(());
        }
        self.write(|mut list| {
            list.retain(|known| known != arguments);
            list.push(arguments.to_owned());
            list
        })
        .await
    }

    /// Forgets the list.
    pub(crate) async fn forget(&self) -> Result<(), StoreError> {
        if self.store.load(&self.key).await?.is_some_and(|record| record.token.is_some()) {
            self.write(|_| Vec::new()).await?;
        }
        Ok(())
    }

    async fn write(
        &self,
        change: impl FnOnce(Vec<String>) -> Vec<String>,
    ) -> Result<(), StoreError> {
        let lease = self.lease().await?;
        let mut record = lease.record().cloned().unwrap_or_default();
        record.token = token_of(&change(listed(&record)));
        lease.finish(Some(record)).await
    }

    async fn lease(&self) -> Result<Box<dyn Lease>, StoreError> {
        let deadline = Instant::now() + WRITING;
        loop {
            let fence = self.store.load(&self.key).await?.unwrap_or_default().fence;
            if let Some(lease) = self.store.claim(&self.key, WRITING).await? {
                return Ok(lease);
            }
            let waiting = timeout_at(deadline, self.store.changed(&self.key, fence));
            if waiting.await.is_err() {
                return Err(StoreError::Failed("somebody else keeps the record".into()));
            }
        }
    }
}

fn listed(record: &Record) -> Vec<String> {
    let text = record.token.as_ref().map(|token| token.access_token().secret());
    text.into_iter().flat_map(|text| text.split('.')).filter_map(unhexed).collect()
}

/// The list as a token: in hexadecimal, since an access token is printable.
fn token_of(list: &[String]) -> Option<Token> {
    let mut parts: Vec<String> = list.iter().rev().take(MOST).map(|text| hexed(text)).collect();
    while parts.iter().map(|part| part.len() + 1).sum::<usize>() > MAX_ACCESS_TOKEN {
        parts.pop();
    }
    parts.reverse();
    let text = AccessToken::new(&parts.join(".")).ok()?;
    let now = SystemClock.now();
    Some(Token::new(text, None, now, now, now.saturating_add(KEPT)))
}

fn hexed(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn unhexed(text: &str) -> Option<String> {
    let pairs = text.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).ok());
    let bytes = pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect::<Option<_>>()?;
    String::from_utf8(bytes).ok()
}
