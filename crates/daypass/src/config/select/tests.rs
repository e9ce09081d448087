use super::super::tests::{FOUND, parse, told, yours};
use super::super::{Profile, resolve};
use super::*;

fn profile(name: &str) -> String {
    format!("[profile.{name}]\nprovider = \"genesys-cloud\"\nregion = \"eu-west-1\"\n")
}

fn genesys() -> [(&'static str, &'static str); 3] {
    [("GC_CLIENT_ID", "1f2e"), ("GC_CLIENT_SECRET", "s"), ("GC_REGION", "eu-west-1")]
}

fn oauth2() -> [(&'static str, &'static str); 3] {
    [
        ("OAUTH2_TOKEN_URL", "https://auth.example.com/token"),
        ("OAUTH2_CLIENT_ID", "ci"),
        ("OAUTH2_CLIENT_SECRET", "s"),
    ]
}

fn name(profile: Result<Profile, Error>) -> String {
    profile.unwrap().name
}

#[test]
fn the_command_line_comes_first_then_trusted_files_then_the_environment() {
    let env = Env::from_pairs(genesys());
    let two = yours(&format!("{}{}", profile("a"), profile("b")));
    let default = yours(&format!("default = \"b\"\n{}{}", profile("a"), profile("b")));
    let only = yours(&profile("a"));
    for (file, typed, expected) in [
        (&default, Some("a"), "a"),
        (&default, Some("genesys-cloud"), "genesys-cloud"),
        (&default, None, "b"),
        (&only, None, "a"),
        (&two, None, "genesys-cloud"),
        (&two, Some("b"), "b"),
    ] {
        let files = std::slice::from_ref(file);
        assert_eq!(name(resolve(files, &env, typed)), expected, "{file:?} {typed:?}");
    }
    assert_eq!(name(resolve(&[], &env, None)), "genesys-cloud");
    assert_eq!(name(resolve(&[], &Env::from_pairs(oauth2()), None)), "oauth2");
}

#[test]
fn a_default_may_be_a_profile_of_the_environment() {
    let env = Env::from_pairs(genesys().into_iter().chain(oauth2()));
    let file = yours(&format!("default = \"oauth2\"\n{}", profile("a")));
    assert_eq!(name(resolve(&[file], &env, None)), "oauth2");
}

#[test]
fn a_file_takes_the_place_of_the_environments_profile_of_the_same_name() {
    let text = "[profile.genesys-cloud]\nprovider = \"genesys-cloud\"\nregion = \"us-east-1\"\n";
    let resolved = resolve(&[yours(text)], &Env::from_pairs(genesys()), Some("genesys-cloud"));
    assert_eq!(resolved.unwrap().region.unwrap().name, "us-east-1");
}

#[test]
fn what_the_user_names_comes_before_what_the_user_keeps() {
    let named =
        parse(&profile("a").replace("eu-west-1", "us-east-1"), Origin::Named { trusted: false });
    let files = [yours(&profile("a")), named.unwrap()];
    let resolved = resolve(&files, &Env::default(), Some("a")).unwrap();
    assert_eq!(resolved.region.unwrap().name, "us-east-1");
}

#[test]
fn a_found_file_is_used_when_its_profile_is_named_or_it_is_trusted() {
    let env = Env::from_pairs(genesys());
    let found = parse(&profile("a"), FOUND).unwrap();
    let files = [found];
    assert_eq!(name(resolve(&files, &env, None)), "genesys-cloud");
    assert_eq!(name(resolve(&files, &env, Some("a"))), "a");
    insta::assert_snapshot!(told(resolve(&files, &Env::default(), None)), @r"
    error[config.no_profile]: no profile is named, and ./daypass.toml was only found here
      hint: name it: a; or trust the file: daypass trust ./daypass.toml
    ");
    let trusted = parse(&profile("a"), Origin::Found { trusted: true }).unwrap();
    assert_eq!(name(resolve(&[trusted], &env, None)), "a");
}

#[test]
fn a_found_file_never_takes_the_place_of_a_profile_of_the_users() {
    for trusted in [false, true] {
        let found = parse(&profile("a"), Origin::Found { trusted }).unwrap();
        let files = [found, yours(&profile("a"))];
        for typed in [None, Some("a")] {
            let error = resolve(&files, &Env::default(), typed).unwrap_err();
            assert_eq!(error.code(), Code::ConfigUntrusted);
        }
        insta::allow_duplicates! {
            insta::assert_snapshot!(told(resolve(&files, &Env::default(), None)), @r#"
            error[config.untrusted]: ./daypass.toml was found here and defines "a", which ~/.config/daypass/daypass.toml defines too
              hint: rename one of them, or name the file: --config ./daypass.toml
            "#);
        }
    }
}

#[test]
fn a_found_file_never_takes_the_place_of_a_profile_of_the_environment() {
    let found = |name: &str, trusted| parse(&profile(name), Origin::Found { trusted }).unwrap();
    for (name, env) in [("genesys-cloud", genesys()), ("oauth2", oauth2())] {
        for part in [&env[..], &env[..1], &env[1..2]] {
            let env = Env::from_pairs(part.iter().copied());
            for typed in [None, Some(name)] {
                let error = resolve(&[found(name, false)], &env, typed).unwrap_err();
                assert_eq!(error.code(), Code::ConfigUntrusted, "{name} {typed:?}");
            }
        }
        // Who trusts the file has read it.
        resolve(&[found(name, true)], &Env::from_pairs(genesys()), Some(name)).unwrap();
    }
    let env = Env::from_pairs(genesys());
    resolve(&[found("oauth2", false)], &env, Some("oauth2")).unwrap();
    insta::assert_snapshot!(told(resolve(&[found("genesys-cloud", false)], &env, None)), @r#"
    error[config.untrusted]: ./daypass.toml was found here and defines "genesys-cloud", which the environment makes too
      hint: rename one of them, or name the file: --config ./daypass.toml
    "#);
}

#[test]
fn two_profiles_and_none_named_is_no_guess() {
    let env = Env::from_pairs(genesys().into_iter().chain(oauth2()));
    insta::assert_snapshot!(told(resolve(&[], &env, None)), @r"
    error[config.ambiguous]: the environment has both genesys-cloud and oauth2, and no profile is named
      hint: name one of them: genesys-cloud or oauth2
    ");
    assert_eq!(name(resolve(&[], &env, Some("oauth2"))), "oauth2");
    let two = [yours(&format!("{}{}", profile("a"), profile("b")))];
    insta::assert_snapshot!(told(resolve(&two, &Env::default(), None)), @r"
    error[config.ambiguous]: ~/.config/daypass/daypass.toml has several profiles and no `default`, and none is named
      hint: name one of them: a or b
    ");
}

#[test]
fn empty_variables_are_nobody_while_others_are_somebody() {
    let blank = [("GC_CLIENT_ID", ""), ("GC_CLIENT_SECRET", "")];
    let env = Env::from_pairs(oauth2().into_iter().chain(blank));
    assert_eq!(name(resolve(&[], &env, None)), "oauth2");
}

#[test]
fn an_unknown_profile_gets_a_suggestion_and_the_list() {
    let files = [yours(&format!("{}{}", profile("genesys"), profile("billing")))];
    let env = Env::from_pairs(oauth2());
    insta::assert_snapshot!(told(resolve(&files, &env, Some("genesis"))), @r#"
    error[config.unknown_profile]: no profile "genesis"
      hint: did you mean "genesys"? there are: billing, genesys, oauth2
    "#);
    insta::assert_snapshot!(told(resolve(&[], &Env::default(), Some("x\u{1b}"))), @r#"
    error[config.unknown_profile]: no profile "x\u{1b}"
      hint: there are none: set the variables of one, or write a daypass.toml
    "#);
    let file = yours(&format!("default = \"b\"\n{}", profile("a")));
    insta::assert_snapshot!(told(resolve(&[file], &Env::default(), None)), @r#"
    error[config.unknown_profile]: `default` of ~/.config/daypass/daypass.toml: no profile "b"
      hint: there are: a
    "#);
}

#[test]
fn no_profile_at_all_teaches() {
    insta::assert_snapshot!(told(resolve(&[], &Env::default(), None)), @r"
    error[config.no_profile]: no profile is named, and neither a file nor the environment has one
      hint: set GC_CLIENT_ID, GC_CLIENT_SECRET and GC_REGION (Genesys Cloud) or OAUTH2_TOKEN_URL, OAUTH2_CLIENT_ID and OAUTH2_CLIENT_SECRET (any issuer); daypass demo shows it all without an account
    ");
    let env = Env::from_pairs([("GC_REGION", "eu-west-1"), ("PATH", "/bin")]);
    assert_eq!(resolve(&[], &env, None).unwrap_err().code(), Code::ConfigNoProfile);
}

#[test]
fn all_profiles_are_listed() {
    let files = [yours(&profile("b"))];
    let env = Env::from_pairs(genesys());
    assert_eq!(profile_names(&files, &env), ["b", "genesys-cloud"]);
}

#[test]
fn a_variable_of_a_files_profile_makes_no_profile_of_its_own() {
    let section = |name: &str| {
        format!(
            "[profile.{name}]\ntoken_url = \"https://a.example/t\"\nclient_id = \"{name}\"\n\
             client_secret = {{ env = \"OAUTH2_CLIENT_SECRET\" }}\n"
        )
    };
    let env = Env::from_pairs([("OAUTH2_CLIENT_SECRET", "s")]);
    let two = yours(&format!("{}{}", section("a"), section("b")));
    let files = std::slice::from_ref(&two);
    assert_eq!(profile_names(files, &env), ["a", "b"]);
    assert_eq!(resolve(files, &env, None).unwrap_err().code(), Code::ConfigAmbiguous);
    let whole = Env::from_pairs(oauth2());
    assert_eq!(name(resolve(files, &whole, None)), "oauth2");
}
