//! The composition root: from files, the captured environment and a profile's name to a source.
//!
//! Cheap on purpose: a command that finds its token in the cache pays for no more than this, one
//! file read and one decryption. Sockets, TLS and discovery wait for the first miss.

mod files;
mod place;
mod trust;
mod values;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use self::trust::Trust;
use crate::crypto::CredentialKeys;
use crate::http::ReqwestClient;
use crate::issuer::{ClientCredentials, ClientCredentialsParts};
use crate::source::{self, Moment};
use crate::store::{FileStore, MemoryStore, Sealer, TokenStore};
use crate::{
    AgentAddress, AgentClient, Cached, CachedParts, Clock, Code, ConfigFile, CredentialId, Effects,
    Env, Error, Granted, Labels, MinTtl, Profile, Reason, Record, SecretText, Source, Style,
    SystemClock, TokenRequest, TokenSource, resolve, short_client_id,
};

pub use files::trust_file;
pub use place::StorePlace;

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
    /// set, else the opened profile's own source. Warnings are logged.
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
        Ok(Arc::new(opened.source))
    }

    /// Does as much of opening as a hit needs: the key, and the store to look it up in.
    ///
    /// # Errors
    ///
    /// `config.*`; `store.unsafe` and `store.failed` when a folder was named that cannot be
    /// used; `store.no_key` when a token is cached but the secret to open it is not there.
    pub fn prepare(&self) -> Result<Prepared, Error> {
        place::check(self.env)?;
        let profile = self.profile()?;
        let client_id = profile.read_client_id(self.env, values::read)?;
        let client_secret = match profile.read_client_secret(self.env, values::read) {
            Ok(secret) => secret,
            Err(error) => return Err(self.cached_without_key(&profile, &client_id, error)),
        };
        let cache_key = self.env.var("DAYPASS_CACHE_KEY").filter(|key| !key.is_empty());
        let keys =
            CredentialKeys::derive(cache_key.map(str::as_bytes), client_secret.expose().as_bytes());
        let credential = keys.credential_id().map(CredentialId).map_err(Error::internal)?;
        let trust = Trust::of(self.env, &profile)?;
        let request = profile.request(client_id.as_str(), credential, trust.id());
        let mut warnings = Vec::new();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let sealer = Sealer::new(keys.sealing_key().map_err(Error::internal)?);
        let in_memory = || Arc::new(MemoryStore::new(Arc::clone(&clock)));
        let (place, store): (_, Arc<dyn TokenStore>) = match place::choose(self.env) {
            StorePlace::Named(path) => {
                let store = FileStore::open(&path, Arc::clone(&clock), sealer)
                    .map_err(|error| place::unusable(&path, &error))?;
                (StorePlace::Named(path), Arc::new(store))
            }
            StorePlace::Default(path) => match FileStore::open(&path, Arc::clone(&clock), sealer) {
                Ok(store) => (StorePlace::Default(path), Arc::new(store)),
                Err(error) => {
                    warnings.push(place::degraded(&error));
                    (StorePlace::Memory, in_memory())
                }
            },
            StorePlace::Memory => {
                warnings.push(place::homeless());
                (StorePlace::Memory, in_memory())
            }
        };
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
        let (StorePlace::Named(path) | StorePlace::Default(path)) = place::choose(self.env) else {
            return error;
        };
        let family = crate::request::client_family(&profile.endpoint, client_id);
        if !missing || !crate::store::has_family(&path, family) {
            return error;
        }
        Error::new(
            Code::StoreNoKey,
            format!(
                "a token is cached for \"{}\", but this process has no client secret to open it",
                profile.name
            ),
        )
        .with_hint(error.hint().unwrap_or("give it the secret").to_owned())
    }
}

/// A profile whose token can be looked up. Nothing of it can ask the issuer yet.
pub struct Prepared {
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
    request: TokenRequest,
    trust: Trust,
    store: Arc<dyn TokenStore>,
    clock: Arc<dyn Clock>,
    /// Whether the caller named the profile: whoever asks again must do so too.
    named: bool,
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared")
            .field("profile", &self.profile)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

impl Prepared {
    /// Returns a token that the store has at hand and that needs no attention: without waiting
    /// and without a runtime.
    pub fn peek(&self, min_ttl: MinTtl) -> Option<Granted> {
        let record = source::peek(&*self.store, &self.request.key(), min_ttl, self.moment())?;
        granted(*record, Source::Store)
    }

    /// Waits while another process asks the issuer for this token, and returns what that brings;
    /// without a runtime. Calls `pause` for each time to let pass, until it answers `false`. `None`
    /// means: [`open`](Prepared::open) the profile and ask its source.
    pub fn wait(&self, min_ttl: MinTtl, pause: impl FnMut(Duration) -> bool) -> Option<Granted> {
        let moment = || self.moment();
        let record = source::wait(&*self.store, &self.request.key(), min_ttl, moment, pause)?;
        granted(*record, Source::Waited)
    }

    fn moment(&self) -> Moment {
        let now = self.clock.now();
        Moment { now, began: now, jitter: jitter(), known: None }
    }

    /// Adds what is needed to ask the issuer.
    ///
    /// # Errors
    ///
    /// `config.*`: the issuer or the API can't be asked as configured.
    pub fn open(self, style: Style) -> Result<Opened, Error> {
        let labels = self.labels();
        let Self { profile, client_id, client_secret, place, warnings, .. } = self;
        let effects = |trust| {
            let http = Arc::new(ReqwestClient::new(trust));
            Effects { clock: Arc::clone(&self.clock), http, jitter }
        };
        let api_effects = self.trust.api(&profile)?.map(effects);
        let effects = effects(self.trust.config());
        let issuer = ClientCredentials::new(ClientCredentialsParts {
            request: self.request.clone(),
            secret: SecretString::from(client_secret.expose()),
            auth: profile.client_auth,
            dialect: profile.dialect,
            max_ttl: profile.max_ttl,
            assume_ttl: profile.assume_ttl,
            revocation: profile.revocation(),
            token_hosts: profile.token_hosts.clone(),
            effects: effects.clone(),
            api_effects,
        })?;
        let source = Cached::new(CachedParts {
            request: self.request,
            store: self.store,
            issuer: Arc::new(issuer),
            effects,
            style,
            labels,
        });
        Ok(Opened { source, profile, client_id, client_secret, place, warnings })
    }

    fn labels(&self) -> Labels {
        Labels {
            client: format!("client {}", short_client_id(&self.client_id)),
            client_from: self.profile.client_id.variable().map(str::to_owned),
            rejected_hint: Some(self.profile.rejected_hint()),
            lifetime_hint: Some(self.profile.lifetime_hint().to_owned()),
            fresh_hint: Some(match self.named {
                true => format!("daypass token {} --fresh", self.profile.name),
                false => "daypass token --fresh".to_owned(),
            }),
        }
    }
}

fn granted(record: Record, source: Source) -> Option<Granted> {
    let reason = record.reason.unwrap_or(Reason::Cold);
    Some(Granted { token: record.token?, source, reason })
}

/// A number in `0.0..1.0` from the operating system. It spreads load and is no secret: the
/// cryptography library's generator would have to be started for it, also for a hit.
fn jitter() -> f64 {
    let mut bytes = [0; 4];
    match rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::NONBLOCK) {
        Ok(4) => f64::from(u32::from_ne_bytes(bytes)) / (f64::from(u32::MAX) + 1.0),
        _ => 0.5,
    }
}
