//! `daypass.toml`: the file that is named, and the user's own.

use std::fs;
use std::os::unix::fs::symlink;

use crate::world::{Cli, DAYPASS};

/// A profile for the sandbox's client; `secret` is the value of `client_secret`.
pub(crate) fn profile(cli: &Cli, name: &str, secret: &str) -> String {
    let url = cli.url("/oauth/token");
    format!(
        "[profile.{name}]\ntoken_url = \"{url}\"\nclient_id = \"sandbox\"\n\
         client_secret = {secret}\n"
    )
}

const ENV: &str = "{ env = \"THE_SECRET\" }";

fn with_secret() -> Cli {
    let mut cli = Cli::bare();
    cli.set("THE_SECRET", "sandbox-secret");
    cli
}

#[test]
fn a_named_file_may_say_where_the_secret_goes() {
    let mut cli = with_secret();
    let path = cli.write("elsewhere/x.toml", &profile(&cli, "billing", ENV));
    cli.run(&["token", "--config", path.to_str().unwrap()]).quiet();
    cli.run(&["--config", "../elsewhere/x.toml", "token", "billing"]).quiet();
    cli.set("DAYPASS_CONFIG", "../elsewhere/x.toml");
    cli.run(&["token"]).quiet();
    cli.run(&["exec", "--", "true"]).quiet();
    assert_eq!(cli.asked(), 1);
    // The command line says more than the environment.
    cli.set("DAYPASS_CONFIG", "/nowhere.toml");
    cli.run(&["token", "--config", path.to_str().unwrap()]).quiet();
    insta::assert_snapshot!(cli.run(&["token"]).fails(2), @r"
    error[config.unreadable]: /nowhere.toml cannot be read: not found
      hint: does it exist, and may this user read it?
    ");
}

#[test]
fn a_named_file_takes_the_place_of_the_one_found() {
    let cli = with_secret();
    cli.write_found(&profile(&cli, "found", ENV));
    let path = cli.write("elsewhere/x.toml", &profile(&cli, "named", ENV));
    cli.run(&["token", "--config", path.to_str().unwrap()]).quiet();
    // And naming the one found is a way to trust it once.
    cli.run(&["token", "--config", "daypass.toml"]).quiet();
}

#[test]
fn the_users_own_file_counts_everywhere() {
    let mut cli = with_secret();
    cli.write_yours(&profile(&cli, "mine", ENV));
    cli.run(&["token"]).quiet();
    let text = fs::read_to_string(cli.path("config/daypass/daypass.toml")).unwrap();
    fs::remove_dir_all(cli.path("config")).unwrap();
    cli.unset("XDG_CONFIG_HOME");
    cli.write("home/.config/daypass/daypass.toml", &text);
    cli.run(&["token"]).quiet();
    assert_eq!(cli.asked(), 1);
}

#[test]
fn the_default_profile_is_taken_where_none_is_named() {
    let cli = with_secret();
    let two = format!("{}{}", profile(&cli, "a", ENV), profile(&cli, "b", ENV));
    cli.write_yours(&two);
    insta::assert_snapshot!(cli.run(&["token"]).fails(2), @r"
    error[config.ambiguous]: [ROOT]/config/daypass/daypass.toml has several profiles and no `default`, and none is named
      hint: name one of them: a or b
    ");
    cli.write_yours(&format!("default = \"b\"\n{two}"));
    let told = cli.run(&["token", "-v"]).ok();
    assert!(told.stderr.starts_with("daypass: b "), "{}", told.stderr);
    cli.write_yours(&format!("default = \"c\"\n{two}"));
    insta::assert_snapshot!(cli.run(&["token"]).fails(2), @r#"
    error[config.unknown_profile]: `default` of [ROOT]/config/daypass/daypass.toml: no profile "c"
      hint: there are: a, b
    "#);
}

#[test]
fn an_unknown_key_is_an_error_with_the_one_that_was_meant() {
    let cli = with_secret();
    cli.write_yours(&format!("{}scope = [\"a\"]\n", profile(&cli, "mine", ENV)));
    insta::assert_snapshot!(cli.run(&["token"]).fails(2), @r#"
    error[config.unknown_key]: [ROOT]/config/daypass/daypass.toml:5:1: unknown key "scope"
      hint: did you mean `scopes`?
    "#);
    cli.write_yours("[profile.mine\n");
    insta::assert_snapshot!(cli.run(&["token"]).fails(2), @"error[config.invalid]: [ROOT]/config/daypass/daypass.toml:1:14: unclosed table, expected `]`");
}

#[test]
fn a_secret_may_be_in_a_file() {
    let cli = Cli::bare();
    let path = cli.write_yours(&profile(&cli, "mine", "{ file = \"the-secret\" }"));
    insta::assert_snapshot!(cli.run(&["token"]).fails(2), @r"
    error[config.unreadable]: [ROOT]/config/daypass/the-secret cannot be read: not found
      hint: does it exist, and may this user read it?
    ");
    // As Docker and Kubernetes make them: a link, to what a group may read, with a line feed.
    let secret = cli.write_mode("tmp/secret", "sandbox-secret\n", 0o640);
    symlink(secret, path.with_file_name("the-secret")).unwrap();
    cli.run(&["token"]).quiet();
    fs::write(cli.path("tmp/secret"), "\n").unwrap();
    cli.run(&["token"]).fails(5);
    cli.run(&["token", "--json"]).fails(5);
}

#[test]
fn a_command_may_print_the_secret_where_the_file_is_trusted() {
    let cli = Cli::bare();
    let text = profile(&cli, "mine", "{ command = [\"printf\", \"%s\", \"sandbox-secret\"] }");
    cli.write_yours(&text);
    cli.run(&["token"]).quiet();
    fs::remove_file(cli.path("config/daypass/daypass.toml")).unwrap();
    let named = cli.write("tmp/x.toml", &text);
    let named = named.to_str().unwrap();
    insta::assert_snapshot!(cli.run(&["token", "--config", named]).fails(2), @r"
    error[config.untrusted]: [ROOT]/tmp/x.toml:4:1: `client_secret` of [profile.mine] runs a command: a named file may not
      hint: trust the file: daypass trust [ROOT]/tmp/x.toml, or move the profile to your config folder
    ");
    cli.run(&["trust", named, "-q"]).quiet();
    cli.run(&["token", "--config", named]).quiet();
    assert_eq!(cli.asked(), 1);
}

#[test]
fn a_command_that_fails_is_told_without_what_it_printed() {
    let cli = Cli::bare();
    let command = "{ command = [\"sh\", \"-c\", \"echo sentinel; exit 3\"] }";
    cli.write_yours(&profile(&cli, "mine", command));
    insta::assert_snapshot!(cli.run(&["token"]).fails(2), @r"
    error[config.unreadable]: command sh failed: exit status: 3
      hint: run it by hand: it must print the value and exit with 0
    ");
}

#[test]
fn a_secret_in_a_file_that_others_can_read_is_refused() {
    let cli = Cli::bare();
    let text = profile(&cli, "mine", "\"sandbox-secret\"");
    let path = cli.write_mode("config/daypass/daypass.toml", &text, 0o640);
    let told = cli.run(&["token"]).fails(2);
    assert!(!told.contains("sandbox-secret"), "{told}");
    insta::assert_snapshot!(told, @r#"
    error[config.unsafe_file]: [ROOT]/config/daypass/daypass.toml:4:1: a client_secret in a file that others can read is not taken
      hint: chmod 600 [ROOT]/config/daypass/daypass.toml, or say where it is: client_secret = { env = "..." } or { file = "..." }
    "#);
    cli.write_mode("config/daypass/daypass.toml", &text, 0o600);
    cli.run(&["token"]).quiet();
    assert_eq!(crate::world::mode(&path), 0o600);
}

#[test]
fn an_issuer_is_discovered() {
    let cli = with_secret();
    let text =
        profile(&cli, "mine", ENV).replace("token_url", "issuer").replace("/oauth/token", "");
    cli.write_yours(&text);
    let token = cli.token();
    assert!(cli.api_accepts(&token));
    let requests = cli.sandbox.log().len();
    assert_eq!(cli.token(), token);
    assert_eq!(cli.sandbox.log().len(), requests);
}

#[test]
fn a_named_file_may_be_a_pipe_and_is_read_once_for_all_that_need_it() {
    let cli = with_secret();
    cli.write("work/x.toml", &profile(&cli, "billing", ENV));
    for line in [
        "daypass token --config <(sleep 0.1; cat x.toml)",
        "DAYPASS_CONFIG=<(cat x.toml) daypass token",
        "cat x.toml | daypass token --config /dev/stdin",
        "cat x.toml | daypass status --config /dev/stdin",
        "daypass exec --config <(cat x.toml) -- sh -c 'test -z \"$THE_SECRET\" -a -n \"$ACCESS_TOKEN\"'",
    ] {
        let line = line.replace("daypass ", &format!("{DAYPASS} "));
        let ran = cli.ran(cli.command("bash").args(["-c", &line]).output().unwrap());
        assert_eq!(ran.code, Some(0), "{line}: {}", ran.stderr);
    }
    assert_eq!(cli.asked(), 1);
}
