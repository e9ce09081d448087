//! The environment variables that a provider's users have set: several spellings of one client.
//! Id and secret of different spellings are never paired.

use super::value::Value;
use crate::{Code, Env, Error, Preset, Region};

/// A variable and what it holds; an empty value is kept apart from none.
#[derive(Clone, Copy)]
pub(crate) struct Variable<'e> {
    pub(crate) name: &'static str,
    pub(crate) value: Option<&'e str>,
}

impl<'e> Variable<'e> {
    fn read(name: &'static str, env: &'e Env) -> Result<Self, Error> {
        Ok(Self { name, value: env.text(name)? })
    }

    /// Returns the value, if there is something in it.
    pub(crate) fn filled(self) -> Option<&'e str> {
        self.value.filter(|value| !value.is_empty())
    }

    pub(crate) fn is_blank(self) -> bool {
        self.value == Some("")
    }
}

/// One spelling of the variables of a client. What a provider has no variable for is `None`.
#[derive(Clone, Copy)]
pub(crate) struct Spelling<'e> {
    pub(crate) id: Variable<'e>,
    pub(crate) secret: Variable<'e>,
    pub(crate) region: Option<Variable<'e>>,
    pub(crate) environment: Option<Variable<'e>>,
    pub(crate) token_url: Option<Variable<'e>>,
    pub(crate) scope: Option<Variable<'e>>,
    pub(crate) audience: Option<Variable<'e>>,
}

impl<'e> Spelling<'e> {
    /// How much of a client is there: less is better.
    fn rank(&self) -> u8 {
        match (self.id.filled(), self.secret.filled()) {
            (Some(_), Some(_)) => 0,
            (Some(_), None) => 1,
            (None, Some(_)) => 2,
            (None, None) if self.id.is_blank() || self.secret.is_blank() => 3,
            (None, None) if self.token_url.and_then(Variable::filled).is_some() => 4,
            (None, None) => 5,
        }
    }

    /// Returns "A and B", those of id and secret that `test` holds for.
    pub(crate) fn those(&self, test: impl Fn(Variable<'e>) -> bool) -> Option<String> {
        match (test(self.id), test(self.secret)) {
            (true, true) => Some(format!("{} and {}", self.id.name, self.secret.name)),
            (true, false) => Some(self.id.name.to_owned()),
            (false, true) => Some(self.secret.name.to_owned()),
            (false, false) => None,
        }
    }
}

/// All spellings of one provider, most preferred first.
pub(crate) struct Spellings<'e> {
    preset: Preset,
    all: Vec<Spelling<'e>>,
}

impl<'e> Spellings<'e> {
    /// Reads a provider's variables.
    pub(crate) fn read(preset: Preset, env: &'e Env) -> Result<Self, Error> {
        let [mut region, mut environment, mut token_url, mut scope, mut audience] =
            ["region", "environment", "token_url", "scope", "audience"]
                .map(|what| preset.variables(what));
        let next = |names: &mut dyn Iterator<Item = &'static str>| {
            names.next().map(|name| Variable::read(name, env)).transpose()
        };
        let mut all = Vec::new();
        for (id, secret) in preset.variables("client_id").zip(preset.variables("client_secret")) {
            all.push(Spelling {
                id: Variable::read(id, env)?,
                secret: Variable::read(secret, env)?,
                region: next(&mut region)?,
                environment: next(&mut environment)?,
                token_url: next(&mut token_url)?,
                scope: next(&mut scope)?,
                audience: next(&mut audience)?,
            });
        }
        Ok(Self { preset, all })
    }

    /// Returns the spelling that goes with what a file says about the client, else the first that
    /// is complete, else the one with most in it; with none, the shortest, to teach.
    pub(crate) fn choose(
        &self,
        client_id: Option<&Value>,
        client_secret: Option<&Value>,
    ) -> Option<Spelling<'e>> {
        let fits = |spelling: &Spelling<'_>| match (client_id, client_secret) {
            (Some(Value::Literal(id)), _) => spelling.id.filled() == Some(id.expose()),
            (Some(value), _) => value.variable() == Some(spelling.id.name),
            (None, Some(value)) => value.variable() == Some(spelling.secret.name),
            (None, None) => false,
        };
        let nothing = self.all.iter().all(|spelling| spelling.rank() == 5);
        let key = |spelling: &&Spelling<'_>| {
            let length = if nothing { spelling.id.name.len() } else { 0 };
            (!fits(spelling), spelling.rank(), length)
        };
        self.all.iter().min_by_key(key).copied()
    }

    /// Refuses an id that a file says, which one spelling has, with the secret of another that has
    /// another one.
    pub(crate) fn check_pair(
        &self,
        client_id: Option<&Value>,
        client_secret: Option<&Value>,
    ) -> Result<(), Error> {
        let (Some(Value::Literal(id)), Some(Value::Env(secret))) = (client_id, client_secret)
        else {
            return Ok(());
        };
        let id = id.expose();
        let of_id = self.all.iter().find(|spelling| spelling.id.filled() == Some(id));
        let of_secret = self.all.iter().find(|spelling| spelling.secret.name == secret);
        match (of_id, of_secret) {
            (Some(ids), Some(secrets)) if secrets.id.filled().is_some_and(|own| own != id) => {
                let (id, secret) = (ids.id.name, secrets.secret.name);
                let message =
                    format!("client_id is that of {id}, and {secret} is another client's");
                Err(Error::new(Code::ConfigAmbiguous, message)
                    .with_hint(format!("client_secret = {{ env = \"{}\" }}", ids.secret.name)))
            }
            _ => Ok(()),
        }
    }

    /// Refuses two spellings that name different clients, secrets or regions.
    pub(crate) fn check_agreement(&self) -> Result<(), Error> {
        let region = |typed: &'e str| self.preset.region(typed).map_or(typed, |known| known.name);
        let ids = self.all.iter().filter_map(|s| Some((s.id.name, s.id.filled()?)));
        let secrets = self.all.iter().filter_map(|s| Some((s.secret.name, s.secret.filled()?)));
        let regions = self.regions(None).map(|(name, typed)| (name, region(typed)));
        let pair = differing(ids)
            .map(|pair| (pair, "name different clients"))
            .or_else(|| differing(secrets).map(|pair| (pair, "hold different secrets")))
            .or_else(|| differing(regions).map(|pair| (pair, "say different regions")));
        let Some(((first, second), what)) = pair else { return Ok(()) };
        let (profile, used) = (self.preset.profile(), self.choose(None, None));
        let used = used.map_or(first, |spelling| spelling.id.name);
        Err(Error::new(Code::ConfigAmbiguous, format!("{first} and {second} {what}"))
            .with_hint(format!("unset one of them, or name the profile: {profile} takes {used}")))
    }

    /// Returns the region that the variables say, those of `first` before others.
    pub(crate) fn region(&self, first: &Spelling<'e>) -> Result<Option<Region>, Error> {
        let Some((name, typed)) = self.regions(Some(first)).next() else {
            // Any word may stand in ..._ENVIRONMENT, but then it is the only clue there is.
            let environments = self.all.iter().filter_map(|spelling| spelling.environment);
            let clue = environments.filter_map(|v| Some((v.name, v.filled()?))).next();
            return match clue {
                Some((name, typed)) => Err(unknown_region(self.preset, name, typed)),
                None => Ok(None),
            };
        };
        let region = self.preset.region(typed);
        region.map(Some).ok_or_else(|| unknown_region(self.preset, name, typed))
    }

    /// Returns what `..._REGION` says anywhere, and `..._ENVIRONMENT` where it says a region.
    fn regions(
        &self,
        first: Option<&Spelling<'e>>,
    ) -> impl Iterator<Item = (&'static str, &'e str)> {
        let all = first.copied().into_iter().chain(self.all.iter().copied());
        let known = move |typed: &str| self.preset.region(typed).is_some();
        all.flat_map(move |spelling| {
            let region = spelling.region.and_then(|v| Some((v.name, v.filled()?)));
            let environment = spelling.environment.and_then(|v| Some((v.name, v.filled()?)));
            region.into_iter().chain(environment.filter(|(_, typed)| known(typed)))
        })
    }
}

fn differing<'v>(
    mut values: impl Iterator<Item = (&'static str, &'v str)>,
) -> Option<(&'static str, &'static str)> {
    let (first, value) = values.next()?;
    values.find(|(_, other)| *other != value).map(|(second, _)| (first, second))
}

/// Makes the error for a region that is not on the list. `place` is what says it.
pub(crate) fn unknown_region(preset: Preset, place: &str, typed: &str) -> Error {
    let names: Vec<_> = preset.regions().map(|region| region.name).collect();
    let ways = preset.regions().flat_map(|region| [region.name, region.domain]);
    let near = super::suggest::nearest(&typed.replace('_', "-"), ways);
    let near = near.map(|near| format!("did you mean {near}? ")).unwrap_or_default();
    let typed = crate::printable::named(typed);
    Error::new(
        Code::ConfigRegionUnknown,
        format!("{place} says {typed}, which is no region of {}", preset.title()),
    )
    .with_hint(format!("{near}there are: {}", names.join(", ")))
}

/// How much of a provider's implicit profile the environment holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Presence {
    Nothing,
    /// Variables are set, but empty.
    Blank,
    Something,
}

/// Returns whether the environment makes this provider's profile, of variables that are not
/// `taken`. Reads no value.
pub(crate) fn presence(preset: Preset, env: &Env, taken: impl Fn(&str) -> bool) -> Presence {
    let names = ["client_id", "client_secret", "token_url"];
    let names = names.into_iter().flat_map(|what| preset.variables(what));
    let presence = names.filter(|name| !taken(name)).map(|name| match env.var_os(name) {
        None => Presence::Nothing,
        Some(value) if value.is_empty() => Presence::Blank,
        Some(_) => Presence::Something,
    });
    presence.max().unwrap_or(Presence::Nothing)
}
