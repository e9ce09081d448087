//! `daypass exec`: how the command is started, and how it ends.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::time::Duration;

use daypass_sandbox::{Client, Endpoint, Fault};
use rustix::process::{Pid, Signal, kill_process};

use crate::config::profile;
use crate::world::{Cli, DAYPASS, GENESYS_ID};

#[test]
fn the_token_is_in_the_variable_that_the_providers_tools_read() {
    let cli = Cli::new();
    let ran = cli.run(&["exec", "--", "sh", "-c", "echo $ACCESS_TOKEN"]).quiet();
    assert_eq!(ran.stdout.trim_end(), cli.token());
    let cli = Cli::genesys();
    let ran = cli.run(&["exec", "--", "sh", "-c", "echo $GENESYSCLOUD_ACCESS_TOKEN"]).quiet();
    assert_eq!(ran.stdout.trim_end(), cli.token());
    assert!(!cli.run(&["exec", "--", "env"]).stdout.contains(GENESYS_ID));
}

#[test]
fn a_name_can_be_given() {
    let cli = Cli::new();
    for typed in ["oauth2=MY_TOKEN", "=MY_TOKEN"] {
        let ran = cli.run(&["exec", typed, "--", "sh", "-c", "echo $MY_TOKEN$ACCESS_TOKEN"]);
        assert_eq!(ran.quiet().stdout.trim_end(), cli.token());
    }
    insta::assert_snapshot!(cli.run(&["exec", "oauth2=my-token", "--", "true"]).fails(125), @r#"
    error[usage]: "my-token" is no name of a variable
      hint: letters, digits and underscores: daypass exec billing=BILLING_TOKEN -- ...
    "#);
}

#[test]
fn several_profiles_go_to_several_variables() {
    let mut cli = Cli::bare();
    cli.set("THE_SECRET", "sandbox-secret");
    let of = |name| profile(&cli, name, "{ env = \"THE_SECRET\" }");
    let two = format!("{}{}audience = \"b\"\n", of("a"), of("b"));
    cli.write_yours(&two);
    let ran = cli.run(&["exec", "a=A", "b=B", "--", "sh", "-c", "echo $A; echo $B"]).quiet();
    let [a, b] = ran.stdout.lines().collect::<Vec<_>>()[..] else { panic!("{}", ran.stdout) };
    assert_ne!(a, b);
    assert_eq!(
        (a, b),
        (cli.run(&["token", "a"]).stdout.trim(), cli.run(&["token", "b"]).stdout.trim())
    );
    assert_eq!(cli.asked(), 2);
    insta::assert_snapshot!(cli.run(&["exec", "a", "b", "--", "true"]).fails(125), @r"
    error[usage]: two tokens would be in ACCESS_TOKEN
      hint: name another variable: b=NAME
    ");
}

#[test]
fn a_token_that_ends_while_another_issuer_is_slow_is_fetched_anew() {
    let mut cli = Cli::bare();
    cli.set("THE_SECRET", "sandbox-secret");
    let short = Client::new("short", "sandbox-secret").lifetime(Duration::from_secs(2));
    cli.sandbox.register(short);
    let of = |name| profile(&cli, name, "{ env = \"THE_SECRET\" }");
    let a = of("a").replace("\"sandbox\"", "\"short\"");
    cli.write_yours(&format!("{a}{}", of("b")));
    let slow = Fault::Delay(Duration::from_secs(3));
    cli.sandbox.script(Endpoint::Token, [Fault::None, slow]);
    let ran = cli.run(&["exec", "a=A", "b=B", "--", "sh", "-c", "echo $A; echo $B"]).quiet();
    for token in ran.stdout.lines() {
        assert!(cli.api_accepts(token));
    }
    assert_eq!(cli.asked(), 3);
}

#[test]
fn the_commands_exit_code_is_daypasses() {
    let cli = Cli::new();
    for code in [0, 1, 2, 42, 125, 255] {
        let ran = cli.run(&["exec", "--", "sh", "-c", &format!("exit {code}")]);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(code), ""));
    }
    let ran = cli.run(&["exec", "--", "sh", "-c", "kill -TERM $$"]);
    assert_eq!(ran.code, None, "it was ended by a signal, and so was daypass");
}

#[test]
fn a_command_that_cannot_be_run_ends_as_in_a_shell() {
    let cli = Cli::new();
    insta::assert_snapshot!(cli.run(&["exec", "--", "no-such-command"]).fails(127), @r"
    error[usage]: no-such-command cannot be run: not found
      hint: is it installed, and in PATH?
    ");
    cli.write("work/script", "#!/bin/sh\n");
    insta::assert_snapshot!(cli.run(&["exec", "--", "./script"]).fails(126), @r"
    error[usage]: ./script cannot be run: permission denied
      hint: may it be executed?
    ");
    assert_eq!(cli.run(&["exec", "--", "./nowhere/x"]).code, Some(127));
    assert_eq!(cli.run(&["exec", "--", "/"]).code, Some(126));
}

#[test]
fn what_fails_before_the_command_is_125_and_the_command_never_starts() {
    let mut cli = Cli::new();
    let touch = ["exec", "--", "touch", "ran"];
    cli.set("OAUTH2_CLIENT_SECRET", "");
    let told = cli.run(&touch).fails(125);
    assert!(told.starts_with("error[config.secret_empty]"), "{told}");
    cli.set("OAUTH2_CLIENT_SECRET", "sandbox-secret");
    let told = cli.run(&["exec", "--min-ttl", "2h", "--", "touch", "ran"]).fails(125);
    assert!(told.starts_with("error[token.min_ttl]: 2h wanted"), "{told}");
    cli.run(&["exec", "nobody", "--", "touch", "ran"]).fails(125);
    assert!(!cli.path("work/ran").exists());
    cli.run(&["exec", "--min-ttl", "30m", "--", "touch", "ran"]).quiet();
    assert!(cli.path("work/ran").exists());
}

#[test]
fn arguments_and_standard_streams_pass_through_as_they_are() {
    let cli = Cli::new();
    let ran = cli.run(&["exec", "--", "printf", "%s|", "-v", "--", "a b", "$HOME", "*", ""]);
    assert_eq!(ran.quiet().stdout, "-v|--|a b|$HOME|*||");
    let bytes: Vec<u8> = (0..=127).cycle().take(300_000).collect();
    let ran = cli.run_with(&["exec", "--", "sh", "-c", "cat; echo said >&2"], &bytes).ok();
    assert!(ran.stdout.as_bytes() == bytes);
    assert_eq!(ran.stderr, "said\n");
}

#[test]
fn no_process_stays_so_a_signal_to_daypass_reaches_the_command() {
    let cli = Cli::new();
    let script = "trap 'echo caught; exit 7' TERM; echo $$; while :; do sleep 0.05; done";
    let mut command = cli.daypass(&["exec", "--", "sh", "-c", script]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next(), Some(child.id().to_string()));
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(lines.next().as_deref(), Some("caught"));
    assert_eq!(child.wait().unwrap().code(), Some(7));
}

#[test]
fn the_command_starts_with_usual_signals() {
    let cli = Cli::new();
    let state = |line: &str| {
        let told = cli.sh(&format!("{line} grep -E '^Sig(Blk|Ign)' /proc/self/status")).quiet();
        let bits = told.stdout.lines().map(|line| line.split_once('\t').unwrap().1.to_owned());
        bits.map(|bits| u64::from_str_radix(&bits, 16).unwrap()).collect::<Vec<_>>()
    };
    let plain = state("");
    assert_eq!(state(&format!("{DAYPASS} exec --")), plain);
    // Whoever started daypass may have blocked some.
    assert_eq!(state(&format!("env --block-signal=USR1 {DAYPASS} exec --")), plain);
    // And a reader that goes away ends a command as it does anywhere.
    let mut command = cli.daypass(&["exec", "--", "yes"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let status = child.wait().unwrap();
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    assert_eq!(signal, Some(Signal::PIPE.as_raw()));
}

#[test]
fn no_descriptor_of_ours_is_inherited() {
    let cli = Cli::new();
    let plain = cli.sh("exec ls /proc/self/fd").quiet().stdout;
    // Cold, with sockets and locks, then from the cache.
    for _ in 0..2 {
        let ran = cli.run(&["exec", "--", "ls", "/proc/self/fd"]).quiet();
        assert_eq!(ran.stdout, plain);
    }
    assert_eq!(cli.asked(), 1);
}

#[test]
fn on_github_the_token_is_masked_before_the_command_can_say_it() {
    let mut cli = Cli::new();
    cli.set("GITHUB_ACTIONS", "true");
    let told = cli.sh("daypass exec -- sh -c 'echo token=$ACCESS_TOKEN' 2>&1").quiet().stdout;
    let token = cli.run(&["token", "-q"]).stdout;
    let token = token.trim_end();
    let (masks, said) = told.split_once("token=").unwrap();
    assert!(masks.starts_with(&format!("::add-mask::{token}\n")), "{told}");
    assert_eq!(said.trim_end(), token);
}

#[test]
fn two_commands_in_a_pipe_share_one_token() {
    let cli = Cli::new();
    let line = "daypass exec -- sh -c 'echo $ACCESS_TOKEN' | daypass exec -- sh -c \
                'read other; [ $other = $ACCESS_TOKEN ] && echo same'";
    assert_eq!(cli.sh(line).quiet().stdout, "same\n");
    assert_eq!(cli.asked(), 1);
}

#[test]
fn a_command_that_reads_what_is_typed_keeps_its_input() {
    let cli = Cli::new();
    let mut command = cli.daypass(&["exec", "--", "sh", "-c", "read a; read b; echo $b$a"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"1\n2\n").unwrap();
    assert_eq!(child.wait_with_output().unwrap().stdout, b"21\n");
}

#[test]
fn a_daypass_within_exec_is_told_that_it_has_a_token_already() {
    let cli = Cli::genesys();
    let told = cli.run(&["exec", "--", env!("CARGO_BIN_EXE_daypass"), "token"]).fails(2);
    assert!(told.contains("hint: this runs under daypass exec"), "{told}");
    assert!(told.contains("the token is in GENESYSCLOUD_ACCESS_TOKEN"), "{told}");
}
