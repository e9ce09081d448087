//! The only file that names the cryptography library: hashes, key derivation, sealing.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{digest, hkdf, rand};
use zeroize::Zeroizing;

/// Returns the SHA-256 of `data`.
pub(crate) fn sha256(data: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    let hash = digest::digest(&digest::SHA256, data);
    out.iter_mut().zip(hash.as_ref()).for_each(|(to, from)| *to = *from);
    out
}

/// The length of the salt of a sealed text, in bytes.
pub(crate) const SALT_LEN: usize = 16;

/// The operating system's random numbers or the cipher failed. Nothing was sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cryptography library refused")]
pub(crate) struct CryptoError;

/// What a client secret is turned into (HKDF-SHA-256, RFC 5869, a label for each use). The
/// secret can't be computed from any of it.
pub(crate) struct CredentialKeys {
    prk: hkdf::Prk,
}

impl CredentialKeys {
    /// Derives from the client's secret (or the canonical DER of its private key) and, where it
    /// is set, the user's `DAYPASS_CACHE_KEY`.
    pub(crate) fn derive(cache_key: Option<&[u8]>, secret: &[u8]) -> Self {
        let mut input = Zeroizing::new(Vec::new());
        for part in [cache_key.unwrap_or_default(), secret] {
            input.extend_from_slice(&(part.len() as u64).to_be_bytes());
            input.extend_from_slice(part);
        }
        Self { prk: hkdf::Salt::new(hkdf::HKDF_SHA256, b"daypass v1").extract(&input) }
    }

    /// Returns the bytes of the credential's [`CredentialId`](crate::CredentialId).
    pub(crate) fn credential_id(&self) -> Result<[u8; 16], CryptoError> {
        let mut id = [0; 16];
        expand(&self.prk, &[b"credential id"], &mut id)?;
        Ok(id)
    }

    /// Returns the key that seals this credential's records.
    pub(crate) fn sealing_key(&self) -> Result<SealingKey, CryptoError> {
        let mut key = Zeroizing::new([0; 32]);
        expand(&self.prk, &[b"sealing key"], key.as_mut())?;
        Ok(SealingKey(key))
    }
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn expand(prk: &hkdf::Prk, info: &[&[u8]], out: &mut [u8]) -> Result<(), CryptoError> {
    let okm = prk.expand(info, Length(out.len())).map_err(|_| CryptoError)?;
    okm.fill(out).map_err(|_| CryptoError)
}

/// Seals with AES-256-GCM-SIV (RFC 8452) under a key of its own for every salt.
pub(crate) struct SealingKey(Zeroizing<[u8; 32]>);

impl SealingKey {
    /// Fills `out` from the operating system's random numbers.
    pub(crate) fn random(out: &mut [u8]) -> Result<(), CryptoError> {
        rand::fill(out).map_err(|_| CryptoError)
    }

    /// Encrypts `text` in place and appends the tag; `aad` is authenticated with it. Returns the
    /// nonce.
    pub(crate) fn seal(
        &self,
        salt: &[u8; SALT_LEN],
        aad: &[u8],
        text: &mut Vec<u8>,
    ) -> Result<[u8; NONCE_LEN], CryptoError> {
        let mut nonce = [0; NONCE_LEN];
        Self::random(&mut nonce)?;
        self.record_key(salt)?
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), text)
            .map_err(|_| CryptoError)?;
        Ok(nonce)
    }

    /// Decrypts `sealed` in place and returns the text, if nothing was changed.
    pub(crate) fn open<'a>(
        &self,
        salt: &[u8; SALT_LEN],
        nonce: [u8; NONCE_LEN],
        aad: &[u8],
        sealed: &'a mut [u8],
    ) -> Result<&'a [u8], CryptoError> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let text = self.record_key(salt)?.open_in_place(nonce, Aad::from(aad), sealed);
        text.map(|text| &*text).map_err(|_| CryptoError)
    }

    fn record_key(&self, salt: &[u8; SALT_LEN]) -> Result<LessSafeKey, CryptoError> {
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(self.0.as_ref());
        let mut key = Zeroizing::new([0; 32]);
        expand(&prk, &[b"record key"], key.as_mut())?;
        let key = UnboundKey::new(&AES_256_GCM_SIV, key.as_ref()).map_err(|_| CryptoError)?;
        Ok(LessSafeKey::new(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_cache_keys_that_meet_in_one_text_are_told_apart() {
        let id = |cache_key: Option<&[u8]>, secret: &[u8]| {
            CredentialKeys::derive(cache_key, secret).credential_id().unwrap()
        };
        assert_eq!(id(None, b"ab"), id(None, b"ab"));
        assert_ne!(id(None, b"ab"), id(None, b"ac"));
        assert_ne!(id(Some(b"a"), b"b"), id(None, b"ab"));
        assert_ne!(id(Some(b"a"), b"b"), id(Some(b"ab"), b""));
    }

    #[test]
    fn what_was_sealed_opens_only_with_the_same_key_salt_nonce_and_data() {
        let key = |secret: &[u8]| CredentialKeys::derive(None, secret).sealing_key().unwrap();
        let mut sealed = b"text".to_vec();
        let nonce = key(b"s").seal(&[1; SALT_LEN], b"aad", &mut sealed).unwrap();
        assert!(!sealed.windows(4).any(|w| w == b"text"));
        let open = |secret: &[u8], salt: u8, nonce, aad: &[u8]| {
            let mut copy = sealed.clone();
            key(secret).open(&[salt; SALT_LEN], nonce, aad, &mut copy).map(<[u8]>::to_vec)
        };
        assert_eq!(open(b"s", 1, nonce, b"aad"), Ok(b"text".to_vec()));
        assert_eq!(open(b"t", 1, nonce, b"aad"), Err(CryptoError));
        assert_eq!(open(b"s", 2, nonce, b"aad"), Err(CryptoError));
        assert_eq!(open(b"s", 1, [0; NONCE_LEN], b"aad"), Err(CryptoError));
        assert_eq!(open(b"s", 1, nonce, b"axd"), Err(CryptoError));
    }
}
