//! `daypass status`.

use crate::config::profile;
use crate::world::Cli;

/// Replaces how long ago things were.
fn shown(cli: &Cli, text: &str) -> String {
    let text = cli.redacted(text);
    let ago = |line: &str| match line.split_once("s ago") {
        Some((before, after)) => {
            let digits = before.trim_end_matches(|c: char| c.is_ascii_digit());
            format!("{digits}[n]s ago{after}")
        }
        None => line.to_owned(),
    };
    let text = text.lines().map(ago).collect::<Vec<_>>().join("\n");
    text.replace(" 1s old", " 0s old").replace("for 29s", "for 30s")
}

#[test]
fn it_shows_the_token_s_life_and_never_the_token() {
    let cli = Cli::new();
    let before = cli.run(&["status"]).quiet().stdout;
    insta::assert_snapshot!(shown(&cli, &before), @r"
    oauth2  127.0.0.1:PORT  client sandbox
      token    none is cached
      served   none yet
      store    [ROOT]/cache/daypass
    ");
    let token = cli.token();
    cli.token();
    let text = cli.run(&["status"]).quiet().stdout;
    assert!(!text.contains(&token));
    insta::assert_snapshot!(shown(&cli, &text), @r"
    oauth2  127.0.0.1:PORT  client sandbox
      token    #[token] [####################] 1h left of 1h, 0s old
      served   2 tokens (1 issuer, 1 store)
      store    [ROOT]/cache/daypass
      events   [n]s ago  fetched #[token] (cold), lives 1h, took [n] ms
    ");
    assert_eq!(cli.asked(), 1);
}

#[test]
fn as_json_it_has_the_same_facts() {
    let cli = Cli::new();
    let token = cli.token();
    cli.token();
    let ran = cli.run(&["status", "--json"]).quiet();
    assert!(!ran.stdout.contains(&token));
    let json = ran.json();
    let profile = &json["profiles"][0];
    assert_eq!(profile["profile"], "oauth2");
    assert_eq!(profile["client_id"], "sandbox");
    assert_eq!(profile["token"]["lifetime"], 3630);
    assert_eq!(profile["token"]["reason"], "cold");
    assert_eq!(profile["token"]["rejected"], false);
    assert_eq!((&profile["served"]["issuer"], &profile["served"]["store"]), (&1.into(), &1.into()));
    assert!(profile["refusal"].is_null());
    assert_eq!(profile["events"].as_array().unwrap().len(), 1);
}

#[test]
fn several_profiles_are_shown_and_one_without_a_secret_says_why() {
    let mut cli = Cli::new();
    cli.set("A_SECRET", "sandbox-secret");
    let a = profile(&cli, "a", "{ env = \"A_SECRET\" }");
    let b = profile(&cli, "b", "{ env = \"B_SECRET\" }");
    cli.write_yours(&format!("{a}{}", b.replace("\"sandbox\"", "\"other\"")));
    cli.run(&["token", "a"]).quiet();
    let json = cli.run(&["status", "--json"]).quiet().json();
    let names: Vec<_> =
        json["profiles"].as_array().unwrap().iter().map(|p| &p["profile"]).collect();
    assert_eq!(names, ["a", "b", "oauth2"]);
    assert_eq!(json["profiles"][1]["error"]["code"], "config.secret_missing");
    cli.run(&["forget", "a"]).ok();
    let text = cli.run(&["status"]).quiet().stdout;
    insta::assert_snapshot!(shown(&cli, &text), @r#"
    a  127.0.0.1:PORT  client sandbox
      token    none is cached
      served   1 token (1 issuer)
      store    [ROOT]/cache/daypass
      events   [n]s ago  forgotten
               [n]s ago  fetched #[token] (cold), lives 1h, took [n] ms

    b
      error[config.secret_missing]: B_SECRET is not set
      hint     set B_SECRET; a GitHub workflow maps it from its secrets under env:

    oauth2  127.0.0.1:PORT  client sandbox
      token    none is cached
      served   1 token (1 issuer)
      store    [ROOT]/cache/daypass
      events   [n]s ago  forgotten
               [n]s ago  fetched #[token] (cold), lives 1h, took [n] ms
    "#);
    cli.run(&["status", "b"]).fails(2);
}

#[test]
fn a_refusal_and_a_rejection_are_part_of_the_story() {
    let mut cli = Cli::new();
    let token = cli.token();
    cli.sandbox.stand(
        daypass_sandbox::Endpoint::Token,
        daypass_sandbox::Fault::OauthError {
            error: "unauthorized_client".into(),
            description: None,
            status: None,
        },
    );
    cli.run_with(&["token", "--reject"], &token).fails(3);
    let text = cli.run(&["status"]).quiet().stdout;
    insta::assert_snapshot!(shown(&cli, &text), @r"
    oauth2  127.0.0.1:PORT  client sandbox
      token    #[token] [####################] 1h left of 1h, 0s old, refused by the API
      served   1 token (1 issuer)
      store    [ROOT]/cache/daypass
      refused  [n]s ago: unauthorized_client; the issuer is not asked again for 30s
      events   [n]s ago  failed: unauthorized_client (the sandbox was told so)
               [n]s ago  the API refused #[token]
               [n]s ago  fetched #[token] (cold), lives 1h, took [n] ms
    ");
    let json = cli.run(&["status", "--json"]).json();
    assert_eq!(json["profiles"][0]["token"]["rejected"], true);
    assert_eq!(json["profiles"][0]["refusal"]["error"], "unauthorized_client");
    cli.set("XDG_CACHE_HOME", "/dev/null");
    let text = cli.run(&["status"]).ok().stdout;
    assert!(text.contains("store    memory only"), "{text}");
}

#[test]
fn looking_makes_no_folder() {
    let mut cli = Cli::new();
    let text = cli.run(&["status"]).quiet().stdout;
    assert!(text.contains("/cache/daypass"), "{text}");
    assert!(!cli.path("cache/daypass").exists());
    cli.set("DAYPASS_CACHE_DIR", cli.path("named/daypass"));
    cli.run(&["status", "--json"]).quiet();
    assert!(!cli.path("named").exists());
}
