//! Local credentials: what a program behind the gateway has instead of the real ones.
//!
//! They are worth nothing anywhere else, and say so by their names. One set per child, made of
//! random bytes, compared in constant time. Where they are accepted is `admit`'s and `login`'s.

use std::fmt;
use std::hint::black_box;

use daypass::{Code, Error, LOCAL_PREFIX};
use zeroize::Zeroizing;

/// Random bytes behind each credential.
const BYTES: usize = 24;

/// An id and a secret to log in with, the token that a login gives, and a secret path for tools
/// that can't log in. `Debug` shows nothing of them.
#[derive(Clone)]
pub struct LocalCredentials {
    client_id: String,
    client_secret: Zeroizing<String>,
    token: Zeroizing<String>,
    path: Zeroizing<String>,
}

impl LocalCredentials {
    /// Makes new ones, from the operating system's random numbers.
    ///
    /// # Errors
    ///
    /// `internal` where there are none.
    pub fn generate() -> Result<Self, Error> {
        let client_id = format!("{LOCAL_PREFIX}{}", random(8)?.as_str());
        let secret = |what: &str| {
            random(BYTES)
                .map(|text| Zeroizing::new(format!("{LOCAL_PREFIX}{what}{}", text.as_str())))
        };
        Ok(Self {
            client_id,
            client_secret: secret("secret-")?,
            token: secret("token-")?,
            path: Zeroizing::new(format!("/{}", secret("path-")?.as_str())),
        })
    }

    /// Returns the client id.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Returns the client secret.
    pub fn client_secret(&self) -> &str {
        &self.client_secret
    }

    /// Returns the token that a login with id and secret gives.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Returns the secret path, which stands before the API's own: `/daypass-local-path-...`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether `id` and `secret` are these.
    pub(super) fn is_client(&self, id: &[u8], secret: &[u8]) -> bool {
        // Both are compared, so that the time says nothing about either.
        equal(id, self.client_id.as_bytes()) & equal(secret, self.client_secret.as_bytes())
    }

    /// Whether this is the value of an `Authorization` field with the token in it.
    pub(super) fn is_bearer(&self, authorization: &[u8]) -> bool {
        match authorization.split_at_checked("Bearer ".len()) {
            Some((scheme, token)) => {
                scheme.eq_ignore_ascii_case(b"Bearer ")
                    && equal(token.trim_ascii(), self.token.as_bytes())
            }
            None => false,
        }
    }

    /// Whether a target starts with the secret path.
    pub(super) fn is_path(&self, target: &str) -> bool {
        let start = target.as_bytes().get(..self.path.len());
        start.is_some_and(|start| equal(start, self.path.as_bytes()))
    }
}

impl fmt::Debug for LocalCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LocalCredentials")
    }
}

/// Compares without telling, by how long it takes, where two texts of one length differ.
fn equal(one: &[u8], other: &[u8]) -> bool {
    let differences =
        one.iter().zip(other).fold(0, |all, (one, other)| black_box(all | (one ^ other)));
    one.len() == other.len() && differences == 0
}

fn random(bytes: usize) -> Result<Zeroizing<String>, Error> {
    let mut random = Zeroizing::new(vec![0; bytes]);
    let read =
        rustix::rand::getrandom(random.as_mut_slice(), rustix::rand::GetRandomFlags::empty());
    if read != Ok(bytes) {
        return Err(Error::new(Code::Internal, "the system gives no random numbers"));
    }
    Ok(Zeroizing::new(random.iter().map(|byte| format!("{byte:02x}")).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_credentials_are_recognisable_new_each_time_and_never_shown() {
        let (one, other) =
            (LocalCredentials::generate().unwrap(), LocalCredentials::generate().unwrap());
        for (one, other) in [
            (one.client_id(), other.client_id()),
            (one.client_secret(), other.client_secret()),
            (one.token(), other.token()),
            (one.path().trim_start_matches('/'), other.path().trim_start_matches('/')),
        ] {
            assert!(one.starts_with(LOCAL_PREFIX), "{one}");
            assert_ne!(one, other);
        }
        assert!(!format!("{one:?} {one:#?}").contains("daypass-local"));
    }

    #[test]
    fn only_the_whole_credential_is_accepted() {
        let local = LocalCredentials::generate().unwrap();
        let (id, secret) = (local.client_id().as_bytes(), local.client_secret().as_bytes());
        assert!(local.is_client(id, secret));
        for (id, secret) in
            [(secret, id), (id, &secret[1..]), (&id[1..], secret), (id, b""), (b"", b"")]
        {
            assert!(!local.is_client(id, secret));
        }
        let token = local.token();
        for (authorization, expected) in [
            (format!("Bearer {token}"), true),
            (format!("bearer {token}"), true),
            (format!("Bearer  {token} "), true),
            (format!("Bearer {token}x"), false),
            (format!("Bearer {}", &token[..token.len() - 1]), false),
            (format!("Basic {token}"), false),
            (token.to_owned(), false),
            ("Bearer ".to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(local.is_bearer(authorization.as_bytes()), expected, "{authorization}");
        }
        assert!(local.is_path(&format!("{}/api", local.path())));
        assert!(!local.is_path("/api") && !local.is_path(""));
    }
}
