//! The command itself: what it tells, what a child gets, how it ends.

use std::time::Duration;

use crate::world::{Running, SECRET, World, curl, said};

#[test]
fn the_command_has_local_credentials_and_no_real_one() {
    let world = World::new(Duration::from_secs(3600));
    let text = world.behind(&["--gateway-env", "BASE={url}/x"], &["env"]);
    for (name, starts) in [
        ("GC_CLIENT_ID", "daypass-local-"),
        ("GC_CLIENT_SECRET", "daypass-local-secret-"),
        ("GENESYSCLOUD_ACCESS_TOKEN", "daypass-local-token-"),
        ("DAYPASS_GATEWAY_URL", "http://127.0.0.1:"),
        ("DAYPASS_AGENT", "unix:/"),
        ("BASE", "http://127.0.0.1:"),
    ] {
        assert!(
            text.lines().any(|line| line.starts_with(&format!("{name}={starts}"))),
            "{name}: {text}"
        );
    }
    assert!(!text.contains(SECRET));
    assert_eq!(world.sandbox.token_requests(), 0, "nothing is fetched before it is needed");
}

#[test]
fn exec_returns_what_the_command_returns_and_says_when_it_went_around() {
    let world = World::new(Duration::from_secs(3600));
    let output =
        world.daypass(&["exec", "--gateway", "--", "sh", "-c", "exit 7"]).output().unwrap();
    assert_eq!(output.status.code(), Some(7));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("never used the gateway"), "{stderr}");
    assert!(stderr.contains("DAYPASS_GATEWAY_URL"), "{stderr}");
    let line = "curl -sS -o /dev/null \"$DAYPASS_GATEWAY_URL/\"; exit 8";
    let output = world.daypass(&["exec", "--gateway", "--", "sh", "-c", line]).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(8) && !stderr.contains("never used"), "{stderr}");
}

#[test]
fn within_the_command_daypass_token_asks_the_agent() {
    let world = World::new(Duration::from_secs(3600));
    let text = world.behind(&[], &[env!("CARGO_BIN_EXE_daypass"), "token"]);
    assert_eq!(text.len(), 88, "the token of the sandbox: {text}");
}

#[test]
fn a_daypass_that_goes_around_the_gateway_is_told_so_and_asks_no_issuer() {
    let world = World::new(Duration::from_secs(3600));
    let daypass = env!("CARGO_BIN_EXE_daypass");
    let line = format!("env -u DAYPASS_AGENT {daypass} token");
    let output = world.daypass(&["exec", "--gateway", "--", "sh", "-c", &line]).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("error[config.local_credential]"), "{stderr}");
    assert!(stderr.contains("DAYPASS_GATEWAY_URL"), "{stderr}");
    assert_eq!(world.sandbox.token_requests(), 0);
}

#[test]
fn what_cannot_be_is_told_before_anything_runs() {
    let world = World::new(Duration::from_secs(3600));
    for (args, says) in [
        (&["exec", "--pace", "--", "true"][..], "add --gateway"),
        (&["exec", "--gateway", "--gateway-env", "A={x}", "--", "true"], "{token}"),
        (&["exec", "--gateway", "genesys", "other", "--", "true"], "one profile"),
        (&["exec", "--gateway", "genesys=TOKEN", "--", "true"], "--gateway-env"),
    ] {
        let output = world.daypass(args).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(125), "{args:?}: {stderr}");
        assert!(stderr.contains(says), "{args:?}: {stderr}");
    }
}

#[test]
fn a_gateway_tells_how_it_is_reached_and_serves_until_it_is_told_to_stop() {
    let world = World::new(Duration::from_secs(3600));
    let mut running = Running::start(&world, &["--pool", "2", "--metrics-port", "0"]);
    for _ in 0..4 {
        let text =
            curl(&["-H", &running.authorization(), &format!("{}/api/v2/users", running.url())]);
        assert!(text.contains("Sandbox User 1"), "{text}");
    }
    assert_eq!(world.sandbox.tokens_issued(), 2, "a pool of two");
    let socket = running.ready["agent"].as_str().unwrap().strip_prefix("unix:").unwrap().to_owned();
    let metrics = curl(&["--unix-socket", &socket, "http://agent/metrics"]);
    assert!(metrics.contains("daypass_gateway_requests_total 4"), "{metrics}");
    let status = curl(&["--unix-socket", &socket, "http://agent/v1/status"]);
    assert!(status.contains("\"requests\":4"), "{status}");
    running.signal();
    assert!(running.wait().success());
}

#[test]
fn the_first_signal_drains_and_a_second_one_stops() {
    let world = World::new(Duration::from_secs(3600));
    let mut running = Running::start(&world, &[]);
    let url = format!("{}/api/v2/users", running.url());
    let first = curl(&["-H", &running.authorization(), &url]);
    assert!(first.contains("Sandbox User 1"), "{first}");
    world.sandbox.stand(daypass_sandbox::Endpoint::Api, daypass_sandbox::Fault::Stall);
    let authorization = running.authorization();
    let hanging = std::thread::spawn(move || curl(&["-H", &authorization, &url]));
    while world.sandbox.api_calls() < 2 {
        std::thread::sleep(Duration::from_millis(10));
    }
    running.signal();
    std::thread::sleep(Duration::from_millis(300));
    assert!(running.child.try_wait().unwrap().is_none(), "a request is under way");
    running.signal();
    assert!(running.wait().success());
    assert_eq!(hanging.join().unwrap(), "");
}

#[test]
fn a_profile_without_an_api_has_no_gateway() {
    let world = World::new(Duration::from_secs(3600));
    let output = world
        .daypass(&["gateway", "oauth2"])
        .env_remove("DAYPASS_CONFIG")
        .env("OAUTH2_TOKEN_URL", format!("{}/oauth/token", world.server.url()))
        .env("OAUTH2_CLIENT_ID", "sandbox")
        .env("OAUTH2_CLIENT_SECRET", SECRET)
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(2) && stderr.contains("api_url"), "{stderr}");
    let help = said(&world.daypass(&["gateway", "--help"]).output().unwrap());
    assert!(help.contains("--open-port-for"), "{help}");
}
