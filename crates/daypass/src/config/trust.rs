//! Who may say where a secret goes. A file in the working directory may come with a cloned
//! repository: what it may set is a closed list that can send a secret to no new place.

use std::ops::Range;

use url::Url;

use super::schema::{Schema, Section};
use super::typed::Document;
use super::value::Value;
use crate::{Code, Error, Preset, address, printable};

/// The largest file that is read from the working directory, in bytes.
pub const MAX_FOUND_FILE: u64 = 64 * 1024;

/// Where a file came from, and with that how far it is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Named by the user: `--config`, `DAYPASS_CONFIG`, the Action's `config:`.
    Named {
        /// Whether the user's trust list has this path with this content.
        trusted: bool,
    },
    /// In the user's own configuration folder.
    Yours,
    /// In the working directory.
    Found {
        /// Whether the user's trust list has this path with this content.
        trusted: bool,
    },
}

impl Origin {
    /// Whether the file may say where secrets go.
    pub const fn is_trusted(self) -> bool {
        !matches!(self, Self::Found { trusted: false })
    }

    const fn is_found(self) -> bool {
        matches!(self, Self::Found { .. })
    }

    /// Whether the file may run commands.
    const fn may_run(self) -> bool {
        matches!(self, Self::Yours | Self::Named { trusted: true } | Self::Found { trusted: true })
    }
}

/// What the file system says about a file, taken from the descriptor that it is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileFacts {
    /// Whether it is a regular file.
    pub regular: bool,
    /// The owner's user id.
    pub owner: u32,
    /// The user id of this process.
    pub user: u32,
    /// The permission bits.
    pub mode: u32,
    /// The length in bytes.
    pub len: u64,
}

impl FileFacts {
    /// Checks whether a file is one that others could have written: it says where secrets go, and
    /// may run commands. What the user named is trusted further than what was found.
    ///
    /// # Errors
    ///
    /// `config.unsafe_file`. Found: not regular, owned by somebody else, writable by others or over
    /// 64 KiB. The user's own: not regular, owned by neither the user nor root, or writable by
    /// others. Named: writable by everybody.
    pub fn check(&self, path: &str, origin: Origin) -> Result<(), Error> {
        let path = printable(path);
        let Some((what, todo)) = self.wrong(&path, origin) else { return Ok(()) };
        let or = match origin {
            Origin::Named { .. } => String::new(),
            Origin::Yours | Origin::Found { .. } => format!(", or name it: --config {path}"),
        };
        Err(Error::new(Code::ConfigUnsafeFile, format!("{path} {what}: it is not used"))
            .with_hint(format!("{todo}{or}")))
    }

    /// What is wrong, and what to do.
    fn wrong(&self, path: &str, origin: Origin) -> Option<(String, String)> {
        let (kind, owner, writers) = match origin {
            Origin::Found { .. } => (self.regular, self.owner == self.user, 0o022),
            Origin::Yours => (self.regular, self.owner == self.user || self.owner == 0, 0o022),
            Origin::Named { .. } => (true, true, if self.regular { 0o002 } else { 0 }),
        };
        let whose = if origin.is_found() {
            "make it yours"
        } else {
            "make it yours; under sudo, is HOME still that of the other user (sudo -H)?"
        };
        if !kind {
            Some(("is not a regular file".to_owned(), "remove it".to_owned()))
        } else if !owner {
            let what = format!("belongs to another user (uid {})", self.owner);
            Some((what, whose.to_owned()))
        } else if self.mode & writers != 0 {
            let what = format!("can be written by others (mode {:04o})", self.mode & 0o7777);
            Some((what, format!("chmod go-w {path}")))
        } else if origin.is_found() && self.len > MAX_FOUND_FILE {
            Some((format!("is over {MAX_FOUND_FILE} bytes"), "make it smaller".to_owned()))
        } else {
            None
        }
    }

    const fn others_can_read(&self) -> bool {
        self.mode & 0o044 != 0
    }
}

/// Checks whether a file of this origin may say what it says.
pub(crate) fn check(
    document: &Document<'_>,
    schema: &Schema,
    origin: Origin,
    facts: &FileFacts,
) -> Result<(), Error> {
    let guard = Guard { document, origin, facts };
    if !origin.is_trusted() && schema.default.is_some() {
        return Err(guard.untrusted(schema.default_at.clone(), "`default`", None));
    }
    schema.profiles.iter().try_for_each(|(name, section)| guard.section(name, section))
}

struct Guard<'a> {
    document: &'a Document<'a>,
    origin: Origin,
    facts: &'a FileFacts,
}

impl Guard<'_> {
    fn section(&self, name: &str, section: &Section) -> Result<(), Error> {
        for (key, at) in &section.set {
            let value = match *key {
                "client_id" => section.client_id.as_ref(),
                "client_secret" => section.client_secret.as_ref(),
                _ => None,
            };
            let literal = *key == "client_secret" && matches!(value, Some(Value::Literal(_)));
            if !self.origin.is_trusted() && !harmless(section, key) {
                let what = format!("`{key}` of [profile.{name}]");
                return Err(self.untrusted(at.clone(), &what, destination(section, key)));
            }
            if literal && self.origin.is_found() {
                return Err(self.literal_secret(at.clone(), Code::ConfigUntrusted, "found"));
            }
            if literal && self.facts.others_can_read() {
                let others = "that others can read";
                return Err(self.literal_secret(at.clone(), Code::ConfigUnsafeFile, others));
            }
            if matches!(value, Some(Value::Command(_))) && !self.origin.may_run() {
                return Err(self.command(at.clone(), key, name));
            }
        }
        let secret = section.set.iter().find(|(key, _)| *key == "client_secret");
        if let (false, Some((_, at))) =
            (self.origin.is_trusted() || is_one_spelling(section), secret)
        {
            let what = format!("`client_secret` of [profile.{name}] and another client's id");
            return Err(self.untrusted(at.clone(), &what, destination(section, "client_secret")));
        }
        Ok(())
    }

    fn untrusted(&self, at: Range<usize>, what: &str, host: Option<String>) -> Error {
        let path = printable(self.document.path);
        let host = host.map(|host| format!(": {} would get the secret", printable(&host)));
        let message = format!("a found file may not set {what}{}", host.unwrap_or_default());
        self.document.error(Code::ConfigUntrusted, at, &message).with_hint(format!(
            "if you know this file, name it: --config {path}, or trust it: daypass trust {path}"
        ))
    }

    fn literal_secret(&self, at: Range<usize>, code: Code, kind: &str) -> Error {
        let path = printable(self.document.path);
        let file =
            if kind == "found" { format!("a {kind} file") } else { format!("a file {kind}") };
        let message = format!("a client_secret in {file} is not taken");
        let or = match code {
            Code::ConfigUnsafeFile => format!("chmod 600 {path}, or "),
            _ => String::new(),
        };
        self.document.error(code, at, &message).with_hint(format!(
            "{or}say where it is: client_secret = {{ env = \"...\" }} or {{ file = \"...\" }}"
        ))
    }

    fn command(&self, at: Range<usize>, key: &str, name: &str) -> Error {
        let path = printable(self.document.path);
        let message = format!("`{key}` of [profile.{name}] runs a command: a named file may not");
        self.document.error(Code::ConfigUntrusted, at, &message).with_hint(format!(
            "trust the file: daypass trust {path}, or move the profile to your config folder"
        ))
    }
}

/// Whether a key, as it is set here, can send a secret nowhere that the user didn't choose.
fn harmless(section: &Section, key: &str) -> bool {
    let preset = section.provider.filter(|preset| preset.has_closed_hosts());
    let own = |value: &Option<Value>| {
        let variable = value.as_ref().and_then(Value::variable);
        preset.is_some_and(|preset| preset.variables(key).any(|own| Some(own) == variable))
    };
    match key {
        "provider" => preset.is_some(),
        "region" | "scopes" | "min_ttl" | "max_ttl" => true,
        "client_id" => {
            matches!(section.client_id, Some(Value::Literal(_))) || own(&section.client_id)
        }
        "client_secret" => own(&section.client_secret),
        _ => false,
    }
}

/// Whether id and secret, where variables hold them, are of one spelling of the variables.
fn is_one_spelling(section: &Section) -> bool {
    let named = |value: &Option<Value>| value.as_ref()?.variable().map(str::to_owned);
    let (Some(id), Some(secret)) = (named(&section.client_id), named(&section.client_secret))
    else {
        return true;
    };
    section.provider.is_some_and(|preset| {
        let mut pairs = preset.variables("client_id").zip(preset.variables("client_secret"));
        pairs.any(|pair| pair == (&id, &secret))
    })
}

/// Returns the host that would get the secret (or the token), if the file says one.
fn destination(section: &Section, key: &str) -> Option<String> {
    let of = |address: &Option<String>| address::host(&Url::parse(address.as_ref()?).ok()?);
    let own = match key {
        "proxy" => of(&section.proxy),
        "api_url" => of(&section.api_url),
        "revocation_url" => of(&section.revocation_url),
        "hosts" => section.hosts.as_ref().and_then(|hosts| hosts.first().cloned()),
        "token_hosts" => section.token_hosts.first().cloned(),
        _ => None,
    };
    own.or_else(|| of(&section.token_url))
        .or_else(|| of(&section.issuer))
        .or_else(|| preset_host(section.provider?, section.region.as_ref()?))
}

fn preset_host(preset: Preset, region: &str) -> Option<String> {
    address::host(&Url::parse(&preset.address("token_url", preset.region(region)?)?).ok()?)
}

#[cfg(test)]
mod tests;
