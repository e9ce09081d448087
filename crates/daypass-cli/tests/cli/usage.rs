//! A command line that cannot be understood: exit code 2, and what would be right.

use crate::world::Cli;

#[test]
fn nothing_said_is_answered_with_help() {
    let told = Cli::bare().run(&[]).fails(2);
    assert!(told.contains("Usage: daypass") && told.contains("daypass demo"), "{told}");
}

#[test]
fn a_word_that_is_no_command_gets_the_nearest() {
    insta::assert_snapshot!(Cli::bare().run(&["tokn"]).fails(2), @r"
    error: unrecognized subcommand 'tokn'

      tip: a similar subcommand exists: 'token'

    Usage: daypass [OPTIONS] <COMMAND>

    For more information, try '--help'.
    ");
}

#[test]
fn a_flag_that_does_not_exist_gets_the_nearest() {
    insta::assert_snapshot!(Cli::bare().run(&["token", "--minttl", "5m"]).fails(2), @r"
    error: unexpected argument '--minttl' found

      tip: a similar argument exists: '--min-ttl'

    Usage: daypass token --min-ttl <DURATION> [PROFILE]

    For more information, try '--help'.
    ");
}

#[test]
fn a_duration_is_taught() {
    let cli = Cli::new();
    insta::assert_snapshot!(cli.run(&["token", "--min-ttl", "soon"]).fails(2), @r"
    error: invalid value 'soon' for '--min-ttl <DURATION>': not a duration: write 90s, 10m, 2h or 1d; a bare number is seconds

    For more information, try '--help'.
    ");
    for wrong in ["", "-5", "5x", "1h 5m", "1.5h"] {
        cli.run(&["token", "--min-ttl", wrong]).fails(2);
        cli.run(&["token", "--timeout", wrong]).fails(2);
    }
}

#[test]
fn a_format_is_one_of_a_list() {
    let told = Cli::new().run(&["token", "--format", "yaml"]).fails(2);
    for format in ["token", "json", "header", "curl", "env", "dotenv", "github-env"] {
        assert!(told.contains(format), "{told}");
    }
}

#[test]
fn a_command_to_run_comes_after_two_dashes() {
    let cli = Cli::new();
    let told = cli.run(&["exec", "oauth2"]).fails(125);
    assert!(told.contains("daypass exec -- COMMAND"), "{told}");
    cli.run(&["exec"]).fails(125);
    cli.run(&["exec", "--"]).fails(125);
    cli.run(&["exec", "--min-ttl", "x", "--", "true"]).fails(125);
    cli.run(&["-v", "exec", "sh", "-c", "exit 3"]).fails(125);
    assert_eq!(cli.asked(), 0);
}

#[test]
fn loud_and_quiet_exclude_each_other() {
    Cli::new().run(&["token", "-v", "-q"]).fails(2);
    Cli::new().run(&["token", "a", "b"]).fails(2);
}

#[test]
fn a_word_that_may_be_a_secret_or_steers_a_log_is_not_repeated() {
    let cli = Cli::new();
    let secret = "kX2-uV9_0aBcD3eFgH4i";
    for args in [
        &["token", "oauth2", secret][..],
        &["token", &format!("--{secret}")],
        &["token", &format!("--format={secret}")],
        &["token", "--min-ttl", secret],
        &[secret],
        &["token", "--x\n::error::pwn"],
        &["token", "a", "\u{1b}[31m\r\n##[error]pwn"],
    ] {
        let ran = cli.run(args);
        assert_eq!(ran.code, Some(2), "{args:?}");
        assert!(!ran.stderr.contains(secret) && !ran.stderr.contains('\u{1b}'), "{}", ran.stderr);
        let is_command = |line: &str| line.starts_with("::") || line.starts_with("##[");
        assert!(!ran.stderr.lines().any(is_command), "{}", ran.stderr);
        assert!(ran.stderr.starts_with("error: "), "{}", ran.stderr);
    }
}
