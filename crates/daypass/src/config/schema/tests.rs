use std::path::Path;

use super::super::tests::{parse, told, yours};
use super::super::{ConfigFile, Origin};
use super::*;
use crate::config::SecretText;

fn section(text: &str) -> Section {
    let text = format!("[profile.x]\n{text}\n");
    yours(&text).schema.profiles["x"].clone()
}

fn refused(text: &str) -> String {
    told(parse(&format!("[profile.x]\n{text}\n"), Origin::Yours))
}

#[test]
fn the_example_of_the_documentation_is_read() {
    let file = yours(
        r#"
        default = "genesys"
        [profile.genesys]
        provider = "genesys-cloud"
        region = "eu-west-1"
        client_id = { env = "GC_CLIENT_ID" }
        client_secret = { env = "GC_CLIENT_SECRET" }

        [profile.billing]
        token_url = "https://auth.example.com/oauth/token"
        client_id = "billing-ci"
        client_secret = { file = "/run/secrets/billing" }
        client_auth = "client_secret_post"
        scopes = ["invoices:read"]
        audience = "https://api.example.com"
        params = { tenant = "42" }
        hosts = ["api.example.com"]
        min_ttl = "10m"
        "#,
    );
    assert_eq!(file.default_profile(), Some("genesys"));
    assert_eq!(file.profiles().collect::<Vec<_>>(), ["billing", "genesys"]);
    let billing = &file.schema.profiles["billing"];
    assert_eq!(billing.client_secret, Some(Value::File("/run/secrets/billing".into())));
    assert_eq!(billing.client_auth, Some(ClientAuthMethod::ClientSecretPost));
    assert_eq!(billing.min_ttl, Some(Duration::from_secs(600)));
    assert_eq!(billing.params["tenant"], "42");
}

#[test]
fn every_key_is_documented_in_its_order() {
    let page = include_str!("../../../../../docs/config.md");
    let section = page.split("\n## ").find(|text| text.starts_with("Keys of a profile")).unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    assert_eq!(rows.collect::<Vec<_>>(), KEYS);
}

#[test]
fn every_key_has_a_meaning() {
    let value = |key: &str| match key {
        "provider" => "\"generic\"",
        "client_auth" => "\"client_secret_post\"",
        "grant" => "\"client_credentials\"",
        "params" => "{ tenant = \"42\" }",
        "hosts" | "token_hosts" => "[\"api.example.com\"]",
        "min_ttl" | "max_ttl" | "assume_ttl" => "600",
        "pool" => "3",
        "store" => "\"memory\"",
        _ => "\"https://x.example.com/\"",
    };
    for key in KEYS {
        let section = section(&format!("{key} = {}", value(key)));
        assert_eq!(section.set.len(), 1);
        assert_eq!(section.set[0].0, *key);
    }
}

#[test]
fn scopes_are_an_array_or_one_text() {
    for text in ["scopes = [\"b\", \"a\"]", "scopes = \"a b\"", "scopes = [\"a\", \"b\", \"a\"]"] {
        assert_eq!(section(text).scopes.unwrap().to_string(), "a b");
    }
    assert!(section("scopes = []").scopes.unwrap().is_empty());
    insta::assert_snapshot!(refused("scopes = [\"a b\"]"), @r#"
    error[config.invalid]: ~/.config/daypass/daypass.toml:2:10: `scopes`: "a b" is not a scope
      hint: a scope is visible ASCII without spaces, " and \
    "#);
}

#[test]
fn credentials_are_read_four_ways() {
    for (text, value) in [
        ("\"x\"", Value::Literal(SecretText::new("x"))),
        ("{ env = \"A_B\" }", Value::Env("A_B".into())),
        ("{ file = \"/run/x\" }", Value::File("/run/x".into())),
        ("{ file = \"x\" }", Value::File("~/.config/daypass/x".into())),
        ("{ command = [\"a\", \"b c\"] }", Value::Command(vec!["a".into(), "b c".into()])),
    ] {
        assert_eq!(section(&format!("client_id = {text}")).client_id, Some(value), "{text}");
    }
    for text in [
        "{ env = \"A\", file = \"b\" }",
        "{}",
        "3",
        "{ command = \"pass show x\" }",
        "{ command = [] }",
        "{ keyring = \"x\" }",
        "{ vault = \"x\" }",
        "{ env = \"$A\" }",
    ] {
        let told = refused(&format!("client_secret = {text}"));
        assert!(
            told.starts_with("error[config.invalid]: ~/.config/daypass/daypass.toml:2:"),
            "{told}"
        );
    }
    insta::assert_snapshot!(refused("client_secret = { keyring = \"x\" }"), @r"
    error[config.invalid]: ~/.config/daypass/daypass.toml:2:17: `client_secret`: `keyring` is not there yet
      hint: use { env }, { file } or { command } until then
    ");
    insta::assert_snapshot!(refused("client_secret = { command = \"pass show x\" }"), @r#"
    error[config.invalid]: ~/.config/daypass/daypass.toml:2:17: `client_secret`: `command` is an array: the program, then its arguments
      hint: no shell is involved: { command = ["pass", "show", "x"] }
    "#);
    insta::assert_snapshot!(refused("client_secret = { env = \"$GC_CLIENT_SECRET\" }"), @r#"
    error[config.invalid]: ~/.config/daypass/daypass.toml:2:17: `client_secret`: `env` is not the name of a variable
      hint: it takes a name, not a value: { env = "GC_CLIENT_SECRET" }
    "#);
    insta::assert_snapshot!(refused("client_secret = 3"), @r#"
    error[config.invalid]: ~/.config/daypass/daypass.toml:2:17: `client_secret`: expected a string or exactly one of { env }, { file }, { command }
      hint: client_secret = { env = "NAME_OF_A_VARIABLE" }
    "#);
    insta::assert_snapshot!(refused("client_secret = \"\""), @"error[config.secret_empty]: ~/.config/daypass/daypass.toml:2:17: `client_secret`: must not be empty");
}

#[test]
fn tokens_are_kept_in_a_folder_or_in_memory() {
    assert_eq!(section("store = \"memory\"").store, Some(Keep::Memory));
    let folder = |path: &str| Some(Keep::Folder(path.into()));
    assert_eq!(section("store = \"/var/lib/x\"").store, folder("/var/lib/x"));
    assert_eq!(section("store = \"./memory\"").store, folder("~/.config/daypass/./memory"));
    insta::assert_snapshot!(refused("store = \"redis://user:sentinel@h/0\""), @r#"
    error[config.invalid]: ~/.config/daypass/daypass.toml:2:9: `store`: there is no store of this kind yet
      hint: a folder that only you can use, or "memory" to keep nothing at rest
    "#);
}

#[test]
fn relative_paths_start_at_the_folder_of_the_file() {
    for (path, expected) in [("daypass.toml", "ca.pem"), ("./a/daypass.toml", "./a/ca.pem")] {
        let text = "[profile.x]\nca_file = \"ca.pem\"\napi_ca_file = \"/etc/ca.pem\"\n";
        let file = ConfigFile::parse(text, path, Origin::Yours, &super::super::tests::OWN);
        let section = file.unwrap().schema.profiles["x"].clone();
        assert_eq!(section.ca_file.as_deref(), Some(Path::new(expected)));
        assert_eq!(section.api_ca_file.as_deref(), Some(Path::new("/etc/ca.pem")));
    }
}

#[test]
fn durations_are_texts_or_seconds() {
    for (text, seconds) in [("\"10m\"", 600), ("90", 90), ("\"90\"", 90), ("\"1d\"", 86_400)] {
        let section = section(&format!("max_ttl = {text}"));
        assert_eq!(section.max_ttl, Some(Duration::from_secs(seconds)));
    }
    for text in ["-1", "\"-1s\"", "1.5", "true", "\"\"", "\"soon\"", "99999999999999", "0", "0x10"]
    {
        let told = refused(&format!("max_ttl = {text}"));
        assert!(told.contains(":2:11: `max_ttl`: "), "{told}");
    }
    assert_eq!(section("min_ttl = 0").min_ttl, Some(Duration::ZERO));
    insta::assert_snapshot!(refused("max_ttl = \"soon\""), @"error[config.invalid]: ~/.config/daypass/daypass.toml:2:11: `max_ttl`: not a duration: write 90s, 10m, 2h or 1d; a bare number is seconds");
    insta::assert_snapshot!(refused("max_ttl = 0"), @"error[config.invalid]: ~/.config/daypass/daypass.toml:2:11: `max_ttl`: must be more than nothing");
}

#[test]
fn unknown_keys_get_a_suggestion() {
    insta::assert_snapshot!(refused("clientid = \"x\""), @r#"
    error[config.unknown_key]: ~/.config/daypass/daypass.toml:2:1: unknown key "clientid"
      hint: did you mean `client_id`?
    "#);
    insta::assert_snapshot!(refused("scope = \"x\""), @r#"
    error[config.unknown_key]: ~/.config/daypass/daypass.toml:2:1: unknown key "scope"
      hint: did you mean `scopes`?
    "#);
    insta::assert_snapshot!(refused("banana = \"x\""), @r#"
    error[config.unknown_key]: ~/.config/daypass/daypass.toml:2:1: unknown key "banana"
      hint: there are: provider, region, token_url, issuer, client_id, client_secret, client_auth, grant, scopes, audience, resource, params, hosts, token_hosts, min_ttl, max_ttl, assume_ttl, api_url, revocation_url, ca_file, api_ca_file, proxy, store, pool
    "#);
    insta::assert_snapshot!(told(parse("[profiles.x]\n", Origin::Yours)), @r#"
    error[config.unknown_key]: ~/.config/daypass/daypass.toml:1:2: unknown key "profiles"
      hint: did you mean `profile`?
    "#);
    insta::assert_snapshot!(told(parse("\n  region = \"eu-west-1\"\n", Origin::Yours)), @r#"
    error[config.unknown_key]: ~/.config/daypass/daypass.toml:2:3: unknown key "region"
      hint: it belongs to a profile: put it under [profile.NAME]
    "#);
}

#[test]
fn wrong_values_say_where_and_what() {
    insta::assert_snapshot!(refused("token_url = \"http://auth.example.com/token\""), @r"
    error[config.insecure_url]: ~/.config/daypass/daypass.toml:2:13: `token_url`: plain http to auth.example.com
      hint: use https; plain http goes only to 127.0.0.1, [::1] or localhost
    ");
    insta::assert_snapshot!(refused("token_url = \"https://u:p@auth.example.com/token\""), @r"
    error[config.insecure_url]: ~/.config/daypass/daypass.toml:2:13: `token_url`: an address with a user name or a password in it
      hint: put the client's id and secret under client_id and client_secret
    ");
    insta::assert_snapshot!(refused("token_url = \"https://api.mypurecloud.ie/api/v2/oauth/token\""), @r#"
    error[config.invalid]: ~/.config/daypass/daypass.toml:2:13: `token_url`: Genesys Cloud has no /api/v2/oauth/token
      hint: the token endpoint is https://login.mypurecloud.ie/oauth/token: provider = "genesys-cloud" and region = "eu-west-1" say that
    "#);
    insta::assert_snapshot!(refused("provider = \"genesys\""), @r#"
    error[config.invalid]: ~/.config/daypass/daypass.toml:2:12: `provider`: no provider "genesys"
      hint: did you mean "genesys-cloud"? there are: genesys-cloud, generic
    "#);
    insta::assert_snapshot!(refused("client_auth = \"private_key_jwt\""), @r#"
    error[config.invalid]: ~/.config/daypass/daypass.toml:2:15: `client_auth`: no client authentication "private_key_jwt"
      hint: there are: client_secret_basic, client_secret_basic_raw, client_secret_post
    "#);
    insta::assert_snapshot!(refused("grant = \"password\""), @r#"
    error[config.invalid]: ~/.config/daypass/daypass.toml:2:9: `grant`: no grant "password"
      hint: daypass gets tokens for machines: client_credentials is the only grant
    "#);
    insta::assert_snapshot!(refused("params = { scope = \"x\" }"), @r"
    error[config.invalid]: ~/.config/daypass/daypass.toml:2:10: `params`: may not set scope
      hint: use `scopes`
    ");
    insta::assert_snapshot!(refused("params = { tenant = 42 }"), @r"
    error[config.invalid]: ~/.config/daypass/daypass.toml:2:10: `params`: expected a string for tenant, found an integer
      hint: put it in quotes
    ");
    insta::assert_snapshot!(refused("hosts = [\"*.example.com\"]"), @r#"
    error[config.invalid]: ~/.config/daypass/daypass.toml:2:9: `hosts`: "*.example.com" is not a host
      hint: write api.example.com, or api.example.com:8443; no scheme, path or *
    "#);
    insta::assert_snapshot!(refused("region = 1"), @"error[config.invalid]: ~/.config/daypass/daypass.toml:2:10: `region`: expected a string, found an integer");
    insta::assert_snapshot!(refused("region = \"\""), @"error[config.invalid]: ~/.config/daypass/daypass.toml:2:10: `region`: must not be empty");
    insta::assert_snapshot!(refused("audience = \"a\"\naudience = \"b\""), @"error[config.invalid]: ~/.config/daypass/daypass.toml:3:1: duplicate key");
    insta::assert_snapshot!(told(parse("[profile.\"a b\"]\n", Origin::Yours)), @r#"
    error[config.invalid]: ~/.config/daypass/daypass.toml:1:10: "a b" can't name a profile
      hint: a profile's name is letters, digits, `.`, `_` and `-`, at most 64
    "#);
    insta::assert_snapshot!(told(parse("[profile.x\n", Origin::Yours)), @"error[config.invalid]: ~/.config/daypass/daypass.toml:1:11: unclosed table, expected `]`");
    insta::assert_snapshot!(told(parse("profile = 1\n", Origin::Yours)), @"error[config.invalid]: ~/.config/daypass/daypass.toml:1:11: `profile`: expected a table, found an integer");
}

#[test]
fn contradictions_are_refused() {
    let both = "token_url = \"https://a.example/t\"\nissuer = \"https://a.example\"";
    insta::assert_snapshot!(refused(both), @r"
    error[config.invalid]: ~/.config/daypass/daypass.toml:1:10: [profile.x] has both `token_url` and `issuer`
      hint: keep one: `issuer` looks the token endpoint up, `token_url` is it
    ");
    insta::assert_snapshot!(refused("min_ttl = \"2h\"\nmax_ttl = \"1h\""), @r"
    error[config.invalid]: ~/.config/daypass/daypass.toml:1:10: [profile.x] wants `min_ttl` longer than `max_ttl`
      hint: no token could ever do: raise max_ttl or lower min_ttl
    ");
    section("min_ttl = \"1h\"\nmax_ttl = \"1h\"");
}

#[test]
fn an_empty_file_is_a_file() {
    assert_eq!(yours("").profiles().count(), 0);
    assert_eq!(yours("# nothing\n").default_profile(), None);
    section("");
}

#[test]
fn a_pool_is_a_small_number() {
    for (value, number) in [("1", 1), ("255", 255)] {
        assert_eq!(section(&format!("pool = {value}")).pool.unwrap().get(), number);
    }
    for value in ["0", "256", "-1", "0x2"] {
        let told = refused(&format!("pool = {value}"));
        assert!(told.contains("must be from 1 to 255"), "{told}");
    }
    for value in ["\"3\"", "2.0"] {
        let told = refused(&format!("pool = {value}"));
        assert!(told.contains("expected a number"), "{told}");
    }
}
