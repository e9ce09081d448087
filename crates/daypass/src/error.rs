//! The one error of the library: a stable code, what happened, what to do.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::printable;

/// A stable, dotted name for what went wrong. `docs/errors.md` explains each. Codes are only
/// ever added.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Code {
    /// `usage`: the command line or a call cannot be understood.
    Usage,
    /// `config.invalid`: the configuration does not parse or contradicts itself.
    ConfigInvalid,
    /// `config.unknown_key`: a key that no profile has.
    ConfigUnknownKey,
    /// `config.no_profile`: no profile is named and none can be found.
    ConfigNoProfile,
    /// `config.unknown_profile`: the named profile does not exist.
    ConfigUnknownProfile,
    /// `config.ambiguous`: two settings could be meant.
    ConfigAmbiguous,
    /// `config.untrusted`: a found file says more than a found file may.
    ConfigUntrusted,
    /// `config.unsafe_file`: a file's owner, mode or type makes it unusable.
    ConfigUnsafeFile,
    /// `config.unreadable`: a file or command that the configuration names cannot be read.
    ConfigUnreadable,
    /// `config.region_missing`: credentials are set, but no region.
    ConfigRegionMissing,
    /// `config.region_unknown`: the region is not on the provider's list.
    ConfigRegionUnknown,
    /// `config.client_id_missing`: no client id.
    ConfigClientIdMissing,
    /// `config.secret_missing`: no client secret.
    ConfigSecretMissing,
    /// `config.secret_empty`: the client secret is set but empty.
    ConfigSecretEmpty,
    /// `config.local_credential`: the credential is a gateway's local one, which no issuer knows.
    ConfigLocalCredential,
    /// `config.scope_unsupported`: this provider has no scopes for this grant.
    ConfigScopeUnsupported,
    /// `config.insecure_url`: plain http to something else than this machine, or userinfo.
    ConfigInsecureUrl,
    /// `config.weak_secret`: the client secret is too simple to share what it seals.
    ConfigWeakSecret,
    /// `config.tls`: roots or a proxy cannot be used.
    ConfigTls,
    /// `issuer.rejected`: the authorization server refused the credentials or the request.
    IssuerRejected,
    /// `issuer.throttled`: the authorization server asks to wait.
    IssuerThrottled,
    /// `issuer.unavailable`: no usable answer from the authorization server.
    IssuerUnavailable,
    /// `issuer.invalid_response`: the authorization server's token cannot be used.
    IssuerInvalidResponse,
    /// `issuer.cannot_revoke`: this issuer has no way to revoke a token.
    IssuerCannotRevoke,
    /// `token.min_ttl`: the issuer's tokens never live as long as wanted.
    TokenMinTtl,
    /// `token.deadline`: no token within the caller's deadline.
    TokenDeadline,
    /// `store.no_key`: something is cached, but there is no secret to open it.
    StoreNoKey,
    /// `store.unsafe`: the named cache folder may be read or written by others.
    StoreUnsafe,
    /// `store.failed`: the cache folder cannot be used.
    StoreFailed,
    /// `agent.unreachable`: the agent that `DAYPASS_AGENT` names does not answer.
    AgentUnreachable,
    /// `agent.refused`: the agent does not do this, or is another user's.
    AgentRefused,
    /// `internal`: a defect of daypass.
    Internal,
}

/// What a caller can do about an error; decides the exit code.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Class {
    /// Usage or configuration: exit code 2.
    Config,
    /// Refused by the issuer or by the agent: exit code 3.
    Rejected,
    /// Not available now, a retry may help: exit code 4.
    Unavailable,
    /// The store: exit code 5.
    Store,
    /// A defect: exit code 70.
    Internal,
}

impl Code {
    /// All codes, in the order of the documentation.
    pub const ALL: &'static [Self] = &[
        Self::Usage,
        Self::ConfigInvalid,
        Self::ConfigUnknownKey,
        Self::ConfigNoProfile,
        Self::ConfigUnknownProfile,
        Self::ConfigAmbiguous,
        Self::ConfigUntrusted,
        Self::ConfigUnsafeFile,
        Self::ConfigUnreadable,
        Self::ConfigRegionMissing,
        Self::ConfigRegionUnknown,
        Self::ConfigClientIdMissing,
        Self::ConfigSecretMissing,
        Self::ConfigSecretEmpty,
        Self::ConfigLocalCredential,
        Self::ConfigScopeUnsupported,
        Self::ConfigInsecureUrl,
        Self::ConfigWeakSecret,
        Self::ConfigTls,
        Self::IssuerRejected,
        Self::IssuerThrottled,
        Self::IssuerUnavailable,
        Self::IssuerInvalidResponse,
        Self::IssuerCannotRevoke,
        Self::TokenMinTtl,
        Self::TokenDeadline,
        Self::StoreNoKey,
        Self::StoreUnsafe,
        Self::StoreFailed,
        Self::AgentUnreachable,
        Self::AgentRefused,
        Self::Internal,
    ];

    /// Returns the code of this dotted name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == name)
    }

    /// Returns the dotted name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::ConfigInvalid => "config.invalid",
            Self::ConfigUnknownKey => "config.unknown_key",
            Self::ConfigNoProfile => "config.no_profile",
            Self::ConfigUnknownProfile => "config.unknown_profile",
            Self::ConfigAmbiguous => "config.ambiguous",
            Self::ConfigUntrusted => "config.untrusted",
            Self::ConfigUnsafeFile => "config.unsafe_file",
            Self::ConfigUnreadable => "config.unreadable",
            Self::ConfigRegionMissing => "config.region_missing",
            Self::ConfigRegionUnknown => "config.region_unknown",
            Self::ConfigClientIdMissing => "config.client_id_missing",
            Self::ConfigSecretMissing => "config.secret_missing",
            Self::ConfigSecretEmpty => "config.secret_empty",
            Self::ConfigLocalCredential => "config.local_credential",
            Self::ConfigScopeUnsupported => "config.scope_unsupported",
            Self::ConfigInsecureUrl => "config.insecure_url",
            Self::ConfigWeakSecret => "config.weak_secret",
            Self::ConfigTls => "config.tls",
            Self::IssuerRejected => "issuer.rejected",
            Self::IssuerThrottled => "issuer.throttled",
            Self::IssuerUnavailable => "issuer.unavailable",
            Self::IssuerInvalidResponse => "issuer.invalid_response",
            Self::IssuerCannotRevoke => "issuer.cannot_revoke",
            Self::TokenMinTtl => "token.min_ttl",
            Self::TokenDeadline => "token.deadline",
            Self::StoreNoKey => "store.no_key",
            Self::StoreUnsafe => "store.unsafe",
            Self::StoreFailed => "store.failed",
            Self::AgentUnreachable => "agent.unreachable",
            Self::AgentRefused => "agent.refused",
            Self::Internal => "internal",
        }
    }

    /// Returns what a caller can do about it.
    pub const fn class(self) -> Class {
        match self {
            Self::IssuerRejected
            | Self::IssuerInvalidResponse
            | Self::IssuerCannotRevoke
            | Self::AgentRefused => Class::Rejected,
            Self::IssuerThrottled
            | Self::IssuerUnavailable
            | Self::TokenDeadline
            | Self::AgentUnreachable => Class::Unavailable,
            Self::StoreNoKey | Self::StoreUnsafe | Self::StoreFailed => Class::Store,
            Self::Internal => Class::Internal,
            _ => Class::Config,
        }
    }
}

impl Class {
    /// Returns the exit code of a command that ends with an error of this class.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Config => 2,
            Self::Rejected => 3,
            Self::Unavailable => 4,
            Self::Store => 5,
            Self::Internal => 70,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What went wrong, as told to a person, with what to do about it. Cheap to clone: all who wait
/// for one flight get the same error. Holds no body, query, header or token.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    code: Code,
    message: String,
    hint: Option<String>,
    retry_after: Option<Duration>,
}

impl Error {
    /// Makes an error; outside text in `message` must have gone through [`printable`].
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self(Arc::new(Inner { code, message: message.into(), hint: None, retry_after: None }))
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.0).hint = Some(hint.into());
        self
    }

    /// Adds how long to wait before asking again.
    #[must_use]
    pub fn with_retry_after(mut self, retry_after: Duration) -> Self {
        Arc::make_mut(&mut self.0).retry_after = Some(retry_after);
        self
    }

    /// Returns the stable code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// Returns what happened, in one line.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns what to do about it, in one line.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Returns how long to wait before asking again, where that is known.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Whether asking again later can help without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        self.0.code.class() == Class::Unavailable
    }

    /// An error for a defect of daypass itself; `what` is made printable.
    pub(crate) fn internal(what: impl fmt::Display) -> Self {
        Self::new(Code::Internal, printable(&what.to_string()))
            .with_hint("this is a defect of daypass: please report it")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]: {}", self.0.code, self.0.message)?;
        match &self.0.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_own_dotted_name() {
        let names: std::collections::BTreeSet<_> = Code::ALL.iter().map(|c| c.as_str()).collect();
        assert_eq!(names.len(), Code::ALL.len());
    }

    #[test]
    fn every_code_is_explained_with_its_exit_code() {
        let page = include_str!("../../../docs/errors.md");
        let sections: Vec<_> = page.split("\n### ").skip(1).collect();
        let names: Vec<_> = sections.iter().filter_map(|section| section.lines().next()).collect();
        let codes: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names, codes);
        for (code, section) in Code::ALL.iter().zip(sections) {
            let exit_code = format!("\n\nExit code {}. ", code.class().exit_code());
            assert!(section.contains(&exit_code), "{code}: {section}");
            let paragraphs = section.split("\n\n").filter(|text| !text.starts_with("## ")).count();
            assert!(paragraphs >= 3, "{code}: what to do is missing");
        }
    }

    #[test]
    fn only_what_a_retry_can_mend_is_transient() {
        for code in Code::ALL {
            let error = Error::new(*code, "x");
            assert_eq!(error.is_transient(), code.class().exit_code() == 4, "{code}");
        }
    }
}
