//! A provider's regions: a closed list, matched by equality. A wrong region answers like a wrong
//! secret, so none is ever guessed.

/// One region of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// The canonical name, such as `eu-west-1`.
    pub name: &'static str,
    /// The domain that the provider's hosts of this region are under.
    pub domain: &'static str,
}

impl Region {
    /// Whether `typed` is a way to say this region: its name with hyphens or underscores, its
    /// domain, or the `login`, `api` or `apps` host, also as an https address.
    pub(super) fn is_said_by(&self, typed: &str) -> bool {
        let typed = typed.trim_ascii();
        let host = match split_prefix(typed, "https://") {
            Some(rest) => rest.strip_suffix('/').unwrap_or(rest),
            None => typed,
        };
        let at_domain = |host: &str| host.eq_ignore_ascii_case(self.domain);
        same_name(typed, self.name)
            || at_domain(host)
            || ["login.", "api.", "apps."]
                .iter()
                .any(|label| split_prefix(host, label).is_some_and(at_domain))
    }
}

fn same_name(typed: &str, name: &str) -> bool {
    let plain = |byte: u8| if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    typed.len() == name.len() && typed.bytes().map(plain).eq(name.bytes())
}

fn split_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::Preset;

    fn found(typed: &str) -> Option<&'static str> {
        Preset::named("genesys-cloud").unwrap().region(typed).map(|region| region.name)
    }

    #[test]
    fn every_region_has_its_spellings() {
        let preset = Preset::named("genesys-cloud").unwrap();
        assert_eq!(preset.regions().count(), 18);
        for region in preset.regions() {
            let (name, domain) = (region.name, region.domain);
            for typed in [
                name.to_owned(),
                name.replace('-', "_"),
                name.to_uppercase(),
                domain.to_owned(),
                domain.to_uppercase(),
                format!("login.{domain}"),
                format!("api.{domain}"),
                format!("apps.{domain}"),
                format!("https://{domain}"),
                format!("https://login.{domain}"),
                format!("https://login.{domain}/"),
                format!("HTTPS://api.{domain}/"),
                format!(" {name} "),
            ] {
                assert_eq!(found(&typed), Some(name), "{typed}");
            }
        }
    }

    #[test]
    fn nothing_else_is_a_region() {
        for typed in [
            "",
            "eu",
            "eu-west",
            "eu-west-1x",
            "eu-west-1.",
            "login.eu-west-1",
            "https://eu-west-1",
            "app.mypurecloud.ie",
            "xmypurecloud.ie",
            "mypurecloud.ie.evil.example",
            "evil.example/mypurecloud.ie",
            "login.login.mypurecloud.ie",
            "https://login.mypurecloud.ie@evil.example",
            "http://login.mypurecloud.ie",
            "https://login.mypurecloud.ie/oauth/token",
            "mypurecloud.ie/",
            "localhost:8080",
            "mypurecloud\u{2024}ie",
            "pure.cloud",
        ] {
            assert_eq!(found(typed), None, "{typed}");
        }
    }

    #[test]
    fn no_domain_is_said_by_another_region() {
        let preset = Preset::named("genesys-cloud").unwrap();
        for region in preset.regions() {
            for typed in [region.name, region.domain] {
                let said: Vec<_> = preset.regions().filter(|r| r.is_said_by(typed)).collect();
                assert_eq!(said, [region]);
            }
        }
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(typed in "\\PC{0,40}") {
            let _ = found(&typed);
        }
    }
}
