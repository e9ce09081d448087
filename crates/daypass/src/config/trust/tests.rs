use super::super::tests::{FOUND, OWN, parse, told};
use super::super::{ConfigFile, FileFacts};
use super::*;

const GENESYS: &str = "[profile.x]\nprovider = \"genesys-cloud\"\nregion = \"eu-west-1\"\n";
const NAMED: Origin = Origin::Named { trusted: false };
const TRUSTED: Origin = Origin::Found { trusted: true };

#[test]
fn a_found_file_may_say_what_sends_a_secret_nowhere_new() {
    for line in [
        "",
        "scopes = [\"a\"]",
        "min_ttl = \"10m\"\nmax_ttl = \"1h\"",
        "client_id = \"1f2e\"",
        "client_id = { env = \"GC_CLIENT_ID\" }\nclient_secret = { env = \"GC_CLIENT_SECRET\" }",
        "client_secret = { env = \"GENESYSCLOUD_OAUTHCLIENT_SECRET\" }",
    ] {
        parse(&format!("{GENESYS}{line}\n"), FOUND).unwrap();
    }
}

#[test]
fn a_found_file_may_say_nothing_else() {
    for line in [
        "token_url = \"https://evil.example/t\"",
        "issuer = \"https://evil.example\"",
        "client_secret = { env = \"AWS_SECRET_ACCESS_KEY\" }",
        "client_secret = { env = \"GC_CLIENT_ID\" }",
        "client_secret = { env = \"OAUTH2_CLIENT_SECRET\" }",
        "client_secret = { file = \"/home/u/.ssh/id_ed25519\" }",
        "client_secret = { command = [\"sh\", \"-c\", \"x\"] }",
        "client_secret = \"literal\"",
        "client_id = { env = \"GC_CLIENT_SECRET\" }",
        "client_id = { env = \"AWS_SECRET_ACCESS_KEY\" }",
        "client_id = { file = \"/etc/passwd\" }",
        "client_id = { command = [\"x\"] }",
        "client_auth = \"client_secret_post\"",
        "grant = \"client_credentials\"",
        "audience = \"x\"",
        "resource = \"x\"",
        "params = {}",
        "hosts = [\"evil.example\"]",
        "token_hosts = [\"evil.example\"]",
        "assume_ttl = \"1h\"",
        "pool = 3",
        "api_url = \"https://evil.example\"",
        "revocation_url = \"https://evil.example\"",
        "ca_file = \"ca.pem\"",
        "api_ca_file = \"ca.pem\"",
        "proxy = \"http://evil.example:80\"",
        "store = \"/tmp\"",
    ] {
        let error = parse(&format!("{GENESYS}{line}\n"), FOUND).unwrap_err();
        assert_eq!(error.code(), Code::ConfigUntrusted, "{line}");
        let hint = error.hint().unwrap();
        assert!(hint.contains("--config ./daypass.toml") || line.contains("literal"), "{hint}");
        if line.contains("evil.example") {
            assert!(error.message().contains(": evil.example would get"), "{error}");
        } else if !line.contains("literal") {
            assert!(error.message().contains(": login.mypurecloud.ie would get"), "{error}");
        }
    }
    for text in [
        "default = \"x\"\n",
        "[profile.x]\nprovider = \"generic\"\n",
        "[profile.x]\nclient_secret = { env = \"GC_CLIENT_SECRET\" }\n",
        "[profile.a]\nregion = \"eu-west-1\"\n[profile.b]\nstore = \"/tmp\"\n",
    ] {
        assert_eq!(parse(text, FOUND).unwrap_err().code(), Code::ConfigUntrusted, "{text}");
    }
}

#[test]
fn a_found_file_pairs_no_id_with_the_secret_of_another_spelling() {
    let ids = ["GENESYSCLOUD_OAUTHCLIENT_ID", "GC_CLIENT_ID"];
    let secrets = ["GENESYSCLOUD_OAUTHCLIENT_SECRET", "GC_CLIENT_SECRET"];
    for (row, id) in ids.iter().enumerate() {
        for (column, secret) in secrets.iter().enumerate() {
            let text = format!(
                "{GENESYS}client_id = {{ env = {id:?} }}\nclient_secret = {{ env = {secret:?} }}\n"
            );
            assert_eq!(parse(&text, FOUND).is_ok(), row == column, "{id} {secret}");
            parse(&text, TRUSTED).unwrap();
        }
    }
    let text = format!(
        "{GENESYS}client_secret = {{ env = \"GC_CLIENT_SECRET\" }}\n\
         client_id = {{ env = \"GENESYSCLOUD_OAUTHCLIENT_ID\" }}\n"
    );
    insta::assert_snapshot!(told(parse(&text, FOUND)), @r"
    error[config.untrusted]: ./daypass.toml:4:1: a found file may not set `client_secret` of [profile.x] and another client's id: login.mypurecloud.ie would get the secret
      hint: if you know this file, name it: --config ./daypass.toml, or trust it: daypass trust ./daypass.toml
    ");
}

#[test]
fn the_refusal_names_the_host_and_both_ways_out() {
    let text = "[profile.x]\ntoken_url = \"https://evil.example/t\"\nclient_id = \"a\"\n";
    insta::assert_snapshot!(told(parse(text, FOUND)), @r"
    error[config.untrusted]: ./daypass.toml:2:1: a found file may not set `token_url` of [profile.x]: evil.example would get the secret
      hint: if you know this file, name it: --config ./daypass.toml, or trust it: daypass trust ./daypass.toml
    ");
    insta::assert_snapshot!(told(parse("default = \"x\"\n", FOUND)), @r"
    error[config.untrusted]: ./daypass.toml:1:1: a found file may not set `default`
      hint: if you know this file, name it: --config ./daypass.toml, or trust it: daypass trust ./daypass.toml
    ");
    for origin in [Origin::Yours, NAMED, TRUSTED] {
        parse(text, origin).unwrap();
    }
}

#[test]
fn a_command_needs_a_file_that_is_yours_or_trusted() {
    let text = format!("{GENESYS}client_secret = {{ command = [\"pass\"] }}\n");
    insta::assert_snapshot!(told(parse(&text, NAMED)), @r"
    error[config.untrusted]: ci/daypass.toml:4:1: `client_secret` of [profile.x] runs a command: a named file may not
      hint: trust the file: daypass trust ci/daypass.toml, or move the profile to your config folder
    ");
    for origin in [Origin::Yours, TRUSTED, Origin::Named { trusted: true }] {
        parse(&text, origin).unwrap();
    }
}

#[test]
fn a_literal_secret_is_refused_in_found_files_and_where_others_can_read_it() {
    let text = format!("{GENESYS}client_secret = \"s3cret\"\n");
    insta::assert_snapshot!(told(parse(&text, TRUSTED)), @r#"
    error[config.untrusted]: ./daypass.toml:4:1: a client_secret in a found file is not taken
      hint: say where it is: client_secret = { env = "..." } or { file = "..." }
    "#);
    let with_mode = |origin, mode| {
        ConfigFile::parse(&text, "/etc/daypass.toml", origin, &FileFacts { mode, ..OWN })
    };
    insta::assert_snapshot!(told(with_mode(NAMED, 0o644)), @r#"
    error[config.unsafe_file]: /etc/daypass.toml:4:1: a client_secret in a file that others can read is not taken
      hint: chmod 600 /etc/daypass.toml, or say where it is: client_secret = { env = "..." } or { file = "..." }
    "#);
    for mode in [0o604, 0o640, 0o644] {
        for origin in [NAMED, Origin::Yours] {
            let error = with_mode(origin, mode).unwrap_err();
            assert_eq!(error.code(), Code::ConfigUnsafeFile, "{mode:o}");
        }
    }
    with_mode(NAMED, 0o600).unwrap();
    with_mode(Origin::Yours, 0o400).unwrap();
    let elsewhere = format!("{GENESYS}client_secret = {{ env = \"A\" }}\n");
    let public = FileFacts { mode: 0o644, ..OWN };
    ConfigFile::parse(&elsewhere, "/etc/daypass.toml", NAMED, &public).unwrap();
}

#[test]
fn a_found_file_that_others_could_have_written_is_not_used() {
    for (facts, fine) in [
        (OWN, true),
        (FileFacts { mode: 0o100644, ..OWN }, true),
        (FileFacts { len: MAX_FOUND_FILE, ..OWN }, true),
        (FileFacts { len: MAX_FOUND_FILE + 1, ..OWN }, false),
        (FileFacts { regular: false, ..OWN }, false),
        (FileFacts { owner: 0, ..OWN }, false),
        (FileFacts { mode: 0o660, ..OWN }, false),
        (FileFacts { mode: 0o602, ..OWN }, false),
    ] {
        for origin in [FOUND, TRUSTED] {
            let checked = ConfigFile::parse(GENESYS, "./daypass.toml", origin, &facts);
            assert_eq!(checked.is_ok(), fine, "{facts:?}");
            let code = checked.err().map_or(Code::ConfigUnsafeFile, |error| error.code());
            assert_eq!(code, Code::ConfigUnsafeFile);
        }
        let named = ConfigFile::parse(GENESYS, "./daypass.toml", NAMED, &facts);
        assert_eq!(named.is_ok(), facts.mode & 0o002 == 0, "{facts:?}");
    }
    let facts = FileFacts { mode: 0o100666, ..OWN };
    insta::assert_snapshot!(told(facts.check("./daypass.toml", FOUND)), @r"
    error[config.unsafe_file]: ./daypass.toml can be written by others (mode 0666): it is not used
      hint: chmod go-w ./daypass.toml, or name it: --config ./daypass.toml
    ");
    let facts = FileFacts { owner: 0, ..OWN };
    insta::assert_snapshot!(told(facts.check("./daypass.toml", FOUND)), @r"
    error[config.unsafe_file]: ./daypass.toml belongs to another user (uid 0): it is not used
      hint: make it yours, or name it: --config ./daypass.toml
    ");
}

#[test]
fn a_file_of_ones_own_that_others_could_have_written_is_not_used() {
    for (facts, fine) in [
        (OWN, true),
        (FileFacts { owner: 0, ..OWN }, true),
        (FileFacts { mode: 0o100644, ..OWN }, true),
        (FileFacts { len: MAX_FOUND_FILE + 1, ..OWN }, true),
        (FileFacts { owner: OWN.user + 1, ..OWN }, false),
        (FileFacts { regular: false, ..OWN }, false),
        (FileFacts { mode: 0o660, ..OWN }, false),
        (FileFacts { mode: 0o602, ..OWN }, false),
    ] {
        let checked = ConfigFile::parse(GENESYS, "/h/daypass.toml", Origin::Yours, &facts);
        assert_eq!(
            checked.err().map(|error| error.code()),
            (!fine).then_some(Code::ConfigUnsafeFile)
        );
    }
    let facts = FileFacts { owner: 7, ..OWN };
    insta::assert_snapshot!(told(facts.check("/h/daypass.toml", Origin::Yours)), @r"
    error[config.unsafe_file]: /h/daypass.toml belongs to another user (uid 7): it is not used
      hint: make it yours; under sudo, is HOME still that of the other user (sudo -H)?, or name it: --config /h/daypass.toml
    ");
    let pipe = FileFacts { regular: false, mode: 0o10622, ..OWN };
    ConfigFile::parse(GENESYS, "/dev/fd/63", NAMED, &pipe).unwrap();
    let facts = FileFacts { mode: 0o100666, ..OWN };
    insta::assert_snapshot!(told(facts.check("x.toml", NAMED)), @r"
    error[config.unsafe_file]: x.toml can be written by others (mode 0666): it is not used
      hint: chmod go-w x.toml
    ");
}
