//! The environment of a child process: everything but the credentials.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};

use daypass::{ConfigFile, Env, Opened};

use zeroize::Zeroizing;

use crate::mask::{self, Form};

/// Variables of our own that a child has no use for.
const OWN: &[&str] = &["DAYPASS_CACHE_KEY", "DAYPASS_REDIS_URL", "DAYPASS_REDIS_PASSWORD"];

/// The local addresses that a child must not send through a proxy.
const LOCAL: &str = "127.0.0.1,localhost,::1";

/// Returns the variables for a child: `env` without every credential variable that daypass or
/// one of these files knows, the inputs of an Action, and whatever is or contains a secret of
/// these profiles, in any form; with the local addresses in `NO_PROXY`.
pub(crate) fn environment(
    env: &Env,
    files: &[ConfigFile],
    profiles: &[&Opened],
) -> Vec<(OsString, OsString)> {
    let mut names: BTreeSet<&str> =
        daypass::credential_variables().chain(OWN.iter().copied()).collect();
    names.extend(files.iter().flat_map(ConfigFile::variables));
    let mut secrets = Vec::new();
    for opened in profiles {
        names.extend(opened.profile.variables());
        secrets.push(Secret::new(opened.client_secret.expose().as_bytes()));
    }
    if let Some(key) = env.cache_key() {
        secrets.push(Secret::new(key));
    }
    let kept = env.iter().filter(|(name, value)| {
        !is_named(name, &names) && !is_or_holds_one(value.as_encoded_bytes(), &secrets)
    });
    let mut child: Vec<_> = kept.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    // Tools read one or the other, so what one says must stand in both.
    let said = |name: &str| child.iter().find(|(set, _)| set == name).map(|(_, v)| v.clone());
    let either = said("NO_PROXY").or_else(|| said("no_proxy")).unwrap_or_default();
    let other = said("no_proxy").unwrap_or_else(|| either.clone());
    for (name, value) in [("NO_PROXY", either), ("no_proxy", other)] {
        child.retain(|(set, _)| set != name);
        child.push((name.into(), with_local(value)));
    }
    child
}

fn is_named(name: &OsStr, names: &BTreeSet<&str>) -> bool {
    name.to_str().is_some_and(|name| names.contains(name) || name.starts_with("INPUT_"))
}

/// A secret to look for.
struct Secret<'a> {
    plain: &'a [u8],
    /// As forms are encoded, where `+` stands for a space.
    form: Zeroizing<Vec<u8>>,
    /// Those that no decoder knows, such as hexadecimal digits.
    forms: Vec<Form>,
}

impl<'a> Secret<'a> {
    fn new(plain: &'a [u8]) -> Self {
        let form = plain.iter().map(|byte| if *byte == b' ' { b'+' } else { *byte }).collect();
        // A cache key may be no text, and then has no form that a text could have.
        let forms = str::from_utf8(plain).map(mask::forms).unwrap_or_default();
        Self { plain, form: Zeroizing::new(form), forms }
    }
}

/// Whether a value is a secret, or has one in it, however it is written.
fn is_or_holds_one(value: &[u8], secrets: &[Secret<'_>]) -> bool {
    let decoded = daypass::decodings(value);
    secrets.iter().filter(|secret| !secret.plain.is_empty()).any(|secret| {
        value == secret.plain
            || secret.forms.iter().any(|form| contains(value, form.as_bytes()))
            || [secret.plain, &secret.form].iter().any(|plain| {
                plain.len() >= mask::SHORTEST && decoded.iter().any(|text| contains(text, plain))
            })
    })
}

fn contains(value: &[u8], form: &[u8]) -> bool {
    value.windows(form.len()).any(|part| part == form)
}

fn with_local(mut value: OsString) -> OsString {
    if value == "*" {
        return value;
    }
    if !value.is_empty() {
        value.push(",");
    }
    value.push(LOCAL);
    value
}
