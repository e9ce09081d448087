//! Reading a profile's credentials: from the captured environment here, from files and commands
//! in the caller's way.

use zeroize::Zeroizing;

use super::value::{External, Value, shown};
use super::{Profile, SecretText};
use crate::{Code, Env, Error, printable};

/// The hint for an empty variable.
const EMPTY_HINT: &str = "pull requests from forks get no secrets; else check its name under env:";

impl Profile {
    /// Returns the variable that holds the secret, as messages name it.
    pub(crate) fn secret_variable(&self) -> Option<&str> {
        self.client_secret.variable().map(shown)
    }

    /// Returns the client identifier. `read` is called for a file or a command only.
    ///
    /// # Errors
    ///
    /// `config.client_id_missing` if there is none, `config.secret_empty` if neither it nor the
    /// secret has anything in it, `config.invalid` for one that is not plain text, and what
    /// `read` fails with.
    pub fn read_client_id(
        &self,
        env: &Env,
        read: impl FnOnce(External<'_>) -> Result<Zeroizing<Vec<u8>>, Error>,
    ) -> Result<String, Error> {
        let id = match read_value(&self.client_id, "client_id", env, read)? {
            Read::Text(id) => id,
            Read::Unset(name) => return Err(self.id_missing(name, env)),
            Read::Blank(name) => return Err(self.id_blank(name, env)),
            Read::Nothing(what) => return Err(nothing(Code::ConfigClientIdMissing, &what)),
        };
        if id.expose().contains(char::is_control) {
            let message = format!("the client_id of \"{}\" has a control character", self.name);
            return Err(Error::new(Code::ConfigInvalid, message)
                .with_hint("a line break at its end? write it again without one"));
        }
        Ok(id.expose().to_owned())
    }

    /// Returns the client secret. `read` is called for a file or a command only.
    ///
    /// # Errors
    ///
    /// `config.secret_missing`, `config.secret_empty`, `config.invalid` for one that is not
    /// UTF-8, and what `read` fails with.
    pub fn read_client_secret(
        &self,
        env: &Env,
        read: impl FnOnce(External<'_>) -> Result<Zeroizing<Vec<u8>>, Error>,
    ) -> Result<SecretText, Error> {
        match read_value(&self.client_secret, "client_secret", env, read)? {
            Read::Text(secret) => Ok(secret),
            Read::Unset(name) => Err(self.secret_missing(name, env)),
            Read::Blank(name) => Err(secrets_empty(shown(name))),
            Read::Nothing(what) => Err(nothing(Code::ConfigSecretEmpty, &what)),
        }
    }

    fn id_missing(&self, name: &str, env: &Env) -> Error {
        let secret = self.client_secret.variable().filter(|secret| env.var(secret).is_some());
        missing(Code::ConfigClientIdMissing, name, secret)
    }

    fn id_blank(&self, name: &str, env: &Env) -> Error {
        let (name, secret) = (shown(name), self.client_secret.variable());
        match secret.filter(|secret| env.var(secret) == Some("")) {
            Some(secret) => secrets_empty(&format!("{name} and {}", shown(secret))),
            None => Error::new(Code::ConfigClientIdMissing, format!("{name} is set but empty"))
                .with_hint(EMPTY_HINT),
        }
    }

    fn secret_missing(&self, name: &str, env: &Env) -> Error {
        let id = self.client_id.variable().filter(|id| env.var(id).is_some());
        missing(Code::ConfigSecretMissing, name, id)
    }
}

fn missing(code: Code, name: &str, other: Option<&str>) -> Error {
    let name = shown(name);
    let message = match other {
        Some(other) => format!("{} is set, but {name} is not", shown(other)),
        None => format!("{name} is not set"),
    };
    Error::new(code, message)
        .with_hint(format!("set {name}; a GitHub workflow maps it from its secrets under env:"))
}

fn nothing(code: Code, what: &str) -> Error {
    Error::new(code, what).with_hint("is the secret there yet? look at it as this user")
}

/// Makes the error for one or two variables that are set but empty.
pub(crate) fn secrets_empty(places: &str) -> Error {
    let are = if places.contains(" and ") { "are" } else { "is" };
    Error::new(Code::ConfigSecretEmpty, format!("{places} {are} set but empty"))
        .with_hint(EMPTY_HINT)
}

enum Read<'v> {
    Text(SecretText),
    Unset(&'v str),
    /// The variable is set but empty.
    Blank(&'v str),
    /// A file or a command gave nothing.
    Nothing(String),
}

fn read_value<'v>(
    value: &'v Value,
    key: &str,
    env: &Env,
    read: impl FnOnce(External<'_>) -> Result<Zeroizing<Vec<u8>>, Error>,
) -> Result<Read<'v>, Error> {
    let text = match (value, value.external()) {
        (Value::Literal(text), _) => text.clone(),
        (Value::Env(name), _) => match env.var_os(name) {
            None => return Ok(Read::Unset(name)),
            Some(text) if text.is_empty() => return Ok(Read::Blank(name)),
            Some(text) => SecretText::new(text.to_str().ok_or_else(|| not_text(shown(name)))?),
        },
        (_, Some(external)) => {
            let (place, empty) = match external {
                External::File(path) => (printable(&path.to_string_lossy()), "is empty"),
                External::Command(_) => (format!("the command of `{key}`"), "printed nothing"),
            };
            let bytes = std::mem::take(&mut *read(external)?);
            let text = SecretText::from_output(bytes).map_err(|_| not_text(&place))?;
            if text.is_empty() {
                return Ok(Read::Nothing(format!("{place} {empty}")));
            }
            text
        }
        (_, None) => return Err(Error::internal("a credential that comes from nowhere")),
    };
    Ok(Read::Text(text))
}

fn not_text(place: &str) -> Error {
    Error::new(Code::ConfigInvalid, format!("{place}: not valid UTF-8"))
}

#[cfg(test)]
mod tests;
