//! The composition root: from files, the captured environment and a profile's name to a source.
//!
//! Cheap on purpose: a command that finds its token in the cache pays for no more than this, one
//! file read and one decryption. Sockets, TLS and discovery wait for the first miss.

mod files;
mod place;
mod values;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::SecretString;

use crate::crypto::CredentialKeys;
use crate::http::{CaFile, ProxyConfig, ReqwestClient, TrustConfig};
use crate::issuer::{ClientCredentials, ClientCredentialsParts};
use crate::store::{FileStore, MemoryStore, Sealer, TokenStore};
use crate::{
    Cached, CachedParts, Code, ConfigFile, Effects, Env, Error, Labels, Profile, SecretText, Style,
    SystemClock, resolve,
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
    /// `config.*`; `store.unsafe` and `store.failed` when a folder was named that cannot be
    /// used; `store.no_key` when a token is cached but the secret to open it is not there.
    pub fn open(&self) -> Result<Opened, Error> {
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
        let credential = keys.credential_id().map_err(Error::internal)?;
        let roots = self.roots(&profile)?;
        let proxy = self.proxy(&profile);
        let request = profile.request(
            client_id.as_str(),
            credential,
            crate::trust_id(roots.id.as_deref(), proxy.as_deref()),
        );

        let mut warnings = Vec::new();
        let clock = Arc::new(SystemClock);
        let seal = || keys.sealing_key().map(Sealer::new).map_err(Error::internal);
        let (place, store): (_, Arc<dyn TokenStore>) = match place::choose(self.env) {
            StorePlace::Named(path) => {
                let store = FileStore::open(&path, clock.clone(), seal()?)
                    .map_err(|error| place::unusable(&path, &error))?;
                (StorePlace::Named(path), Arc::new(store))
            }
            StorePlace::Default(path) => match FileStore::open(&path, clock.clone(), seal()?) {
                Ok(store) => (StorePlace::Default(path), Arc::new(store)),
                Err(error) => {
                    warnings.push(place::degraded(&error));
                    (StorePlace::Memory, Arc::new(MemoryStore::new(clock.clone())))
                }
            },
            StorePlace::Memory => {
                warnings.push(place::homeless());
                (StorePlace::Memory, Arc::new(MemoryStore::new(clock.clone())))
            }
        };

        let http = ReqwestClient::new(TrustConfig {
            ca_file: roots.ca_file,
            ssl_cert_file: roots.ssl_cert_file,
            proxy: proxy.map(ProxyConfig::new),
            no_proxy: self.env.either("NO_PROXY", "no_proxy").map(str::to_owned),
        });
        let effects = Effects { clock, http: Arc::new(http), jitter };
        let issuer = ClientCredentials::new(ClientCredentialsParts {
            request: request.clone(),
            secret: SecretString::from(client_secret.expose()),
            auth: profile.client_auth,
            dialect: profile.dialect,
            max_ttl: profile.max_ttl,
            assume_ttl: profile.assume_ttl,
            revocation: profile.revocation.clone(),
            token_hosts: profile.token_hosts.clone(),
            effects: effects.clone(),
        })?;
        let labels = self.labels(&profile, &client_id);
        let source = Cached::new(CachedParts {
            request,
            store,
            issuer: Arc::new(issuer),
            effects,
            style: self.style,
            labels,
        });
        Ok(Opened { source, profile, client_id, client_secret, place, warnings })
    }

    fn labels(&self, profile: &Profile, client_id: &str) -> Labels {
        Labels {
            client: format!("client {}", short(client_id)),
            client_from: profile.client_id.variable().map(str::to_owned),
            rejected_hint: Some(profile.rejected_hint.clone()),
            lifetime_hint: Some(profile.lifetime_hint.to_owned()),
            fresh_hint: Some("daypass token --fresh".to_owned()),
        }
    }

    /// The proxy to the token endpoint: the profile's, else the environment's.
    fn proxy(&self, profile: &Profile) -> Option<String> {
        let env = || {
            self.env
                .either("HTTPS_PROXY", "https_proxy")
                .or_else(|| self.env.either("ALL_PROXY", "all_proxy"))
                .map(str::to_owned)
        };
        profile.proxy.clone().or_else(env).filter(|proxy| !proxy.is_empty())
    }

    fn roots(&self, profile: &Profile) -> Result<Roots, Error> {
        if let Some(path) = &profile.ca_file {
            let pem = values::read_file(path).map_err(|error| {
                Error::new(Code::ConfigUnreadable, error.message().to_owned()).with_hint(
                    "ca_file names a PEM file with the roots to trust instead of all others",
                )
            })?;
            let ca_file = Some(CaFile::Pem(pem.to_vec()));
            return Ok(Roots { id: Some(pem.to_vec()), ca_file, ssl_cert_file: None });
        }
        let ssl_cert_file =
            self.env.var_os("SSL_CERT_FILE").filter(|path| !path.is_empty()).map(PathBuf::from);
        let id = ssl_cert_file
            .as_ref()
            .map(|path| [b"SSL_CERT_FILE=", path.as_os_str().as_encoded_bytes()].concat());
        Ok(Roots { id, ca_file: None, ssl_cert_file })
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

/// The roots for the token endpoint, and what names them in the key.
struct Roots {
    id: Option<Vec<u8>>,
    ca_file: Option<CaFile>,
    ssl_cert_file: Option<PathBuf>,
}

/// The first characters of a client id: enough to tell one from another in a message.
pub(crate) fn short(client_id: &str) -> String {
    let shown = crate::printable(client_id);
    if shown.chars().count() <= 12 {
        return shown;
    }
    let first: String = shown.chars().take(4).collect();
    format!("{first}...")
}

/// A number in `0.0..1.0` from the operating system. Spreads load; is no secret.
fn jitter() -> f64 {
    let mut bytes = [0; 4];
    match crate::crypto::SealingKey::random(&mut bytes) {
        Ok(()) => f64::from(u32::from_ne_bytes(bytes)) / (f64::from(u32::MAX) + 1.0),
        Err(_) => 0.5,
    }
}
