//! Whom a profile's connections to its issuer trust, and the way there: from the profile and the
//! captured environment.

use std::path::PathBuf;

use super::values;
use crate::http::{CaFile, ProxyConfig, TrustConfig};
use crate::{Code, Env, Error, Profile, trust_id};

pub(super) struct Trust {
    /// The roots that the profile names.
    ca: Option<Vec<u8>>,
    ssl_cert_file: Option<PathBuf>,
    proxy: Option<String>,
    no_proxy: Option<String>,
}

impl Trust {
    pub(super) fn of(env: &Env, profile: &Profile) -> Result<Self, Error> {
        let ca = profile.ca_file.as_deref().map(values::read_file).transpose();
        let ca = ca.map_err(|error| {
            Error::new(Code::ConfigUnreadable, error.message().to_owned())
                .with_hint("ca_file names a PEM file with the roots to trust instead of all others")
        })?;
        let set = |name| env.var_os(name).filter(|value| !value.is_empty());
        let from_env = || {
            env.either("HTTPS_PROXY", "https_proxy")
                .or_else(|| env.either("ALL_PROXY", "all_proxy"))
                .map(str::to_owned)
        };
        Ok(Self {
            ca: ca.map(|pem| pem.to_vec()),
            ssl_cert_file: set("SSL_CERT_FILE").map(PathBuf::from),
            proxy: profile.proxy.clone().or_else(from_env),
            no_proxy: env.either("NO_PROXY", "no_proxy").map(str::to_owned),
        })
    }

    /// What names this trust in a key; `None` for the defaults.
    pub(super) fn id(&self) -> Option<[u8; 32]> {
        let roots = self.ca.clone().or_else(|| {
            let path = self.ssl_cert_file.as_ref()?;
            Some([b"SSL_CERT_FILE=", path.as_os_str().as_encoded_bytes()].concat())
        });
        trust_id(roots.as_deref(), self.proxy.as_deref())
    }

    pub(super) fn config(self) -> TrustConfig {
        TrustConfig {
            ca_file: self.ca.map(CaFile::Pem),
            ssl_cert_file: self.ssl_cert_file,
            proxy: self.proxy.map(ProxyConfig::new),
            no_proxy: self.no_proxy,
        }
    }
}
