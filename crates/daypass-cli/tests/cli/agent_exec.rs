//! `daypass exec --agent`: a command beside an agent of its own.

use std::fs;
use std::process::Stdio;

use rustix::process::Signal;

use crate::agent::{CREDENTIALS, lives, signal, wait_until};
use crate::world::{Cli, DAYPASS};

/// A script in which `daypass` is the program under test.
fn script(text: &str) -> String {
    format!("daypass() {{ {DAYPASS} \"$@\"; }}\n{text}")
}

#[test]
fn the_command_asks_for_its_tokens_and_inherits_no_credential() {
    let mut cli = Cli::new();
    cli.set("COPY", "before sandbox-secret after").set("KEPT", "as it was");
    let text = script("daypass token; daypass token --fresh; env; daypass status >&2");
    let ran = cli.run(&["exec", "--agent", "--", "sh", "-c", &text]).ok();
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert!(cli.api_accepts(lines[0]) && cli.api_accepts(lines[1]) && lines[0] != lines[1]);
    assert_eq!(cli.asked(), 2);
    for gone in [CREDENTIALS[1], CREDENTIALS[2], "sandbox-secret", "COPY", "DAYPASS_EXEC"] {
        assert!(!ran.stdout.contains(gone), "{gone} in {}", ran.stdout);
    }
    assert!(ran.stdout.contains("KEPT=as it was"));
    let named = lines.iter().find_map(|line| line.strip_prefix("DAYPASS_AGENT=unix:")).unwrap();
    assert!(named.starts_with(cli.path("run/daypass-").to_str().unwrap()), "{named}");
    assert_eq!(fs::read_dir(cli.path("run")).unwrap().count(), 0, "nothing is left");
    assert!(ran.stderr.starts_with("agent  unix:"), "{}", ran.stderr);
}

#[test]
fn it_returns_what_the_command_returned() {
    let cli = Cli::new();
    for (command, code) in [
        (&["sh", "-c", "exit 7"][..], 7),
        (&["true"], 0),
        (&["sh", "-c", "kill -9 $$"], 137),
        (&["/nonexistent"], 127),
        (&["/"], 126),
    ] {
        let ran = cli.run(&[&["exec", "--agent", "--"], command].concat());
        assert_eq!(ran.code, Some(code), "{command:?}: {}", ran.stderr);
    }
    assert_eq!(cli.asked(), 0, "nobody asked for a token");
}

#[test]
fn what_cannot_be_meant_is_an_error_before_the_command_runs() {
    let mut cli = Cli::new();
    let told = cli.run(&["exec", "--agent", "oauth2=TOKEN", "--", "true"]).fails(125);
    assert!(told.contains("with --agent no token is put into TOKEN"), "{told}");
    cli.run(&["exec", "--agent", "nowhere", "--", "true"]).fails(125);
    let usage = cli.run(&["exec", "--agent", "--min-ttl", "5m", "--", "true"]);
    assert_eq!(usage.code, Some(125), "{}", usage.stderr);
    cli.set("DAYPASS_AGENT", "unix:/nonexistent/agent.sock");
    let told = cli.run(&["exec", "--agent", "--", "true"]).fails(125);
    assert!(told.contains("there is an agent already"), "{told}");
}

#[test]
fn signals_go_on_to_the_command() {
    let cli = Cli::new();
    let text = "trap 'echo term; exit 3' TERM; trap 'echo usr1' USR1; echo ready > up; \
                while :; do sleep 0.05; done";
    let mut command = cli.daypass(&["exec", "--agent", "--", "sh", "-c", text]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until("it is up", || cli.work().join("up").exists());
    signal(child.id(), Signal::USR1);
    std::thread::sleep(std::time::Duration::from_millis(200));
    signal(child.id(), Signal::TERM);
    let ran = cli.ran(child.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(3), "usr1\nterm\n"), "{}", ran.stderr);
}

#[test]
fn a_command_whose_agent_is_killed_is_ended() {
    let cli = Cli::new();
    let text = "echo $$ > pid; exec sleep 600";
    let mut child = cli.daypass(&["exec", "--agent", "--", "sh", "-c", text]).spawn().unwrap();
    let pid = || fs::read_to_string(cli.work().join("pid")).ok()?.trim().parse::<u32>().ok();
    wait_until("it is up", || pid().is_some());
    let command = pid().unwrap();
    assert!(lives(command));
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until("the command has ended", || !lives(command));
}

#[test]
fn neither_leaves_a_core_and_the_command_has_the_limit_that_was_there() {
    let cli = Cli::new();
    let text = "ulimit -c; grep core /proc/$PPID/limits";
    let line = format!("ulimit -c 123; {DAYPASS} exec --agent -- bash -c '{text}'");
    let ran = cli.ran(cli.command("bash").args(["-c", &line]).output().unwrap()).quiet();
    let mut lines = ran.stdout.lines();
    assert_eq!(lines.next(), Some("123"));
    let limits: Vec<_> = lines.next().unwrap().split_whitespace().collect();
    assert_eq!(limits[..5], ["Max", "core", "file", "size", "0"], "{limits:?}");
}
