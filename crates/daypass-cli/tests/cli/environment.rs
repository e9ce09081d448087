//! The profiles that variables make by themselves.

use crate::world::Cli;

/// What `daypass status --json` says of the one profile there is.
fn only(cli: &Cli) -> serde_json::Value {
    let json = cli.run(&["status", "--json"]).quiet().json();
    let [profile] = json["profiles"].as_array().unwrap().as_slice() else { panic!("{json}") };
    profile.clone()
}

#[test]
fn every_spelling_of_a_genesys_cloud_client_is_understood() {
    let cases = [
        ("GENESYSCLOUD_OAUTHCLIENT_ID", "GENESYSCLOUD_OAUTHCLIENT_SECRET", "GENESYSCLOUD"),
        ("GC_CLIENT_ID", "GC_CLIENT_SECRET", "GC"),
        ("GENESYS_CLOUD_CLIENT_ID", "GENESYS_CLOUD_CLIENT_SECRET", "GENESYS_CLOUD"),
    ];
    for (id, secret, prefix) in cases {
        for (kind, typed) in [
            ("REGION", "eu-central-1"),
            ("REGION", "eu_central_1"),
            ("REGION", "mypurecloud.de"),
            ("REGION", "login.mypurecloud.de"),
            ("REGION", "api.mypurecloud.de"),
            ("ENVIRONMENT", "mypurecloud.de"),
        ] {
            let mut cli = Cli::bare();
            cli.set(id, "the-client").set(secret, "s3cret-s3cret");
            cli.set(&format!("{prefix}_{kind}"), typed);
            let profile = only(&cli);
            assert_eq!(profile["profile"], "genesys-cloud", "{id} {kind}={typed}");
            assert_eq!(profile["place"], "eu-central-1", "{id} {kind}={typed}");
            assert_eq!(profile["client_id"], "the-client", "{id} {kind}={typed}");
        }
    }
}

#[test]
fn all_that_the_oauth2_variables_say_is_asked_for() {
    let client = daypass_sandbox::Client::new("c", "s3cret-s3cret").audience("https://api.example");
    let mut cli = Cli::around(daypass_sandbox::Sandbox::builder().client(client).build());
    let url = cli.url("/oauth/token");
    cli.set("OAUTH2_TOKEN_URL", url).set("OAUTH2_CLIENT_ID", "c");
    cli.set("OAUTH2_CLIENT_SECRET", "s3cret-s3cret").set("OAUTH2_SCOPE", "b a");
    cli.set("OAUTH2_AUDIENCE", "https://api.example");
    cli.token();
    let log = cli.sandbox.log();
    assert_eq!(log[0].audience.as_deref(), Some("https://api.example"));
    let mut scopes: Vec<_> = log[0].scope.as_deref().unwrap().split(' ').collect();
    scopes.sort_unstable();
    assert_eq!(scopes, ["a", "b"]);
    // The order of scopes makes no other token.
    cli.set("OAUTH2_SCOPE", "a b");
    cli.token();
    assert_eq!(cli.asked(), 1);
    cli.set("OAUTH2_SCOPE", "a");
    cli.token();
    assert_eq!(cli.asked(), 2);
}

#[test]
fn two_spellings_of_one_client_are_fine_and_of_two_are_not() {
    let mut cli = Cli::bare();
    cli.set("GC_CLIENT_ID", "one").set("GC_CLIENT_SECRET", "s3cret-s3cret");
    cli.set("GC_REGION", "eu-west-1").set("GENESYSCLOUD_OAUTHCLIENT_ID", "one");
    cli.set("GENESYSCLOUD_OAUTHCLIENT_SECRET", "s3cret-s3cret");
    assert_eq!(only(&cli)["client_id"], "one");
    cli.set("GENESYSCLOUD_OAUTHCLIENT_ID", "two");
    insta::assert_snapshot!(cli.run(&["token"]).fails(2), @r"
    error[config.ambiguous]: GENESYSCLOUD_OAUTHCLIENT_ID and GC_CLIENT_ID name different clients
      hint: unset one of them, or name the profile: genesys-cloud takes GENESYSCLOUD_OAUTHCLIENT_ID
    ");
    cli.run(&["status", "genesys-cloud"]).quiet();
}

#[test]
fn two_clients_of_two_providers_want_a_name() {
    let mut cli = Cli::new();
    cli.set("GC_CLIENT_ID", "one").set("GC_CLIENT_SECRET", "s3cret").set("GC_REGION", "eu-west-1");
    insta::assert_snapshot!(cli.run(&["token"]).fails(2), @r"
    error[config.ambiguous]: the environment has both genesys-cloud and oauth2, and no profile is named
      hint: name one of them: genesys-cloud or oauth2
    ");
    cli.run(&["token", "oauth2"]).quiet();
}

#[test]
fn nothing_at_all_teaches_how_to_begin() {
    let cli = Cli::bare();
    insta::assert_snapshot!(cli.run(&["token"]).fails(2), @r"
    error[config.no_profile]: no profile is named, and neither a file nor the environment has one
      hint: set GC_CLIENT_ID, GC_CLIENT_SECRET and GC_REGION (Genesys Cloud) or OAUTH2_TOKEN_URL, OAUTH2_CLIENT_ID and OAUTH2_CLIENT_SECRET (any issuer); daypass demo shows it all without an account
    ");
    cli.run(&["status"]).fails(2);
    insta::assert_snapshot!(cli.run(&["token", "genesys"]).fails(2), @r#"
    error[config.unknown_profile]: no profile "genesys"
      hint: did you mean "genesys-cloud"? there are none: set the variables of one, or write a daypass.toml
    "#);
}

#[test]
fn a_token_url_over_plain_http_is_refused() {
    let mut cli = Cli::new();
    cli.set("OAUTH2_TOKEN_URL", "http://login.example.com/token");
    insta::assert_snapshot!(cli.run(&["token"]).fails(2), @r"
    error[config.insecure_url]: OAUTH2_TOKEN_URL: plain http to login.example.com
      hint: use https; plain http goes only to 127.0.0.1, [::1] or localhost
    ");
}
