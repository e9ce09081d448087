//! The grammar of single values: addresses, hosts, scopes, parameters, names. Pure; an error says
//! what is wrong with the value and repeats as little of it as will do.

use url::Url;

use super::suggest;
use crate::address::{self, Unfit, host};
use crate::printable::named;
use crate::{Code, Preset, ScopeSet, may_be_secret, printable};

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Wrong {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { code: Code::ConfigInvalid, message: message.into(), hint: None }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<Unfit> for Wrong {
    fn from(unfit: Unfit) -> Self {
        Self { code: unfit.code, message: unfit.message, hint: Some(unfit.hint.to_owned()) }
    }
}

/// Checks an address that secrets or tokens are sent to.
pub(crate) fn address(typed: &str) -> Result<Url, Wrong> {
    address::secure(typed).map_err(Wrong::from)
}

/// Whether an address is so plain that [`address`] and [`token_endpoint`] have nothing to say
/// about it: a hit on the cache need not start the URL parser.
pub(crate) fn is_plain(typed: &str) -> bool {
    let (rest, local) =
        match (typed.strip_prefix("https://"), typed.strip_prefix("http://127.0.0.1")) {
            (Some(rest), _) => (rest, false),
            (None, Some(rest)) => (rest, true),
            (None, None) => return false,
        };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (host, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
    let name = |byte: u8| byte.is_ascii_lowercase() || byte == b'-' || byte == b'.';
    let plain_host = host.bytes().all(name)
        && !host
            .split('.')
            .any(|label| label.is_empty() || label.starts_with('-') || label.contains("--"));
    let plain_port = match port.strip_prefix(':') {
        Some(digits) => {
            digits.starts_with(|c: char| ('1'..='9').contains(&c)) && digits.parse::<u16>().is_ok()
        }
        None => true,
    };
    let plain_path = path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-_.~".contains(&b));
    let known_wrong = Preset::all()
        .filter_map(|preset| preset.text("no_such_path"))
        .any(|wrong| path.trim_end_matches('/') == wrong);
    (if local { host.is_empty() } else { plain_host }) && plain_port && plain_path && !known_wrong
}

/// Checks the address of a proxy, which may be plain http anywhere: https goes through it as it is.
pub(crate) fn proxy(typed: &str) -> Result<Url, Wrong> {
    address::whole(typed).map_err(Wrong::from)
}

/// Checks one entry of `hosts` or `token_hosts`: a host, with a port where it is not the usual one.
pub(crate) fn host_entry(typed: &str) -> Result<String, Wrong> {
    let wrong = || {
        // What stands before an `@` may be a password.
        let shown = match typed.contains('@') {
            true => "a name with a user".to_owned(),
            // A pattern is a common mistake, and no secret.
            false if !may_be_secret(&typed.replace('*', "")) => format!("\"{}\"", printable(typed)),
            false => named(typed),
        };
        Wrong::new(format!("{shown} is not a host"))
            .with_hint("write api.example.com, or api.example.com:8443; no scheme, path or *")
    };
    if typed.contains(['/', '?', '#', '@', '\\', '*', '%']) || typed.contains(char::is_whitespace) {
        return Err(wrong());
    }
    let url = Url::parse(&format!("https://{typed}/")).map_err(|_| wrong())?;
    host(&url).ok_or_else(wrong)
}

/// Refuses a token endpoint that people try at this provider and that does not exist.
pub(crate) fn token_endpoint(url: &Url, provider: Option<Preset>) -> Result<(), Wrong> {
    for preset in Preset::all() {
        let Some(path) = preset.text("no_such_path") else { continue };
        let region = url.host_str().and_then(|host| preset.region(host));
        let meant = region.is_some() || provider.is_some_and(|p| p.name() == preset.name());
        if url.path().trim_end_matches('/') != path || !meant {
            continue;
        }
        let right = region.and_then(|region| preset.address("token_url", region));
        let right = right.unwrap_or_else(|| preset.text("token_url").unwrap_or_default().into());
        let place = region.map_or("...", |region| region.name);
        return Err(Wrong::new(format!("{} has no {path}", preset.title())).with_hint(format!(
            "the token endpoint is {right}: provider = \"{}\" and region = \"{place}\" say that",
            preset.name(),
        )));
    }
    Ok(())
}

/// Checks scope tokens (RFC 6749 section 3.3): visible ASCII without `"` and `\`.
pub(crate) fn scopes<'a>(list: impl IntoIterator<Item = &'a str>) -> Result<ScopeSet, Wrong> {
    let mut scopes = Vec::new();
    for scope in list {
        if !ScopeSet::is_scope(scope) {
            return Err(Wrong::new(format!("{} is not a scope", named(scope)))
                .with_hint("a scope is visible ASCII without spaces, \" and \\"));
        }
        scopes.push(scope);
    }
    Ok(scopes.into_iter().collect())
}

/// Checks a name under `params`: fields of the protocol have keys of their own.
pub(crate) fn param_name(name: &str) -> Result<(), Wrong> {
    let key = match name {
        "grant_type" => "grant",
        "client_id" | "client_secret" | "audience" | "resource" => name,
        "scope" => "scopes",
        "assertion"
        | "client_assertion"
        | "client_assertion_type"
        | "code"
        | "code_verifier"
        | "redirect_uri"
        | "refresh_token"
        | "username"
        | "password"
        | "subject_token"
        | "subject_token_type"
        | "actor_token"
        | "actor_token_type"
        | "requested_token_type" => {
            return Err(Wrong::new(format!("may not set {name}"))
                .with_hint("the client_credentials grant has no such field"));
        }
        "" => return Err(Wrong::new("an empty name")),
        _ => return Ok(()),
    };
    Err(Wrong::new(format!("may not set {name}")).with_hint(format!("use `{key}`")))
}

/// Checks the name of a profile: it is part of `PROFILE=NAME` on the command line.
pub(crate) fn profile_name(name: &str) -> Result<(), Wrong> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let first = name.starts_with(|first: char| first.is_ascii_alphanumeric());
    if first && name.len() <= 64 && name.bytes().all(plain) {
        return Ok(());
    }
    Err(Wrong::new(format!("{} can't name a profile", named(name)))
        .with_hint("a profile's name is letters, digits, `.`, `_` and `-`, at most 64"))
}

/// Returns the preset of this name.
pub(crate) fn provider(name: &str) -> Result<Preset, Wrong> {
    Preset::named(name).ok_or_else(|| {
        let names: Vec<_> = Preset::all().map(Preset::name).collect();
        let near = suggest::nearest(name, names.iter().copied());
        let near = near.map(|near| format!("did you mean \"{near}\"? ")).unwrap_or_default();
        Wrong::new(format!("no provider {}", named(name)))
            .with_hint(format!("{near}there are: {}", names.join(", ")))
    })
}

#[cfg(test)]
mod tests;
