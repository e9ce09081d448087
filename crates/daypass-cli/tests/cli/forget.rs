//! `daypass forget` and `daypass revoke`.

use crate::config::profile;
use crate::world::{Cli, VERBS};

#[test]
fn a_forgotten_token_stays_valid_and_the_next_step_gets_another() {
    let cli = Cli::new();
    let token = cli.token();
    let ran = cli.run(&["forget"]).ok();
    insta::assert_snapshot!(ran.shown, @"daypass: forgot token #[token] of oauth2; it stays valid at the issuer");
    assert_eq!(ran.stdout, "");
    assert!(cli.api_accepts(&token));
    insta::assert_snapshot!(cli.run(&["forget"]).ok().shown, @"daypass: nothing is cached for oauth2");
    assert_ne!(cli.token(), token);
    cli.run(&["forget", "-q"]).quiet();
}

#[test]
fn forget_as_json_names_what_was_forgotten() {
    let cli = Cli::new();
    cli.token();
    let json = cli.run(&["forget", "--json"]).quiet().json();
    assert_eq!(json["profile"], "oauth2");
    assert!(json["forgotten"].as_str().unwrap().starts_with('#'), "{json}");
    let json = cli.run(&["forget", "--json"]).quiet().json();
    assert!(json["forgotten"].is_null(), "{json}");
}

#[test]
fn revoke_takes_the_token_back_at_the_issuer() {
    let mut cli = Cli::bare();
    cli.set("THE_SECRET", "sandbox-secret");
    let revocation = format!("revocation_url = \"{}\"\n", cli.url("/oauth/revoke"));
    cli.write_yours(&(profile(&cli, "mine", "{ env = \"THE_SECRET\" }") + &revocation));
    let token = cli.token();
    let ran = cli.run(&["revoke"]).ok();
    insta::assert_snapshot!(ran.shown, @"daypass: revoked the token of mine at 127.0.0.1:PORT");
    assert!(!cli.api_accepts(&token));
    insta::assert_snapshot!(cli.run(&["revoke"]).ok().shown, @"daypass: nothing is cached for mine");
    assert_ne!(cli.token(), token);
    assert_eq!(cli.run(&["revoke", "--json"]).quiet().json()["revoked"], true);
    assert_eq!(cli.run(&["revoke", "--json"]).quiet().json()["revoked"], false);
}

#[test]
fn an_issuer_that_is_discovered_says_where_it_revokes() {
    let mut cli = Cli::bare();
    cli.set("THE_SECRET", "sandbox-secret");
    let text = profile(&cli, "mine", "{ env = \"THE_SECRET\" }");
    cli.write_yours(&text.replace("token_url", "issuer").replace("/oauth/token", ""));
    let token = cli.token();
    cli.run(&["revoke", "-q"]).quiet();
    assert!(!cli.api_accepts(&token));
}

#[test]
fn genesys_cloud_takes_a_token_back_in_its_own_way() {
    let cli = Cli::genesys();
    let token = cli.token();
    cli.run(&["revoke", "-q"]).quiet();
    assert!(!cli.api_accepts(&token));
    let call = cli.sandbox.log().into_iter().find(|entry| entry.method == "DELETE").unwrap();
    assert_eq!((call.path.as_str(), call.status), ("/api/v2/tokens/me", Some(204)));
}

#[test]
fn an_issuer_that_cannot_revoke_says_so_and_the_token_stays() {
    let cli = Cli::new();
    let token = cli.token();
    insta::assert_snapshot!(cli.run(&["revoke"]).fails(3), @r"
    error[issuer.cannot_revoke]: 127.0.0.1:PORT has no way to revoke a token
      hint: if it has a revocation endpoint, name it: revocation_url, or issuer; daypass forget removes the token from the cache, and it ends by itself
    ");
    assert_eq!(cli.token(), token);
    assert_eq!(cli.asked(), 1);
}

#[test]
fn an_issuer_that_is_down_revokes_nothing() {
    let mut cli = Cli::bare();
    cli.set("THE_SECRET", "sandbox-secret");
    let revocation = format!("revocation_url = \"{}\"\n", cli.url("/oauth/revoke"));
    cli.write_yours(&(profile(&cli, "mine", "{ env = \"THE_SECRET\" }") + &revocation));
    let token = cli.token();
    cli.end_issuer();
    insta::assert_snapshot!(cli.run(&["revoke"]).fails(4), @r"
    error[issuer.unavailable]: 127.0.0.1:PORT did not revoke the token of client sandbox: cannot connect: connection refused
      hint: the token is still cached and valid; check the network and the issuer, then try again
    ");
    assert_eq!(cli.token(), token);
    assert!(VERBS.contains(&"revoke"));
}

#[test]
fn a_refused_revocation_names_the_host_that_refused() {
    let (mut cli, other) = (Cli::bare(), Cli::bare());
    cli.set("THE_SECRET", "sandbox-secret");
    let revocation = format!("revocation_url = \"{}\"\n", other.url("/oauth/revoke"));
    cli.write_yours(&(profile(&cli, "mine", "{ env = \"THE_SECRET\" }") + &revocation));
    cli.token();
    other.sandbox.plan("revocation:status=403".parse().unwrap());
    let told = cli.run(&["revoke"]).fails(3);
    let host = other.url("").replace("http://", "");
    assert!(
        told.contains(&format!("{host} refused to revoke the token of client sandbox: HTTP 403")),
        "{told}"
    );
    assert!(told.contains("check revocation_url"), "{told}");
}
