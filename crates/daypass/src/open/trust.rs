//! Whom a profile's connections to its issuer trust, and the way there: from the profile and the
//! captured environment.

use std::path::{Path, PathBuf};

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
        let ca = roots("ca_file", profile.ca_file.as_deref())?;
        let set = |name| env.var_os(name).filter(|value| !value.is_empty());
        let proxy = match (&profile.proxy, env.either("HTTPS_PROXY", "https_proxy")) {
            (Some(proxy), _) => Some(proxy.as_str()),
            (None, said) => match said? {
                Some(proxy) => Some(proxy),
                None => env.either("ALL_PROXY", "all_proxy")?,
            },
        };
        Ok(Self {
            ca,
            ssl_cert_file: set("SSL_CERT_FILE").map(PathBuf::from),
            proxy: proxy.map(str::to_owned),
            no_proxy: env.either("NO_PROXY", "no_proxy")?.map(str::to_owned),
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

    /// Whom connections to the API trust, where that is not what those to the issuer do: `ca_file`
    /// is about the token endpoint and nothing else.
    pub(super) fn api(&self, profile: &Profile) -> Result<Option<TrustConfig>, Error> {
        if profile.ca_file.is_none() && profile.api_ca_file.is_none() {
            return Ok(None);
        }
        roots("api_ca_file", profile.api_ca_file.as_deref()).map(|ca| Some(self.with(ca)))
    }

    pub(super) fn config(&self) -> TrustConfig {
        self.with(self.ca.clone())
    }

    fn with(&self, roots: Option<Vec<u8>>) -> TrustConfig {
        TrustConfig {
            ca_file: roots.map(CaFile::Pem),
            ssl_cert_file: self.ssl_cert_file.clone(),
            proxy: self.proxy.clone().map(ProxyConfig::new),
            no_proxy: self.no_proxy.clone(),
        }
    }
}

/// Reads the roots that the key `name` names, if it is set.
fn roots(name: &str, path: Option<&Path>) -> Result<Option<Vec<u8>>, Error> {
    let pem = path.map(values::read_file).transpose();
    let pem = pem.map_err(|error| {
        Error::new(Code::ConfigUnreadable, error.message().to_owned()).with_hint(format!(
            "{name} names a PEM file with the roots to trust instead of all others"
        ))
    })?;
    Ok(pem.map(|pem| pem.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ConfigFile, FileFacts, Origin, resolve};

    #[cfg(unix)]
    #[test]
    fn a_proxy_that_is_no_text_is_an_error_and_not_a_direct_connection() {
        use std::ffi::OsString;
        use std::os::unix::ffi::OsStringExt;
        let odd = || OsString::from_vec(b"http://proxy:1/\xff".to_vec());
        for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"]
        {
            let pairs = [("OAUTH2_TOKEN_URL", "https://h/"), ("OAUTH2_CLIENT_ID", "c")];
            let pairs = pairs.map(|(name, value)| (name, OsString::from(value)));
            let env = Env::from_pairs(pairs.into_iter().chain([(name, odd())]));
            let profile = resolve(&[], &env, None).unwrap();
            let error = Trust::of(&env, &profile).map(drop).unwrap_err();
            assert_eq!(error.message(), format!("{name} is not valid UTF-8"));
        }
    }

    #[test]
    fn ca_file_is_for_the_token_endpoint_and_api_ca_file_for_the_api() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, name).unwrap();
            format!("{name}_file = {path:?}\n")
        };
        let (ca, api_ca) = (write("ca"), write("api_ca"));
        let env = Env::from_pairs([("SSL_CERT_FILE", "/etc/all.pem")]);
        let trusts = |keys: &str| {
            let text = format!(
                "[profile.p]\ntoken_url = \"https://h/\"\nclient_id = \"c\"\n\
                 client_secret = {{ env = \"S\" }}\n{keys}"
            );
            let facts = FileFacts { regular: true, owner: 1, user: 1, mode: 0o600, len: 1 };
            let file = ConfigFile::parse(&text, "d.toml", Origin::Yours, &facts).unwrap();
            let profile = resolve(&[file], &env, None).unwrap();
            let trust = Trust::of(&env, &profile).unwrap();
            let pem = |config: TrustConfig| match config.ca_file {
                Some(CaFile::Pem(pem)) => String::from_utf8(pem).unwrap(),
                Some(CaFile::Path(_)) => panic!("it was read"),
                None => config.ssl_cert_file.unwrap().to_str().unwrap().to_owned(),
            };
            (pem(trust.config()), trust.api(&profile).unwrap().map(pem))
        };
        let all = "/etc/all.pem".to_owned();
        assert_eq!(trusts(""), (all.clone(), None));
        assert_eq!(trusts(&ca), ("ca".to_owned(), Some(all.clone())));
        assert_eq!(trusts(&api_ca), (all, Some("api_ca".to_owned())));
        let both = trusts(&(ca + &api_ca));
        assert_eq!(both, ("ca".to_owned(), Some("api_ca".to_owned())));
    }
}
