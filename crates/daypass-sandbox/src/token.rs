//! The tokens: their text, what is known about each, which are still good.
//!
//! The text is unique and looks real. It is not a secret that protects anything: the sandbox is a toy on loopback.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::clock::Now;

/// Tokens that are remembered; the oldest go first.
const REMEMBERED: usize = 100_000;
/// Bytes behind an opaque token: 88 characters of text.
const OPAQUE_BYTES: usize = 66;
/// Bytes of a JWT's signature, as RS256 with 2048 bits has them.
const SIGNATURE_BYTES: usize = 256;

/// What an access token looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenShape {
    /// 88 characters that mean nothing.
    #[default]
    Opaque,
    /// Three base64url parts, about 1.1 kB, with the usual claims. The signature is noise.
    Jwt,
}

/// Where the noise in a token comes from: keys from the operating system, or a seed for repeatable tests.
#[derive(Clone)]
pub(crate) enum Noise {
    System(RandomState),
    Seeded(u64),
}

impl Noise {
    fn bytes(&self, serial: u64, n: usize) -> Vec<u8> {
        let word = |i: usize| match self {
            Self::System(state) => state.hash_one((serial, i)),
            Self::Seeded(seed) => {
                let mut hasher = DefaultHasher::new();
                (seed, serial, i).hash(&mut hasher);
                hasher.finish()
            }
        };
        (0..n.div_ceil(8)).flat_map(|i| word(i).to_le_bytes()).take(n).collect()
    }
}

/// What is known about an issued token. Never its text.
#[derive(Clone, Debug)]
pub(crate) struct Issued {
    /// Counts from 1, in the order of issue.
    pub(crate) number: u64,
    pub(crate) client_id: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) audience: Option<String>,
    pub(crate) issued_at: Now,
    pub(crate) expires_at: Now,
    pub(crate) revoked: bool,
    /// Start of the current minute of the rate limit, and the calls in it.
    pub(crate) window: (Now, u32),
}

impl Issued {
    pub(crate) fn is_live(&self, now: Now) -> bool {
        !self.revoked && now < self.expires_at
    }

    /// Whole seconds that it will live, 0 when it has expired.
    pub(crate) fn seconds_left(&self, now: Now) -> i64 {
        self.expires_at.ms_since(now).max(0) / 1000
    }
}

/// Every token that is remembered, found by text. Has no `Debug`: the keys are tokens.
#[derive(Default)]
pub(crate) struct Tokens {
    by_text: HashMap<String, Issued>,
    texts: BTreeMap<u64, String>,
    /// Never goes back, so that a reset sandbox repeats no token.
    serial: u64,
    issued: u64,
}

impl Tokens {
    pub(crate) fn issued(&self) -> u64 {
        self.issued
    }

    pub(crate) fn live(&self, now: Now) -> usize {
        self.by_text.values().filter(|token| token.is_live(now)).count()
    }

    pub(crate) fn find(&mut self, text: &str) -> Option<&mut Issued> {
        self.by_text.get_mut(text)
    }

    pub(crate) fn knows(&self, text: &str) -> bool {
        self.by_text.contains_key(text)
    }

    /// Remembers a token, numbers it and returns its text.
    pub(crate) fn issue(&mut self, mut token: Issued, shape: TokenShape, noise: &Noise) -> String {
        self.serial += 1;
        self.issued += 1;
        token.number = self.issued;
        let text = match shape {
            TokenShape::Opaque => URL_SAFE_NO_PAD.encode(noise.bytes(self.serial, OPAQUE_BYTES)),
            TokenShape::Jwt => jwt(&token, self.serial, noise),
        };
        self.texts.insert(token.number, text.clone());
        self.by_text.insert(text.clone(), token);
        while self.texts.len() > REMEMBERED {
            if let Some((_, oldest)) = self.texts.pop_first() {
                self.by_text.remove(&oldest);
            }
        }
        text
    }

    /// Revokes one token by number; false when there is none or it was revoked before.
    pub(crate) fn revoke(&mut self, number: u64) -> bool {
        let text = self.texts.get(&number);
        let token = text.and_then(|text| self.by_text.get_mut(text));
        token.is_some_and(|token| !std::mem::replace(&mut token.revoked, true))
    }

    pub(crate) fn revoke_all(&mut self) {
        self.by_text.values_mut().for_each(|token| token.revoked = true);
    }

    pub(crate) fn reset(&mut self) {
        *self = Self { serial: self.serial, ..Self::default() };
    }
}

fn jwt(token: &Issued, serial: u64, noise: &Noise) -> String {
    let word = |salt: u64, n| URL_SAFE_NO_PAD.encode(noise.bytes(serial ^ salt, n));
    let header = json!({ "alg": "RS256", "typ": "at+jwt", "kid": word(1 << 60, 15) });
    let claims = json!({
        "iss": "https://sandbox.invalid/",
        "sub": token.client_id,
        "client_id": token.client_id,
        "aud": token.audience.as_deref().unwrap_or("https://api.sandbox.invalid"),
        "iat": token.issued_at.seconds(),
        "exp": token.expires_at.seconds(),
        "jti": word(1 << 61, 16),
        "scope": token.scopes.join(" "),
        "tenant": word(1 << 62, 180),
    });
    let signature = word(1 << 63, SIGNATURE_BYTES);
    let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{signature}", part(header), part(claims))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_tokens_are_forgotten_when_there_are_too_many() {
        let mut tokens = Tokens::default();
        let token = Issued {
            number: 0,
            client_id: "c".into(),
            scopes: Vec::new(),
            audience: None,
            issued_at: Now(0),
            expires_at: Now(1),
            revoked: false,
            window: (Now(0), 0),
        };
        let texts: Vec<_> = (0..=REMEMBERED)
            .map(|_| tokens.issue(token.clone(), TokenShape::Opaque, &Noise::Seeded(1)))
            .collect();
        assert_eq!((tokens.live(Now(0)), tokens.live(Now(1))), (REMEMBERED, 0));
        assert!(!tokens.knows(&texts[0]) && tokens.knows(&texts[1]));
        assert!(!tokens.revoke(1) && tokens.revoke(2));
    }
}
