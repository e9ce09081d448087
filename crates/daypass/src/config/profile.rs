//! A profile as needed: what a token request, a store and a gateway are built from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::num::NonZeroU8;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::value::{Keep, Value};
use crate::{
    ClientAuthMethod, CredentialId, Dialect, Endpoint, Preset, Region, Revocation, ScopeSet,
    TokenRequest, address, crypto,
};

/// Everything known about a profile before anything is read or asked. It names its credentials
/// and holds none, unless a file holds them literally. `Debug` shows what may be logged.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Profile {
    /// The profile's name.
    pub name: String,
    /// The name of the preset, where there is one.
    pub provider: Option<&'static str>,
    /// The region, where the provider has regions and one is known.
    pub region: Option<Region>,
    /// Where tokens come from.
    pub endpoint: Endpoint,
    /// The client identifier's text, or where it is.
    pub client_id: Value,
    /// The client secret, or where it is.
    pub client_secret: Value,
    /// How the client proves itself.
    pub client_auth: ClientAuthMethod,
    /// What is peculiar about the token endpoint.
    pub dialect: Dialect,
    /// The scopes to ask for.
    pub scopes: ScopeSet,
    /// The `audience` parameter.
    pub audience: Option<String>,
    /// The resource indicators (RFC 8707).
    pub resources: BTreeSet<String>,
    /// All other form parameters.
    pub params: BTreeMap<String, String>,
    /// Further hosts that discovered endpoints may be on.
    pub token_hosts: Vec<String>,
    /// How long a token must still live; `None` leaves it to the command.
    pub min_ttl: Option<Duration>,
    /// The longest that a token is taken to live.
    pub max_ttl: Option<Duration>,
    /// How long a token lives whose issuer doesn't say.
    pub assume_ttl: Duration,
    /// How many tokens a gateway uses in turn, if more than one.
    pub pool: Option<NonZeroU8>,
    /// The roots that replace the system's for the token endpoint.
    pub ca_file: Option<PathBuf>,
    /// The roots that replace the system's for the API.
    pub api_ca_file: Option<PathBuf>,
    /// The proxy to use, in place of what the environment says.
    pub proxy: Option<String>,
    /// Where its tokens are kept, in place of what the environment says.
    pub store: Option<Keep>,
    pub(super) preset: Preset,
    /// `hosts`, `api_url` and `revocation_url` as typed.
    pub(super) hosts: Option<Vec<String>>,
    pub(super) api_url: Option<String>,
    pub(super) revocation_url: Option<String>,
}

impl Profile {
    /// Returns what to call the issuer's place in a message: the region or the host.
    pub fn place(&self) -> String {
        let url = match &self.endpoint {
            Endpoint::TokenUrl(url) | Endpoint::Issuer(url) => url,
        };
        let region = self.own_region().map(|region| region.name.to_owned());
        region
            .or_else(|| address::host(&Url::parse(url).ok()?))
            .unwrap_or_else(|| crate::printable(url))
    }

    /// Returns the API's base address, where it is known. With a token endpoint of its own, as for
    /// a test system, a profile has not the region's API: a token never goes where it is not from.
    pub fn api_url(&self) -> Option<String> {
        self.api_url.clone().or_else(|| self.preset.address("api_url", self.own_region()?))
    }

    /// The region, if tokens come from there.
    fn own_region(&self) -> Option<Region> {
        let region = self.region?;
        let usual = self.preset.address("token_url", region).map(Endpoint::TokenUrl);
        (usual.as_ref() == Some(&self.endpoint)).then_some(region)
    }

    /// Returns the hosts (`host` or `host:port`, lower case) that tokens may go to. A preset's
    /// tokens go to its API in the profile's region; without a region, as for a test system,
    /// nowhere by themselves.
    pub fn hosts(&self) -> Vec<String> {
        let api = || address::host(&Url::parse(&self.api_url()?).ok()?);
        self.hosts.clone().unwrap_or_else(|| api().into_iter().collect())
    }

    /// Returns how a token is revoked, where that is known without discovery.
    pub fn revocation(&self) -> Option<Revocation> {
        let kind = match self.dialect {
            Dialect::Genesys => Revocation::Delete,
            Dialect::Rfc => Revocation::Rfc7009,
        };
        if let Some(url) = &self.revocation_url {
            return Some(kind(url.clone()));
        }
        let url = self.preset.text("revocation")?;
        Some(kind(url.replace("{api_url}", self.api_url()?.trim_end_matches('/'))))
    }

    /// Returns the variable in which `exec` gives the token to its child.
    pub fn token_variable(&self) -> &'static str {
        self.preset.text("token_variable").unwrap_or("ACCESS_TOKEN")
    }

    /// Returns what decides how long tokens live, to tell when they live too short.
    pub fn lifetime_hint(&self) -> &'static str {
        self.preset.text("lifetime_hint").unwrap_or_default()
    }

    /// Returns what a refusal of the client can mean.
    pub fn rejected_hint(&self) -> String {
        let region = self.region.map_or("the region of this profile", |region| region.name);
        self.preset.text("rejected_hint").unwrap_or_default().replace("{region}", region)
    }

    /// Returns the request for a token, once id and secret are known and the trust configuration
    /// has its [`trust_id`].
    pub fn request(
        &self,
        client_id: impl Into<String>,
        credential: CredentialId,
        trust: Option<[u8; 32]>,
    ) -> TokenRequest {
        TokenRequest {
            scopes: self.scopes.clone(),
            audience: self.audience.clone(),
            resources: self.resources.clone(),
            params: self.params.clone(),
            trust,
            ..TokenRequest::client_credentials(self.endpoint.clone(), client_id, credential)
        }
    }

    /// Returns the variables that this profile's credentials come from: what a child process
    /// need not inherit, besides [`credential_variables`](crate::credential_variables).
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        [&self.client_id, &self.client_secret].into_iter().filter_map(Value::variable)
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile")
            .field("name", &self.name)
            .field("provider", &self.provider)
            .field("region", &self.region.map(|region| region.name))
            .field("place", &self.place())
            .field("scopes", &self.scopes)
            .field("params", &self.params.keys().collect::<Vec<_>>())
            .field("hosts", &self.hosts())
            .finish_non_exhaustive()
    }
}

/// Names a trust configuration: the bytes of the roots that replace the system's, and the proxy.
/// `None` stands for the defaults.
pub fn trust_id(roots: Option<&[u8]>, proxy: Option<&str>) -> Option<[u8; 32]> {
    if roots.is_none() && proxy.is_none() {
        return None;
    }
    let mut fields = Vec::new();
    for field in [roots, proxy.map(str::as_bytes)] {
        fields.push(u8::from(field.is_some()));
        let field = field.unwrap_or_default();
        fields.extend((field.len() as u64).to_be_bytes());
        fields.extend(field);
    }
    Some(crypto::sha256(&fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_trust_has_different_names_and_the_default_has_none() {
        let ids = [
            trust_id(None, None),
            trust_id(Some(b""), None),
            trust_id(None, Some("")),
            trust_id(Some(b""), Some("")),
            trust_id(Some(b"ab"), None),
            trust_id(None, Some("ab")),
            trust_id(Some(b"a"), Some("b")),
        ];
        assert_eq!(ids[0], None);
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    }
}
