//! Programs as they are, over many token lifetimes and revocations, without an error in any.

use std::time::{Duration, Instant};

use crate::world::{World, python, script, soaking};

const LIFETIME: Duration = Duration::from_secs(1);

fn seconds() -> &'static str {
    if soaking() { "120" } else { "5" }
}

/// Runs a program that prints how many users it saw, while tokens end and are revoked.
fn over_lifetimes(world: &World, flags: &[&str], command: &[&str]) {
    let begun = Instant::now();
    let revoking = world.revoking(Duration::from_millis(370));
    let seen: u64 = world.behind(flags, command).parse().unwrap();
    let revoked = revoking.end();
    let (tokens, refused) = (world.sandbox.tokens_issued(), world.sandbox.unauthorized());
    println!(
        "soak: gateway: {} saw {seen} users in {} s over {tokens} tokens, {revoked} revocations, \
         {refused} refused requests, no error",
        command[1..].join(" ").rsplit('/').next().unwrap(),
        begun.elapsed().as_secs()
    );
    assert!(seen >= 60 && tokens >= 3 && refused >= 1, "{seen} {tokens} {refused}");
}

#[test]
fn the_python_sdk_pages_through_a_list_with_one_line() {
    let world = World::new(LIFETIME);
    let flags = ["--gateway-env", "GATEWAY_IN_CODE={url}"];
    over_lifetimes(&world, &flags, &[&python(), &script("page_users.py"), seconds()]);
}

#[test]
fn the_python_sdk_pages_through_a_list_with_no_edit() {
    let world = World::new(LIFETIME);
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port().to_string()
    };
    let folder = world.folder.path().join(".genesyscloudpython");
    std::fs::create_dir(&folder).unwrap();
    let config = format!("[gateway]\nhost = 127.0.0.1\nprotocol = http\nport = {port}\n");
    std::fs::write(folder.join("config"), config).unwrap();
    let flags = ["--gateway-port", &port];
    over_lifetimes(&world, &flags, &[&python(), &script("page_users.py"), seconds()]);
}

#[test]
fn the_javascript_sdk_pages_through_a_list_with_one_line() {
    let world = World::new(LIFETIME);
    over_lifetimes(&world, &[], &["node", &script("page_users.mjs"), seconds()]);
}

#[test]
fn curl_works_with_the_token_and_without_one_on_the_secret_path() {
    let world = World::new(Duration::from_secs(3600));
    let line = "curl -sSf -H \"Authorization: Bearer $GENESYSCLOUD_ACCESS_TOKEN\" \
                \"$DAYPASS_GATEWAY_URL/api/v2/users?pageSize=1\" && \
                curl -sSf \"$OPEN/api/v2/users?pageSize=2\"";
    let flags = ["--gateway-env", "OPEN={url}{path}"];
    let text = world.behind(&flags, &["sh", "-c", line]);
    assert_eq!(text.matches("Sandbox User 1").count(), 2, "{text}");
    assert_eq!(world.sandbox.tokens_issued(), 1);
}

#[test]
fn requests_fetch_and_axios_stream_uploads_through_a_refusal() {
    let upload = [&python(), &script("upload.py"), "900000"];
    let fetch = ["node", &script("fetch.mjs"), "700000"];
    let axios = ["node", &script("axios.mjs"), "600000"];
    let all = [(upload, "900000"), (fetch, "200 5 200 700000"), (axios, "200 5 200 600000")];
    for (command, expected) in all {
        let world = World::new(Duration::from_secs(3600));
        assert_eq!(world.behind(&[], &command), expected);
        // The token in the cache is refused now, and what was refused is sent again.
        world.sandbox.revoke_all();
        assert_eq!(world.behind(&[], &command), expected);
        assert_eq!((world.sandbox.tokens_issued(), world.sandbox.unauthorized()), (2, 1));
    }
}

#[test]
fn a_tool_that_only_knows_its_region_gets_a_port_of_its_own() {
    let world = World::new(Duration::from_secs(3600));
    // What `gc` does with such a region: plain http, and no login.
    let line = "curl -sSf \"http://$GENESYSCLOUD_REGION/api/v2/users?pageSize=1\"";
    let text = world.behind(&["--open-port-for", "gc"], &["sh", "-c", line]);
    assert!(text.contains("Sandbox User 1"), "{text}");
}
