//! `daypass token` in its plain form.

use std::process::Stdio;
use std::time::Duration;

use daypass_sandbox::{Endpoint, Fault};

use crate::world::Cli;

#[test]
fn it_prints_the_token_and_one_line_feed() {
    let cli = Cli::new();
    let ran = cli.run(&["token"]).quiet();
    let token = ran.stdout.strip_suffix('\n').unwrap();
    assert!(!token.contains(char::is_whitespace), "{token:?}");
    assert!(cli.api_accepts(token));
}

#[test]
fn the_second_call_has_the_same_token_and_asks_nobody() {
    let cli = Cli::new();
    let first = cli.run(&["token"]).quiet().stdout;
    let requests = cli.sandbox.log().len();
    assert_eq!(cli.run(&["token"]).quiet().stdout, first);
    assert_eq!(cli.sandbox.log().len(), requests);
    assert_eq!(cli.asked(), 1);
}

#[test]
fn the_cache_serves_while_the_issuer_is_down() {
    let mut cli = Cli::new();
    let first = cli.token();
    cli.end_issuer();
    assert_eq!(cli.token(), first);
}

#[test]
fn the_hit_path_and_the_slow_path_give_the_same_bytes() {
    let mut cli = Cli::new();
    cli.token();
    for environment in ["", "CI", "GITHUB_ACTIONS"] {
        if !environment.is_empty() {
            cli.set(environment, "true");
        }
        for format in ["token", "header"] {
            let hit = cli.run(&["token", "--format", format]).ok();
            // The hit path leaves `--timeout` to the argument parser.
            let slow = cli.run(&["token", "--format", format, "--timeout", "20s"]).ok();
            assert_eq!((hit.stdout, hit.stderr), (slow.stdout, slow.stderr), "{environment}");
        }
    }
    assert_eq!(cli.asked(), 1);
}

#[test]
fn a_profile_can_be_named() {
    let cli = Cli::new();
    assert_eq!(cli.run(&["token", "oauth2"]).quiet().stdout.trim_end(), cli.token());
    insta::assert_snapshot!(cli.run(&["token", "oauth"]).fails(2), @r#"
    error[config.unknown_profile]: no profile "oauth"
      hint: did you mean "oauth2"? there are: oauth2
    "#);
}

#[test]
fn fresh_asks_the_issuer_whatever_is_cached() {
    let cli = Cli::new();
    let first = cli.token();
    let second = cli.run(&["token", "--fresh"]).quiet().stdout;
    assert_ne!(second.trim_end(), first);
    assert_eq!(cli.asked(), 2);
    assert_eq!(cli.token(), second.trim_end());
    assert_eq!(cli.asked(), 2);
}

#[test]
fn a_timeout_ends_the_wait_for_an_issuer_that_is_silent() {
    let cli = Cli::new();
    cli.sandbox.stand(Endpoint::Token, Fault::Stall);
    let began = std::time::Instant::now();
    let told = cli.run(&["token", "--timeout", "1s"]).fails(4);
    assert!(began.elapsed() < Duration::from_secs(10));
    insta::assert_snapshot!(told, @r"
    error[issuer.unavailable]: 127.0.0.1:PORT gave no usable answer for client sandbox (OAUTH2_CLIENT_ID): no complete answer within 0.9 s
      hint: nothing valid is cached; check the network and the issuer, then try again
    ");
}

#[test]
fn a_reader_that_went_away_is_no_error() {
    let cli = Cli::new();
    for wait in [Some(Duration::from_millis(300)), None] {
        // First on the slow path, which finds the reader gone when the token has come; then on
        // the hit path, which is faster than anybody could go away.
        cli.sandbox.script(Endpoint::Token, wait.map(Fault::Delay));
        let mut command = cli.daypass(&["token"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let ran = cli.ran(child.wait_with_output().unwrap());
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    }
    assert_eq!(cli.sh("daypass token >&-").quiet().stdout, "");
    assert_eq!(cli.asked(), 1);
}
