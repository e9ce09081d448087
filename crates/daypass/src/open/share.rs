//! A token on its way to another machine and back, as sealed bytes in a place that many can read
//! and some can write: a CI system's cache.
//!
//! Only the token travels, no count, event, refusal or pause: a copy that somebody puts back can
//! block nobody. It opens where the same client has the same secret and asks for the same, as a
//! record does, and nothing else is made of the bytes.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::{Opening, Prepared, StorePlace};
use crate::store::{Kind, Record, Sealer, StoreError, TokenStore};
use crate::{Code, Error, Token};

/// Longer than reading and writing a record takes; nobody is asked meanwhile.
const LEASE: std::time::Duration = std::time::Duration::from_secs(5);

/// What a secret must at least be worth, in bits, as far as that can be told by looking at it:
/// more than anybody tries offline.
const ENOUGH: f64 = 80.0;

/// A profile whose token can be sealed for others, and taken from them.
#[derive(Debug)]
pub struct Share {
    prepared: Prepared,
    sealer: Sealer,
}

/// What became of sealed bytes.
#[derive(Clone, Debug)]
pub enum Imported {
    /// The token is in the cache now.
    Taken(Token),
    /// The bytes are of no use, and why. The text has nothing of them in it.
    PassedBy(String),
}

impl Opening<'_> {
    /// Opens a profile for sharing its token.
    ///
    /// # Errors
    ///
    /// Those of [`Opening::prepare`]; `config.weak_secret` where somebody who reads the sealed
    /// bytes could find the secret by trying.
    pub fn share(&self) -> Result<Share, Error> {
        let prepared = self.prepare()?;
        let cache_key = self.env.cache_key();
        let secret = prepared.client_secret.expose();
        if worth(secret) + cache_key.map_or(0.0, |key| worth(&String::from_utf8_lossy(key)))
            < ENOUGH
        {
            let text = "the client secret is too short or too simple to share what it seals";
            return Err(Error::new(Code::ConfigWeakSecret, text).with_hint(
                "who reads the shared bytes could find it by trying: set DAYPASS_CACHE_KEY to 32 \
                 random characters everywhere the token is shared, or let the issuer make a secret",
            ));
        }
        let sealer = Sealer::derive(cache_key, secret.as_bytes());
        Ok(Share { sealer: sealer.map_err(Error::internal)?, prepared })
    }
}

impl Share {
    /// Returns what was resolved, and the warnings.
    pub fn prepared(&self) -> &Prepared {
        &self.prepared
    }

    /// Seals the cached token, at most [`crate::MAX_RECORD`] bytes; `None` where there is none that
    /// others could use.
    ///
    /// # Errors
    ///
    /// `store.failed`.
    pub async fn export(&self) -> Result<Option<Vec<u8>>, Error> {
        let Prepared { store, request, .. } = &self.prepared;
        let record = store.load(&request.key()).await.map_err(failed)?.unwrap_or_default();
        let Some(token) = record.token.as_ref().filter(|token| self.lives(token)) else {
            return Ok(None);
        };
        if is_refused(&record, token) {
            return Ok(None);
        }
        let bare = Record { token: record.token, reason: record.reason, ..Record::default() };
        self.sealer.seal(&request.key(), Kind::SHARED, &bare).map(Some).map_err(failed)
    }

    /// Takes a token from sealed bytes, if it is this profile's and of more use than the cached
    /// one. Bytes of any kind are no error.
    ///
    /// # Errors
    ///
    /// `store.failed` when the cache folder cannot be used.
    pub async fn import(&self, sealed: Zeroizing<Vec<u8>>) -> Result<Imported, Error> {
        let passed = |why: &str| Ok(Imported::PassedBy(why.to_owned()));
        let Prepared { store, request, place, .. } = &self.prepared;
        if *place == StorePlace::Memory {
            return passed("there is no folder to keep it in");
        }
        let shared = match self.sealer.open(&request.key(), Kind::SHARED, sealed) {
            Ok(record) => record,
            Err(why) => return passed(&why.to_string()),
        };
        let Some(token) = shared.token else { return passed("there is no token in it") };
        if !self.lives(&token) {
            return passed("its token has ended");
        }
        let store: &Arc<dyn TokenStore> = store;
        let Some(lease) = store.claim(&request.key(), LEASE).await.map_err(failed)? else {
            return passed("somebody here is asking the issuer");
        };
        let known = lease.record().cloned().unwrap_or_default();
        if known.token.as_ref().is_some_and(|ours| ours.expires_at() >= token.expires_at()) {
            return passed("the cached token lives at least as long");
        }
        if is_refused(&known, &token) {
            return passed("an API has refused its token");
        }
        let reason = shared.reason;
        let record =
            Record { token: Some(token.clone()), reason, refusal: None, retry: None, ..known };
        lease.finish(Some(record)).await.map_err(failed)?;
        Ok(Imported::Taken(token))
    }

    fn lives(&self, token: &Token) -> bool {
        !token.remaining(self.prepared.clock.now()).is_zero()
    }
}

fn is_refused(record: &Record, token: &Token) -> bool {
    record.rejected.is_some_and(|mark| mark.fingerprint == token.fingerprint())
}

fn failed(error: StoreError) -> Error {
    Error::new(Code::StoreFailed, format!("the token cannot be shared: {error}"))
        .with_hint("try again; daypass status shows what is cached")
}

/// How many bits a text is worth at most, judged by its length and variety. Characters that only
/// repeat or count on from the one before are worth nothing.
fn worth(text: &str) -> f64 {
    let text = pattern(text);
    let mut before = None;
    let telling = text.bytes().filter(|byte| {
        let near = before.replace(*byte).is_some_and(|last: u8| last.abs_diff(*byte) <= 1);
        !near
    });
    let count = telling.count();
    let mut distinct: Vec<u8> = text.bytes().collect();
    distinct.sort_unstable();
    distinct.dedup();
    #[expect(clippy::cast_precision_loss, reason = "a text is not that long")]
    let (count, variety) = (count as f64, distinct.len().max(1) as f64);
    count * variety.log2()
}

/// The pattern that a text repeats three times or more, else all of it.
fn pattern(text: &str) -> &str {
    let bytes = text.as_bytes();
    let repeats = |period: &usize| bytes.iter().skip(*period).zip(bytes).all(|(a, b)| a == b);
    let period = (1..=bytes.len() / 3).find(repeats).unwrap_or(bytes.len());
    // A period within a character leaves all of it.
    text.get(..period).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::conformance::record_with_token;
    use crate::testing::TestClock;
    use crate::{Clock, Env, Style};

    /// One machine, with an empty folder of its own.
    fn machine(clock: &Arc<TestClock>) -> (tempfile::TempDir, Share) {
        let folder = tempfile::tempdir().unwrap();
        let env = Env::from_pairs([
            ("DAYPASS_CACHE_DIR", folder.path().join("cache").to_str().unwrap()),
            ("OAUTH2_TOKEN_URL", "https://auth.example.com/token"),
            ("OAUTH2_CLIENT_ID", "id"),
            ("OAUTH2_CLIENT_SECRET", "Zk3vT9xQm1LcPq8wRb5Y"),
        ]);
        let style = Style::OneShot;
        let opening = Opening { env: &env, directory: None, config: None, profile: None, style };
        let mut share = opening.share().unwrap();
        share.prepared.clock = Arc::clone(clock) as _;
        (folder, share)
    }

    async fn write(share: &Share, record: Record) {
        let store = &share.prepared.store;
        let lease = store.claim(&share.prepared.request.key(), LEASE).await.unwrap().unwrap();
        lease.finish(Some(record)).await.unwrap();
    }

    fn reason(imported: Imported) -> String {
        match imported {
            Imported::Taken(token) => format!("taken: {}", token.access_token().secret()),
            Imported::PassedBy(why) => why,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_taken_only_while_it_lives_and_where_it_lives_longer() {
        let clock = Arc::new(TestClock::new());
        let minutes = |n: u64| Duration::from_secs(60 * n);
        let (_one, ours) = machine(&clock);
        let (_two, theirs) = machine(&clock);
        let import = async |sealed: &[u8]| {
            reason(theirs.import(Zeroizing::new(sealed.to_vec())).await.unwrap())
        };
        assert!(ours.export().await.unwrap().is_none(), "nothing is cached yet");
        write(&ours, record_with_token("old", clock.now(), minutes(10))).await;
        let old = ours.export().await.unwrap().unwrap();
        write(&ours, record_with_token("new", clock.now(), minutes(20))).await;
        let new = ours.export().await.unwrap().unwrap();
        assert_eq!(import(&old).await, "taken: old");
        assert_eq!(import(&new).await, "taken: new");
        assert_eq!(import(&old).await, "the cached token lives at least as long");
        clock.advance_wall(-120_000);
        assert_eq!(import(&new).await, "its token has ended", "it comes from the future");
        clock.advance_wall(120_000);
        tokio::time::advance(minutes(20)).await;
        assert_eq!(import(&new).await, "its token has ended");
        assert!(ours.export().await.unwrap().is_none(), "it has ended");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_a_flight_and_a_refused_token_stays_away() {
        let clock = Arc::new(TestClock::new());
        let (_one, ours) = machine(&clock);
        let (_two, theirs) = machine(&clock);
        let record = record_with_token("t", clock.now(), Duration::from_secs(60));
        write(&ours, record.clone()).await;
        let sealed = ours.export().await.unwrap().unwrap();
        let import = async || reason(theirs.import(Zeroizing::new(sealed.clone())).await.unwrap());
        let key = theirs.prepared.request.key();
        let held = theirs.prepared.store.claim(&key, LEASE).await.unwrap();
        assert_eq!(import().await, "somebody here is asking the issuer");
        drop(held);
        let fingerprint = record.token.as_ref().unwrap().fingerprint();
        let until = clock.now();
        let rejected = Some(crate::Rejected { fingerprint, times: 1, until });
        write(&theirs, Record { rejected, ..Record::default() }).await;
        assert_eq!(import().await, "an API has refused its token");
        write(&ours, Record { rejected, ..record }).await;
        assert!(ours.export().await.unwrap().is_none());
    }

    #[test]
    fn secrets_that_issuers_make_are_worth_enough_and_those_of_people_are_not() {
        for strong in [
            "3e1f9a7c-52b8-4d06-9b3a-c7f0d1e2a485",
            "Vg8Q~kZ3xwT1bNq-RmYc7LpD5sHj0aEuFo2iX",
            "9f86d081884c7d659a2feaa0c55ad015",
            "Zk3vT9xQm1LcPq8wRb5Y",
        ] {
            assert!(worth(strong) >= ENOUGH, "{strong} {}", worth(strong));
        }
        let again = "k7Qz".repeat(12);
        for weak in [
            again.as_str(),
            "",
            "a",
            "hunter2",
            "sandbox-secret",
            "password123456789012345678901234567890",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "abcdefghijklmnopqrstuvwxyz0123456789",
            "abababababababababababababababababababab",
        ] {
            assert!(worth(weak) < ENOUGH, "{weak} {}", worth(weak));
        }
    }
}
