//! A hit in memory: `cached()` through an `Arc<dyn TokenSource>`, and a look at the header.
//!
//! On one thread and on two that share the source, each pinned to a core; see `threads`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a benchmark measures time, and stops when something is wrong"
)]

mod support;

#[path = "support/threads.rs"]
mod threads;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion};
use daypass::{Clock, Fresh, MemoryStore, MinTtl, SystemClock, TokenSource, Want};

/// Operations a batch: 200 us and less.
const BATCH: u32 = 2_000;

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let source = warm_source();
    let mut group = criterion.benchmark_group("hit");
    for count in [1_u8, 2] {
        group.bench_function(BenchmarkId::new("cached and header", count), |bencher| {
            bencher.iter_custom(|times| time_of(count, times, || hit(&*source)));
        });
        group.bench_function(BenchmarkId::new("a clock read alone", count), |bencher| {
            bencher.iter_custom(|times| {
                time_of(count, times, || {
                    black_box(SystemClock.ticks());
                })
            });
        });
    }
    group.finish();
    criterion.final_summary();
}

/// A source that has its token in memory.
fn warm_source() -> Arc<dyn TokenSource> {
    let store = Arc::new(MemoryStore::new(Arc::new(SystemClock)));
    let source: Arc<dyn TokenSource> = black_box(Arc::new(support::source(store)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(source.token(Want::default())).unwrap();
    source
}

fn hit(source: &dyn TokenSource) {
    let Fresh::Fresh(token) = source.cached(MinTtl::TOKEN) else { panic!("no hit") };
    black_box(token.token().access_token().header().as_bytes());
}

/// What criterion asks for: the time that so many operations take.
fn time_of(count: u8, times: u64, operation: impl Fn() + Sync) -> Duration {
    Duration::from_nanos((threads::nanos_each(count, BATCH, operation) * times as f64) as u64)
}
