//! What is asked of an issuer, and the key under which the answer is found.
//!
//! Two requests that could be answered differently never share a key; the order of scopes and
//! resources never matters (RFC 6749 section 3.3, RFC 8707).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::crypto;

/// A set of scope tokens (RFC 6749 section 3.3): sorted, without duplicates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScopeSet(BTreeSet<String>);

impl ScopeSet {
    /// Splits a space-separated list, as it stands on the wire.
    pub fn parse(list: &str) -> Self {
        list.split(' ').collect()
    }

    /// Whether a text is a scope (RFC 6749 section 3.3): visible ASCII without `"` and `\`.
    pub(crate) fn is_scope(text: &str) -> bool {
        let valid = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        !text.is_empty() && text.bytes().all(valid)
    }

    /// Whether there is no scope in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the scopes in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Returns those scopes of `self` that are not in `other`.
    pub fn missing_from(&self, other: &Self) -> Self {
        Self(self.0.difference(&other.0).cloned().collect())
    }
}

impl<S: Into<String>> FromIterator<S> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = S>>(scopes: I) -> Self {
        Self(scopes.into_iter().map(Into::into).filter(|scope| !scope.is_empty()).collect())
    }
}

/// Space-separated, as on the wire.
impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope)?;
        }
        Ok(())
    }
}

/// Where tokens come from, as configured: a hit needs no discovery.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// The token endpoint itself (RFC 6749 section 3.2).
    TokenUrl(String),
    /// The issuer identifier, whose metadata names the token endpoint (RFC 8414).
    Issuer(String),
}

/// The grant types that daypass asks with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GrantType {
    /// RFC 6749 section 4.4.
    ClientCredentials,
}

impl GrantType {
    /// Returns the value of the `grant_type` parameter.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientCredentials => "client_credentials",
        }
    }
}

/// Names a credential without telling it: 128 bits derived from the secret with HKDF. A changed
/// secret is another credential.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CredentialId(pub(crate) [u8; 16]);

impl fmt::Debug for CredentialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CredentialId")
    }
}

/// One request for a token, whole: everything that could change the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRequest {
    /// Where the token comes from.
    pub endpoint: Endpoint,
    /// The client identifier (RFC 6749 section 2.2).
    pub client_id: String,
    /// The credential that the client proves itself with.
    pub credential: CredentialId,
    /// The grant.
    pub grant: GrantType,
    /// The scopes asked for.
    pub scopes: ScopeSet,
    /// The `audience` parameter, which many issuers take.
    pub audience: Option<String>,
    /// The resource indicators (RFC 8707).
    pub resources: BTreeSet<String>,
    /// All other form parameters.
    pub params: BTreeMap<String, String>,
    /// The hash of the subject token, where the grant has one (RFC 8693).
    pub subject: Option<[u8; 32]>,
    /// The thumbprint of the key that the token is bound to (RFC 8705, RFC 9449).
    pub binding: Option<[u8; 32]>,
    /// Names the trust configuration (roots, proxy) that the request travels under.
    pub trust: Option<[u8; 32]>,
    /// The slot in a pool of tokens; 0 without a pool.
    pub pool_slot: u32,
}

impl TokenRequest {
    /// Returns a client-credentials request with nothing but the client in it.
    pub fn client_credentials(
        endpoint: Endpoint,
        client_id: impl Into<String>,
        credential: CredentialId,
    ) -> Self {
        Self {
            endpoint,
            client_id: client_id.into(),
            credential,
            grant: GrantType::ClientCredentials,
            scopes: ScopeSet::default(),
            audience: None,
            resources: BTreeSet::new(),
            params: BTreeMap::new(),
            subject: None,
            binding: None,
            trust: None,
            pool_slot: 0,
        }
    }

    /// Returns the key under which the token of this request is cached.
    pub fn key(&self) -> CacheKey {
        let mut fields = Fields::new(b"token");
        fields.endpoint(&self.endpoint);
        fields.bytes(self.client_id.as_bytes());
        fields.bytes(&self.credential.0);
        fields.bytes(self.grant.as_str().as_bytes());
        fields.list(self.scopes.iter());
        fields.option(self.audience.as_ref().map(String::as_bytes));
        fields.list(self.resources.iter().map(String::as_str));
        fields.list(self.params.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]));
        fields.option(self.subject.as_ref().map(<[u8; 32]>::as_slice));
        fields.option(self.binding.as_ref().map(<[u8; 32]>::as_slice));
        fields.option(self.trust.as_ref().map(<[u8; 32]>::as_slice));
        fields.bytes(&self.pool_slot.to_be_bytes());
        fields.key(self.family())
    }

    /// Returns the key under which a throttle is shared: by all requests of this credential at
    /// this token endpoint, whatever they ask for.
    pub fn throttle_key(&self) -> CacheKey {
        let mut fields = Fields::new(b"throttle");
        fields.endpoint(&self.endpoint);
        fields.bytes(self.client_id.as_bytes());
        fields.bytes(&self.credential.0);
        fields.key(self.family())
    }

    /// Returns what the keys of one client at one endpoint have in common. It needs no secret.
    pub fn family(&self) -> [u8; 8] {
        client_family(&self.endpoint, &self.client_id)
    }
}

/// Returns the first eight bytes of every key of this client at this endpoint: enough to say
/// "something is cached here" without a secret to open it.
pub(crate) fn client_family(endpoint: &Endpoint, client_id: &str) -> [u8; 8] {
    let mut fields = Fields::new(b"family");
    fields.endpoint(endpoint);
    fields.bytes(client_id.as_bytes());
    let [a, b, c, d, e, f, g, h, ..] = crypto::sha256(&fields.0);
    [a, b, c, d, e, f, g, h]
}

/// The key of a record: eight bytes that name the client at the endpoint, then 24 bytes of
/// SHA-256 over a version byte and length-prefixed fields.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CacheKey(pub(crate) [u8; 32]);

impl CacheKey {
    /// Returns the bytes of the key.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// 64 hexadecimal digits.
impl fmt::Display for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CacheKey({self})")
    }
}

/// The version of the field layout below; a change of the layout changes every key.
const LAYOUT: u8 = 1;

/// Length-prefixed fields: no two different lists of fields have the same bytes.
struct Fields(Vec<u8>);

impl Fields {
    fn new(kind: &[u8]) -> Self {
        let mut fields = Self(vec![LAYOUT]);
        fields.bytes(kind);
        fields
    }

    fn bytes(&mut self, field: &[u8]) {
        self.0.extend((field.len() as u64).to_be_bytes());
        self.0.extend(field);
    }

    fn option(&mut self, field: Option<&[u8]>) {
        match field {
            None => self.0.push(0),
            Some(field) => {
                self.0.push(1);
                self.bytes(field);
            }
        }
    }

    fn list<'a>(&mut self, items: impl Iterator<Item = &'a str>) {
        let items: Vec<_> = items.collect();
        self.0.extend((items.len() as u64).to_be_bytes());
        items.iter().for_each(|item| self.bytes(item.as_bytes()));
    }

    fn endpoint(&mut self, endpoint: &Endpoint) {
        let (tag, url) = match endpoint {
            Endpoint::TokenUrl(url) => (&b"token_url"[..], url),
            Endpoint::Issuer(url) => (&b"issuer"[..], url),
        };
        self.bytes(tag);
        self.bytes(url.as_bytes());
    }

    fn key(&self, family: [u8; 8]) -> CacheKey {
        let mut key = crypto::sha256(&self.0);
        for (byte, family) in key.iter_mut().zip(family) {
            *byte = family;
        }
        CacheKey(key)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn request() -> TokenRequest {
        TokenRequest::client_credentials(
            Endpoint::TokenUrl("https://auth.example.com/token".into()),
            "ci",
            CredentialId([7; 16]),
        )
    }

    /// Every field, changed in turn: each must lead to another key.
    fn variants() -> Vec<(&'static str, TokenRequest)> {
        let with = |change: fn(&mut TokenRequest)| {
            let mut request = request();
            change(&mut request);
            request
        };
        vec![
            ("nothing", request()),
            ("token_url", with(|r| r.endpoint = Endpoint::TokenUrl("https://b/".into()))),
            (
                "issuer",
                with(|r| r.endpoint = Endpoint::Issuer("https://auth.example.com/token".into())),
            ),
            ("client_id", with(|r| r.client_id = "ci2".into())),
            ("credential", with(|r| r.credential = CredentialId([8; 16]))),
            ("scopes", with(|r| r.scopes = ScopeSet::parse("a b"))),
            ("one scope", with(|r| r.scopes = ScopeSet::parse("ab"))),
            ("audience", with(|r| r.audience = Some("x".into()))),
            ("empty audience", with(|r| r.audience = Some(String::new()))),
            ("resource", with(|r| r.resources = ["x".to_owned()].into())),
            ("two resources", with(|r| r.resources = ["x".to_owned(), "y".to_owned()].into())),
            ("params", with(|r| r.params = [("a".to_owned(), "b".to_owned())].into())),
            ("other params", with(|r| r.params = [("ab".to_owned(), String::new())].into())),
            ("subject", with(|r| r.subject = Some([1; 32]))),
            ("binding", with(|r| r.binding = Some([1; 32]))),
            ("trust", with(|r| r.trust = Some([1; 32]))),
            ("pool_slot", with(|r| r.pool_slot = 1)),
        ]
    }

    #[test]
    fn requests_that_differ_in_any_field_have_different_keys() {
        let all = variants();
        for (i, (one, a)) in all.iter().enumerate() {
            for (other, b) in &all[i + 1..] {
                assert_ne!(a.key(), b.key(), "{one} and {other} share a key");
            }
            assert_ne!(a.key(), a.throttle_key());
        }
    }

    #[test]
    fn a_throttle_is_shared_by_all_requests_of_a_credential_and_by_no_other() {
        for (field, request) in variants() {
            let other = ["token_url", "issuer", "client_id", "credential"].contains(&field);
            assert_eq!(request.throttle_key() == variants()[0].1.throttle_key(), !other, "{field}");
        }
    }

    #[test]
    fn the_layout_of_keys_is_stable() {
        assert_eq!(
            request().key().to_string(),
            "4754d64d279665ef0f11ddaf88ecbffa5691d874c7c4aa18ac43fe06e7ae7791",
            "a changed key orphans every cached token: raise LAYOUT and this value together"
        );
    }

    proptest! {
        #[test]
        fn the_order_and_repetition_of_scopes_never_matter(
            scopes in proptest::collection::vec("[a-z:.]{1,8}", 0..8), seed in any::<u64>()
        ) {
            let mut shuffled = scopes.clone();
            if !shuffled.is_empty() {
                let at = (seed as usize) % shuffled.len();
                shuffled.rotate_left(at);
                shuffled.push(shuffled[0].clone());
                shuffled.reverse();
            }
            let (mut a, mut b) = (request(), request());
            a.scopes = scopes.into_iter().collect();
            b.scopes = shuffled.into_iter().collect();
            prop_assert_eq!(a.key(), b.key());
        }

        #[test]
        fn different_fields_never_meet_in_one_key(
            a in arbitrary_request(), b in arbitrary_request()
        ) {
            prop_assert_eq!(a == b, a.key() == b.key());
        }
    }

    fn arbitrary_request() -> impl Strategy<Value = TokenRequest> {
        let text = || "[ab]{0,2}";
        (
            (any::<bool>(), text(), text(), 0u8..2),
            proptest::collection::vec(text(), 0..3),
            proptest::option::of(text()),
            proptest::collection::btree_set(text(), 0..2),
            proptest::collection::btree_map(text(), text(), 0..2),
            0u32..2,
        )
            .prop_map(
                |(
                    (url, endpoint, client, credential),
                    scopes,
                    audience,
                    resources,
                    params,
                    pool_slot,
                )| {
                    let endpoint =
                        if url { Endpoint::TokenUrl(endpoint) } else { Endpoint::Issuer(endpoint) };
                    let mut request = TokenRequest::client_credentials(
                        endpoint,
                        client,
                        CredentialId([credential; 16]),
                    );
                    request.scopes = scopes.into_iter().collect();
                    request.audience = audience;
                    request.resources = resources;
                    request.params = params;
                    request.pool_slot = pool_slot;
                    request
                },
            )
    }
}
