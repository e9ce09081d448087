//! The composition root: from files, the captured environment and a profile's name to a source.
//!
//! Cheap on purpose: a command that finds its token in the cache pays for no more than this, one
//! file read and one decryption. Sockets, TLS and discovery wait for the first miss.

mod companions;
mod files;
mod place;
mod prepared;
mod reopening;
mod share;
mod store;
mod trust;
mod values;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use self::reopening::Reopening;
use self::trust::Trust;
use crate::crypto::CredentialKeys;
use crate::store::Sealer;
use crate::{
    AgentAddress, AgentClient, Cached, Clock, Code, ConfigFile, CredentialId, Env, Error, Profile,
    SecretText, Style, SystemClock, TokenSource, TrustConfig, resolve,
};

pub use files::trust_file;
pub use place::{StorePlace, job_folder};
pub use prepared::Prepared;
pub use share::{Imported, Share};
pub use store::OpenStore;

/// What to open, and from where. Nothing here is taken from the process behind its back.
#[derive(Clone, Debug)]
pub struct Opening<'a> {
    /// The environment as captured.
    pub env: &'a Env,
    /// The working directory, where a `daypass.toml` may be found; `None` looks nowhere.
    pub directory: Option<&'a Path>,
    /// The file that the user names, instead of `DAYPASS_CONFIG` and the one found.
    pub config: Option<&'a Path>,
    /// The profile's name, if the user names one.
    pub profile: Option<&'a str>,
    /// Whether the process stays.
    pub style: Style,
}

/// A profile with its source.
pub struct Opened {
    /// Hands out the profile's tokens.
    pub source: Cached,
    /// What was resolved.
    pub profile: Profile,
    /// The client identifier.
    pub client_id: String,
    /// The client secret; a child process must not inherit it.
    pub client_secret: SecretText,
    /// Where tokens are kept.
    pub place: StorePlace,
    /// What a person should know, in order.
    pub warnings: Vec<String>,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened")
            .field("profile", &self.profile)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

impl Opened {
    /// Returns whom to trust for the profile's API, and the way there.
    ///
    /// # Errors
    ///
    /// `config.unreadable` when a file with roots cannot be read.
    pub fn api_trust(&self, env: &Env) -> Result<TrustConfig, Error> {
        let trust = Trust::of(env, &self.profile)?;
        Ok(trust.api(&self.profile)?.unwrap_or_else(|| trust.config()))
    }
}

impl Opening<'_> {
    /// Reads the configuration files that count here, most trusted first.
    ///
    /// # Errors
    ///
    /// `config.*`: a file cannot be read, parsed or trusted.
    pub fn files(&self) -> Result<Vec<ConfigFile>, Error> {
        files::read_all(self)
    }

    /// Resolves the profile without reading its credentials.
    ///
    /// # Errors
    ///
    /// `config.*`.
    pub fn profile(&self) -> Result<Profile, Error> {
        resolve(&self.files()?, self.env, self.profile)
    }

    /// Opens the profile's source.
    ///
    /// # Errors
    ///
    /// Those of [`Opening::prepare`], and `config.insecure_url`.
    pub fn open(&self) -> Result<Opened, Error> {
        self.prepare()?.open(self.style)
    }

    /// Returns what hands out the profile's tokens: the agent's client where `DAYPASS_AGENT` is
    /// set, else the opened profile's own source. Warnings are logged. In a process that stays it
    /// reads the profile's files and commands again when the issuer refuses the client.
    ///
    /// # Errors
    ///
    /// Those of [`Opening::open`]; `config.invalid` if `DAYPASS_AGENT` makes no sense. Whether the
    /// agent answers shows when it is asked.
    pub fn source(&self) -> Result<Arc<dyn TokenSource>, Error> {
        if let Some(address) = AgentAddress::from_env(self.env)? {
            let profile = self.profile.map(str::to_owned);
            return Ok(Arc::new(AgentClient::new(address, profile, Arc::new(SystemClock))));
        }
        let opened = self.open()?;
        opened.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        Ok(match self.style {
            Style::OneShot => Arc::new(opened.source),
            Style::LongLived => Arc::new(Reopening::new(self, opened.source)),
        })
    }

    /// Does as much of opening as a hit needs: the key, and the store to look it up in.
    ///
    /// # Errors
    ///
    /// `config.*`; `store.unsafe` and `store.failed` when a folder was named that cannot be
    /// used; `store.no_key` when a token is cached but the secret to open it is not there.
    pub fn prepare(&self) -> Result<Prepared, Error> {
        self.prepared(true)
    }

    /// Opens the profile's source for whoever only looks: as [`Opening::open`], but a folder that
    /// is not there is not made.
    ///
    /// # Errors
    ///
    /// Those of [`Opening::open`].
    pub fn look(&self) -> Result<Opened, Error> {
        self.prepared(false)?.open(self.style)
    }

    fn prepared(&self, makes_folder: bool) -> Result<Prepared, Error> {
        place::check(self.env)?;
        let profile = self.profile()?;
        let client_id = profile.read_client_id(self.env, values::read)?;
        let client_secret = match profile.read_client_secret(self.env, values::read) {
            Ok(secret) => secret,
            Err(error) => return Err(self.cached_without_key(&profile, &client_id, error)),
        };
        refuse_local(&client_id, &client_secret)?;
        let cache_key = self.env.cache_key();
        let keys = CredentialKeys::derive(cache_key, client_secret.expose().as_bytes());
        let credential = keys.credential_id().map(CredentialId).map_err(Error::internal)?;
        let trust = Trust::of(self.env, &profile)?;
        let request = profile.request(client_id.as_str(), credential, trust.id());
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let sealer = Sealer::new(keys.sealing_key().map_err(Error::internal)?);
        let said = profile.store.as_ref();
        let opened = OpenStore::said(self.env, said, &clock, sealer, makes_folder)?;
        let OpenStore { place, store, warning } = opened;
        let warnings = warning.into_iter().collect();
        Ok(Prepared {
            profile,
            client_id,
            client_secret,
            place,
            warnings,
            request,
            trust,
            store,
            clock,
            named: self.profile.is_some(),
        })
    }

    /// The error for a missing secret, when something is cached that it would open.
    fn cached_without_key(&self, profile: &Profile, client_id: &str, error: Error) -> Error {
        let missing = matches!(error.code(), Code::ConfigSecretMissing | Code::ConfigSecretEmpty);
        let place = place::choose(self.env, profile.store.as_ref());
        let (StorePlace::Named(path) | StorePlace::Default(path)) = place else { return error };
        let family = crate::request::client_family(&profile.endpoint, client_id);
        if !missing || !crate::store::has_family(&path, family) {
            return error;
        }
        let what = format!(
            "a token is cached for \"{}\", but this process has no client secret to open it",
            profile.name
        );
        let hint = match (error.code(), error.hint()) {
            // Why it may be empty helps more.
            (Code::ConfigSecretEmpty, Some(hint)) => hint.to_owned(),
            _ => format!(
                "give it the secret{}, or run the steps under daypass exec --agent",
                profile.secret_variable().map(|name| format!(" ({name})")).unwrap_or_default()
            ),
        };
        Error::new(Code::StoreNoKey, what).with_hint(hint)
    }
}

/// What every credential starts with that a gateway gives to the programs behind it.
pub const LOCAL_PREFIX: &str = "daypass-local-";

/// A gateway's local credential is worth nothing at an issuer, which would only say that it does
/// not know the client.
fn refuse_local(client_id: &str, client_secret: &SecretText) -> Result<(), Error> {
    // Also behind a space, a line feed or a quote that came along.
    let bare = |text: &str| {
        text.trim_start_matches(|c: char| !c.is_ascii_alphanumeric()).starts_with(LOCAL_PREFIX)
    };
    if !bare(client_id) && !bare(client_secret.expose()) {
        return Ok(());
    }
    Err(Error::new(
        Code::ConfigLocalCredential,
        "the client id and secret here are local ones of daypass exec --gateway; no issuer knows them",
    )
    .with_hint(
        "this went around the gateway: keep DAYPASS_AGENT as it was set, or give the tool the \
         address in DAYPASS_GATEWAY_URL",
    ))
}
