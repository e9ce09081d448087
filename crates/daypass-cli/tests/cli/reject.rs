//! `daypass token --reject`: what a shell does after a 401.

use crate::world::Cli;

#[test]
fn a_refused_token_is_replaced() {
    let cli = Cli::new();
    let refused = cli.token();
    cli.sandbox.revoke_all();
    let next = cli.run_with(&["token", "--reject"], format!("{refused}\n")).quiet().stdout;
    assert_ne!(next.trim_end(), refused);
    assert!(cli.api_accepts(next.trim_end()));
    assert_eq!(cli.asked(), 2);
    // A step that is late with the same news gets the new one, for nothing.
    assert_eq!(cli.run_with(&["token", "--reject"], &refused).quiet().stdout, next);
    assert_eq!(cli.token(), next.trim_end());
    assert_eq!(cli.asked(), 2);
}

#[test]
fn a_token_that_is_not_the_cached_one_changes_nothing() {
    let cli = Cli::new();
    let cached = cli.token();
    let ran = cli.run_with(&["token", "--reject"], "somebody-elses-token\n").quiet();
    assert_eq!(ran.stdout.trim_end(), cached);
    assert_eq!(cli.asked(), 1);
}

#[test]
fn stdin_without_a_token_is_a_usage_error() {
    let cli = Cli::new();
    let cached = cli.token();
    insta::assert_snapshot!(cli.run_with(&["token", "--reject"], "").fails(2), @r#"
    error[usage]: on stdin: the access token is empty
      hint: daypass token --reject <<< "$TOKEN"
    "#);
    for odd in [&b"\n"[..], b"two words", b"a\nb", b"\xff\xfe", &[b'x'; 70_000]] {
        let told = cli.run_with(&["token", "--reject"], odd).fails(2);
        assert!(told.starts_with("error[usage]: "), "{told}");
        assert!(!told.contains("xxx"), "{told}");
    }
    assert_eq!(cli.token(), cached);
    assert_eq!(cli.asked(), 1);
}
