//! Providers: presets that fill in what a user need not know.
//!
//! A provider is a file of data, `provider/NAME.toml`, and a line in [`PRESETS`]. The keys:
//!
//! | key | what it says |
//! | --- | --- |
//! | `name`, `title` | what `provider = "..."` says; what people call it |
//! | `profile` | the profile that the environment variables alone make |
//! | `dialect`, `client_auth` | how the token endpoint is spoken to |
//! | `token_url`, `api_url`, `revocation` | addresses; `{domain}` is the region's, `{api_url}` the API's |
//! | `token_variable` | the variable in which `exec` gives the token to its child |
//! | `example_region` | the region that messages use as an example |
//! | `no_such_path` | a token endpoint's path that people try and that does not exist |
//! | `no_scopes` | there if scopes mean nothing here: what to do about it |
//! | `lifetime_hint`, `rejected_hint` | what decides a token's lifetime; what a refusal can mean |
//! | `[variables]` | names that are in use, most preferred first; the lists run in parallel |
//! | `[regions]` | the closed list: name = domain |

mod data;
mod region;

pub use region::Region;

use crate::{ClientAuthMethod, Dialect};

const PRESETS: [Preset; 2] = [
    Preset::new(include_str!("provider/genesys-cloud.toml")),
    Preset::new(include_str!("provider/generic.toml")),
];

/// A preset for one provider.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    source: &'static str,
    root: &'static str,
    variables: &'static str,
    regions: &'static str,
}

impl Preset {
    const fn new(source: &'static str) -> Self {
        Self {
            source,
            root: data::section(source, ""),
            variables: data::section(source, "variables"),
            regions: data::section(source, "regions"),
        }
    }

    /// Returns all presets.
    pub fn all() -> impl Iterator<Item = Self> {
        PRESETS.into_iter()
    }

    /// Returns the preset that `provider = "..."` names.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|preset| preset.name() == name)
    }

    /// Returns the preset for a profile that names none.
    pub(crate) const fn generic() -> Self {
        let [.., generic] = PRESETS;
        generic
    }

    /// Returns the name.
    pub fn name(self) -> &'static str {
        self.text("name").unwrap_or_default()
    }

    /// Returns what people call it.
    pub fn title(self) -> &'static str {
        self.text("title").unwrap_or_default()
    }

    /// Returns the name of the profile that the environment alone makes.
    pub fn profile(self) -> &'static str {
        self.text("profile").unwrap_or_default()
    }

    /// Returns the closed list of regions; empty if the provider has none.
    pub fn regions(self) -> impl Iterator<Item = Region> {
        data::texts(self.regions).map(|(name, domain)| Region { name, domain })
    }

    /// Returns the region that `typed` says: a name, a domain or a host, by equality.
    pub fn region(self, typed: &str) -> Option<Region> {
        self.regions().find(|region| region.is_said_by(typed))
    }

    /// Whether its hosts are a closed list, so that naming it can send a secret nowhere else.
    pub fn has_closed_hosts(self) -> bool {
        self.regions().next().is_some()
    }

    /// Returns the variables in use for `what` (`client_id`, `client_secret`, `region`, ...),
    /// most preferred first.
    pub fn variables(self, what: &str) -> impl Iterator<Item = &'static str> {
        data::list(self.variables, what)
    }

    pub(crate) fn dialect(self) -> Dialect {
        match self.text("dialect") {
            Some("genesys") => Dialect::Genesys,
            _ => Dialect::Rfc,
        }
    }

    pub(crate) fn client_auth(self) -> ClientAuthMethod {
        let method = self.text("client_auth").and_then(ClientAuthMethod::parse);
        method.unwrap_or(ClientAuthMethod::ClientSecretBasic)
    }

    /// Returns a value of the preset itself.
    pub(crate) fn text(self, key: &str) -> Option<&'static str> {
        data::text(self.root, key)
    }

    /// Returns an address with the region's domain in it.
    pub(crate) fn address(self, key: &str, region: Region) -> Option<String> {
        Some(self.text(key)?.replace("{domain}", region.domain))
    }

    #[cfg(test)]
    pub(crate) fn source(self) -> &'static str {
        self.source
    }
}

impl std::fmt::Debug for Preset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Preset({})", self.name())
    }
}

/// Returns every variable that any provider's client id or secret is found in: what a child
/// process need not inherit.
pub fn credential_variables() -> impl Iterator<Item = &'static str> {
    Preset::all()
        .flat_map(|preset| preset.variables("client_id").chain(preset.variables("client_secret")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preset_says_everything_that_is_needed() {
        for preset in Preset::all() {
            for key in
                ["name", "profile", "title", "token_variable", "lifetime_hint", "rejected_hint"]
            {
                assert!(preset.text(key).is_some_and(|text| !text.is_empty()), "{preset:?} {key}");
            }
            assert!(["rfc", "genesys"].contains(&preset.text("dialect").unwrap()));
            assert!(ClientAuthMethod::parse(preset.text("client_auth").unwrap()).is_some());
            let spellings = preset.variables("client_id").count();
            assert!(spellings > 0);
            for what in ["client_secret", "region", "environment", "token_url"] {
                let names = preset.variables(what).count();
                assert!(names == spellings || names == 0, "{preset:?} {what}");
            }
            assert_eq!(preset.has_closed_hosts(), preset.text("token_url").is_some());
        }
        assert_eq!(Preset::generic().name(), "generic");
    }

    #[test]
    fn presets_and_their_profiles_are_named_apart() {
        let names: std::collections::BTreeSet<_> = Preset::all().map(Preset::name).collect();
        let profiles: std::collections::BTreeSet<_> = Preset::all().map(Preset::profile).collect();
        assert_eq!((names.len(), profiles.len()), (PRESETS.len(), PRESETS.len()));
    }

    #[test]
    fn genesys_cloud_has_its_hosts() {
        let preset = Preset::named("genesys-cloud").unwrap();
        let region = preset.region("eu_west_1").unwrap();
        let token_url = preset.address("token_url", region).unwrap();
        assert_eq!(token_url, "https://login.mypurecloud.ie/oauth/token");
        assert_eq!(preset.address("api_url", region).unwrap(), "https://api.mypurecloud.ie");
        assert_eq!(preset.dialect(), Dialect::Genesys);
        assert_eq!(preset.client_auth(), ClientAuthMethod::ClientSecretBasicRaw);
    }

    #[test]
    fn the_variables_with_credentials_are_known() {
        let names: Vec<_> = credential_variables().collect();
        assert_eq!(names.len(), 8);
        assert!(names.contains(&"GC_CLIENT_SECRET") && names.contains(&"OAUTH2_CLIENT_ID"));
    }
}
