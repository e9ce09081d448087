//! What a process pays for a hit from the cache folder, piece by piece, and for writing a record.
//!
//! The pieces of `open and peek`, which is all that `daypass token` does on a hit: keys derived
//! from the secret, the request's key, then a file read, an envelope opened and a decision.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a benchmark stops when something is wrong")]

mod support;

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use criterion::Criterion;
use daypass::{
    Env, FileStore, MinTtl, Opening, Peek, Record, Sealer, Style, SystemClock, TokenSource,
    TokenStore, Want,
};
use daypass_sandbox::{Client, Sandbox, Server};

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let folder = tempfile::tempdir().unwrap();
    keys(&mut criterion);
    store(&mut criterion, &folder.path().join("store"));
    whole(&mut criterion, folder.path());
    criterion.final_summary();
}

fn keys(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("keys");
    let request = support::request();
    group.bench_function("of a request", |bencher| bencher.iter(|| black_box(&request).key()));
    group.bench_function("derived from the secret", |bencher| {
        bencher.iter(|| Sealer::derive(None, black_box(support::SECRET)).unwrap());
    });
    group.finish();
}

fn store(criterion: &mut Criterion, path: &Path) {
    let mut group = criterion.benchmark_group("folder");
    let sealer = Sealer::derive(None, support::SECRET).unwrap();
    let store = Arc::new(FileStore::open(path, Arc::new(SystemClock), sealer).unwrap());
    let key = support::request().key();
    let record = Record { token: Some(support::token()), ..Record::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    group.bench_function("claim, seal and write", |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                let lease = store.claim(&key, Duration::from_secs(30)).await.unwrap().unwrap();
                lease.finish(Some(record.clone())).await.unwrap();
            });
        });
    });
    group.bench_function("read and open", |bencher| {
        bencher.iter(|| {
            let Peek::Known(Some(record)) = store.peek(&key) else { panic!("no record") };
            record
        });
    });
    let source = support::source(store.clone());
    group.bench_function("read, open and decide", |bencher| {
        bencher.iter(|| source.peek(MinTtl::TOKEN).unwrap());
    });
    group.finish();
}

/// A process's hit, from the environment to the token.
fn whole(criterion: &mut Criterion, outer: &Path) {
    let sandbox = Sandbox::builder().client(Client::new("ci", "secret")).build();
    let server = Server::spawn_thread(sandbox).unwrap();
    let cache = outer.join("cache");
    let env = Env::from_pairs([
        ("OAUTH2_TOKEN_URL", format!("{}/oauth/token", server.url()).as_str()),
        ("OAUTH2_CLIENT_ID", "ci"),
        ("OAUTH2_CLIENT_SECRET", "secret"),
        ("DAYPASS_CACHE_DIR", cache.to_str().unwrap()),
    ]);
    let opening =
        Opening { env: &env, directory: None, config: None, profile: None, style: Style::OneShot };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(opening.open().unwrap().source.token(Want::default())).unwrap();
    criterion.bench_function("process/open and peek", |bencher| {
        bencher.iter(|| opening.open().unwrap().source.peek(MinTtl::TOKEN).unwrap());
    });
}
