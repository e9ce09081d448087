//! What a command finds in its environment instead of credentials: local ones, and whatever
//! `--gateway-env NAME=TEMPLATE` says. Pure.

use daypass::{Code, Env, Error, Preset, Profile, printable};
use daypass_server::LocalCredentials;

use crate::command::exec::means_something_else;

/// What a template may name.
pub(crate) struct Place {
    pub(crate) profile: String,
    pub(crate) url: String,
    pub(crate) port: u16,
    pub(crate) open_port: Option<u16>,
    pub(crate) local: LocalCredentials,
}

/// The names that a template may have in braces; after a profile's name and a dot they are that
/// profile's, else the first one's.
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
}

/// Fills a template in; `{{` is a brace.
fn fill(places: &[Place], template: &str) -> Result<String, Error> {
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
        filled.push_str(&value(places, name)?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

fn value(places: &[Place], name: &str) -> Result<String, Error> {
    let (place, what) = match name.rsplit_once('.') {
        Some((profile, what)) => (places.iter().find(|place| place.profile == profile), what),
        None => (places.first(), name),
    };
    place.and_then(|place| place.value(what)).ok_or_else(|| {
        let shown = printable(name);
        let hint = match (place, what) {
            (Some(_), "open_port") => "add --open-port-for TOOL; the first profile has it",
            (None, _) => "before a dot stands a profile that has a gateway here",
            _ => NAMES,
        };
        Error::new(Code::Usage, format!("a template has no {{{shown}}}")).with_hint(hint)
    })
}

/// Reads `NAME=TEMPLATE`.
pub(crate) fn variable(places: &[Place], typed: &str) -> Result<(String, String), Error> {
    let wrong = || {
        Error::new(Code::Usage, format!("\"{}\" is not NAME=TEMPLATE", printable(typed)))
            .with_hint("--gateway-env API_BASE={url}")
    };
    let (name, template) = typed.split_once('=').ok_or_else(wrong)?;
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !starts_well || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(wrong());
    }
    if means_something_else(name) {
        return Err(Error::new(Code::Usage, format!("{name} means something else to programs"))
            .with_hint("a name of its own: --gateway-env API_BASE={url}"));
    }
    Ok((name.to_owned(), fill(places, template)?))
}

/// The credential variables that there are, or else the usual ones, with local credentials in them.
pub(crate) fn credentials(env: &Env, profile: &Profile, place: &Place) -> Vec<(String, String)> {
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
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(open_port: Option<u16>) -> Place {
        let local = LocalCredentials::generate().unwrap();
        Place {
            profile: "first".into(),
            url: "http://127.0.0.1:4711".into(),
            port: 4711,
            open_port,
            local,
        }
    }

    #[test]
    fn templates_are_filled_in() {
        let other = Place { url: "http://127.0.0.1:4712".into(), ..place(None) };
        let places = [place(Some(12)), Place { profile: "my.billing".into(), ..other }];
        for (typed, name, value) in [
            ("A={url}/api", "A", "http://127.0.0.1:4711/api"),
            ("_B1={host}:{port}", "_B1", "127.0.0.1:4711"),
            ("C=localhost:{open_port}", "C", "localhost:12"),
            ("D={{x}", "D", "{x}"),
            ("E=", "E", ""),
            ("F=a=b", "F", "a=b"),
            ("G={first.url} {my.billing.url}", "G", "http://127.0.0.1:4711 http://127.0.0.1:4712"),
            ("GC_CLIENT_ID=x", "GC_CLIENT_ID", "x"),
        ] {
            assert_eq!(variable(&places, typed).unwrap(), (name.to_owned(), value.to_owned()));
        }
        let token = variable(&places, "T={token}").unwrap().1;
        assert_eq!(token, places[0].local.token());
        let secret = variable(&places, "S={url}{path}").unwrap().1;
        assert!(secret.starts_with("http://127.0.0.1:4711/daypass-local-path-"));
    }

    #[test]
    fn what_cannot_be_filled_in_is_refused() {
        let places = [place(None)];
        for typed in [
            "A",
            "=x",
            "1A=x",
            "A-B=x",
            "A={nothing}",
            "A={url",
            "A={open_port}",
            "Ä=x",
            "A={other.url}",
            "A={first.nothing}",
            "DAYPASS_AGENT=",
            "DAYPASS_GATEWAY_URL={url}",
            "PATH=/x",
            "LD_PRELOAD=x.so",
            "https_proxy={url}",
        ] {
            // An open brace at the end names what is before it.
            let refused = variable(&places, typed).map_err(|error| error.code());
            match typed {
                "A={url" => assert!(refused.is_ok()),
                _ => assert_eq!(refused.unwrap_err(), Code::Usage, "{typed}"),
            }
        }
    }
}
