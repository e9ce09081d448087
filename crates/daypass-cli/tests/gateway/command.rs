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
fn a_gateway_does_not_start_where_an_agent_is_named() {
    let world = World::new(Duration::from_secs(3600));
    for args in [&["gateway"][..], &["exec", "--gateway", "--", "true"]] {
        let output = world.daypass(args).env("DAYPASS_AGENT", "unix:/nowhere").output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && stderr.contains("error[usage]"), "{args:?}: {stderr}");
        assert!(stderr.contains("unset DAYPASS_AGENT"), "{args:?}: {stderr}");
    }
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
        (&["exec", "--gateway", "genesys", "nowhere", "--", "true"], "nowhere"),
        (&["exec", "--gateway", "genesys=PATH", "--", "true"], "something else"),
        (&["exec", "--gateway", "--gateway-env", "DAYPASS_AGENT=", "--", "true"], "something else"),
        (&["exec", "--gateway", "--gateway-env", "LD_PRELOAD=x", "--", "true"], "something else"),
        (&["exec", "--gateway", "--pool", "0", "--", "true"], "from 1 to 255"),
        (&["exec", "--gateway", "--retry-throttled", "5m", "--", "true"], "--retry-throttled=5m"),
    ] {
        let output = world.daypass(args).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(125), "{args:?}: {stderr}");
        assert!(stderr.contains(says), "{args:?}: {stderr}");
    }
}

/// Another profile of the same sandbox, whose secret is in a file.
fn add_billing(world: &World, secret: &str) -> std::path::PathBuf {
    let file = world.folder.path().join("billing");
    std::fs::write(&file, secret).unwrap();
    let config = world.folder.path().join("daypass.toml");
    let url = world.server.url();
    let more = format!(
        "\n[profile.bil-ling]\nprovider = \"genesys-cloud\"\nregion = \"eu-west-1\"\n\
         token_url = \"{url}/oauth/token\"\napi_url = \"{url}\"\nclient_id = \"sandbox\"\n\
         client_secret = {{ file = \"{}\" }}\n",
        file.display()
    );
    let text = "default = \"genesys\"\n".to_owned() + &std::fs::read_to_string(&config).unwrap();
    std::fs::write(config, text + &more).unwrap();
    file
}

#[test]
fn two_profiles_have_a_gateway_each_and_the_agent_has_both() {
    let world = World::new(Duration::from_secs(3600));
    add_billing(&world, SECRET);
    let daypass = env!("CARGO_BIN_EXE_daypass");
    let line = format!(
        "set -e
         test \"$DAYPASS_GATEWAY_URL\" = \"$DAYPASS_GATEWAY_URL_GENESYS\"
         test \"$DAYPASS_GATEWAY_URL\" != \"$DAYPASS_GATEWAY_URL_BIL_LING\"
         test \"$BASE\" = \"$DAYPASS_GATEWAY_URL_BIL_LING/x\"
         curl -sf -o /dev/null -H \"Authorization: Bearer $GENESYSCLOUD_ACCESS_TOKEN\" $DAYPASS_GATEWAY_URL/api/v2/users
         curl -sf -o /dev/null -H \"Authorization: Bearer $BILLING_TOKEN\" $DAYPASS_GATEWAY_URL_BIL_LING/api/v2/users
         curl -s -w '%{{http_code}}\\n' -o /dev/null -H \"Authorization: Bearer $BILLING_TOKEN\" $DAYPASS_GATEWAY_URL/
         {daypass} token bil-ling | wc -c
         {daypass} exec genesys=A bil-ling=B -- sh -c 'test -n \"$A\" -a -n \"$B\" && echo both'
         {daypass} status"
    );
    let profiles = ["genesys", "bil-ling=BILLING_TOKEN"];
    let flags = [&profiles[..], &["--gateway-env", "BASE={bil-ling.url}/x"]].concat();
    let text = world.behind(&flags, &["sh", "-c", &line]);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[..3], ["401", "89", "both"], "{text}");
    let gateway = lines.iter().find(|line| line.starts_with("gateway  http://127.0.0.1:"));
    assert!(
        gateway.unwrap().ends_with("  3 requests, 0 refused by the API, 0 sent again"),
        "{text}"
    );
    assert_eq!(world.sandbox.token_requests(), 1, "it is one client, with one token");
    // Two tokens need two variables.
    let args = ["exec", "--gateway", "genesys", "bil-ling", "--", "true"];
    let output = world.daypass(&args).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("bil-ling=NAME"), "{stderr}");
}

#[test]
fn a_gateway_within_a_gateway_is_told_how_two_are_had() {
    let world = World::new(Duration::from_secs(3600));
    add_billing(&world, SECRET);
    let daypass = env!("CARGO_BIN_EXE_daypass");
    let line = format!("{daypass} exec --gateway bil-ling -- true");
    let output = world.daypass(&["exec", "--gateway", "--", "sh", "-c", &line]).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(125), "{stderr}");
    assert!(stderr.contains("daypass exec --gateway A B -- COMMAND"), "{stderr}");
    // One whose credentials are there all the same: on its own, when the outer agent is left out.
    let line = format!("env -u DAYPASS_AGENT {daypass} exec --gateway bil-ling -- sh -c '
        curl -sf -o /dev/null -H \"Authorization: Bearer $GENESYSCLOUD_ACCESS_TOKEN\" $DAYPASS_GATEWAY_URL/api/v2/users
        {daypass} token bil-ling | wc -c'");
    assert_eq!(world.behind(&[], &["sh", "-c", &line]), "89");
}

#[test]
fn a_secret_that_was_rotated_is_taken_up_by_a_gateway_that_runs() {
    let world = World::new(Duration::from_secs(3600));
    let file = add_billing(&world, "the secret of last month");
    let running = Running::start(&world, &["bil-ling", "--pool", "2"]);
    let url = format!("{}/api/v2/users", running.url());
    let ask = || curl(&["-H", &running.authorization(), &url]);
    let refused = ask();
    assert!(refused.contains("issuer.rejected"), "{refused}");
    std::fs::write(file, SECRET).unwrap();
    for _ in 0..4 {
        let text = ask();
        assert!(text.contains("Sandbox User 1"), "{text}");
    }
}

#[test]
fn what_a_gateway_prints_for_a_shell_is_all_that_a_tool_needs() {
    let world = World::new(Duration::from_secs(3600));
    let mut child = world.daypass(&["gateway", "--open-port-for", "gc"]).spawn().unwrap();
    let mut stdout = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut lines = String::new();
    while !lines.contains("GENESYSCLOUD_REGION") {
        assert!(std::io::BufRead::read_line(&mut stdout, &mut lines).unwrap() > 0, "{lines}");
    }
    let script = format!(
        "set -e\n{lines}
         curl -sf $DAYPASS_GATEWAY_URL$DAYPASS_GATEWAY_PATH/api/v2/users -o /dev/null
         curl -sf http://$GENESYSCLOUD_REGION/api/v2/users -o /dev/null
         {} token | wc -c",
        env!("CARGO_BIN_EXE_daypass")
    );
    let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(said(&output), "89");
}

#[test]
fn a_gateway_tells_how_it_is_reached_and_serves_until_it_is_told_to_stop() {
    let world = World::new(Duration::from_secs(3600));
    let mut running = Running::start(&world, &["--pool", "2", "--metrics-port", "0"]);
    let metrics = curl(&[running.ready["metrics"].as_str().unwrap()]);
    assert!(metrics.contains("daypass_gateway_requests_total 0"), "{metrics}");
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
