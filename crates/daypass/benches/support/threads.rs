//! How long an operation takes on threads that contend for it, each pinned to a core.
//!
//! A sample is made of short batches, far below a time slice of the scheduler, and only those
//! count during which no thread was preempted: while another process has one of the cores, nobody
//! contends, and the result would flatter.

use std::sync::Barrier;
use std::time::Instant;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

/// Batches that each thread runs before the clean ones are counted.
const ROUND: usize = 250;
/// Clean batches a sample.
const ENOUGH: usize = 25;
/// Rounds until the machine counts as too busy.
const PATIENCE: usize = 400;

/// One run of a batch, in nanoseconds since the start of the round, and how much of that time
/// the thread had a core.
struct Batch {
    start: u64,
    end: u64,
    on_cpu: u64,
}

impl Batch {
    fn nanos(&self) -> u64 {
        self.end - self.start
    }

    fn is_unpreempted(&self) -> bool {
        self.on_cpu * 10 > self.nanos() * 9
    }
}

/// How long an operation takes: the median of the clean batches of so many operations each, on
/// one thread or on several that do the same.
pub(crate) fn nanos_each(threads: u8, operations: u32, operation: impl Fn() + Sync) -> f64 {
    let cores = cores(threads);
    let mut clean = Vec::new();
    for _ in 0..PATIENCE {
        let rounds = round(&cores, operations, &operation);
        for (thread, batches) in rounds.iter().enumerate() {
            let others = rounds.iter().enumerate().filter(|(other, _)| *other != thread);
            let others: Vec<_> = others.map(|(_, batches)| batches.as_slice()).collect();
            let counts = |batch: &&Batch| {
                batch.is_unpreempted() && others.iter().all(|other| accompanied(batch, other))
            };
            clean.extend(batches.iter().filter(counts).map(Batch::nanos));
        }
        if clean.len() >= ENOUGH {
            clean.sort_unstable();
            let median = clean.get(clean.len() / 2).copied().unwrap_or_default();
            return median as f64 / f64::from(operations);
        }
    }
    panic!("the machine is too busy: hardly a batch ran on {threads} threads without a break");
}

/// Whether the other thread worked, un-preempted, from the first to the last moment of `batch`.
fn accompanied(batch: &Batch, other: &[Batch]) -> bool {
    let from = other.partition_point(|theirs| theirs.end < batch.start);
    let meanwhile = other.get(from..).unwrap_or_default();
    let until = meanwhile.partition_point(|theirs| theirs.start < batch.end);
    let Some((meanwhile, [_, ..])) = meanwhile.split_at_checked(until) else { return false };
    meanwhile.first().is_some_and(|first| first.start <= batch.start)
        && meanwhile.iter().all(Batch::is_unpreempted)
}

/// Runs a round of batches on every core at the same time.
fn round(cores: &[usize], operations: u32, operation: &(impl Fn() + Sync)) -> Vec<Vec<Batch>> {
    let (barrier, began) = (Barrier::new(cores.len()), Instant::now());
    let since = || u64::try_from(began.elapsed().as_nanos()).unwrap();
    let work = |core: usize| {
        let mut only = CpuSet::new();
        only.set(core);
        sched_setaffinity(None, &only).unwrap();
        let mut batches = Vec::with_capacity(ROUND);
        (0..operations).for_each(|_| operation());
        barrier.wait();
        for _ in 0..ROUND {
            let (cpu, start) = (thread_nanos(), since());
            (0..operations).for_each(|_| operation());
            let end = since();
            batches.push(Batch { start, end, on_cpu: thread_nanos() - cpu });
        }
        batches
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = cores.iter().map(|&core| scope.spawn(move || work(core))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// The first cores that this process may use.
fn cores(wanted: u8) -> Vec<usize> {
    let allowed = sched_getaffinity(None).unwrap();
    let cores: Vec<_> = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core)).collect();
    let cores = cores.get(..usize::from(wanted));
    cores.expect("this benchmark needs two cores").to_vec()
}

fn thread_nanos() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    u64::try_from(time.tv_sec * 1_000_000_000 + time.tv_nsec).unwrap()
}
