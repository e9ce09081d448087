//! Whom the HTTP client trusts: the roots, and the proxy on the way.
//!
//! Owns the settings as values and turns them into a TLS configuration. Nothing here reads the
//! process environment: `main` captures it and says what it found. There is no setting that
//! weakens TLS (TLS 1.2 at least, certificates and names always checked).

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use secrecy::{ExposeSecret, SecretString};

use super::HttpError;
use crate::printable;

/// Whom to trust, and the way there. The default trusts the roots of the system and uses no
/// proxy.
#[derive(Clone, Debug, Default)]
pub struct TrustConfig {
    /// Roots that *replace* all others.
    pub ca_file: Option<CaFile>,
    /// The value of `SSL_CERT_FILE`: a PEM file instead of the system's. Not read where there is
    /// a `ca_file`.
    pub ssl_cert_file: Option<PathBuf>,
    /// The proxy for https. Never used for this machine.
    pub proxy: Option<ProxyConfig>,
    /// The value of `NO_PROXY`: comma-separated domains, addresses and networks that are asked
    /// directly.
    pub no_proxy: Option<String>,
}

/// Roots, in PEM form.
#[derive(Clone, PartialEq, Eq)]
pub enum CaFile {
    /// A file, read when the first connection needs it.
    Path(PathBuf),
    /// The content of a file.
    Pem(Vec<u8>),
}

impl fmt::Debug for CaFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "CaFile({})", shown(path)),
            Self::Pem(pem) => write!(f, "CaFile({} bytes)", pem.len()),
        }
    }
}

/// An HTTP proxy. Its URL may hold a password and is never shown.
#[derive(Clone)]
pub struct ProxyConfig {
    url: SecretString,
}

impl ProxyConfig {
    /// Takes the URL of a proxy as it stands in `HTTPS_PROXY`: `http://proxy:3128`, or only
    /// `proxy:3128`, with or without a user name and password.
    pub fn new(url: impl Into<SecretString>) -> Self {
        Self { url: url.into() }
    }

    /// Returns the URL, which may hold a password.
    pub fn url(&self) -> &str {
        self.url.expose_secret()
    }
}

impl fmt::Debug for ProxyConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProxyConfig")
    }
}

/// Where Linux distributions and BSDs keep the roots in one file. A fixed list, because the usual
/// way to find them reads the process environment.
#[cfg(not(any(windows, target_os = "macos")))]
const SYSTEM_BUNDLES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/ssl/cert.pem",
    "/opt/etc/ssl/certs/ca-certificates.crt",
    "/usr/local/share/certs/ca-root-nss.crt",
];

impl TrustConfig {
    /// Returns the TLS configuration for connections under this trust, without ALPN.
    ///
    /// # Errors
    ///
    /// [`HttpError::Setup`] when there are no roots, or some that cannot be read.
    pub fn client_config(&self) -> Result<ClientConfig, HttpError> {
        with_roots(self.roots()?)
    }

    fn roots(&self) -> Result<RootCertStore, HttpError> {
        match (&self.ca_file, &self.ssl_cert_file) {
            (Some(CaFile::Pem(pem)), _) => all_of("ca_file", pem),
            (Some(CaFile::Path(path)), _) => all_of("ca_file", &read("ca_file", path)?),
            (None, Some(path)) => usable_of("SSL_CERT_FILE", &read("SSL_CERT_FILE", path)?),
            (None, None) => system_roots(),
        }
    }
}

/// Returns the TLS configuration of a client that makes no TLS connection: no file is read.
pub(super) fn no_tls() -> Result<ClientConfig, HttpError> {
    with_roots(RootCertStore::empty())
}

fn with_roots(roots: RootCertStore) -> Result<ClientConfig, HttpError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|error| HttpError::Setup(format!("TLS can't be set up: {error}")))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn read(setting: &str, path: &Path) -> Result<Vec<u8>, HttpError> {
    std::fs::read(path).map_err(|error| {
        HttpError::Setup(format!("{setting} {} can't be read: {}", shown(path), error.kind()))
    })
}

/// Takes each certificate of a file that names exactly what to trust: one that can't be read is
/// an error, not a root less.
fn all_of(setting: &str, pem: &[u8]) -> Result<RootCertStore, HttpError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let added = certificate.ok().and_then(|certificate| roots.add(certificate).ok());
        added.ok_or_else(|| {
            let number = roots.len() + 1;
            HttpError::Setup(format!("certificate {number} in {setting} can't be read"))
        })?;
    }
    not_empty(setting, roots)
}

/// Takes what can be used of a bundle, which may hold certificates from another age.
fn usable_of(setting: &str, pem: &[u8]) -> Result<RootCertStore, HttpError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(pem).flatten());
    not_empty(setting, roots)
}

fn not_empty(setting: &str, roots: RootCertStore) -> Result<RootCertStore, HttpError> {
    if roots.is_empty() {
        return Err(HttpError::Setup(format!("there is no certificate in {setting}")));
    }
    Ok(roots)
}

#[cfg(not(any(windows, target_os = "macos")))]
fn system_roots() -> Result<RootCertStore, HttpError> {
    let bundle = SYSTEM_BUNDLES.iter().find_map(|path| std::fs::read(path).ok());
    let bundle = bundle.ok_or_else(|| {
        HttpError::Setup(
            "this system has no root certificates (install ca-certificates, or set ca_file)".into(),
        )
    })?;
    usable_of("the system's certificate bundle", &bundle)
}

/// Keychain and certificate store have no file. (The library also looks at `SSL_CERT_FILE`
/// itself; a caller that captured the environment has already decided on it.)
#[cfg(any(windows, target_os = "macos"))]
fn system_roots() -> Result<RootCertStore, HttpError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    not_empty("the system's certificate store", roots)
}

fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup(trust: &TrustConfig) -> String {
        match trust.client_config() {
            Err(HttpError::Setup(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    fn pem(ca_file: &[u8]) -> TrustConfig {
        TrustConfig { ca_file: Some(CaFile::Pem(ca_file.to_vec())), ..TrustConfig::default() }
    }

    #[test]
    fn roots_that_cannot_be_used_are_named() {
        assert_eq!(setup(&pem(b"")), "there is no certificate in ca_file");
        assert_eq!(setup(&pem(b"hello")), "there is no certificate in ca_file");
        let torn = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
        assert_eq!(setup(&pem(torn)), "certificate 1 in ca_file can't be read");
        let missing = PathBuf::from("/nonexistent/ca.pem");
        let ca_file = Some(CaFile::Path(missing.clone()));
        let text = setup(&TrustConfig { ca_file, ..TrustConfig::default() });
        assert_eq!(text, "ca_file /nonexistent/ca.pem can't be read: entity not found");
        let text = setup(&TrustConfig { ssl_cert_file: Some(missing), ..TrustConfig::default() });
        assert!(text.starts_with("SSL_CERT_FILE /nonexistent/ca.pem can't be read"), "{text}");
    }

    #[test]
    fn ca_file_replaces_ssl_cert_file() {
        let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let mut trust = pem(issued.cert.pem().as_bytes());
        trust.ssl_cert_file = Some(PathBuf::from("/nonexistent"));
        assert_eq!(trust.roots().unwrap().len(), 1);
    }

    #[test]
    fn the_password_of_a_proxy_is_never_shown() {
        let trust = TrustConfig {
            proxy: Some(ProxyConfig::new("http://user:sentinel@proxy:3128")),
            ..TrustConfig::default()
        };
        assert!(!format!("{trust:?} {trust:#?}").contains("sentinel"));
    }
}
