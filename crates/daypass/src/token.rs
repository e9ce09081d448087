//! The token itself: its text, which cannot be printed by accident, and its times.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use zeroize::Zeroizing;

use crate::{ScopeSet, Timestamp, crypto};

/// The longest access token that is accepted, in bytes.
pub const MAX_ACCESS_TOKEN: usize = 64 * 1024;

const SCHEME: &str = "Bearer ";

/// An access token (RFC 6750). One shared allocation that is zeroed when the last copy goes;
/// it is at the same time the value of the `Authorization` header. `Debug` shows its fingerprint.
#[derive(Clone)]
pub struct AccessToken {
    header: HeaderValue,
}

impl AccessToken {
    /// Checks and takes a token's text: visible ASCII without space, quotes, backslash, backtick
    /// or `$`, 1 byte to 64 KiB, and nothing that a CI system would read as a command. Tokens are
    /// pasted into shells, curl configs and dotenv files, and printed where a log is read.
    ///
    /// # Errors
    ///
    /// [`InvalidAccessToken`], which does not hold the text.
    pub fn new(text: &str) -> Result<Self, InvalidAccessToken> {
        if text.is_empty() {
            return Err(InvalidAccessToken::Empty);
        }
        if text.len() > MAX_ACCESS_TOKEN {
            return Err(InvalidAccessToken::TooLong);
        }
        if !text.bytes().all(allowed) {
            return Err(InvalidAccessToken::Characters);
        }
        if text.starts_with("::") || text.contains("##[") || text.contains("##vso[") {
            return Err(InvalidAccessToken::Command);
        }
        let mut header = Zeroizing::new(Vec::with_capacity(SCHEME.len() + text.len()));
        header.extend_from_slice(SCHEME.as_bytes());
        header.extend_from_slice(text.as_bytes());
        let shared = Bytes::from_owner(Owned(header));
        let mut header =
            HeaderValue::from_maybe_shared(shared).map_err(|_| InvalidAccessToken::Characters)?;
        header.set_sensitive(true);
        Ok(Self { header })
    }

    /// Returns the text of the token. What is done with it is the caller's responsibility.
    pub fn secret(&self) -> &str {
        self.header.to_str().ok().and_then(|header| header.strip_prefix(SCHEME)).unwrap_or_default()
    }

    /// Returns the value of the `Authorization` header: `Bearer `, then the token. It is marked
    /// sensitive; a clone of it copies nothing.
    pub fn header(&self) -> &HeaderValue {
        &self.header
    }

    /// Returns the fingerprint, which may be shown.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.secret())
    }
}

/// Lets the header value share a buffer that is zeroed on drop.
struct Owned(Zeroizing<Vec<u8>>);

impl AsRef<[u8]> for Owned {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

const fn allowed(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\' | b'`' | b'$')
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessToken({})", self.fingerprint())
    }
}

/// Why a text is no access token. Never holds the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidAccessToken {
    /// There is no text.
    #[error("the access token is empty")]
    Empty,
    /// The text is longer than [`MAX_ACCESS_TOKEN`].
    #[error("the access token is longer than 64 KiB")]
    TooLong,
    /// The text has characters that would be dangerous to paste.
    #[error("the access token has characters that no bearer token may have")]
    Characters,
    /// The text is a command to GitHub Actions or Azure Pipelines where it is printed.
    #[error("the access token would be a command to a CI system (`::` or `##[`)")]
    Command,
}

/// Tells tokens apart without telling them: the first 16 bytes of SHA-256. Shown as `#ab12`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub(crate) [u8; 16]);

impl Fingerprint {
    /// Returns the fingerprint of a token's text.
    pub fn of(token: &str) -> Self {
        let mut first = [0; 16];
        first.iter_mut().zip(crypto::sha256(token.as_bytes())).for_each(|(to, from)| *to = from);
        Self(first)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, ..] = self.0;
        write!(f, "#{a:02x}{b:02x}")
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// An access token with its times.
#[derive(Clone, Debug)]
pub struct Token {
    access_token: AccessToken,
    fingerprint: Fingerprint,
    scope: Option<ScopeSet>,
    sent_at: Timestamp,
    received_at: Timestamp,
    expires_at: Timestamp,
}

impl Token {
    /// Puts a token together. `sent_at` is when the request was sent, `received_at` when the
    /// answer was there, `expires_at` = `sent_at` + `expires_in`; `scope` is what was granted,
    /// where the issuer said so.
    pub fn new(
        access_token: AccessToken,
        scope: Option<ScopeSet>,
        sent_at: Timestamp,
        received_at: Timestamp,
        expires_at: Timestamp,
    ) -> Self {
        let fingerprint = access_token.fingerprint();
        Self { access_token, fingerprint, scope, sent_at, received_at, expires_at }
    }

    /// Returns the access token.
    pub fn access_token(&self) -> &AccessToken {
        &self.access_token
    }

    /// Returns the fingerprint of the access token.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Returns the scopes that were granted, where the issuer named them.
    pub fn scope(&self) -> Option<&ScopeSet> {
        self.scope.as_ref()
    }

    /// Returns when the request for this token was sent.
    pub fn sent_at(&self) -> Timestamp {
        self.sent_at
    }

    /// Returns when the issuer's answer had arrived.
    pub fn received_at(&self) -> Timestamp {
        self.received_at
    }

    /// Returns when the token ends.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Returns how long the token lives in all.
    pub fn lifetime(&self) -> Duration {
        self.sent_at.until(self.expires_at)
    }

    /// Returns how long the token still lives at `now` by the wall clock. Zero when it has
    /// ended, and when it comes from the future by more than 60 s: such a time can't be believed.
    pub fn remaining(&self, now: Timestamp) -> Duration {
        if now.until(self.sent_at) > MAX_SKEW { Duration::ZERO } else { now.until(self.expires_at) }
    }
}

/// How far another machine's clock may be ahead of ours.
pub(crate) const MAX_SKEW: Duration = Duration::from_secs(60);

/// Where a token was taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// This process had it.
    Memory,
    /// The store had it.
    Store,
    /// The agent had it.
    Agent,
    /// This process asked the issuer.
    Issuer,
    /// Somebody else was asking the issuer, and this process waited for the answer.
    Waited,
}

impl Source {
    /// Returns the name as it is shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Store => "store",
            Self::Agent => "agent",
            Self::Issuer => "issuer",
            Self::Waited => "waited",
        }
    }
}

/// Why a token was fetched from the issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// There was none.
    Cold,
    /// The one there was had ended or was about to.
    Expiring,
    /// The one there was would not have lived as long as was wanted.
    MinTtl,
    /// The one there was had been refused by the API.
    Rejected,
    /// The caller wanted a new one.
    Forced,
}

impl Reason {
    /// Returns the reason of this name.
    pub fn named(name: &str) -> Option<Self> {
        let all = [Self::Cold, Self::Expiring, Self::MinTtl, Self::Rejected, Self::Forced];
        all.into_iter().find(|reason| reason.as_str() == name)
    }

    /// Returns the name as it is shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Expiring => "expiring",
            Self::MinTtl => "min_ttl",
            Self::Rejected => "rejected",
            Self::Forced => "forced",
        }
    }
}

/// A token as it is handed out: with where it came from and why it was fetched.
#[derive(Clone, Debug)]
pub struct Granted {
    /// The token.
    pub token: Token,
    /// Where this caller's copy came from.
    pub source: Source,
    /// Why the issuer was asked for it.
    pub reason: Reason,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_the_header_value_and_a_clone_copies_nothing() {
        let token = AccessToken::new("abc.DEF-123_~+/=!|").unwrap();
        assert_eq!(token.secret(), "abc.DEF-123_~+/=!|");
        assert_eq!(token.header().to_str().unwrap(), "Bearer abc.DEF-123_~+/=!|");
        assert!(token.header().is_sensitive());
        let clone = token.clone();
        assert_eq!(clone.secret().as_ptr(), token.secret().as_ptr());
    }

    #[test]
    fn text_that_is_dangerous_to_paste_is_no_token() {
        for bad in
            ["a b", "a\nb", "a\"b", "a'b", "a\\b", "a`b", "a$b", "ä", "a\u{0}", "\t", "a\u{7f}"]
        {
            assert_eq!(
                AccessToken::new(bad).unwrap_err(),
                InvalidAccessToken::Characters,
                "{bad:?}"
            );
        }
        assert_eq!(AccessToken::new("").unwrap_err(), InvalidAccessToken::Empty);
        assert!(AccessToken::new(&"x".repeat(MAX_ACCESS_TOKEN)).is_ok());
        let long = "x".repeat(MAX_ACCESS_TOKEN + 1);
        assert_eq!(AccessToken::new(&long).unwrap_err(), InvalidAccessToken::TooLong);
    }

    #[test]
    fn text_that_is_a_command_to_a_ci_system_is_no_token() {
        for bad in ["::stop-commands::abc", "::", "a##[command]x", "##vso[task.setvariable]x"] {
            assert_eq!(AccessToken::new(bad).unwrap_err(), InvalidAccessToken::Command, "{bad}");
        }
        for fine in ["a::b", ":a", "#[a", "##a", "a:"] {
            AccessToken::new(fine).unwrap();
        }
    }

    #[test]
    fn debug_shows_a_fingerprint_and_nothing_else() {
        let access_token = AccessToken::new("super-secret-token").unwrap();
        let at = Timestamp::from_millis(0);
        let token = Token::new(access_token, None, at, at, at);
        let granted = Granted { token, source: Source::Issuer, reason: Reason::Cold };
        let shown = format!("{granted:?} {granted:#?} {:?}", granted.token.access_token().header());
        assert!(!shown.contains("super-secret"), "{shown}");
        assert!(shown.contains('#'));
    }

    #[test]
    fn a_token_from_the_future_has_no_life_left() {
        let at = Timestamp::from_millis;
        let token = |sent| {
            Token::new(
                AccessToken::new("t").unwrap(),
                None,
                at(sent),
                at(sent),
                at(sent + 3_600_000),
            )
        };
        assert_eq!(token(60_000).remaining(at(0)), Duration::from_millis(3_660_000));
        assert_eq!(token(60_001).remaining(at(0)), Duration::ZERO);
        assert_eq!(token(0).remaining(at(3_600_000)), Duration::ZERO);
    }
}
