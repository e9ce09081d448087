//! Puts a profile together: what its file says, then what the environment says in the provider's
//! own variables, then the provider's preset.

use super::check::{self, Wrong};
use super::credentials::secrets_empty;
use super::schema::Section;
use super::select::{Kind, Selected, select};
use super::value::Value;
use super::variables::{Spelling, Spellings, Variable, unknown_region};
use super::{ConfigFile, Profile};
use crate::{Code, Endpoint, Env, Error, Preset, Region, ScopeSet};

/// Returns the profile that is meant, from files, the environment and the name given on the
/// command line.
///
/// That the secret's variable is set is not asked here: a command that only looks or forgets
/// needs no secret. [`Profile::read_client_secret`] asks.
///
/// # Errors
///
/// `config.no_profile`, `config.unknown_profile`, `config.ambiguous`, `config.untrusted`: which
/// profile. `config.region_missing`, `config.region_unknown`, `config.client_id_missing`,
/// `config.secret_missing`, `config.secret_empty`, `config.scope_unsupported`,
/// `config.insecure_url`, `config.invalid`: what it says.
pub fn resolve(files: &[ConfigFile], env: &Env, name: Option<&str>) -> Result<Profile, Error> {
    let selected = select(files, env, name)?;
    let empty = Section::default();
    let (section, provider) = match selected.kind {
        Kind::File(section) => (section, section.provider),
        Kind::Environment(preset) => (&empty, Some(preset)),
    };
    // Without a `provider` a file speaks for itself: no variable is read that it doesn't name.
    let spellings = provider.map(|preset| Spellings::read(preset, env)).transpose()?;
    if let (Some(spellings), false) = (&spellings, selected.named) {
        spellings.check_agreement()?;
    }
    let (id, secret) = (section.client_id.as_ref(), section.client_secret.as_ref());
    spellings.as_ref().map_or(Ok(()), |spellings| spellings.check_pair(id, secret))?;
    let spelling = spellings.as_ref().and_then(|spellings| spellings.choose(id, secret));
    let preset = provider.unwrap_or_else(Preset::generic);
    Resolving { selected, section, provider, preset, spellings, spelling }.profile()
}

struct Resolving<'a, 'e> {
    selected: Selected<'a>,
    section: &'a Section,
    provider: Option<Preset>,
    preset: Preset,
    spellings: Option<Spellings<'e>>,
    spelling: Option<Spelling<'e>>,
}

impl<'e> Resolving<'_, 'e> {
    fn profile(self) -> Result<Profile, Error> {
        let (section, preset) = (self.section, self.preset);
        self.check_there_is_a_client()?;
        let region = self.region()?;
        let endpoint = self.endpoint(region)?;
        Ok(Profile {
            name: self.selected.name.to_owned(),
            provider: self.provider.map(Preset::name),
            region,
            endpoint,
            client_id: self.credential(
                section.client_id.as_ref(),
                self.spelling.map(|spelling| spelling.id.name),
                (Code::ConfigClientIdMissing, "client_id"),
            )?,
            client_secret: self.credential(
                section.client_secret.as_ref(),
                self.spelling.map(|spelling| spelling.secret.name),
                (Code::ConfigSecretMissing, "client_secret"),
            )?,
            client_auth: section.client_auth.unwrap_or_else(|| preset.client_auth()),
            dialect: preset.dialect(),
            scopes: self.scopes()?,
            audience: section.audience.clone().or_else(|| self.said(|s| s.audience)),
            resources: section.resources.clone(),
            params: section.params.clone(),
            token_hosts: section.token_hosts.clone(),
            min_ttl: section.min_ttl,
            max_ttl: section.max_ttl,
            assume_ttl: section.assume_ttl.unwrap_or(crate::ASSUME_TTL),
            pool: section.pool,
            ca_file: section.ca_file.clone(),
            api_ca_file: section.api_ca_file.clone(),
            proxy: section.proxy.clone(),
            store: section.store.clone(),
            preset,
            hosts: section.hosts.clone(),
            api_url: section.api_url.clone(),
            revocation_url: section.revocation_url.clone(),
        })
    }

    fn is_from_environment(&self) -> bool {
        matches!(self.selected.kind, Kind::Environment(_))
    }

    /// Returns what a variable of the chosen spelling says.
    fn said(&self, which: fn(&Spelling<'e>) -> Option<Variable<'e>>) -> Option<String> {
        Some(which(self.spelling.as_ref()?)?.filled()?.to_owned())
    }

    /// A profile of the environment needs at least one credential with something in it; all
    /// other complaints would only confuse.
    fn check_there_is_a_client(&self) -> Result<(), Error> {
        let (true, Some(spelling)) = (self.is_from_environment(), self.spelling) else {
            return Ok(());
        };
        if spelling.those(|variable| variable.filled().is_some()).is_some() {
            return Ok(());
        }
        if let Some(blank) = spelling.those(Variable::is_blank) {
            return Err(secrets_empty(&blank));
        }
        let mut names = vec![spelling.id.name, spelling.secret.name];
        names.extend(spelling.region.or(spelling.token_url).map(|variable| variable.name));
        let message = format!("the environment has no client for \"{}\"", self.selected.name);
        Err(Error::new(Code::ConfigClientIdMissing, message)
            .with_hint(format!("set {}", names.join(", "))))
    }

    fn region(&self) -> Result<Option<Region>, Error> {
        let (section, preset) = (self.section, self.preset);
        if let Some(typed) = &section.region {
            if !preset.has_closed_hosts() {
                return Err(Error::new(
                    Code::ConfigInvalid,
                    format!("`region` of \"{}\" means nothing here", self.selected.name),
                )
                .with_hint("remove it, or say whose region it is: provider = \"genesys-cloud\""));
            }
            let place = format!("`region` of \"{}\"", self.selected.name);
            let region = preset.region(typed);
            return region.map(Some).ok_or_else(|| unknown_region(preset, &place, typed));
        }
        let elsewhere = section.token_url.is_some() || section.issuer.is_some();
        if elsewhere || !preset.has_closed_hosts() {
            return Ok(None);
        }
        let (Some(spellings), Some(spelling)) = (&self.spellings, &self.spelling) else {
            return Ok(None);
        };
        match spellings.region(spelling)? {
            Some(region) => Ok(Some(region)),
            None => Err(self.region_missing(spelling)),
        }
    }

    fn region_missing(&self, spelling: &Spelling<'_>) -> Error {
        let variable = spelling.region.map_or("", |variable| variable.name);
        let example = self.preset.text("example_region").and_then(|name| self.preset.region(name));
        let (name, domain) = example.map_or(("", ""), |region| (region.name, region.domain));
        let tail =
            format!("export {variable}={name} (your login host ends in {domain}? that is {name})");
        if !self.is_from_environment() {
            let profile = self.selected.name;
            return Error::new(Code::ConfigRegionMissing, format!("\"{profile}\" has no region"))
                .with_hint(format!("region = \"{name}\" under [profile.{profile}], or {tail}"));
        }
        // A missing secret explains more than a missing region.
        if spelling.secret.is_blank() {
            return secrets_empty(spelling.secret.name);
        }
        let set = spelling.those(|v| v.filled().is_some()).unwrap_or_default();
        let (are, blank) = (
            if set.contains(" and ") { "are" } else { "is" },
            spelling.region.is_some_and(Variable::is_blank),
        );
        let but = if blank { format!("{variable} is empty") } else { "no region".to_owned() };
        Error::new(Code::ConfigRegionMissing, format!("{set} {are} set, but {but}")).with_hint(tail)
    }

    fn endpoint(&self, region: Option<Region>) -> Result<Endpoint, Error> {
        let section = self.section;
        if let Some(url) = &section.token_url {
            return Ok(Endpoint::TokenUrl(url.clone()));
        }
        if let Some(url) = &section.issuer {
            return Ok(Endpoint::Issuer(url.clone()));
        }
        if let Some(url) = region.and_then(|region| self.preset.address("token_url", region)) {
            return Ok(Endpoint::TokenUrl(url));
        }
        let variable = self.spelling.and_then(|spelling| spelling.token_url);
        if let Some((name, url)) = variable.and_then(|v| Some((v.name, v.filled()?))) {
            if !check::is_plain(url) {
                let checked =
                    check::address(url).and_then(|url| check::token_endpoint(&url, self.provider));
                checked.map_err(|wrong| at_variable(name, wrong))?;
            }
            return Ok(Endpoint::TokenUrl(url.to_owned()));
        }
        Err(self.endpoint_missing(variable))
    }

    fn endpoint_missing(&self, variable: Option<Variable<'_>>) -> Error {
        let set = self.spelling.and_then(|spelling| spelling.those(|v| v.filled().is_some()));
        match (self.is_from_environment(), variable, set) {
            (true, Some(Variable { name, value }), Some(set)) => {
                let are = if set.contains(" and ") { "are" } else { "is" };
                let but = if value.is_some() { "is empty" } else { "is not" };
                Error::new(Code::ConfigInvalid, format!("{set} {are} set, but {name} {but}"))
                    .with_hint(format!("export {name}=https://HOST/PATH, the token endpoint"))
            }
            _ => Error::new(
                Code::ConfigInvalid,
                format!("\"{}\" does not say where its tokens come from", self.selected.name),
            )
            .with_hint(
                "token_url = \"https://...\", or issuer = \"https://...\", \
                 or provider = \"genesys-cloud\" with a region",
            ),
        }
    }

    fn credential(
        &self,
        typed: Option<&Value>,
        variable: Option<&'static str>,
        (code, key): (Code, &str),
    ) -> Result<Value, Error> {
        let implied = || variable.map(|name| Value::Env(name.to_owned()));
        typed.cloned().or_else(implied).ok_or_else(|| {
            let upper = self.selected.name.to_ascii_uppercase().replace(['-', '.'], "_");
            let example = format!("{upper}_{}", key.to_ascii_uppercase());
            Error::new(code, format!("\"{}\" has no {key}", self.selected.name))
                .with_hint(format!("{key} = {{ env = \"{example}\" }}, or {{ file = \"...\" }}"))
        })
    }

    fn scopes(&self) -> Result<ScopeSet, Error> {
        let scopes = match (&self.section.scopes, self.spelling.and_then(|s| s.scope)) {
            (Some(scopes), _) => scopes.clone(),
            (None, Some(Variable { name, value: Some(list) })) => {
                let list = check::scopes(list.split_ascii_whitespace());
                list.map_err(|wrong| at_variable(name, wrong))?
            }
            (None, _) => ScopeSet::default(),
        };
        match self.preset.text("no_scopes") {
            Some(todo) if !scopes.is_empty() => {
                let provider = self.preset.name();
                let message = format!("`scopes` means nothing for {provider} client credentials");
                Err(Error::new(Code::ConfigScopeUnsupported, message).with_hint(todo))
            }
            _ => Ok(scopes),
        }
    }
}

fn at_variable(name: &str, wrong: Wrong) -> Error {
    let error = Error::new(wrong.code, format!("{name}: {}", wrong.message));
    match wrong.hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

#[cfg(test)]
mod tests;
