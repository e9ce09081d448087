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
    Cli::bare().run(&["sandbox", "--fault", "status=abc"]).fails(2);
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
