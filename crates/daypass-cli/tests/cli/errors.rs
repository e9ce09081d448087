//! The errors that people meet: their text, what they advise, their exit codes.

use daypass_sandbox::{Endpoint, Fault};
use serde_json::Value;

use crate::world::Cli;

#[test]
fn without_a_region_there_is_no_guess() {
    let mut cli = Cli::bare();
    cli.set("GC_CLIENT_ID", "1f2e").set("GC_CLIENT_SECRET", "s3cret-s3cret");
    insta::assert_snapshot!(cli.run(&["token"]).fails(2), @r"
    error[config.region_missing]: GC_CLIENT_ID and GC_CLIENT_SECRET are set, but no region
      hint: export GC_REGION=eu-west-1 (your login host ends in mypurecloud.ie? that is eu-west-1)
    ");
    cli.set("GC_REGION", "eu-west-9");
    insta::assert_snapshot!(cli.run(&["token"]).fails(2), @r#"
    error[config.region_unknown]: GC_REGION says "eu-west-9", which is no region of Genesys Cloud
      hint: did you mean eu-west-1? there are: us-east-1, us-east-2, us-west-2, ca-central-1, mx-central-1, sa-east-1, eu-west-1, eu-west-2, eu-central-1, eu-central-2, eusc-de-east-1, me-central-1, ap-south-1, ap-southeast-1, ap-southeast-2, ap-northeast-1, ap-northeast-2, ap-northeast-3
    "#);
}

#[test]
fn a_refused_client_is_told_what_that_can_mean() {
    let mut cli = Cli::genesys();
    cli.set("GC_CLIENT_SECRET", "gc-secret-of-last-year");
    let told = cli.run(&["token"]).fails(3);
    insta::assert_snapshot!(told, @r"
    error[issuer.rejected]: 127.0.0.1:PORT answered invalid_client (authentication failed) for client 1f2e... (GC_CLIENT_ID)
      hint: Genesys says this for a wrong id, a wrong secret and a wrong region. Is the org in eu-west-1? Was the secret regenerated?
    ");
    let mut cli = Cli::new();
    cli.set("OAUTH2_CLIENT_SECRET", "wrong-wrong-wrong");
    insta::assert_snapshot!(cli.run(&["token"]).fails(3), @r"
    error[issuer.rejected]: 127.0.0.1:PORT answered invalid_client (authentication failed) for client sandbox (OAUTH2_CLIENT_ID)
      hint: is it the right token endpoint for this client? Was the secret regenerated? May the client use client_credentials?
    ");
}

#[test]
fn a_refusal_is_remembered_until_somebody_asks_afresh() {
    let mut cli = Cli::genesys();
    cli.set("GC_CLIENT_SECRET", "gc-secret-of-last-year");
    cli.run(&["token"]).fails(3);
    let told = cli.run(&["token"]).fails(3);
    let told = told.replace("as 2 s ago", "as 1 s ago").replace("for 29 s", "for 30 s");
    let told = told.replace("for 28 s", "for 30 s");
    insta::assert_snapshot!(told, @r"
    error[issuer.rejected]: the same refusal as 1 s ago, invalid_client (authentication failed) for client 1f2e... (GC_CLIENT_ID); the issuer is not asked again for 30 s
      hint: fixed it? daypass token --fresh asks now
    ");
    cli.run(&["exec", "--", "true"]).fails(125);
    cli.run(&["status", "--json"]).quiet();
    assert_eq!(cli.asked(), 1);
    cli.run(&["token", "--fresh"]).fails(3);
    assert_eq!(cli.asked(), 2);
    // Another secret is another client, and asks at once.
    cli.set("GC_CLIENT_SECRET", "gc-secret-9f8e7d");
    cli.run(&["token"]).quiet();
}

#[test]
fn an_empty_secret_is_told_apart_from_none() {
    let mut cli = Cli::bare();
    cli.set("GC_CLIENT_ID", "1f2e").set("GC_CLIENT_SECRET", "").set("GC_REGION", "eu-west-1");
    insta::assert_snapshot!(cli.run(&["token"]).fails(2), @r"
    error[config.secret_empty]: GC_CLIENT_SECRET is set but empty
      hint: pull requests from forks get no secrets; else check its name under env:
    ");
    cli.unset("GC_CLIENT_SECRET");
    insta::assert_snapshot!(cli.run(&["token"]).fails(2), @r"
    error[config.secret_missing]: GC_CLIENT_ID is set, but GC_CLIENT_SECRET is not
      hint: set GC_CLIENT_SECRET; a GitHub workflow maps it from its secrets under env:
    ");
    cli.set("GC_CLIENT_ID", "").set("GC_CLIENT_SECRET", "");
    insta::assert_snapshot!(cli.run(&["token"]).fails(2), @r"
    error[config.secret_empty]: GC_CLIENT_ID and GC_CLIENT_SECRET are set but empty
      hint: pull requests from forks get no secrets; else check its name under env:
    ");
}

#[test]
fn scopes_that_mean_nothing_are_refused() {
    let cli = Cli::genesys();
    let path = cli.path("config/daypass/daypass.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{text}scopes = [\"offline_access\"]\n")).unwrap();
    insta::assert_snapshot!(cli.run(&["token"]).fails(2), @r"
    error[config.scope_unsupported]: `scopes` means nothing for genesys-cloud client credentials
      hint: remove it; rights come from the roles on the OAuth client. offline_access does not exist here and is not needed
    ");
}

#[test]
fn a_scope_that_the_client_may_not_have_is_the_issuers_refusal() {
    let sandbox = daypass_sandbox::Sandbox::builder()
        .client(daypass_sandbox::Client::new("sandbox", "sandbox-secret").scopes(["read"]))
        .build();
    let mut cli = Cli::around(sandbox);
    let url = cli.url("/oauth/token");
    cli.set("OAUTH2_TOKEN_URL", url).set("OAUTH2_CLIENT_ID", "sandbox");
    cli.set("OAUTH2_CLIENT_SECRET", "sandbox-secret").set("OAUTH2_SCOPE", "read write");
    insta::assert_snapshot!(cli.run(&["token"]).fails(3), @r"
    error[issuer.rejected]: 127.0.0.1:PORT answered invalid_scope (the client may not ask for one of these scopes) for client sandbox (OAUTH2_CLIENT_ID)
      hint: ask for other scopes, or have the client allowed to use these
    ");
}

#[test]
fn a_cached_token_without_its_secret_stays_closed() {
    let mut cli = Cli::genesys();
    cli.token();
    cli.unset("GC_CLIENT_SECRET");
    insta::assert_snapshot!(cli.run(&["token"]).fails(5), @r#"
    error[store.no_key]: a token is cached for "genesys", but this process has no client secret to open it
      hint: give it the secret (GC_CLIENT_SECRET), or run the steps under daypass exec --agent
    "#);
    cli.set("GC_CLIENT_SECRET", "");
    insta::assert_snapshot!(cli.run(&["token"]).fails(5), @r#"
    error[store.no_key]: a token is cached for "genesys", but this process has no client secret to open it
      hint: pull requests from forks get no secrets; else check its name under env:
    "#);
    for args in [&["status", "genesys"][..], &["forget"], &["revoke"]] {
        cli.run(args).fails(5);
    }
    cli.run(&["exec", "--", "true"]).fails(125);
}

#[test]
fn a_secret_is_missing_when_nothing_is_cached_that_it_would_open() {
    let mut cli = Cli::genesys();
    cli.token();
    cli.run(&["forget"]).ok();
    cli.unset("GC_CLIENT_SECRET");
    insta::assert_snapshot!(cli.run(&["token"]).fails(2), @r"
    error[config.secret_missing]: GC_CLIENT_ID is set, but GC_CLIENT_SECRET is not
      hint: set GC_CLIENT_SECRET; a GitHub workflow maps it from its secrets under env:
    ");
}

#[test]
fn a_refusal_that_is_kept_is_no_token_that_is_cached() {
    let mut cli = Cli::genesys();
    let secret = "gc-secret-of-last-year";
    cli.set("GC_CLIENT_SECRET", secret);
    cli.run(&["token"]).fails(3);
    cli.unset("GC_CLIENT_SECRET");
    let told = cli.run(&["token"]).fails(2);
    assert!(told.starts_with("error[config.secret_missing]"), "{told}");
}

#[test]
fn the_hint_names_the_profile_that_was_named() {
    let mut cli = Cli::new();
    cli.set("OAUTH2_CLIENT_SECRET", "wrong-wrong-wrong");
    cli.run(&["token"]).fails(3);
    for (args, hint) in [
        (&["token"][..], "fixed it? daypass token --fresh asks now"),
        (&["token", "oauth2"], "fixed it? daypass token oauth2 --fresh asks now"),
        (&["token", "oauth2", "-v"], "fixed it? daypass token oauth2 --fresh asks now"),
    ] {
        let told = cli.run(args).fails(3);
        assert!(told.contains(hint), "{told}");
    }
    let told = cli.run(&["exec", "oauth2", "--", "true"]).fails(125);
    assert!(told.contains("daypass token oauth2 --fresh asks now"), "{told}");
}

#[test]
fn an_issuer_that_is_down_is_worth_a_retry() {
    let mut cli = Cli::new();
    cli.end_issuer();
    insta::assert_snapshot!(cli.run(&["token", "--timeout", "1s"]).fails(4), @r"
    error[issuer.unavailable]: 127.0.0.1:PORT gave no usable answer for client sandbox (OAUTH2_CLIENT_ID): cannot connect: connection refused
      hint: nothing valid is cached; check the network and the issuer, then try again
    ");
    let cli = Cli::new();
    cli.sandbox.stand(Endpoint::Token, Fault::Status(503));
    insta::assert_snapshot!(cli.run(&["token", "--timeout", "1s"]).fails(4), @r"
    error[issuer.unavailable]: 127.0.0.1:PORT gave no usable answer for client sandbox (OAUTH2_CLIENT_ID): HTTP 503
      hint: nothing valid is cached; check the network and the issuer, then try again
    ");
    cli.sandbox.clear_faults();
    cli.run(&["token"]).quiet();
}

#[test]
fn an_issuer_that_asks_to_wait_is_left_alone() {
    let cli = Cli::new();
    let retry_after = Some(daypass_sandbox::RetryAfter::Seconds(120));
    cli.sandbox.script(Endpoint::Token, [Fault::Throttle { status: 429, retry_after }]);
    insta::assert_snapshot!(cli.run(&["token", "--timeout", "2s"]).fails(4), @r"
    error[issuer.throttled]: 127.0.0.1:PORT asks to be left alone for 120 s: too many token requests
      hint: something else asks for a token per step: run it through daypass too
    ");
    let told = cli.run(&["token", "--timeout", "2s"]).fails(4);
    assert!(told.starts_with("error[issuer.throttled]"), "{told}");
    assert_eq!(cli.asked(), 1);
}

#[test]
fn what_an_issuer_says_cannot_forge_lines() {
    let mut cli = Cli::new();
    cli.set("GITHUB_ACTIONS", "true");
    cli.sandbox.stand(Endpoint::Token, Fault::HostileDescription);
    for _ in 0..2 {
        let told = cli.run(&["token"]).fails(3);
        assert!(!told.contains('\x1b') && !told.contains('\r'), "{told:?}");
        assert_eq!(told.lines().count(), 2, "{told:?}");
        assert!(!told.lines().any(|line| line.trim_start().starts_with("::")), "{told:?}");
    }
    let shown = cli.run(&["status"]).ok().stdout;
    assert!(!shown.contains('\x1b') && !shown.contains("\n::"), "{shown:?}");
}

#[test]
fn as_json_an_error_is_one_object() {
    let mut cli = Cli::new();
    cli.set("OAUTH2_CLIENT_SECRET", "wrong-wrong-wrong");
    cli.run(&["token"]).fails(3);
    for args in [
        &["token", "--format", "json"][..],
        &["token", "--json"],
        &["token", "--json", "nobody"],
        &["status", "--json", "nobody"],
        &["forget", "--json", "nobody"],
        &["revoke", "--json", "nobody"],
    ] {
        let code = if args.contains(&"nobody") { 2 } else { 3 };
        let told = cli.run(args).fails(code);
        let object: Value = serde_json::from_str(&told).unwrap_or_else(|_| panic!("{told}"));
        assert_eq!(told.lines().count(), 1);
        let error = object["error"].as_object().unwrap();
        assert_eq!(
            error["code"],
            if code == 2 { "config.unknown_profile" } else { "issuer.rejected" }
        );
        assert!(error["message"].is_string() && error["hint"].is_string(), "{told}");
        assert_eq!(error["retry_after"].is_u64(), code == 3, "{told}");
    }
}

#[test]
fn an_agent_that_cannot_be_asked_is_an_error_and_no_fallback() {
    let mut cli = Cli::new();
    cli.set("DAYPASS_AGENT", "unix:/nonexistent/agent.sock");
    insta::assert_snapshot!(cli.run(&["token"]).fails(4), @r"
    error[agent.unreachable]: no agent answers at unix:/nonexistent/agent.sock: there is no such socket
      hint: did its job end? Start one: daypass agent --detach; or unset DAYPASS_AGENT
    ");
    for args in [
        &["token", "--format", "json"][..],
        &["token", "-v", "--fresh"],
        &["status"],
        &["status", "oauth2", "--json"],
        &["revoke"],
    ] {
        let told = cli.run(args).fails(4);
        assert!(told.contains("agent.unreachable"), "{args:?}: {told}");
    }
    cli.run(&["exec", "--", "true"]).fails(125);
    cli.run(&["forget"]).fails(3);
    for nonsense in ["unix:", "unix:agent.sock", "/run/agent.sock", "1"] {
        cli.set("DAYPASS_AGENT", nonsense);
        let told = cli.run(&["token"]).fails(2);
        assert!(told.starts_with("error[config.invalid]: "), "{nonsense}: {told}");
        cli.run(&["status"]).fails(2);
    }
    assert_eq!(cli.asked(), 0);
    // An empty one is not set: expressions of CI systems leave such.
    cli.set("DAYPASS_AGENT", "");
    cli.run(&["token"]).ok();
    cli.run(&["exec", "--agent", "--", "true"]).ok();
    assert_eq!(cli.asked(), 1);
}
