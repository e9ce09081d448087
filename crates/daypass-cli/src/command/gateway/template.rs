//! What a command finds in its environment instead of credentials: local ones, and whatever
//! `--gateway-env NAME=TEMPLATE` says. Pure.

use daypass::{Code, Env, Error, Opened, Preset, printable};
use daypass_server::LocalCredentials;

/// What a template may name.
pub(crate) struct Place {
    pub(crate) url: String,
    pub(crate) port: u16,
    pub(crate) open_port: Option<u16>,
    pub(crate) local: LocalCredentials,
}

/// The names that a template may have in braces.
const NAMES: &str = "{url} {host} {port} {open_port} {client_id} {client_secret} {token} {path}";

impl Place {
    fn value(&self, name: &str) -> Option<String> {
        Some(match name {
            "url" => self.url.clone(),
            "host" => "127.0.0.1".to_owned(),
            "port" => self.port.to_string(),
            "open_port" => self.open_port?.to_string(),
            "client_id" => self.local.client_id().to_owned(),
            "client_secret" => self.local.client_secret().to_owned(),
            "token" => self.local.token().to_owned(),
            "path" => self.local.path().to_owned(),
            _ => return None,
        })
    }

    /// Fills a template in; `{{` is a brace.
    fn fill(&self, template: &str) -> Result<String, Error> {
        let mut filled = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            if let Some(after) = after.strip_prefix('{') {
                filled.push('{');
                rest = after;
                continue;
            }
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            let value = self.value(name).ok_or_else(|| {
                let shown = printable(name);
                let hint = match name {
                    "open_port" => "add --open-port-for TOOL",
                    _ => NAMES,
                };
                Error::new(Code::Usage, format!("a template has no {{{shown}}}")).with_hint(hint)
            })?;
            filled.push_str(&value);
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }
}

/// Reads `NAME=TEMPLATE`.
pub(crate) fn variable(place: &Place, typed: &str) -> Result<(String, String), Error> {
    let wrong = || {
        Error::new(Code::Usage, format!("\"{}\" is not NAME=TEMPLATE", printable(typed)))
            .with_hint("--gateway-env API_BASE={url}")
    };
    let (name, template) = typed.split_once('=').ok_or_else(wrong)?;
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !starts_well || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(wrong());
    }
    Ok((name.to_owned(), place.fill(template)?))
}

/// The credential variables that there are, or else the usual ones, with local credentials in them;
/// and the variable for a token.
pub(crate) fn credentials(env: &Env, opened: &Opened, place: &Place) -> Vec<(String, String)> {
    let profile = &opened.profile;
    let preset = profile.provider.and_then(Preset::named);
    let mut all = Vec::new();
    for (what, value) in
        [("client_id", place.local.client_id()), ("client_secret", place.local.client_secret())]
    {
        let own = match what {
            "client_id" => profile.client_id.variable(),
            _ => profile.client_secret.variable(),
        };
        let usual = preset.into_iter().flat_map(|preset| preset.variables(what));
        let usual: Vec<_> =
            own.into_iter().map(str::to_owned).chain(usual.map(str::to_owned)).collect();
        let is_set = |name: &&String| env.var_os(name.as_str()).is_some();
        let mut names: Vec<_> = usual.iter().filter(is_set).cloned().collect();
        if names.is_empty() {
            names.extend(usual.into_iter().next());
        }
        names.sort_unstable();
        names.dedup();
        all.extend(names.into_iter().map(|name| (name, value.to_owned())));
    }
    all.push((profile.token_variable().to_owned(), place.local.token().to_owned()));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(open_port: Option<u16>) -> Place {
        let local = LocalCredentials::generate().unwrap();
        Place { url: "http://127.0.0.1:4711".into(), port: 4711, open_port, local }
    }

    #[test]
    fn templates_are_filled_in() {
        let place = place(Some(12));
        for (typed, name, value) in [
            ("A={url}/api", "A", "http://127.0.0.1:4711/api"),
            ("_B1={host}:{port}", "_B1", "127.0.0.1:4711"),
            ("C=localhost:{open_port}", "C", "localhost:12"),
            ("D={{x}", "D", "{x}"),
            ("E=", "E", ""),
            ("F=a=b", "F", "a=b"),
        ] {
            assert_eq!(variable(&place, typed).unwrap(), (name.to_owned(), value.to_owned()));
        }
        let token = variable(&place, "T={token}").unwrap().1;
        assert_eq!(token, place.local.token());
        let secret = variable(&place, "S={url}{path}").unwrap().1;
        assert!(secret.starts_with("http://127.0.0.1:4711/daypass-local-path-"));
    }

    #[test]
    fn what_cannot_be_filled_in_is_refused() {
        let place = place(None);
        for typed in ["A", "=x", "1A=x", "A-B=x", "A={nothing}", "A={url", "A={open_port}", "Ä=x"]
        {
            // An open brace at the end names what is before it.
            let refused = variable(&place, typed).map_err(|error| error.code());
            match typed {
                "A={url" => assert!(refused.is_ok()),
                _ => assert_eq!(refused.unwrap_err(), Code::Usage, "{typed}"),
            }
        }
    }
}
