//! A `daypass.toml` as typed: every key known, every value well-formed in itself. What the keys
//! mean together is `resolve`'s; who may set them is `trust`'s.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU8;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use super::check::{self, Wrong};
use super::typed::{Document, Entry, Table};
use super::value::{Keep, Value};
use crate::printable::named;
use crate::{ClientAuthMethod, Code, Error, Preset, ScopeSet};

/// All keys of a profile.
pub(crate) const KEYS: &[&str] = &[
    "provider",
    "region",
    "token_url",
    "issuer",
    "client_id",
    "client_secret",
    "client_auth",
    "grant",
    "scopes",
    "audience",
    "resource",
    "params",
    "hosts",
    "token_hosts",
    "min_ttl",
    "max_ttl",
    "assume_ttl",
    "api_url",
    "revocation_url",
    "ca_file",
    "api_ca_file",
    "proxy",
    "store",
    "pool",
];

/// A whole file.
#[derive(Default)]
pub(crate) struct Schema {
    pub(crate) default: Option<String>,
    /// Where `default` stands.
    pub(crate) default_at: Range<usize>,
    pub(crate) profiles: BTreeMap<String, Section>,
}

/// One `[profile.NAME]`.
#[derive(Clone, Default)]
pub(crate) struct Section {
    /// Which keys are set, and where.
    pub(crate) set: Vec<(&'static str, Range<usize>)>,
    pub(crate) provider: Option<Preset>,
    pub(crate) region: Option<String>,
    pub(crate) token_url: Option<String>,
    pub(crate) issuer: Option<String>,
    pub(crate) client_id: Option<Value>,
    pub(crate) client_secret: Option<Value>,
    pub(crate) client_auth: Option<ClientAuthMethod>,
    pub(crate) scopes: Option<ScopeSet>,
    pub(crate) audience: Option<String>,
    pub(crate) resources: BTreeSet<String>,
    pub(crate) params: BTreeMap<String, String>,
    pub(crate) hosts: Option<Vec<String>>,
    pub(crate) token_hosts: Vec<String>,
    pub(crate) min_ttl: Option<Duration>,
    pub(crate) max_ttl: Option<Duration>,
    pub(crate) assume_ttl: Option<Duration>,
    pub(crate) pool: Option<NonZeroU8>,
    pub(crate) api_url: Option<String>,
    pub(crate) revocation_url: Option<String>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) api_ca_file: Option<PathBuf>,
    pub(crate) proxy: Option<String>,
    pub(crate) store: Option<Keep>,
}

impl Schema {
    /// Reads a file's text.
    pub(crate) fn read(document: &Document<'_>) -> Result<Self, Error> {
        let root = document.parse()?;
        let mut schema = Self::default();
        for (key, value) in root.get_ref() {
            let entry = Entry { document, key: key.get_ref(), value };
            match entry.key {
                "default" => {
                    schema.default = Some(entry.text()?.to_owned());
                    schema.default_at = key.span();
                }
                "profile" => schema.profiles = profiles(document, entry.table()?)?,
                other => {
                    let known = ["default", "profile"];
                    let error = document.unknown_key(key.span(), other, &known);
                    return Err(match KEYS.contains(&other) {
                        true => {
                            error.with_hint("it belongs to a profile: put it under [profile.NAME]")
                        }
                        false => error,
                    });
                }
            }
        }
        Ok(schema)
    }
}

fn profiles(
    document: &Document<'_>,
    table: &Table<'_>,
) -> Result<BTreeMap<String, Section>, Error> {
    let mut profiles = BTreeMap::new();
    for (key, value) in table {
        let name: &str = key.get_ref();
        let at = |wrong| document.wrong(key.span(), wrong);
        check::profile_name(name).map_err(at)?;
        let entry = Entry { document, key: name, value };
        let section = Section::read(document, entry.table()?)?;
        section.contradiction(name).map_or(Ok(()), |wrong| Err(at(wrong)))?;
        profiles.insert(name.to_owned(), section);
    }
    Ok(profiles)
}

impl Section {
    fn read(document: &Document<'_>, table: &Table<'_>) -> Result<Self, Error> {
        let mut section = Self::default();
        for (key, value) in table {
            let typed: &str = key.get_ref();
            let Some(known) = KEYS.iter().copied().find(|known| *known == typed) else {
                return Err(document.unknown_key(key.span(), typed, KEYS));
            };
            section.set.push((known, key.span()));
            section.take(Entry { document, key: known, value })?;
        }
        section.endpoint(document, table)?;
        Ok(section)
    }

    fn take(&mut self, entry: Entry<'_, '_>) -> Result<(), Error> {
        let text = || entry.text().map(|text| Some(text.to_owned()));
        let address =
            || entry.checked(|typed| check::address(typed).map(|_| Some(typed.to_owned())));
        let each = |check: fn(&str) -> Result<String, Wrong>| {
            let texts = entry.texts()?.into_iter().map(check);
            texts.collect::<Result<Vec<_>, _>>().map_err(|wrong| entry.wrong(wrong))
        };
        match entry.key {
            "provider" => self.provider = entry.checked(check::provider).map(Some)?,
            "region" => self.region = text()?,
            "token_url" => self.token_url = address()?,
            "issuer" => self.issuer = address()?,
            "client_id" => self.client_id = Some(credential(entry)?),
            "client_secret" => self.client_secret = Some(credential(entry)?),
            "client_auth" => self.client_auth = entry.checked(client_auth).map(Some)?,
            "grant" => entry.checked(grant)?,
            "scopes" => self.scopes = Some(scopes(entry)?),
            "audience" => self.audience = text()?,
            "resource" => {
                self.resources = entry.texts()?.into_iter().map(str::to_owned).collect();
            }
            "params" => self.params = params(entry)?,
            "hosts" => self.hosts = Some(each(check::host_entry)?),
            "token_hosts" => self.token_hosts = each(check::host_entry)?,
            "min_ttl" => self.min_ttl = Some(entry.duration()?),
            "max_ttl" => self.max_ttl = Some(lifetime(entry)?),
            "assume_ttl" => self.assume_ttl = Some(lifetime(entry)?),
            "pool" => self.pool = Some(entry.count()?),
            "api_url" => self.api_url = address()?,
            "revocation_url" => self.revocation_url = address()?,
            "ca_file" => self.ca_file = Some(entry.path()?),
            "api_ca_file" => self.api_ca_file = Some(entry.path()?),
            "proxy" => {
                self.proxy = entry.checked(|typed| check::proxy(typed).map(|_| typed)).map(own)?;
            }
            "store" => self.store = Some(keep(entry)?),
            // `read` gives only keys of `KEYS`; a test goes through them all.
            _ => return Err(Error::internal("a key of a profile without a meaning")),
        }
        Ok(())
    }

    /// Checks a token endpoint against the provider, which may stand after it.
    fn endpoint(&self, document: &Document<'_>, table: &Table<'_>) -> Result<(), Error> {
        let Some(value) = table.get("token_url") else { return Ok(()) };
        Entry { document, key: "token_url", value }
            .checked(|typed| check::token_endpoint(&check::address(typed)?, self.provider))
    }

    fn contradiction(&self, name: &str) -> Option<Wrong> {
        if self.token_url.is_some() && self.issuer.is_some() {
            return Some(
                Wrong::new(format!("[profile.{name}] has both `token_url` and `issuer`"))
                    .with_hint("keep one: `issuer` looks the token endpoint up, `token_url` is it"),
            );
        }
        if let (Some(min), Some(max)) = (self.min_ttl, self.max_ttl)
            && min > max
        {
            return Some(
                Wrong::new(format!("[profile.{name}] wants `min_ttl` longer than `max_ttl`"))
                    .with_hint("no token could ever do: raise max_ttl or lower min_ttl"),
            );
        }
        None
    }
}

fn own(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn credential(entry: Entry<'_, '_>) -> Result<Value, Error> {
    let value = entry.value()?;
    match &value {
        Value::Literal(text) if text.is_empty() => {
            let code = match entry.key {
                "client_secret" => Code::ConfigSecretEmpty,
                _ => Code::ConfigClientIdMissing,
            };
            Err(entry.wrong(Wrong { code, ..Wrong::new("must not be empty") }))
        }
        _ => Ok(value),
    }
}

fn client_auth(typed: &str) -> Result<ClientAuthMethod, Wrong> {
    ClientAuthMethod::parse(typed).ok_or_else(|| {
        let names = ClientAuthMethod::ALL.map(ClientAuthMethod::as_str).join(", ");
        Wrong::new(format!("no client authentication {}", named(typed)))
            .with_hint(format!("there are: {names}"))
    })
}

fn grant(typed: &str) -> Result<(), Wrong> {
    if typed == "client_credentials" {
        return Ok(());
    }
    Err(Wrong::new(format!("no grant {}", named(typed)))
        .with_hint("daypass gets tokens for machines: client_credentials is the only grant"))
}

fn scopes(entry: Entry<'_, '_>) -> Result<ScopeSet, Error> {
    let list = match entry.texts()?.as_slice() {
        [one] if entry.value.get_ref().is_str() => check::scopes(one.split(' ')),
        list => check::scopes(list.iter().copied()),
    };
    list.map_err(|wrong| entry.wrong(wrong))
}

fn params(entry: Entry<'_, '_>) -> Result<BTreeMap<String, String>, Error> {
    let params = entry.text_table()?;
    let names = params.keys().try_for_each(|name| check::param_name(name));
    names.map_err(|wrong| entry.wrong(wrong)).map(|()| params)
}

fn keep(entry: Entry<'_, '_>) -> Result<Keep, Error> {
    match entry.text()? {
        "memory" => Ok(Keep::Memory),
        typed if typed.contains("://") => Err(entry
            .wrong(Wrong::new("there is no store of this kind yet").with_hint(
                "a folder that only you can use, or \"memory\" to keep nothing at rest",
            ))),
        _ => entry.path().map(Keep::Folder),
    }
}

fn lifetime(entry: Entry<'_, '_>) -> Result<Duration, Error> {
    match entry.duration()? {
        Duration::ZERO => Err(entry.wrong(Wrong::new("must be more than nothing"))),
        lifetime => Ok(lifetime),
    }
}

#[cfg(test)]
mod tests;
