//! What is told on stderr, to whom, and in which form.

use crate::world::Cli;

#[test]
fn on_success_there_is_silence() {
    let cli = Cli::new();
    for args in [
        &["token"][..],
        &["token"],
        &["token", "--fresh"],
        &["exec", "--", "true"],
        &["status"],
        &["token", "--format", "json"],
    ] {
        cli.run(args).quiet();
    }
}

#[test]
fn on_ci_one_line_says_what_was_done() {
    let mut cli = Cli::new();
    cli.set("CI", "true");
    let first = cli.run(&["token"]).ok();
    insta::assert_snapshot!(first.shown, @"daypass: oauth2 127.0.0.1:PORT client sandbox token #[token] 1h left (issuer)");
    assert!(!first.stderr.contains(first.stdout.trim_end()));
    insta::assert_snapshot!(cli.run(&["token"]).ok().shown, @"daypass: oauth2 127.0.0.1:PORT client sandbox token #[token] 1h left (store)");
    insta::assert_snapshot!(cli.run(&["exec", "--", "true"]).ok().shown, @"daypass: oauth2 127.0.0.1:PORT client sandbox token #[token] 1h left (store)");
    for no in ["", "false"] {
        cli.set("CI", no);
        cli.run(&["token"]).quiet();
    }
}

#[test]
fn a_test_system_is_told_by_its_host_and_a_long_client_id_shortened() {
    let mut cli = Cli::genesys();
    cli.set("CI", "1");
    cli.run(&["token"]).ok();
    let told = cli.run(&["token", "-v"]).ok();
    assert!(!told.stderr.contains(crate::world::GENESYS_ID));
    insta::assert_snapshot!(told.shown, @"daypass: genesys 127.0.0.1:PORT client 1f2e... token #[token] 59m left (store)");
}

#[test]
fn verbose_says_what_was_done_anywhere_and_quiet_nothing() {
    let mut cli = Cli::new();
    let line = cli.run(&["-v", "token"]).ok().shown;
    insta::assert_snapshot!(line, @"daypass: oauth2 127.0.0.1:PORT client sandbox token #[token] 1h left (issuer)");
    assert_eq!(
        cli.run(&["token", "-vv", "--fresh"]).ok().shown.lines().last().unwrap(),
        line.trim()
    );
    cli.set("CI", "true");
    cli.run(&["token", "-q"]).quiet();
    cli.set("XDG_CACHE_HOME", "/dev/null");
    cli.run(&["token", "-q"]).quiet();
    let told = cli.run(&["token", "-q", "nobody"]).fails(2);
    assert!(told.starts_with("error[config.unknown_profile]"), "{told}");
}

#[test]
fn as_json_every_line_is_an_object() {
    let mut cli = Cli::new();
    // A folder that cannot be used makes a warning.
    cli.set("CI", "true").set("XDG_CACHE_HOME", "/dev/null");
    let args = ["--log-format", "json", "token", "-vv"];
    let told = cli.run(&args).ok().stderr;
    let lines: Vec<serde_json::Value> =
        told.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let level = |wanted: &str| lines.iter().filter(|line| line["level"] == wanted).count();
    assert_eq!((level("WARN"), level("INFO")), (1, 1), "{told}");
    let last = lines.last().unwrap()["fields"]["message"].as_str().unwrap();
    assert!(last.starts_with("oauth2 ") && last.ends_with("(issuer)"), "{last}");

    cli.set("OAUTH2_CLIENT_SECRET", "");
    let told = cli.run(&args).fails(2);
    let error: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(error["error"]["code"], "config.secret_empty");
}

#[test]
fn colour_is_for_terminals_and_for_who_asks() {
    let mut cli = Cli::new();
    cli.set("XDG_CACHE_HOME", "/dev/null").set("OAUTH2_CLIENT_SECRET", "wrong");
    let coloured = |cli: &Cli, args: &[&str]| cli.run(args).fails(3).contains('\x1b');
    assert!(!coloured(&cli, &["token"]));
    assert!(coloured(&cli, &["token", "--color", "always"]));
    let on_terminal = |cli: &Cli, args: &str| {
        let line = format!("{} token {args}", crate::world::DAYPASS);
        let mut command = cli.command("script");
        command.args(["-q", "-e", "-c", &line, "/dev/null"]).env("SHELL", "/bin/sh");
        let ran = cli.ran(command.output().unwrap());
        assert_eq!(ran.code, Some(3), "{ran:?}");
        let (warning, error) = ran.stdout.split_once("error").unwrap();
        assert_eq!(warning.contains('\x1b'), error.contains('\x1b'), "{}", ran.stdout);
        ran.stdout.contains('\x1b')
    };
    assert!(on_terminal(&cli, ""));
    assert!(!on_terminal(&cli, "--color never"));
    cli.set("NO_COLOR", "1");
    assert!(!on_terminal(&cli, ""));
    assert!(coloured(&cli, &["token", "--color", "always"]));
}
