//! Configuration: files as typed, the captured environment, and what they come to.
//!
//! Nothing in here does I/O. A caller finds and reads the files, says where each came from and
//! what the file system tells about it ([`Origin`], [`FileFacts`]), and gets a [`Profile`]:
//!
//! ```text
//! text -> schema (as typed) -> trust (who may say what) -> resolve (as needed) -> Profile
//! ```
//!
//! A [`Profile`] names its credentials without holding them: [`Profile::client_id`] and
//! [`Profile::client_secret`] read them, with the caller's way to read a file or run a command.
//!
//! ```
//! use daypass::{Endpoint, Env, resolve};
//!
//! let env = Env::from_pairs([
//!     ("GC_CLIENT_ID", "1f2e"),
//!     ("GC_CLIENT_SECRET", "s3cret"),
//!     ("GC_REGION", "eu-west-1"),
//! ]);
//! let profile = resolve(&[], &env, None)?;
//! assert_eq!(profile.name, "genesys-cloud");
//! let login = "https://login.mypurecloud.ie/oauth/token";
//! assert_eq!(profile.endpoint, Endpoint::TokenUrl(login.into()));
//! # Ok::<(), daypass::Error>(())
//! ```

mod check;
mod credentials;
mod duration;
mod env;
mod profile;
mod resolve;
mod schema;
mod secret;
mod select;
mod suggest;
mod trust;
mod trust_list;
mod typed;
mod value;
mod variables;

use std::fmt;
use std::path::{Path, PathBuf};

pub use duration::{InvalidDuration, parse_duration};
pub use env::Env;
pub use profile::{Profile, trust_id};
pub use resolve::resolve;
pub use secret::{NotText, SecretText};
pub use select::profile_names;
pub use trust::{FileFacts, MAX_FOUND_FILE, Origin};
pub use trust_list::TrustList;
pub use value::{External, Keep, Value};

use crate::Error;
use schema::Schema;
use typed::Document;

/// A `daypass.toml` that was read and may say what it says.
pub struct ConfigFile {
    path: String,
    origin: Origin,
    schema: Schema,
}

impl ConfigFile {
    /// Reads a file's text. `path` is how a person names the file: errors begin with it, and
    /// relative paths in the file start at its folder.
    ///
    /// # Errors
    ///
    /// `config.invalid`, `config.unknown_key`, `config.insecure_url`: the text, with line and
    /// column and never a value of a credential. `config.unsafe_file`: the facts.
    /// `config.untrusted`: a file of this origin may not say this.
    pub fn parse(text: &str, path: &str, origin: Origin, facts: &FileFacts) -> Result<Self, Error> {
        facts.check(path, origin)?;
        let document = Document { path, text };
        let schema = Schema::read(&document)?;
        trust::check(&document, &schema, origin, facts)?;
        Ok(Self { path: path.to_owned(), origin, schema })
    }

    /// Returns the path, as a person names it.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns where the file came from.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// Returns the names of the profiles, sorted.
    pub fn profiles(&self) -> impl Iterator<Item = &str> {
        self.schema.profiles.keys().map(String::as_str)
    }

    /// Returns the variables that any profile's credentials come from.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        let sections = self.schema.profiles.values();
        let values = sections.flat_map(|section| [&section.client_id, &section.client_secret]);
        values.filter_map(|value| value.as_ref()?.variable())
    }

    /// Returns the files beside this one, or below its folder, that its profiles name: those that it
    /// reads, and those among the words of its commands. The latter may be no files.
    pub fn companions(&self) -> Vec<PathBuf> {
        let folder = Path::new(&self.path).parent().unwrap_or(Path::new(""));
        let mut named = Vec::new();
        for section in self.schema.profiles.values() {
            named.extend([&section.ca_file, &section.api_ca_file].into_iter().flatten().cloned());
            for value in [&section.client_id, &section.client_secret].into_iter().flatten() {
                match value {
                    Value::File(path) => named.push(path.clone()),
                    Value::Command(words) => {
                        named.extend(words.iter().map(|word| folder.join(word)));
                    }
                    Value::Literal(_) | Value::Env(_) => {}
                }
            }
        }
        named.retain(|path| match folder.as_os_str().is_empty() {
            true => path.is_relative(),
            false => path.starts_with(folder),
        });
        named.sort_unstable();
        named.dedup();
        named
    }

    /// Returns the profile that is meant where none is named.
    pub fn default_profile(&self) -> Option<&str> {
        self.schema.default.as_deref()
    }
}

impl fmt::Debug for ConfigFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigFile")
            .field("path", &self.path)
            .field("origin", &self.origin)
            .field("profiles", &self.profiles().collect::<Vec<_>>())
            .finish()
    }
}

#[cfg(test)]
mod tests;
