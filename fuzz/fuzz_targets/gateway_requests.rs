//! Bytes on a connection to a gateway, before an API that records what it gets and reads strictly.
//!
//! Whatever comes, the API sees one framing, its own authority, exactly one bearer token, and targets
//! in origin-form. `{H}` in the input stands for the fields that every request needs: `Host` and the
//! local credential, which no fuzzer would find. What holds for the corpus in
//! `crates/daypass-server/tests/gateway/smuggling.rs` holds here; the API and the client are that
//! test's. Seeds: `fuzz/seeds`.

#![no_main]

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Runtime;
use tokio::time::timeout;

#[allow(dead_code)]
#[path = "../../crates/daypass-server/tests/gateway/upstream.rs"]
mod upstream;
#[allow(dead_code)]
#[path = "../../crates/daypass-server/tests/gateway/world.rs"]
mod world;

use upstream::Api;
use world::{Numbered, Running};

struct Place {
    runtime: Runtime,
    api: Api,
    running: Running,
}

static PLACE: LazyLock<Place> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let (api, running) = runtime.block_on(async {
        let api = Api::fine().await;
        let running = Running::before(&api.url(), Arc::new(Numbered::default()));
        (api, running)
    });
    Place { runtime, api, running }
});

fn filled(input: &[u8], fields: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = input;
    while let Some((first, after)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(b"{H}") {
            bytes.extend_from_slice(fields.as_bytes());
            rest = after;
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    bytes
}

async fn exchange(place: &Place, bytes: &[u8]) {
    let mut connection = place.running.connect().await;
    connection.stream.write_all(bytes).await.ok();
    let mut part = [0; 4096];
    let silence = Duration::from_millis(5);
    while let Ok(Ok(1..)) = timeout(silence, connection.stream.read(&mut part)).await {}
}

fn check(request: &str, api: &Api) {
    let (head, _) = request.split_once("\r\n\r\n").expect("a head");
    let mut lines = head.split("\r\n");
    let line = lines.next().expect("a line");
    assert!(line.ends_with(" HTTP/1.1"), "{line}");
    let target = line.split(' ').nth(1).expect("a target");
    assert!(target.starts_with('/') && !target.starts_with("//"), "{line}");
    let fields: Vec<_> = lines.map(|line| line.split_once(": ").unwrap_or((line, ""))).collect();
    let all = |name: &str| {
        let named = fields.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        named.map(|(_, value)| *value).collect::<Vec<_>>()
    };
    assert_eq!(all("host"), [api.addr.to_string()]);
    assert_eq!(all("authorization"), ["Bearer token-1"]);
    for gone in ["connection", "upgrade", "http2-settings", "proxy-authorization", "keep-alive"] {
        assert!(all(gone).is_empty(), "{gone}");
    }
}

fuzz_target!(|input: &[u8]| {
    let place = &*PLACE;
    let bytes = filled(input, &place.running.fields());
    place.runtime.block_on(exchange(place, &bytes));
    for request in place.api.taken() {
        check(&request, &place.api);
    }
});
