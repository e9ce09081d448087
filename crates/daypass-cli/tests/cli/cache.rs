//! `daypass cache`: the sealed token between machines.

use std::io::Write;
use std::process::Stdio;

use crate::world::Cli;

/// A client with a secret of a person, and a cache key that is none.
fn keyed() -> Cli {
    let mut cli = Cli::new();
    cli.set("DAYPASS_CACHE_KEY", "Zk3vT9xQm1LcPq8wRb5YhN7u");
    cli
}

fn exported(cli: &Cli) -> Vec<u8> {
    let output = cli.daypass(&["cache", "export"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

/// Gives the world another machine's empty cache.
fn moved(cli: &mut Cli) {
    let cache = cli.path("elsewhere");
    std::fs::create_dir(&cache).unwrap();
    cli.set("XDG_CACHE_HOME", cache);
}

#[test]
fn a_token_travels_to_another_machine_and_costs_no_request_there() {
    let mut cli = keyed();
    let token = cli.token();
    let sealed = exported(&cli);
    assert!(sealed.starts_with(b"daypass\0") && sealed.len() < 1024, "{}", sealed.len());
    assert_ne!(sealed, exported(&cli), "each time with a new salt");
    moved(&mut cli);
    let ran = cli.run_with(&["cache", "import"], &sealed).ok();
    insta::assert_snapshot!(ran.shown, @"daypass: took token #[token] for oauth2");
    assert_eq!(cli.token(), token);
    assert_eq!(cli.asked(), 1);
    let json = cli.run_with(&["cache", "import", "--json"], &sealed).quiet().json();
    assert_eq!(json["imported"], false);
    assert_eq!(json["reason"], "the cached token lives at least as long");
}

#[test]
fn nothing_is_exported_where_nothing_is_cached() {
    let cli = keyed();
    let ran = cli.run(&["cache", "export"]).ok();
    assert_eq!(ran.stdout, "");
    insta::assert_snapshot!(ran.shown, @"daypass: nothing is cached for oauth2");
    cli.token();
    cli.run(&["forget", "-q"]).ok();
    assert!(exported(&cli).is_empty());
}

#[test]
fn a_simple_secret_is_not_shared_without_a_cache_key() {
    let cli = Cli::new();
    cli.token();
    for verb in ["export", "import"] {
        insta::allow_duplicates! {
            insta::assert_snapshot!(cli.run(&["cache", verb]).fails(2), @r"
            error[config.weak_secret]: the client secret is too short or too simple to share what it seals
              hint: who reads the shared bytes could find it by trying: set DAYPASS_CACHE_KEY to 32 random characters everywhere the token is shared, or let the issuer make a secret
            ");
        }
    }
}

#[test]
fn bytes_of_any_other_kind_are_of_no_use_and_no_error() {
    let mut cli = keyed();
    cli.token();
    let sealed = exported(&cli);
    let record = std::fs::read_dir(cli.path("cache/daypass")).unwrap().find_map(|entry| {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        bytes.starts_with(b"daypass\0").then_some(bytes)
    });
    let mut flipped = sealed.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let mut tar = vec![0; 1024];
    tar[..18].copy_from_slice(b"/etc/cron.d/daypas");
    tar[257..262].copy_from_slice(b"ustar");
    moved(&mut cli);
    for (bytes, why) in [
        (vec![], "it is not one of ours, or cut off"),
        (tar, "it is not one of ours, or cut off"),
        (sealed[..60].to_vec(), "it was sealed for another key or credential, or changed since"),
        (flipped, "it was sealed for another key or credential, or changed since"),
        (record.unwrap(), "it was made for another purpose"),
        ([&sealed[..], &vec![0; 90 * 1024]].concat(), "it is larger than 80 KiB"),
    ] {
        let ran = cli.run_with(&["cache", "import"], &bytes).ok();
        assert_eq!(ran.shown, format!("daypass: took nothing for oauth2: {why}\n"));
    }
    // Somebody else's profile, secret or cache key.
    for (name, value) in [
        ("OAUTH2_SCOPE", "api:read"),
        ("OAUTH2_CLIENT_SECRET", "another"),
        ("DAYPASS_CACHE_KEY", "another-Zk3vT9xQm1LcPq8wRb5YhN7u"),
    ] {
        let mut command = cli.daypass(&["cache", "import", "--json"]);
        command.env(name, value).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(&sealed).unwrap();
        let json: serde_json::Value =
            serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap();
        assert_eq!(json["imported"], false, "{name}");
    }
    let files = std::fs::read_dir(cli.path("elsewhere/daypass")).unwrap().count();
    assert_eq!(files, 0, "nothing was written");
}

#[test]
fn what_is_exported_has_the_token_and_nothing_of_what_happened() {
    let mut cli = keyed();
    let first = cli.token();
    cli.run_with(&["token", "--reject", "-q"], &first).ok();
    let sealed = exported(&cli);
    moved(&mut cli);
    cli.run_with(&["cache", "import", "-q"], &sealed).quiet();
    let status = cli.run(&["status", "--json"]).quiet().json();
    assert!(status["profiles"][0]["token"]["fingerprint"].is_string(), "{status}");
    assert_eq!(status["profiles"][0]["events"], serde_json::json!([]));
    assert_eq!(status["profiles"][0]["served"]["issuer"], 0);
}

#[test]
fn a_token_that_an_api_refused_is_neither_given_nor_taken() {
    let mut cli = keyed();
    let token = cli.token();
    let sealed = exported(&cli);
    // The issuer is down, so that the refused token stays.
    cli.end_issuer();
    cli.run_with(&["token", "--reject", "-q", "--timeout", "0"], &token);
    assert!(exported(&cli).is_empty());
    let json = cli.run_with(&["cache", "import", "--json"], &sealed).ok().json();
    assert_eq!(json["imported"], false, "{json}");
}

#[test]
fn secrets_come_by_a_descriptor_and_the_record_after_them() {
    let mut cli = keyed();
    let token = cli.token();
    let sealed = exported(&cli);
    cli.unset("OAUTH2_CLIENT_SECRET").unset("DAYPASS_CACHE_KEY");
    let lines = "OAUTH2_CLIENT_SECRET=sandbox-secret\nDAYPASS_CACHE_KEY=Zk3vT9xQm1LcPq8wRb5YhN7u\n";
    let on_three = format!(
        "printf %s '{lines}' | {{ daypass cache export --secrets-fd 3 3<&0 </dev/null | wc -c; }}"
    );
    let length: usize = cli.sh(&on_three).ok().stdout.trim().parse().unwrap();
    assert_eq!(length, sealed.len());
    moved(&mut cli);
    let both = [lines.as_bytes(), b"\n", &sealed].concat();
    let args = ["cache", "import", "--json", "--secrets-fd", "0"];
    assert_eq!(cli.run_with(&args, &both).ok().json()["imported"], true);
    cli.set("OAUTH2_CLIENT_SECRET", "sandbox-secret");
    cli.set("DAYPASS_CACHE_KEY", "Zk3vT9xQm1LcPq8wRb5YhN7u");
    assert_eq!(cli.token(), token);
    let args = ["cache", "import", "--secrets-fd", "0"];
    insta::assert_snapshot!(cli.run_with(&args, "A=1\nthe-secret\n").fails(2), @r"
    error[usage]: line 2 of --secrets-fd is no NAME=VALUE
      hint: write one a line; a value has no line break
    ");
    let failed = cli.run(&["cache", "export", "--secrets-fd", "9"]).fails(2);
    assert!(failed.starts_with("error[usage]: --secrets-fd 9 cannot be read: No such"), "{failed}");
}

#[test]
fn secrets_come_by_a_socket_too() {
    // What Node gives a child for a pipe.
    let mut cli = keyed();
    cli.token();
    cli.unset("DAYPASS_CACHE_KEY");
    let script = "import socket, subprocess, sys, os\n\
        ours, theirs = socket.socketpair()\n\
        ours.sendall(b'DAYPASS_CACHE_KEY=Zk3vT9xQm1LcPq8wRb5YhN7u\\n'); ours.close()\n\
        fd = theirs.fileno()\n\
        sys.exit(subprocess.run([sys.argv[1], 'cache', 'export', '--secrets-fd', str(fd)], pass_fds=[fd]).returncode)";
    let output =
        cli.command("python3").args(["-c", script, crate::world::DAYPASS]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(output.stdout.starts_with(b"daypass\0"), "{output:?}");
}
