//! How a record is sealed: it opens only under its own key, kind and credential, and unchanged.
//!
//! ```text
//! magic "daypass\0" (8) | version (1) | kind (1) | salt (16) | nonce (12) | ciphertext | tag (16)
//! ```
//!
//! Authenticated with it: magic, version, kind, salt and the [`CacheKey`]. Everything else,
//! times, fence and reason among it, is inside. A copy of an older envelope of the same key still
//! opens; what is in it has ended the sooner.

use std::fmt;

use zeroize::Zeroizing;

use super::{MAX_RECORD, Record, StoreError, codec};
use crate::crypto::{CredentialKeys, SALT_LEN, SealingKey};
use crate::{CacheKey, CredentialId};

const MAGIC: [u8; 8] = *b"daypass\0";
const VERSION: u8 = 1;
const NONCE_LEN: usize = 12;
const TAG_LEN: usize = 16;
/// Magic, version, kind and salt.
const HEAD_LEN: usize = MAGIC.len() + 2 + SALT_LEN;
/// What an envelope adds to its text.
const OVERHEAD: usize = HEAD_LEN + NONCE_LEN + TAG_LEN;

/// What an envelope is for. One made for something else does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind(u8);

impl Kind {
    /// A record in a store; tokens and throttles have different keys.
    pub(crate) const RECORD: Self = Self(1);
    /// The same without a token: a refusal, a throttle, or what is left of a forgotten one. It can
    /// be told without the key, so that nobody is told of a token that there is not.
    const TOKENLESS: Self = Self(2);
    /// A token that leaves this machine, by itself.
    pub(crate) const SHARED: Self = Self(3);

    fn of(self, record: &Record) -> Self {
        if self == Self::RECORD && record.token.is_none() { Self::TOKENLESS } else { self }
    }

    fn admits(self, its: u8) -> bool {
        its == self.0 || (self == Self::RECORD && its == Self::TOKENLESS.0)
    }
}

/// How much of a file [`says_token`] looks at.
pub(crate) const SAYING: usize = MAGIC.len() + 2;

/// Whether an envelope that begins like this says that a token is in it. Only its key can tell
/// whether that is true.
pub(crate) fn says_token(head: &[u8; SAYING]) -> bool {
    head.strip_prefix(&MAGIC) == Some(&[VERSION, Kind::RECORD.0])
}

/// Why an envelope did not open. All of it counts as "there is no record".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unsealed {
    #[error("it is larger than {} KiB", MAX_RECORD / 1024)]
    TooLarge,
    #[error("it is not one of ours, or cut off")]
    Foreign,
    #[error("it has the unknown version {0}")]
    Version(u8),
    #[error("it was made for another purpose")]
    Kind,
    #[error("it was sealed for another key or credential, or changed since")]
    Forged,
    #[error("its content makes no sense")]
    Malformed,
}

/// Seals and opens the records of one credential.
pub struct Sealer {
    key: SealingKey,
}

impl Sealer {
    /// Derives the key from the client's secret (or the DER of its private key) and, where it is
    /// set, the user's `DAYPASS_CACHE_KEY`. Records of other credentials do not open with it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Failed`] when the cryptography library refuses.
    pub fn derive(cache_key: Option<&[u8]>, secret: &[u8]) -> Result<Self, StoreError> {
        let key = CredentialKeys::derive(cache_key, secret).sealing_key();
        key.map(Self::new).map_err(|error| StoreError::Failed(error.to_string()))
    }

    /// Returns the name of the credential that [`Sealer::derive`] makes a sealer for: one part of
    /// its [`TokenRequest`](crate::TokenRequest).
    ///
    /// # Errors
    ///
    /// [`StoreError::Failed`] when the cryptography library refuses.
    pub fn credential_id(
        cache_key: Option<&[u8]>,
        secret: &[u8],
    ) -> Result<CredentialId, StoreError> {
        let id = CredentialKeys::derive(cache_key, secret).credential_id();
        id.map(CredentialId).map_err(|error| StoreError::Failed(error.to_string()))
    }

    pub(crate) fn new(key: SealingKey) -> Self {
        Self { key }
    }

    /// Seals a record, with a new salt and a new nonce.
    pub(crate) fn seal(
        &self,
        key: &CacheKey,
        kind: Kind,
        record: &Record,
    ) -> Result<Vec<u8>, StoreError> {
        let failed = |error: crate::crypto::CryptoError| StoreError::Failed(error.to_string());
        let mut text =
            codec::encode(record, MAX_RECORD - OVERHEAD, TAG_LEN).ok_or(StoreError::TooLarge)?;
        let mut salt = [0; SALT_LEN];
        SealingKey::random(&mut salt).map_err(failed)?;
        let aad = aad(VERSION, kind.of(record).0, &salt, key);
        let nonce = self.key.seal(&salt, &aad, &mut text).map_err(failed)?;
        let head = aad.get(..HEAD_LEN).unwrap_or_default();
        Ok([head, &nonce, &text].concat())
    }

    /// Opens an envelope. The buffer is zeroed: the text is deciphered in place.
    pub(crate) fn open(
        &self,
        key: &CacheKey,
        kind: Kind,
        mut sealed: Zeroizing<Vec<u8>>,
    ) -> Result<Record, Unsealed> {
        if sealed.len() > MAX_RECORD {
            return Err(Unsealed::TooLarge);
        }
        let (magic, rest) =
            sealed.split_first_chunk_mut::<{ MAGIC.len() }>().ok_or(Unsealed::Foreign)?;
        let ([version, its_kind], rest) = rest.split_first_chunk_mut().ok_or(Unsealed::Foreign)?;
        let (salt, rest) = rest.split_first_chunk_mut().ok_or(Unsealed::Foreign)?;
        let (nonce, text) = rest.split_first_chunk_mut::<NONCE_LEN>().ok_or(Unsealed::Foreign)?;
        if *magic != MAGIC {
            return Err(Unsealed::Foreign);
        }
        if *version != VERSION {
            return Err(Unsealed::Version(*version));
        }
        if !kind.admits(*its_kind) {
            return Err(Unsealed::Kind);
        }
        let aad = aad(*version, *its_kind, salt, key);
        let text = self.key.open(salt, *nonce, &aad, text).map_err(|_| Unsealed::Forged)?;
        codec::decode(text).ok_or(Unsealed::Malformed)
    }
}

/// Shows nothing.
impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").finish_non_exhaustive()
    }
}

/// The head of the envelope, then the key of the record.
fn aad(version: u8, kind: u8, salt: &[u8; SALT_LEN], key: &CacheKey) -> [u8; HEAD_LEN + 32] {
    let parts = MAGIC.iter().chain([&version, &kind]).chain(salt).chain(key.as_bytes());
    let mut aad = [0; HEAD_LEN + 32];
    aad.iter_mut().zip(parts).for_each(|(to, from)| *to = *from);
    aad
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::conformance::{assert_same, full_record, key, record_with_token};
    use crate::store::{Fence, Refusal};
    use crate::{MAX_ACCESS_TOKEN, Timestamp};

    fn sealer(secret: &str) -> Sealer {
        Sealer::derive(None, secret.as_bytes()).unwrap()
    }

    fn record() -> Record {
        Record { fence: Fence(7), ..full_record(Timestamp::from_millis(1_700_000_000_000)) }
    }

    #[test]
    fn whether_a_token_is_inside_can_be_told_without_the_key() {
        let seal = |record: &Record| sealer("s").seal(&key(1), Kind::RECORD, record).unwrap();
        let says = |sealed: &[u8]| says_token(sealed.first_chunk().unwrap());
        assert!(says(&seal(&record())));
        let mut sealed = seal(&Record { token: None, ..record() });
        assert!(!says(&sealed));
        assert!(open(&sealer("s"), 1, Kind::RECORD, &sealed).unwrap().token.is_none());
        sealed[MAGIC.len() + 1] = Kind::RECORD.0;
        assert_eq!(open(&sealer("s"), 1, Kind::RECORD, &sealed).unwrap_err(), Unsealed::Forged);
    }

    fn open(sealer: &Sealer, n: u64, kind: Kind, sealed: &[u8]) -> Result<Record, Unsealed> {
        sealer.open(&key(n), kind, Zeroizing::new(sealed.to_vec()))
    }

    #[test]
    fn only_the_same_key_kind_and_credential_open_an_envelope() {
        let sealed = sealer("s").seal(&key(1), Kind::RECORD, &record()).unwrap();
        let opened = open(&sealer("s"), 1, Kind::RECORD, &sealed).unwrap();
        assert_same(&opened, &record());
        assert_eq!(opened.fence, Fence(7));
        let error = |secret, n, kind| open(&sealer(secret), n, kind, &sealed).unwrap_err();
        assert_eq!(error("t", 1, Kind::RECORD), Unsealed::Forged);
        assert_eq!(error("s", 2, Kind::RECORD), Unsealed::Forged);
        assert_eq!(error("s", 1, Kind(2)), Unsealed::Kind);
    }

    #[test]
    fn nothing_readable_is_outside_and_no_two_envelopes_are_alike() {
        let seal = || sealer("s").seal(&key(1), Kind::RECORD, &record()).unwrap();
        let (one, two) = (seal(), seal());
        assert_eq!(one[..10], *b"daypass\0\x01\x01");
        assert!(one[10..38].iter().zip(&two[10..38]).filter(|(a, b)| a == b).count() < 8);
        for secret in [&b"abc.DEF"[..], b"invalid_client", b"a b:c"] {
            assert!(!one.windows(secret.len()).any(|part| part == secret));
        }
    }

    #[test]
    fn what_is_cut_off_or_longer_does_not_open() {
        let sealed = sealer("s").seal(&key(1), Kind::RECORD, &record()).unwrap();
        for length in 0..sealed.len() {
            assert!(open(&sealer("s"), 1, Kind::RECORD, &sealed[..length]).is_err(), "{length}");
        }
        let longer = [&sealed[..], &[0]].concat();
        assert_eq!(open(&sealer("s"), 1, Kind::RECORD, &longer).unwrap_err(), Unsealed::Forged);
        let mut other = sealed;
        other[8] = 2;
        assert_eq!(open(&sealer("s"), 1, Kind::RECORD, &other).unwrap_err(), Unsealed::Version(2));
    }

    #[test]
    fn the_largest_record_is_sealed_and_a_larger_one_is_refused() {
        let now = Timestamp::from_millis(0);
        let hour = std::time::Duration::from_secs(3600);
        let seal = |length: usize| {
            let mut record = record_with_token(&"x".repeat(MAX_ACCESS_TOKEN), now, hour);
            let (error, description) = ("x".to_owned(), Some("x".repeat(length)));
            let refusal = Refusal { error, description, status: 400, at: now, until: now };
            record.refusal = Some(refusal);
            sealer("s").seal(&key(1), Kind::RECORD, &record)
        };
        let fixed = seal(1).unwrap().len() - 1;
        let largest = seal(MAX_RECORD - fixed).unwrap();
        assert_eq!(largest.len(), MAX_RECORD);
        assert!(open(&sealer("s"), 1, Kind::RECORD, &largest).is_ok());
        assert_eq!(seal(MAX_RECORD - fixed + 1).unwrap_err(), StoreError::TooLarge);
        let huge = vec![0; MAX_RECORD + 1];
        assert_eq!(open(&sealer("s"), 1, Kind::RECORD, &huge).unwrap_err(), Unsealed::TooLarge);
    }

    #[test]
    fn the_longest_token_fits_whatever_an_issuer_said_before() {
        let now = Timestamp::from_millis(0);
        let hour = std::time::Duration::from_secs(3600);
        let said = crate::printable(&"\u{e0001}".repeat(500));
        let widest = crate::printable(&"\u{1f4a1}".repeat(500));
        let mut record = record_with_token(&"x".repeat(MAX_ACCESS_TOKEN), now, hour);
        let old = record.token.take().unwrap();
        let scope = (0..400).map(|n| format!("scope:{n:03}")).collect::<Vec<_>>();
        let scope = scope.iter().map(String::as_str).collect();
        let access_token = old.access_token().clone();
        record.token =
            Some(crate::Token::new(access_token, Some(scope), now, now, old.expires_at()));
        for _ in 0..30 {
            record.note(now, crate::EventKind::Failed(format!("{said} ({widest})")));
        }
        let (error, description) = (widest.clone(), Some(widest));
        record.refusal = Some(Refusal { error, description, status: 400, at: now, until: now });
        let sealed = sealer("s").seal(&key(1), Kind::RECORD, &record).unwrap();
        let opened = open(&sealer("s"), 1, Kind::RECORD, &sealed).unwrap();
        assert_eq!(opened.token.unwrap().access_token().secret().len(), MAX_ACCESS_TOKEN);
        // And with the token forgotten, all that is told fits.
        record.token = None;
        let sealed = sealer("s").seal(&key(1), Kind::RECORD, &record).unwrap();
        let opened = open(&sealer("s"), 1, Kind::RECORD, &sealed).unwrap();
        assert_eq!(opened.events.len(), Record::MAX_EVENTS);
    }

    #[test]
    fn every_flipped_bit_is_a_miss() {
        let sealer = sealer("s");
        let sealed = sealer.seal(&key(1), Kind::RECORD, &record()).unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&sealer, 1, Kind::RECORD, &flipped).is_err(), "bit {bit}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_not_open(
            bytes in proptest::collection::vec(any::<u8>(), 0..200), headed in any::<bool>()
        ) {
            let head = if headed { &b"daypass\0\x01\x01"[..] } else { b"" };
            prop_assert!(open(&sealer("s"), 1, Kind::RECORD, &[head, &bytes].concat()).is_err());
        }

        #[test]
        fn what_goes_in_comes_out(
            token in "[!#%&()*+,./0-9;<=>?@A-Z^_a-z{|}~-][!#%&()*+,./0-9:;<=>?@A-Z^_a-z{|}~-]{0,300}", scopes in "[a-z ]{0,20}",
            sent in -1_000_000i64..4_000_000_000_000, lifetime in 0u64..10_000_000_000,
            texts in proptest::collection::vec(".{0,40}", 0..6), fence in any::<u64>(),
            count in any::<u64>()
        ) {
            let lifetime = std::time::Duration::from_millis(lifetime);
            let now = Timestamp::from_millis(sent);
            let mut record = record_with_token(&token, now, lifetime);
            let old = record.token.take().unwrap();
            record.token = Some(crate::Token::new(
                old.access_token().clone(), Some(crate::ScopeSet::parse(&scopes)), now, now,
                old.expires_at(),
            ));
            record.fence = Fence(fence);
            record.tally.waited = count;
            for text in texts {
                record.note(now, crate::EventKind::Failed(text));
            }
            let sealed = sealer("s").seal(&key(fence), Kind::RECORD, &record).unwrap();
            let opened = open(&sealer("s"), fence, Kind::RECORD, &sealed).unwrap();
            assert_same(&opened, &record);
            prop_assert_eq!(opened.fence, record.fence);
        }
    }
}
