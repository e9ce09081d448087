//! A process that stays while what its profile names changes on disk.

use std::collections::HashSet;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use daypass::{Code, Env, MinTtl, Opening, Style, TokenSource, Want};
use daypass_sandbox::{Client, Sandbox, Server, ServerThread};

const SECRET: &str = "the-secret-after-the-rotation";

struct World {
    sandbox: Sandbox,
    _server: ServerThread,
    folder: tempfile::TempDir,
    source: Arc<dyn TokenSource>,
}

/// A profile with its secret in a file, which holds the one of last year.
fn world(style: Style) -> World {
    let sandbox = Sandbox::builder().client(Client::new("ci", SECRET)).build();
    let server = Server::spawn_thread(sandbox.clone()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("named.toml");
    let text = format!(
        "[profile.p]\ntoken_url = \"{}/oauth/token\"\nclient_id = \"ci\"\n\
         client_secret = {{ file = \"secret\" }}\n",
        server.url()
    );
    fs::write(&config, text).unwrap();
    fs::write(folder.path().join("secret"), "the-secret-of-last-year\n").unwrap();
    let env = Env::from_pairs([("DAYPASS_CACHE_DIR", folder.path().join("cache"))]);
    let config = Some(config.as_path());
    let opening = Opening { env: &env, directory: None, config, profile: None, style };
    let source = opening.source().unwrap();
    World { sandbox, _server: server, folder, source }
}

fn within(seconds: u64) -> Want {
    Want { timeout: Duration::from_secs(seconds), ..Want::default() }
}

#[tokio::test]
async fn a_secret_that_was_rotated_in_its_file_is_taken_up_after_a_refusal() {
    let world = world(Style::LongLived);
    for _ in 0..3 {
        let error = world.source.token(within(10)).await.unwrap_err();
        assert_eq!(error.code(), Code::IssuerRejected);
    }
    assert_eq!(world.sandbox.token_requests(), 1, "the same secret is refused from memory");
    fs::write(world.folder.path().join("secret"), SECRET).unwrap();
    let all = (0..10).map(|_| {
        let source = Arc::clone(&world.source);
        tokio::spawn(async move { source.token(within(10)).await.unwrap().token.fingerprint() })
    });
    let all: Vec<_> = all.collect();
    let first = world.source.token(within(10)).await.unwrap().token;
    for other in all {
        assert_eq!(other.await.unwrap(), first.fingerprint());
    }
    assert_eq!(world.sandbox.token_requests(), 2);
    assert!(matches!(world.source.cached(MinTtl::TOKEN), daypass::Fresh::Fresh(_)));
    world.source.reject(first.access_token()).await.unwrap();
    let next = world.source.token(within(10)).await.unwrap().token;
    assert_ne!(next.fingerprint(), first.fingerprint());
}

#[tokio::test]
async fn a_file_that_cannot_be_read_again_changes_nothing() {
    let world = world(Style::LongLived);
    fs::remove_file(world.folder.path().join("secret")).unwrap();
    let error = world.source.token(within(10)).await.unwrap_err();
    assert_eq!(error.code(), Code::IssuerRejected);
    assert_eq!(world.sandbox.token_requests(), 1);
}

#[tokio::test]
async fn a_token_that_worked_is_replaced_at_once_however_often_it_happens() {
    let world = world(Style::LongLived);
    fs::write(world.folder.path().join("secret"), SECRET).unwrap();
    let mut seen = HashSet::new();
    for _ in 0..4 {
        let token = world.source.token(within(10)).await.unwrap().token;
        assert!(seen.insert(token.fingerprint()), "a new one each time");
        world.source.reject_worked(token.access_token()).await.unwrap();
    }
}
