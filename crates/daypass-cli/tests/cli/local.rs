//! A gateway's local credential is never sent to an issuer, wherever a profile has it from.

use crate::config::profile;
use crate::world::Cli;

const ID: &str = "daypass-local-0123456789abcdef";
const SECRET: &str = "daypass-local-secret-0123456789abcdef0123456789abcdef";

/// A profile with this id and secret, as values of its file.
fn with(cli: &Cli, id: &str, secret: &str) -> String {
    profile(cli, "p", secret).replace("\"sandbox\"", id)
}

#[test]
fn a_local_credential_is_never_sent_to_an_issuer_wherever_it_comes_from() {
    let mut cli = Cli::bare();
    cli.set("LOCAL_ID", ID).set("LOCAL", SECRET).set("PADDED", format!(" {SECRET}\n"));
    cli.set("REAL", "sandbox-secret");
    let file = cli.write("secret", &format!("{SECRET}\n"));
    let padded = cli.write("padded", &format!("\n  {SECRET}\n"));
    let in_file = format!("{{ file = {file:?} }}");
    let in_padded = format!("{{ file = {padded:?} }}");
    let printed = format!("{{ command = [\"echo\", \"{SECRET}\"] }}");
    for (id, secret) in [
        ("{ env = \"LOCAL_ID\" }", "{ env = \"LOCAL\" }"),
        ("{ env = \"LOCAL_ID\" }", "{ env = \"REAL\" }"),
        ("\"sandbox\"", "{ env = \"LOCAL\" }"),
        ("\"sandbox\"", "{ env = \"PADDED\" }"),
        ("\"sandbox\"", &in_file),
        ("\"sandbox\"", &in_padded),
        ("\"sandbox\"", &printed),
    ] {
        cli.write_yours(&with(&cli, id, secret));
        for args in [
            &["token"][..],
            &["token", "--fresh", "--json"],
            &["exec", "--", "true"],
            &["exec", "--agent", "--", "true"],
            &["agent", "--detach"],
            &["cache", "export"],
        ] {
            let ran = cli.run(args);
            let told = ran.stderr.contains("config.local_credential")
                || ran.stdout.contains("config.local_credential");
            assert!(told && ran.code != Some(0), "{id} {secret} {args:?}: {}", ran.stderr);
            assert!(!ran.stderr.contains(SECRET), "{}", ran.stderr);
        }
    }
    assert_eq!(cli.asked(), 0);
}

#[test]
fn a_local_token_that_was_refused_is_told_to_no_issuer() {
    let cli = Cli::new();
    cli.run(&["token"]).quiet();
    let ran = cli.run_with(&["token", "--reject"], "daypass-local-token-0123456789abcdef");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(cli.asked(), 1, "it is not the one that is cached");
}
