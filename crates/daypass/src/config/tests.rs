//! What the tests of this folder share, and what holds for any text at all.

use proptest::prelude::*;

use super::*;

/// A file of the user's own, 0600.
pub(crate) const OWN: FileFacts =
    FileFacts { regular: true, owner: 1000, user: 1000, mode: 0o100600, len: 100 };

pub(crate) const FOUND: Origin = Origin::Found { trusted: false };

pub(crate) fn parse(text: &str, origin: Origin) -> Result<ConfigFile, Error> {
    let path = match origin {
        Origin::Named { .. } => "ci/daypass.toml",
        Origin::Yours => "~/.config/daypass/daypass.toml",
        Origin::Found { .. } => "./daypass.toml",
    };
    ConfigFile::parse(text, path, origin, &OWN)
}

pub(crate) fn yours(text: &str) -> ConfigFile {
    parse(text, Origin::Yours).unwrap()
}

/// What a person is told.
pub(crate) fn told<T>(result: Result<T, Error>) -> String {
    result.err().map_or_else(|| "no error".to_owned(), |error| format!("{error:?}"))
}

const SENTINEL: &str = "sEnTiNeL0sEcReT";

/// Everything that could show a secret, after everything was tried with a text.
fn everything_shown(text: &str, env: &Env) -> String {
    let mut shown = format!("{env:?}");
    let mut add = |what: String| shown.push_str(&what);
    let trusted = Origin::Named { trusted: true };
    for origin in [Origin::Yours, trusted, Origin::Named { trusted: false }, FOUND] {
        let file = match parse(text, origin) {
            Ok(file) => file,
            Err(error) => {
                add(format!("{error} {error:?} {:?}", error.hint()));
                continue;
            }
        };
        add(format!("{file:?}"));
        let files = [file];
        let names = profile_names(&files, env);
        for name in names.iter().map(|name| Some(name.as_str())).chain([None]) {
            match resolve(&files, env, name) {
                Ok(profile) => {
                    add(format!("{profile:?} {:?} {:?}", profile.client_id, profile.client_secret));
                    let nothing = |_: External<'_>| Ok(zeroize::Zeroizing::new(vec![0xff]));
                    add(format!("{:?}", profile.read_client_id(env, nothing).err()));
                    add(format!("{:?}", profile.read_client_secret(env, nothing)));
                }
                Err(error) => add(format!("{error} {error:?}")),
            }
        }
    }
    shown
}

fn secrets_in_the_environment() -> Env {
    Env::from_pairs([
        ("GC_CLIENT_ID", "1f2e"),
        ("GC_CLIENT_SECRET", SENTINEL),
        ("GENESYSCLOUD_OAUTHCLIENT_SECRET", "sEnTiNeL0sEcReT2"),
        ("OAUTH2_CLIENT_SECRET", SENTINEL),
        ("OAUTH2_TOKEN_URL", "https://sEnTiNeL0sEcReT@auth.example.com/"),
    ])
}

#[test]
fn a_secret_in_the_wrong_place_is_not_repeated() {
    let env = secrets_in_the_environment();
    for line in [
        "client_secret = \"SENTINEL\"",
        "client_secret = SENTINEL",
        "client_secret = \"SENTINEL",
        "client_secret \"SENTINEL\"",
        "client_secret = \"SENTINEL\" x",
        "client_secret = \"\\qSENTINEL\"",
        "client_secret = '''SENTINEL",
        "client_secret = [\"SENTINEL\"]",
        "client_secret = { SENTINEL = \"x\" }",
        "client_secret = { env = \"SENTINEL\" }",
        "client_secret = { env = \"SENTINEL==\" }",
        "client_secret = { keyring = \"SENTINEL\" }",
        "client_secret = { value = \"SENTINEL\" }",
        "client_secret = { env = \"A\", file = \"SENTINEL\" }",
        "client_secret = { command = \"SENTINEL\" }",
        "client_secret = { command = [\"echo\", \"SENTINEL\"] }",
        "client_secret = \"SENTINEL\"\nclient_secret = \"SENTINEL\"",
        "client_secrets = \"SENTINEL\"",
        "token_url = \"https://u:SENTINEL@auth.example.com/\"",
        "proxy = \"http://u:SENTINEL@proxy.example.com:80\"",
        "params = { api_key = \"SENTINEL\" }",
        "params = { client_secret = \"SENTINEL\" }",
    ] {
        for head in [
            "",
            "[profile.x]\n",
            "[profile.x]\nprovider = \"genesys-cloud\"\nregion = \"eu-west-1\"\n",
            "[profile.x]\ntoken_url = \"https://auth.example.com/\"\nclient_id = \"y\"\n",
        ] {
            let text = format!("{head}{}\n", line.replace("SENTINEL", SENTINEL));
            let shown = everything_shown(&text, &env);
            assert!(!shown.contains(SENTINEL), "{text}\n{shown}");
        }
    }
}

/// Lines that make interesting files when mixed.
fn line() -> impl Strategy<Value = String> {
    let key = prop::sample::select(schema::KEYS);
    let value = prop_oneof![
        Just("\"genesys-cloud\"".to_owned()),
        Just("\"eu-west-1\"".to_owned()),
        Just("\"https://auth.example.com/token\"".to_owned()),
        Just("\"10m\"".to_owned()),
        Just("10".to_owned()),
        Just("{ env = \"GC_CLIENT_SECRET\" }".to_owned()),
        Just("{ file = \"s\" }".to_owned()),
        Just("{ command = [\"x\"] }".to_owned()),
        Just("[]".to_owned()),
        Just("[\"a\", 1]".to_owned()),
        Just("{ a = \"b\" }".to_owned()),
        "\\PC{0,12}",
    ];
    prop_oneof![
        (key, value).prop_map(|(key, value)| format!("{key} = {value}")),
        "\\[profile\\.[ab]\\]",
        "\\PC{0,20}",
        Just("default = \"a\"".to_owned()),
        Just(format!("client_secret = \"{SENTINEL}\"")),
    ]
}

proptest! {
    #[test]
    fn no_file_panics_or_shows_a_secret(lines in prop::collection::vec(line(), 0..8)) {
        let text = format!("[profile.a]\n{}\n", lines.join("\n"));
        let shown = everything_shown(&text, &secrets_in_the_environment());
        prop_assert!(!shown.contains(SENTINEL), "{}\n{}", text, shown);
    }

    #[test]
    fn arbitrary_text_never_panics(text in ".{0,200}") {
        let _ = everything_shown(&text, &Env::default());
    }

    #[test]
    fn a_found_file_never_names_a_new_place(lines in prop::collection::vec(line(), 0..8)) {
        let text = format!("[profile.a]\n{}\n", lines.join("\n"));
        let env = Env::from_pairs([("GC_CLIENT_ID", "1f2e"), ("GC_REGION", "eu-west-1")]);
        if let Ok(file) = parse(&text, FOUND)
            && let Ok(profile) = resolve(&[file], &env, Some("a"))
        {
            let login = "https://login.mypurecloud.ie/oauth/token".to_owned();
            prop_assert_eq!(&profile.endpoint, &crate::Endpoint::TokenUrl(login));
            prop_assert_eq!(profile.hosts(), ["api.mypurecloud.ie"]);
            prop_assert!(profile.client_secret.external().is_none());
            prop_assert!(profile.proxy.is_none() && profile.ca_file.is_none());
            prop_assert!(profile.params.is_empty() && profile.store.is_none());
        }
    }
}
