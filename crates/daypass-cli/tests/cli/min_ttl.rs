//! `--min-ttl`, and what happens when no token of the issuer lives that long.

use crate::world::Cli;

#[test]
fn a_token_that_lives_long_enough_is_served_from_the_cache() {
    let cli = Cli::new();
    let token = cli.token();
    for wanted in ["50m", "1h", "3000"] {
        assert_eq!(cli.run(&["token", "--min-ttl", wanted]).quiet().stdout.trim_end(), token);
    }
    assert_eq!(cli.asked(), 1);
}

#[test]
fn what_the_issuer_never_gives_is_an_error_after_one_request() {
    let cli = Cli::genesys();
    insta::assert_snapshot!(cli.run(&["token", "--min-ttl", "2h"]).fails(2), @r"
    error[token.min_ttl]: 2h wanted, but client 1f2e... gets tokens that live 1h
      hint: raise Token Duration on the OAuth client (Admin, at most 48 h), or run the job behind a gateway: daypass exec --gateway, or mode: gateway of the Action
    ");
    assert_eq!(cli.asked(), 1);
    cli.run(&["token", "--min-ttl", "2h"]).fails(2);
    assert_eq!(cli.asked(), 1);
    // The token that came is good for whoever wants less.
    cli.run(&["token"]).quiet();
    assert_eq!(cli.asked(), 1);
}

#[test]
fn with_a_token_in_the_cache_it_takes_one_request_too() {
    let cli = Cli::new();
    let token = cli.token();
    insta::assert_snapshot!(cli.run(&["token", "--min-ttl", "90m"]).fails(2), @r"
    error[token.min_ttl]: 1h30m wanted, but client sandbox gets tokens that live 1h
      hint: the issuer decides how long its tokens live: raise it there, or ask for less
    ");
    assert!(cli.asked() <= 2, "{}", cli.asked());
    let asked = cli.asked();
    cli.run(&["token", "--min-ttl", "90m"]).fails(2);
    assert_eq!(cli.asked(), asked);
    assert!(cli.api_accepts(&token));
}

#[test]
fn a_profile_can_say_it_and_the_command_line_overrides_it() {
    let cli = Cli::new();
    let url = cli.url("/oauth/token");
    cli.write_yours(&format!(
        "[profile.long]\ntoken_url = \"{url}\"\nclient_id = \"sandbox\"\n\
         client_secret = {{ env = \"OAUTH2_CLIENT_SECRET\" }}\nmin_ttl = \"2h\"\n"
    ));
    cli.run(&["token", "long"]).fails(2);
    cli.run(&["token", "long", "--min-ttl", "10m"]).quiet();
}
