//! `daypass sandbox`.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use crate::world::Cli;

#[test]
fn it_says_what_to_export_and_a_token_from_it_works() {
    let mut cli = Cli::bare();
    let mut command = cli.daypass(&["sandbox", "--fault", "api:unauthorized*1"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let introduction: Vec<_> = lines.by_ref().take(5).collect();
    let words = introduction.iter().flat_map(|line| line.split_whitespace());
    let exports: Vec<_> = words.filter_map(|word| word.split_once('=')).collect();
    for (name, value) in &exports {
        cli.set(name, *value);
    }
    let names: Vec<_> = exports.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["OAUTH2_TOKEN_URL", "OAUTH2_CLIENT_ID", "OAUTH2_CLIENT_SECRET"]);
    let last = introduction.last().unwrap().trim();
    assert!(last.starts_with("daypass token "), "{introduction:?}");
    // The first call meets the fault, the second is the line as it is printed.
    assert!(cli.sh(last).ok().stdout.contains("invalid_token"));
    assert!(cli.sh(last).ok().stdout.contains("\"token\":1"));

    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(lines.next(), None);
}

#[test]
fn it_plays_genesys_and_what_it_prints_works_there() {
    let cli = Cli::bare();
    let mut command =
        cli.daypass(&["sandbox", "--flavour", "genesys", "--fault", "rate_limited*1"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let said: Vec<_> =
        lines.by_ref().take_while(|line| !line.starts_with("daypass token")).collect();
    let url = said[0].split_whitespace().find(|word| word.starts_with("http")).unwrap();
    let then = format!("daypass token --format curl | curl -s --config - {url}/api/v2/users");
    let told = cli.sh(&[&said[2..], &[then]].concat().join("\n")).ok();
    assert!(told.stdout.contains("Sandbox User 25"), "{}", told.stdout);
    let more = format!("curl -s -d 'api:unauthorized*1' {url}/_sandbox/faults");
    assert!(cli.sh(&more).ok().stdout.contains(r#""fault":"unauthorized""#));
    let more = format!("curl -s -d 'api:sleepy' {url}/_sandbox/faults");
    assert!(cli.sh(&more).ok().stdout.contains("no fault is called"));
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    child.wait().unwrap();
}

#[test]
fn its_help_lists_every_fault_in_a_form_that_works() {
    let help = Cli::bare().run(&["sandbox", "--help"]).ok().stdout;
    assert_eq!(daypass_sandbox::Fault::USAGE.len(), daypass_sandbox::Fault::NAMES.len());
    for (usage, what) in daypass_sandbox::Fault::USAGE {
        assert!(help.contains(usage) && help.contains(what), "{usage}: {help}");
        let fault: daypass_sandbox::PlannedFault = usage.parse().unwrap();
        assert!(daypass_sandbox::Fault::NAMES.contains(&fault.fault.name()));
    }
}

#[test]
fn an_interrupt_ends_it_too() {
    let cli = Cli::bare();
    let mut command = cli.daypass(&["sandbox", "--flavour", "genesys", "--lifetime", "5m"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("is listening on http://127.0.0.1:"));
    // It is told once all is printed that it waits for signals.
    while lines.next().unwrap().unwrap().trim_start() != "" {}
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_fault_that_it_does_not_know_gets_the_list() {
    let told = Cli::bare().run(&["sandbox", "--fault", "explode"]).fails(2);
    for name in daypass_sandbox::Fault::NAMES {
        assert!(told.contains(name), "{name}: {told}");
    }
    for (args, tells) in [
        (["--fault", "status=abc"], "write status=503"),
        (["--fault", "delay_ms=soon"], "write delay_ms=150"),
        (["--fault", "token:unauthorized"], "write api:unauthorized"),
        (["--fault", "api:expires_in=zero"], "write expires_in=absent"),
        (["--fault", "expires_in=many"], "write expires_in=absent"),
        (["--lifetime", "0"], "at least 1s"),
        (["--client-id", ""], "letters, digits"),
    ] {
        let told = Cli::bare().run(&["sandbox", args[0], args[1]]).fails(2);
        assert!(told.contains(tells), "{args:?}: {told}");
    }
    Cli::bare().run(&["sandbox", "--flavour", "strange"]).fails(2);
}

#[test]
fn a_port_that_is_taken_is_said() {
    let cli = Cli::bare();
    let port = cli.host().split_once(':').unwrap().1.to_owned();
    insta::assert_snapshot!(cli.run(&["sandbox", "--port", &port]).fails(2), @r"
    error[usage]: the sandbox cannot listen: can't listen on 127.0.0.1:PORT: Address already in use (os error 98)
      hint: is the port taken? --port 0 takes a free one
    ");
}
