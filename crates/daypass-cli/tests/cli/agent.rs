//! `daypass agent`, and the commands that ask it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use daypass_sandbox::{Endpoint, Fault};
use rustix::process::{Pid, Signal, kill_process};

use crate::world::{Cli, Ran};

/// What a client of an issuer has in its environment.
pub(crate) const CREDENTIALS: &[&str] =
    &["OAUTH2_TOKEN_URL", "OAUTH2_CLIENT_ID", "OAUTH2_CLIENT_SECRET"];

/// Waits for something that must come; a minute is for slow machines.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..12_000 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("after a minute still not: {what}");
}

pub(crate) fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal).unwrap();
}

/// Whether a process is there, and no zombie.
pub(crate) fn lives(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// An agent in the background. It ends with this value.
pub(crate) struct Background {
    pub(crate) pid: u32,
    pub(crate) socket: PathBuf,
}

impl Background {
    /// Starts one and lets the world's commands ask it, without their credentials.
    pub(crate) fn start(cli: &mut Cli, flags: &[&str]) -> Self {
        let agent = Self::of(&cli.run(&[&["agent", "--detach", "--json"], flags].concat()));
        for name in CREDENTIALS {
            cli.unset(name);
        }
        cli.set("DAYPASS_AGENT", format!("unix:{}", agent.socket.display()));
        agent
    }

    pub(crate) fn of(ran: &Ran) -> Self {
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let ready = ran.json();
        let pid = u32::try_from(ready["pid"].as_u64().unwrap()).unwrap();
        Self { pid, socket: ready["socket"].as_str().unwrap().into() }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if lives(self.pid) {
            signal(self.pid, Signal::KILL);
        }
    }
}

#[test]
fn one_line_gives_all_later_steps_tokens_and_none_of_them_the_secret() {
    let mut cli = Cli::new();
    let none = cli.run(&["agent", "--stop"]).ok();
    assert!(none.stderr.starts_with("daypass: no agent is running at unix:"), "{}", none.stderr);
    let ran = cli.run(&["agent", "--detach"]).quiet();
    let socket = cli.path("run/daypass/agent.sock");
    assert_eq!(ran.stdout, format!("export DAYPASS_AGENT='unix:{}'\n", socket.display()));
    let agent = Background::of(&cli.run(&["agent", "--detach", "--json"]).quiet());
    let direct = cli.run(&["token"]).quiet().stdout;
    for name in CREDENTIALS {
        cli.unset(name);
    }
    cli.set("DAYPASS_AGENT", format!("unix:{}", socket.display()));
    for args in [&["token"][..], &["token", "oauth2"], &["token", "--timeout", "5s"]] {
        assert_eq!(cli.run(args).quiet().stdout, direct, "{args:?}");
    }
    let header = cli.run(&["token", "--format", "header"]).quiet().stdout;
    assert_eq!(header, format!("Authorization: Bearer {direct}"));
    let json = cli.run(&["token", "--format", "json"]).quiet().json();
    assert_eq!((&json["source"], &json["reason"]), (&"agent".into(), &"cold".into()));
    assert_eq!(format!("{}\n", json["access_token"].as_str().unwrap()), direct);
    let env = cli.run(&["token", "--format", "env"]).quiet().stdout;
    assert_eq!(env, format!("export ACCESS_TOKEN='{}'\n", direct.trim_end()));
    insta::assert_snapshot!(
        cli.run(&["-v", "token"]).ok().shown,
        @"daypass: oauth2 127.0.0.1:PORT client sandbox token #[token] 1h left (agent)"
    );
    let within = cli.run(&["exec", "--", "sh", "-c", "echo \"$ACCESS_TOKEN\"; daypass=x"]).quiet();
    assert_eq!(within.stdout, direct);
    assert_eq!(cli.asked(), 1);
    cli.run(&["agent", "--stop"]).ok();
    assert!(!socket.exists());
    wait_until("it has ended", || !lives(agent.pid));
    let told = cli.run(&["token"]).fails(4);
    assert!(told.contains("there is no such socket"), "{told}");
    let again = cli.run(&["agent", "--stop"]).ok();
    assert!(again.stderr.starts_with("daypass: no agent is running at unix:"), "{}", again.stderr);
}

#[test]
fn rejecting_and_forcing_go_through_the_agent() {
    let mut cli = Cli::new();
    let _agent = Background::start(&mut cli, &[]);
    let first = cli.token();
    let second = cli.run_with(&["token", "--reject"], &first).quiet().stdout;
    assert_ne!(second.trim_end(), first);
    assert_eq!(cli.run_with(&["token", "--reject"], &first).quiet().stdout, second);
    assert_eq!(cli.asked(), 2);
    let third = cli.run(&["token", "--fresh"]).quiet().stdout;
    assert_ne!(third, second);
    assert_eq!(cli.run(&["token"]).quiet().stdout, third);
    assert_eq!(cli.asked(), 3);
    cli.run_with(&["token", "--reject"], "not a token").fails(2);
}

#[test]
fn errors_look_the_same_through_an_agent() {
    let mut cli = Cli::new();
    let direct = cli.run(&["token", "--min-ttl", "2h"]).fails(2);
    cli.run(&["forget"]).ok();
    let agent = Background::start(&mut cli, &[]);
    assert_eq!(cli.run(&["token", "--min-ttl", "2h"]).fails(2), direct);
    cli.run(&["token", "--min-ttl", "2h", "--format", "json"]).fails(2);
    let refusal = Fault::OauthError {
        error: "unauthorized_client".into(),
        description: Some("not you".into()),
        status: None,
    };
    cli.sandbox.stand(Endpoint::Token, refusal);
    insta::assert_snapshot!(cli.run(&["token", "--fresh"]).fails(3), @r"
    error[issuer.rejected]: 127.0.0.1:PORT answered unauthorized_client (not you) for client sandbox (OAUTH2_CLIENT_ID)
      hint: allow the client_credentials grant on the client
    ");
    cli.run(&["exec", "--min-ttl", "2h", "--", "true"]).fails(125);
    insta::assert_snapshot!(cli.run(&["token", "nowhere"]).fails(2), @r#"
    error[config.unknown_profile]: the agent has no profile "nowhere"
      hint: it has: oauth2; daypass agent PROFILE adds one
    "#);
    insta::assert_snapshot!(cli.run(&["revoke"]).fails(3), @r"
    error[agent.refused]: this agent revokes no token
      hint: start it with daypass agent --allow-revoke, or revoke without it
    ");
    drop(agent);
}

#[test]
fn status_asks_the_agent() {
    let mut cli = Cli::new();
    let agent = Background::start(&mut cli, &["--lifetime", "2h", "--idle-timeout", "90s"]);
    cli.token();
    cli.token();
    let ran = cli.run(&["status"]).quiet();
    let text = cli.redacted(&ran.stdout).replace(&agent.pid.to_string(), "[pid]");
    let lines: Vec<_> = text.lines().collect();
    let first = "agent  unix:[ROOT]/run/daypass/agent.sock  pid [pid]  ends in 1h59m  if idle in ";
    assert!(lines[0].starts_with(first), "{text}");
    assert_eq!(lines[2], "oauth2  127.0.0.1:PORT  client sandbox");
    assert!(lines.contains(&"  served   2 tokens (1 issuer, 1 agent)"), "{text}");
    let json = cli.run(&["status", "oauth2", "--json"]).quiet().json();
    assert_eq!(json["profiles"][0]["served"]["agent"], 1);
    assert_eq!(json["agent"]["pid"], agent.pid);
    assert_eq!(json["agent"]["allow_revoke"], false);
    cli.run(&["status", "nowhere"]).fails(2);
}

#[test]
fn of_agents_that_start_at_once_one_wins_and_the_others_join_it() {
    let cli = Cli::new();
    let start = || cli.daypass(&["agent", "--detach", "--json"]).stdout(Stdio::piped()).spawn();
    let children: Vec<_> = (0..6).map(|_| start().unwrap()).collect();
    let ended = |child: Child| cli.ran(child.wait_with_output().unwrap());
    let ready: Vec<_> = children.into_iter().map(ended).collect();
    let agents: Vec<_> = ready.iter().map(Background::of).collect();
    assert!(agents.iter().all(|agent| agent.pid == agents[0].pid && lives(agent.pid)));
    let joined = ready.iter().filter(|ran| ran.json()["joined"] == true).count();
    assert_eq!(joined, 5);
}

#[test]
fn a_second_profile_joins_and_keeps_out_of_the_first_one_s_way() {
    let mut cli = Cli::new();
    cli.set("A_SECRET", "sandbox-secret");
    let url = cli.url("/oauth/token");
    let profile = |name: &str, id: &str| {
        format!(
            "[profile.{name}]\ntoken_url = \"{url}\"\nclient_id = \"{id}\"\n\
             client_secret = {{ env = \"A_SECRET\" }}\nscopes = [\"{name}\"]\n"
        )
    };
    cli.write_yours(&(profile("a", "sandbox") + &profile("b", "sandbox")));
    let first = Background::of(&cli.run(&["agent", "--detach", "--json", "a"]));
    let ran = cli.run(&["agent", "--json", "b", "--allow-revoke"]).ok();
    assert_eq!(ran.json()["profiles"], serde_json::json!(["a", "b"]));
    assert_eq!((&ran.json()["joined"], &ran.json()["pid"]), (&true.into(), &first.pid.into()));
    assert!(ran.stderr.contains("its own flags go on to hold"), "{}", ran.stderr);
    // Another client under a name that is there.
    let other = cli.write("other.toml", &profile("b", "other"));
    let told = cli.run(&["--config", other.to_str().unwrap(), "agent", "--detach", "b"]).fails(2);
    assert!(told.starts_with("error[config.ambiguous]: the agent has another profile b"), "{told}");
    // What cannot be opened is said by the agent as by this process.
    cli.run(&["agent", "--detach", "c"]).fails(2);
    cli.set("DAYPASS_AGENT", format!("unix:{}", first.socket.display()));
    cli.unset("A_SECRET");
    let scope =
        |name: &str| cli.run(&["token", name, "--format", "json"]).quiet().json()["scope"].clone();
    assert_eq!((scope("a"), scope("b")), ("a".into(), "b".into()));
    cli.run(&["revoke", "a"]).fails(3);
}

#[test]
fn the_secret_may_come_by_pipe_and_is_in_no_environment_and_no_command_line() {
    let mut cli = Cli::new();
    cli.unset("OAUTH2_CLIENT_SECRET");
    let ran = cli.sh("printf 'OAUTH2_CLIENT_SECRET=%s\n' sandbox-secret | { \
         daypass agent --detach --json --secrets-fd 3 3<&0; }");
    let agent = Background::of(&ran);
    assert_eq!(ran.stderr, "");
    for place in ["environ", "cmdline"] {
        let bytes = fs::read(format!("/proc/{}/{place}", agent.pid)).unwrap();
        assert!(!bytes.is_empty());
        assert!(!String::from_utf8_lossy(&bytes).contains("sandbox-secret"), "{place}");
    }
    for descriptor in fs::read_dir(format!("/proc/{}/fd", agent.pid)).unwrap() {
        let link = fs::read_link(descriptor.unwrap().path()).unwrap();
        assert!(!link.to_string_lossy().starts_with("pipe:"), "{}", link.display());
    }
    cli.set("DAYPASS_AGENT", format!("unix:{}", agent.socket.display()));
    assert!(cli.api_accepts(&cli.token()));
    for (lines, told) in [("nonsense", "line 1 of"), ("A=1\n\nmore", "follows an empty line")] {
        let mut child = cli.daypass(&["agent", "--detach", "--secrets-fd", "0", "--socket"]);
        child.arg(cli.path("run/other/agent.sock")).stdin(Stdio::piped());
        let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        let error = cli.ran(child.wait_with_output().unwrap()).fails(2);
        assert!(error.contains(told) && !error.contains("nonsense"), "{error}");
    }
}

#[test]
fn on_github_later_steps_find_it_in_their_environment() {
    let mut cli = Cli::new();
    let file = cli.write("github_env", "");
    insta::assert_snapshot!(cli.run(&["agent", "--detach", "--format", "github"]).fails(2), @r#"
    error[usage]: GITHUB_ENV is not set: this is no GitHub Actions step
      hint: outside of GitHub Actions: eval "$(daypass agent --detach)"
    "#);
    // A file that cannot be added to leaves no agent that nobody knows of.
    cli.set("GITHUB_ENV", cli.path("missing/github_env"));
    let ran = cli.run(&["agent", "--detach", "--format", "github"]);
    assert!(ran.code != Some(0) && ran.stderr.contains("missing/github_env"), "{}", ran.stderr);
    assert!(!cli.path("run/daypass/agent.sock").exists());
    let job = cli.path("tmp");
    cli.set("GITHUB_ENV", &file).set("CI", "true").set("RUNNER_TEMP", job);
    let ran = cli.run(&["agent", "--detach", "--format", "github"]).ok();
    assert_eq!(ran.stdout, "");
    let socket = cli.path("tmp/daypass-agent/agent.sock");
    let line = format!("daypass: the agent is ready at unix:{} (pid ", socket.display());
    assert!(ran.stderr.starts_with(&line), "{}", ran.stderr);
    let written = fs::read_to_string(file).unwrap();
    let value = written.lines().nth(1).unwrap();
    assert!(written.starts_with("DAYPASS_AGENT<<daypass_"), "{written}");
    assert_eq!(value, format!("unix:{}", socket.display()));
    cli.set("DAYPASS_AGENT", value);
    cli.run(&["agent", "--stop"]).ok();
}

/// An agent in the foreground, and the line that it prints when it is ready.
fn foreground(cli: &Cli, flags: &[&str]) -> (Child, String) {
    let mut command = cli.daypass(&[&["agent"], flags].concat());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    (child, line)
}

#[test]
fn the_first_signal_drains_and_the_second_stops() {
    let mut cli = Cli::new();
    let (child, line) = foreground(&cli, &[]);
    assert!(line.starts_with("export DAYPASS_AGENT='unix:"), "{line}");
    let pid = child.id();
    let socket = cli.path("run/daypass/agent.sock");
    cli.set("DAYPASS_AGENT", format!("unix:{}", socket.display()));
    cli.sandbox.stand(Endpoint::Token, Fault::Delay(Duration::from_millis(800)));
    let asking = cli.daypass(&["token"]).stdout(Stdio::piped()).spawn().unwrap();
    wait_until("the issuer is asked", || cli.asked() == 1);
    signal(pid, Signal::TERM);
    let answered = cli.ran(asking.wait_with_output().unwrap()).ok();
    assert!(cli.api_accepts(answered.stdout.trim_end()));
    let ended = cli.ran(child.wait_with_output().unwrap()).ok();
    assert!(ended.stderr.starts_with("daypass: the agent is ready at unix:"), "{}", ended.stderr);
    assert!(!socket.exists());

    cli.unset("DAYPASS_AGENT");
    let (mut child, _) = foreground(&cli, &[]);
    cli.set("DAYPASS_AGENT", format!("unix:{}", socket.display()));
    cli.sandbox.clear_faults();
    cli.sandbox.stand(Endpoint::Token, Fault::Stall);
    let asking = cli.daypass(&["token", "--fresh"]).stderr(Stdio::piped()).spawn().unwrap();
    wait_until("the issuer is asked", || cli.asked() == 2);
    signal(child.id(), Signal::INT);
    wait_until("it takes no more", || !socket.exists());
    assert!(child.try_wait().unwrap().is_none(), "it waits for the one who waits");
    signal(child.id(), Signal::INT);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let told = cli.ran(asking.wait_with_output().unwrap()).fails(4);
    assert!(told.contains("agent.unreachable"), "{told}");
}

#[test]
fn who_waits_for_it_is_told_on_a_descriptor_or_by_the_service_manager() {
    let mut cli = Cli::new();
    let manager = std::os::unix::net::UnixDatagram::bind(cli.path("notify")).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    cli.set("NOTIFY_SOCKET", cli.path("notify"));
    let ran = cli.sh("daypass agent --detach --json --ready-fd 5 5> ready");
    let agent = Background::of(&ran);
    let told = fs::read_to_string(cli.work().join("ready")).unwrap();
    assert_eq!(told, format!("unix:{}\n", agent.socket.display()));
    let mut bytes = [0; 64];
    let count = manager.recv(&mut bytes).unwrap();
    assert_eq!(&bytes[..count], b"READY=1");
    signal(agent.pid, Signal::TERM);
    let count = manager.recv(&mut bytes).unwrap();
    assert_eq!(&bytes[..count], b"STOPPING=1");
}

#[test]
fn an_agent_that_was_killed_is_replaced_and_its_socket_is_no_obstacle() {
    let cli = Cli::new();
    let first = Background::of(&cli.run(&["agent", "--detach", "--json"]));
    signal(first.pid, Signal::KILL);
    wait_until("it is dead", || !lives(first.pid));
    assert!(first.socket.exists(), "nobody took it away");
    let second = Background::of(&cli.run(&["agent", "--detach", "--json"]).quiet());
    assert!(second.pid != first.pid && second.socket == first.socket);
}

#[test]
fn it_ends_by_itself_when_nobody_asks_or_its_time_is_over() {
    let cli = Cli::new();
    for (flag, why) in
        [("--idle-timeout", "nobody has asked for anything"), ("--lifetime", "its time is over")]
    {
        let (child, _) = foreground(&cli, &[flag, "1s"]);
        let ended = cli.ran(child.wait_with_output().unwrap()).ok();
        assert!(ended.stderr.ends_with(&format!("the agent ends: {why}\n")), "{}", ended.stderr);
    }
}

#[test]
fn a_place_that_cannot_be_is_told_before_anything_is_done() {
    let cli = Cli::new();
    let long = format!("/tmp/{}/agent.sock", "x".repeat(100));
    let told = cli.run(&["agent", "--detach", "--socket", &long]).fails(2);
    assert!(told.contains("116 bytes long, and 107 are the most"), "{told}");
    let open = cli.path("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
    let socket = open.join("agent.sock");
    let told = cli.run(&["agent", "--detach", "--socket", socket.to_str().unwrap()]).fails(5);
    assert!(
        told.starts_with("error[store.unsafe]: the agent's folder [ROOT]/open is open to others")
    );
    cli.run(&["agent", "--detach", "nowhere"]).fails(2);
    assert!(!cli.path("run/daypass/agent.sock").exists());
    for flag in ["--lifetime=0", "--idle-timeout=0s"] {
        let ran = cli.run(&["agent", "--detach", flag]);
        assert_eq!(ran.code, Some(2), "{flag}");
        assert!(ran.stderr.contains("would end at once"), "{}", ran.stderr);
    }
}

#[test]
fn an_agent_can_be_a_gateway_too_and_both_end_together() {
    let mut cli = Cli::genesys();
    let agent = Background::of(&cli.run(&["agent", "--detach", "--json", "--gateway"]));
    cli.set("DAYPASS_AGENT", format!("unix:{}", agent.socket.display()));
    let status = cli.run(&["status"]).ok().stdout;
    assert!(status.contains("\ngateway  http://127.0.0.1:"), "{status}");
    // The second start is not told the first one's credentials.
    insta::assert_snapshot!(cli.run(&["agent", "--detach", "--gateway"]).fails(2), @r"
    error[usage]: an agent is at unix:[ROOT]/run/daypass/agent.sock already, and is a gateway: its local credentials were told when it started
      hint: use what it printed then; or daypass agent --stop, and start it again
    ");
    cli.run(&["agent", "--stop", "-q"]).quiet();
    wait_until("it ends", || !lives(agent.pid));
    cli.unset("DAYPASS_AGENT");
    let plain = Background::of(&cli.run(&["agent", "--detach", "--json"]));
    insta::assert_snapshot!(cli.run(&["agent", "--detach", "--gateway"]).fails(2), @r"
    error[usage]: an agent is at unix:[ROOT]/run/daypass/agent.sock already, and is no gateway
      hint: start the one with --gateway first; others join it
    ");
    cli.run(&["agent", "--stop", "-q"]).quiet();
    wait_until("it ends", || !lives(plain.pid));
    // What it prints for a shell is all that a program needs: the address and a local credential.
    let ran = cli.sh("set -e
         eval \"$(daypass agent --detach --gateway -q --open-port-for gc --pool 2 --retry-throttled=5s --pace --allow-revoke)\"
         curl -sf http://$GENESYSCLOUD_REGION/api/v2/users -o /dev/null
         test \"$GC_CLIENT_SECRET\" != gc-secret-9f8e7d
         curl -sf -H \"Authorization: Bearer $GENESYSCLOUD_ACCESS_TOKEN\" $DAYPASS_GATEWAY_URL/api/v2/users
         daypass token | wc -l
         daypass status --json
         daypass revoke
         daypass agent --stop -q
         ! curl -s $DAYPASS_GATEWAY_URL/api/v2/users");
    let out = ran.ok().stdout;
    assert!(out.contains("\"total\"") && out.contains("}1\n{"), "{out}");
    assert!(out.contains("\"issuer\":2"), "the requests of the whole pool are told: {out}");
    assert!(out.contains(&format!("\"api_url\":\"{}\"", cli.url(""))), "{out}");
    assert_eq!(cli.asked(), 2, "a pool of two");
    let revocations =
        cli.sandbox.log().iter().filter(|entry| entry.path == "/api/v2/tokens/me").count();
    assert_eq!(revocations, 2, "both are revoked");
    cli.run(&["agent", "--detach", "--pace"]).fails(2);
}

#[test]
fn an_agent_that_cannot_have_its_port_is_not_ready_and_not_there() {
    let cli = Cli::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ran = cli.run(&["agent", "--detach", "--metrics-port", &port]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("the port for metrics cannot be listened on"), "{}", ran.stderr);
    // Its place is free.
    let agent = Background::of(&cli.run(&["agent", "--detach", "--json"]).quiet());
    assert!(lives(agent.pid));
}
