//! Which profile is meant: the one that is named; else `default` or the only profile of the
//! trusted files; else what the environment makes.

use super::variables::{Presence, presence};
use super::{ConfigFile, Origin, schema::Section, suggest};
use crate::printable::named;
use crate::{Code, Env, Error, Preset, printable};

/// A profile before its parts are put together.
pub(crate) struct Selected<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: Kind<'a>,
    /// Whether somebody chose it, rather than that nothing else was there.
    pub(crate) named: bool,
}

/// Where a profile stands.
pub(crate) enum Kind<'a> {
    File(&'a Section),
    Environment(Preset),
}

/// Returns the names of all profiles: of the files, and those that the environment makes.
pub fn profile_names(files: &[ConfigFile], env: &Env) -> Vec<String> {
    let mut names: Vec<_> = files.iter().flat_map(ConfigFile::profiles).collect();
    let made = Preset::all().filter(|preset| made_of(*preset, files, env) != Presence::Nothing);
    names.extend(made.map(|preset| preset.profile()));
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(str::to_owned).collect()
}

/// How much of a provider's profile the environment holds, besides the variables that a trusted
/// file's profiles are made of: those are not also a profile of their own.
fn made_of(preset: Preset, files: &[ConfigFile], env: &Env) -> Presence {
    let trusted = || files.iter().filter(|file| file.origin.is_trusted());
    presence(preset, env, |name| trusted().flat_map(ConfigFile::variables).any(|used| used == name))
}

pub(crate) fn select<'a>(
    files: &'a [ConfigFile],
    env: &Env,
    name: Option<&'a str>,
) -> Result<Selected<'a>, Error> {
    check_doubles(files, env)?;
    if let Some(name) = name {
        return by_name(files, name).ok_or_else(|| unknown(files, env, name, ""));
    }
    let trusted = || in_order(files).filter(|file| file.origin.is_trusted());
    let with_default = trusted().find_map(|file| Some((file, file.default_profile()?)));
    if let Some((file, name)) = with_default {
        let says = format!("`default` of {}: ", printable(&file.path));
        return by_name(files, name).ok_or_else(|| unknown(files, env, name, &says));
    }
    let mut profiles = trusted().flat_map(|file| file.schema.profiles.iter());
    if let (Some((name, section)), None) = (profiles.next(), profiles.next()) {
        return Ok(Selected { name, kind: Kind::File(section), named: true });
    }
    from_environment(files, env)
}

/// A file in the working directory may not take the place of a profile that the user keeps, nor,
/// until it is trusted, of one that the environment makes.
fn check_doubles(files: &[ConfigFile], env: &Env) -> Result<(), Error> {
    let is_found = |file: &&ConfigFile| matches!(file.origin, Origin::Found { .. });
    for found in files.iter().filter(is_found) {
        for own in files.iter().filter(|file| !is_found(file)) {
            let double = found.profiles().find(|name| own.schema.profiles.contains_key(*name));
            if let Some(name) = double {
                return Err(doubled(found, name, &format!("{} defines", printable(&own.path))));
            }
        }
        let made = |preset: &Preset| {
            found.schema.profiles.contains_key(preset.profile())
                && presence(*preset, env, |_| false) != Presence::Nothing
        };
        if let (false, Some(preset)) = (found.origin.is_trusted(), Preset::all().find(made)) {
            return Err(doubled(found, preset.profile(), "the environment makes"));
        }
    }
    Ok(())
}

fn doubled(found: &ConfigFile, name: &str, who: &str) -> Error {
    let found = printable(&found.path);
    let message = format!("{found} was found here and defines \"{name}\", which {who} too");
    Error::new(Code::ConfigUntrusted, message)
        .with_hint(format!("rename one of them, or name the file: --config {found}"))
}

/// Files in the order in which they are asked: what the user named comes first.
fn in_order(files: &[ConfigFile]) -> impl Iterator<Item = &ConfigFile> {
    let rank = |file: &ConfigFile| match file.origin {
        Origin::Named { .. } => 0,
        Origin::Found { .. } => 1,
        Origin::Yours => 2,
    };
    (0..3).flat_map(move |wanted| files.iter().filter(move |file| rank(file) == wanted))
}

fn by_name<'a>(files: &'a [ConfigFile], name: &'a str) -> Option<Selected<'a>> {
    let section = in_order(files).find_map(|file| file.schema.profiles.get(name));
    let preset = || Preset::all().find(|preset| preset.profile() == name);
    let kind = section.map(Kind::File).or_else(|| preset().map(Kind::Environment))?;
    Some(Selected { name, kind, named: true })
}

fn unknown(files: &[ConfigFile], env: &Env, name: &str, prefix: &str) -> Error {
    let names = profile_names(files, env);
    let known = names.iter().map(String::as_str);
    let near = suggest::nearest(name, known.chain(Preset::all().map(|preset| preset.profile())));
    let near = near.map(|near| format!("did you mean \"{near}\"? ")).unwrap_or_default();
    let list = match names.as_slice() {
        [] => "there are none: set the variables of one, or write a daypass.toml".to_owned(),
        names => format!("there are: {}", names.join(", ")),
    };
    let message = format!("{prefix}no profile {}", named(name));
    Error::new(Code::ConfigUnknownProfile, message).with_hint(format!("{near}{list}"))
}

fn from_environment<'a>(files: &'a [ConfigFile], env: &Env) -> Result<Selected<'a>, Error> {
    for wanted in [Presence::Something, Presence::Blank] {
        let mut made = Preset::all().filter(|preset| made_of(*preset, files, env) == wanted);
        match (made.next(), made.next()) {
            (None, _) => {}
            (Some(one), None) => {
                let kind = Kind::Environment(one);
                return Ok(Selected { name: one.profile(), kind, named: false });
            }
            (Some(one), Some(two)) => {
                let (one, two) = (one.profile(), two.profile());
                let message =
                    format!("the environment has both {one} and {two}, and no profile is named");
                return Err(Error::new(Code::ConfigAmbiguous, message)
                    .with_hint(format!("name one of them: {one} or {two}")));
            }
        }
    }
    Err(nothing(files))
}

fn nothing(files: &[ConfigFile]) -> Error {
    let mut names = files.iter().flat_map(|file| {
        file.profiles().map(move |name| (name, printable(&file.path), file.origin.is_trusted()))
    });
    let error = |code, message: String, hint: String| Error::new(code, message).with_hint(hint);
    match (names.next(), names.next()) {
        (Some((name, path, false)), _) => error(
            Code::ConfigNoProfile,
            format!("no profile is named, and {path} was only found here"),
            format!("name it: {name}; or trust the file: daypass trust {path}"),
        ),
        (Some((one, path, true)), Some((two, ..))) => error(
            Code::ConfigAmbiguous,
            format!("{path} has several profiles and no `default`, and none is named"),
            format!("name one of them: {one} or {two}"),
        ),
        _ => error(
            Code::ConfigNoProfile,
            "no profile is named, and neither a file nor the environment has one".to_owned(),
            "set GC_CLIENT_ID, GC_CLIENT_SECRET and GC_REGION (Genesys Cloud) or OAUTH2_TOKEN_URL, \
             OAUTH2_CLIENT_ID and OAUTH2_CLIENT_SECRET (any issuer); daypass demo shows it all without an account"
                .to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests;
