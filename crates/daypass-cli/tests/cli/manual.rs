//! Help, version, completions, manual pages.

use std::fs;

use crate::world::{Cli, VERBS};

#[test]
fn help_begins_with_what_to_do() {
    let help = Cli::bare().run(&["--help"]).quiet().stdout;
    insta::assert_snapshot!(help, @r"
    One valid OAuth 2.0 token for every step, process and machine.

    Give daypass a client's credentials once. Every step that asks gets a token that is valid; the
    issuer is asked once per lifetime, however many steps ask at once. Tokens are kept sealed in a
    folder that only you can read.

    Usage: daypass [OPTIONS] <COMMAND>

    Commands:
      token        Print a token that is valid, from the cache where possible
      exec         Run a command with tokens in its environment, and without the credentials
      agent        Keep the credentials in memory and hand out tokens on a socket
      gateway      Put a valid token on each request of programs that don't know daypass
      status       Show what is cached, how long it lives, what it cost and what happened last
      forget       Remove a profile's token from the cache; it stays valid at the issuer
      revoke       Revoke a profile's token at the issuer, then forget it
      cache        Hand the sealed token to another machine, through a place that others may read
      trust        Allow a daypass.toml to say where secrets go, as it is now
      sandbox      Run a local authorization server and API, with faults on demand
      demo         Show the whole story in half a minute, on this machine alone
      completions  Print the completions for a shell
      man          Print the manual page, or write one per command into a folder
      help         Print this message or the help of the given subcommand(s)

    Options:
          --config <FILE>
              The configuration file to use instead of ./daypass.toml

      -v, --verbose...
              Say what was done; twice for details

      -q, --quiet
              Say nothing but errors

          --log-format <FORM>
              The form of what is logged on stderr

              Possible values:
              - text: Lines for people
              - json: One JSON object a line
              
              [default: text]

          --color <WHEN>
              When to use colour

              Possible values:
              - auto:   On a terminal, unless NO_COLOR is set
              - always: Always
              - never:  Never
              
              [default: auto]

      -h, --help
              Print help (see a summary with '-h')

      -V, --version
              Print version

    Start here:
      export GC_CLIENT_ID=... GC_CLIENT_SECRET=... GC_REGION=eu-west-1     Genesys Cloud, or
      export OAUTH2_TOKEN_URL=... OAUTH2_CLIENT_ID=... OAUTH2_CLIENT_SECRET=...
      daypass token                     print a token that is valid
      daypass exec -- ./deploy.sh       run a command with a token in its environment
      daypass demo                      see it all work, without an account

    Exit codes: 0 ok, 2 usage or configuration, 3 refused by the issuer, 4 not available now (a retry
    may help), 5 store, 70 a defect of daypass; `exec` returns its command's.
    ");
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let (commands, _) = commands.split_once("\n\n").unwrap();
    let verbs: Vec<_> =
        commands.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(verbs, VERBS);
}

#[test]
fn every_command_has_help_of_its_own() {
    let cli = Cli::bare();
    for verb in VERBS.iter().copied().filter(|verb| *verb != "help") {
        let help = cli.run(&[verb, "--help"]).quiet().stdout;
        assert!(help.contains(&format!("Usage: daypass {verb}")), "{help}");
        assert_eq!(cli.run(&["help", verb]).quiet().stdout, help);
        crate::world::assert_teaches(&help);
        let short = cli.run(&[verb, "-h"]).quiet().stdout;
        assert!(!short.is_empty());
    }
}

#[test]
fn version_is_the_packages() {
    let expected = format!("daypass {}\n", env!("CARGO_PKG_VERSION"));
    let cli = Cli::bare();
    assert_eq!(cli.run(&["--version"]).quiet().stdout, expected);
    assert_eq!(cli.run(&["-V"]).quiet().stdout, expected);
}

#[test]
fn completions_are_there_for_every_shell() {
    let cli = Cli::bare();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = cli.run(&["completions", shell]).quiet().stdout;
        for verb in ["token", "exec", "--min-ttl"] {
            let verb = if shell == "fish" { verb.trim_start_matches('-') } else { verb };
            assert!(script.contains(verb), "{shell}: {verb}");
        }
    }
    cli.sh("daypass completions bash > c && bash -n c").quiet();
    let line = "bash -c '. ./c; COMP_WORDS=(daypass tok); COMP_CWORD=1; _daypass daypass tok \
                daypass; echo ${COMPREPLY[@]}'";
    assert_eq!(cli.sh(line).quiet().stdout, "token\n");
    let told = cli.run(&["completions", "csh"]).fails(2);
    assert!(told.contains("bash, elvish, fish, powershell, zsh"), "{told}");
}

#[test]
fn the_manual_is_one_page_or_one_per_command() {
    let cli = Cli::bare();
    let page = cli.run(&["man"]).quiet().stdout;
    assert!(page.contains(".TH daypass 1") && page.contains(".SH NAME"), "{page}");
    cli.run(&["man", "--out", "a/man"]).quiet();
    let entries = fs::read_dir(cli.path("work/a/man")).unwrap();
    let names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    for verb in VERBS.iter().filter(|verb| **verb != "help") {
        assert!(names.contains(&format!("daypass-{verb}.1")), "{names:?}");
    }
    assert!(names.contains(&"daypass.1".to_owned()), "{names:?}");
    let token = fs::read_to_string(cli.path("work/a/man/daypass-token.1")).unwrap();
    assert!(token.contains("min\\-ttl"), "{token}");
    cli.write("work/file", "");
    cli.run(&["man", "--out", "file"]).fails(5);
}
