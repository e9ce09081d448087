//! Processes that take turns at one record while they are killed and stopped at random.
//!
//! `DAYPASS_SOAK=1` makes it long: 1,000 kills and 100 stops.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use daypass::{
    AccessToken, CacheKey, Clock, Endpoint, Fence, FileStore, Record, Retry, Sealer, Source,
    StoreError, SystemClock, Timestamp, Token, TokenRequest, TokenStore,
};
use rustix::process::{Pid, Signal, kill_process};

const CHILD: &str = "DAYPASS_TEST_TORTURE_FOLDER";
const CHILD_LEASE: &str = "DAYPASS_TEST_TORTURE_LEASE_MS";
const MINUTE: Duration = Duration::from_secs(60);
const CHILDREN: usize = 6;
const SECRET: &[u8] = b"the secret of the torture";

pub(crate) fn sealer() -> Sealer {
    Sealer::derive(None, SECRET).unwrap()
}

pub(crate) fn key() -> CacheKey {
    let endpoint = Endpoint::TokenUrl("https://auth.example.com/token".into());
    let credential = Sealer::credential_id(None, SECRET).unwrap();
    TokenRequest::client_credentials(endpoint, "ci", credential).key()
}

fn open(outer: &Path) -> FileStore {
    FileStore::open(outer.join("store"), Arc::new(SystemClock), sealer()).unwrap()
}

fn now() -> u64 {
    SystemClock.ticks().as_nanos()
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap()
}

/// Numbers that need not be good.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }

    fn millis(&mut self, below: u64) -> Duration {
        Duration::from_micros(self.below(below * 1000))
    }
}

/// The counter that grows with every write, kept where the store keeps a counter anyway.
fn counter(record: Option<&Record>) -> u32 {
    record.and_then(|record| record.retry).map_or(0, |retry| retry.failures)
}

fn next(record: Option<&Record>, dice: &mut Dice) -> Record {
    let at = SystemClock.now();
    let length = usize::try_from(1 + dice.below(20_000)).unwrap();
    let text = AccessToken::new(&"x".repeat(length)).unwrap();
    let mut next = record.cloned().unwrap_or_default();
    let ends = at.saturating_add(Duration::from_secs(3600));
    next.token = Some(Token::new(text, None, at, at, ends));
    next.retry = Some(Retry { at, failures: counter(record) + 1 });
    next
}

/// One process of many; ends only by force. It tells what it did in lines, each written whole:
/// `S id start end` when it holds the lease, until `end` at most, `E id end` before it gives the
/// lease up, `W fence counter` when it followed that record with that count, `L` when it was late.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "how a test passes something to its own child")]
async fn as_a_child() {
    let Ok(outer) = std::env::var(CHILD) else { return };
    let outer = PathBuf::from(outer);
    let lease_for = std::env::var(CHILD_LEASE).unwrap().parse().unwrap();
    let lease_for = Duration::from_millis(lease_for);
    let pid = std::process::id();
    let log = OpenOptions::new().append(true).create(true).open(outer.join(format!("{pid}.log")));
    let mut log = log.unwrap();
    let mut tell = |line: String| log.write_all(line.as_bytes()).unwrap();
    let mut dice = Dice(u64::from(pid) << 32 | 1 | now());
    let (store, key) = (open(&outer), key());
    for id in 0_u64.. {
        let seen = store.load(&key).await.unwrap().map_or(Fence(0), |record| record.fence);
        let before = now();
        let Some(lease) = store.claim(&key, lease_for).await.unwrap() else {
            store.changed(&key, seen).await;
            continue;
        };
        let start = now();
        tell(format!("S {id} {start} {}\n", before + nanos(lease_for)));
        let record = lease.record().cloned();
        tokio::time::sleep(dice.millis(5)).await;
        store.count(&key, Source::Store);
        let end = now();
        tell(format!("E {id} {end}\n"));
        if dice.below(8) == 0 {
            drop(lease);
            continue;
        }
        let next = next(record.as_ref(), &mut dice);
        let count = counter(Some(&next));
        match lease.finish(Some(next)).await {
            Ok(()) => {
                let fence = record.map_or(0, |record| record.fence.0);
                tell(format!("W {fence} {count}\n"));
            }
            Err(StoreError::Lost) => tell("L\n".into()),
            Err(error) => panic!("{error}"),
        }
    }
}

struct Running {
    child: Child,
    pid: Pid,
}

impl Running {
    fn start(outer: &Path, lease: Duration) -> Self {
        let errors = OpenOptions::new().append(true).create(true).open(outer.join("errors"));
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store_torture::as_a_child", "--nocapture"])
            .env(CHILD, outer)
            .env(CHILD_LEASE, lease.as_millis().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors.unwrap())
            .spawn()
            .unwrap();
        let pid = Pid::from_child(&child);
        Self { child, pid }
    }

    /// Kills the process; returns its id and when it was still alive.
    fn kill(mut self) -> (u32, u64) {
        let alive = now();
        assert!(self.child.try_wait().unwrap().is_none(), "a child ended by itself");
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        (self.child.id(), alive)
    }
}

/// What all children told.
#[derive(Default)]
struct Told {
    /// When somebody held the lease.
    held: Vec<(u64, u64)>,
    /// The fence that was followed, and the count that was written.
    written: Vec<(u64, u32)>,
    late: usize,
}

impl Told {
    fn read(&mut self, outer: &Path, pid: u32, killed: u64) {
        let log = fs::read_to_string(outer.join(format!("{pid}.log"))).unwrap_or_default();
        let mut held: Vec<(u64, u64)> = Vec::new();
        for line in log.lines() {
            let words: Vec<_> = line.split(' ').collect();
            let number = |at: usize| words[at].parse::<u64>().unwrap();
            match words[0] {
                "S" => held.push((number(2), number(3).min(killed))),
                "E" => {
                    let last = held.last_mut().unwrap();
                    last.1 = last.1.min(number(2));
                }
                "W" => self.written.push((number(1), words[2].parse().unwrap())),
                "L" => self.late += 1,
                other => panic!("{other}"),
            }
        }
        self.held.extend(held);
    }

    /// Returns the longest time in which nobody took the lease.
    fn check(&mut self) -> Duration {
        self.held.sort_unstable();
        let (mut last_start, mut last_end, mut longest) = (self.held[0].0, 0, 0);
        for &(start, end) in &self.held {
            assert!(
                start >= last_end || end <= start,
                "two held the lease for {}",
                last_end - start
            );
            last_end = last_end.max(end);
            longest = longest.max(start - last_start);
            last_start = start;
        }
        self.written.sort_unstable_by_key(|written| written.1);
        for pair in self.written.windows(2) {
            assert!(pair[0].1 < pair[1].1, "a write was overwritten: {pair:?}");
            assert!(pair[0].0 < pair[1].0, "a fence went back: {pair:?}");
        }
        Duration::from_nanos(longest)
    }
}

#[tokio::test]
async fn killed_and_stopped_processes_cost_nobody_more_than_their_lease() {
    let (kills, stops) = if is_soak() { (1000, 100) } else { (40, 4) };
    let lease = Duration::from_millis(300);
    let told = torture(lease, kills, stops).await;
    assert!(told.written.len() > kills, "hardly anything was written");
}

#[tokio::test]
async fn leases_that_run_out_all_the_time_never_let_two_work_at_once() {
    let kills = if is_soak() { 500 } else { 40 };
    let told = torture(Duration::from_millis(3), kills, 0).await;
    assert!(told.late > kills, "hardly anybody was late");
}

#[expect(clippy::disallowed_methods, reason = "a switch for the person who runs the tests")]
fn is_soak() -> bool {
    std::env::var_os("DAYPASS_SOAK").is_some_and(|soak| soak == "1")
}

/// Kills and stops processes that take turns; checks what they told and left behind.
async fn torture(lease_for: Duration, kills: usize, stops: usize) -> Told {
    let outer = tempfile::tempdir().unwrap();
    let outer = outer.path();
    let mut dice = Dice(now() | 1);
    let (store, key) = (open(outer), key());
    let mut running: Vec<_> = (0..CHILDREN).map(|_| Running::start(outer, lease_for)).collect();
    let mut told = Told::default();
    let mut stopped: Option<(Pid, u64)> = None;
    let (mut killed, mut stops_done, mut last) = (0, 0, (Fence(0), 0));

    while killed < kills || stops_done < stops || stopped.is_some() {
        tokio::time::sleep(dice.millis(60)).await;
        if let Some(record) = store.load(&key).await.unwrap() {
            let seen = (record.fence, counter(Some(&record)));
            assert!(seen >= last && seen.1 >= last.1, "{last:?} was followed by {seen:?}");
            last = seen;
        } else {
            assert_eq!(last.0, Fence(0), "the record does not open");
        }
        match stopped {
            Some((pid, until)) if until <= now() => {
                kill_process(pid, Signal::CONT).unwrap();
                stopped = None;
                stops_done += 1;
            }
            // Only one who holds the lease is worth stopping.
            None if stops_done < stops && killed * stops >= stops_done * kills => {
                let at = usize::try_from(dice.below(CHILDREN as u64)).unwrap();
                let pid = running[at].pid;
                kill_process(pid, Signal::STOP).unwrap();
                if holds(outer, running[at].child.id()) {
                    stopped = Some((pid, now() + nanos(lease_for) * 2));
                } else {
                    kill_process(pid, Signal::CONT).unwrap();
                }
            }
            _ => {}
        }
        let at = usize::try_from(dice.below(CHILDREN as u64)).unwrap();
        if killed < kills && stopped.is_none_or(|(pid, _)| pid != running[at].pid) {
            let victim = std::mem::replace(&mut running[at], Running::start(outer, lease_for));
            let (pid, alive) = victim.kill();
            told.read(outer, pid, alive);
            killed += 1;
        }
    }
    for child in running {
        let (pid, alive) = child.kill();
        told.read(outer, pid, alive);
    }
    assert_eq!(fs::read_to_string(outer.join("errors")).unwrap(), "");
    let longest = told.check();
    println!(
        "{killed} kills, {stops_done} stops, {} leases, {} writes, {} late, longest pause {longest:?}",
        told.held.len(),
        told.written.len(),
        told.late
    );
    assert!(longest < lease_for * 2 + Duration::from_secs(3), "{longest:?} without a lease");

    // All are dead: the lock is free at once, and nothing is left after a sweep.
    let lease = store.claim(&key, MINUTE).await.unwrap().expect("a dead holder keeps the lock");
    let next = next(lease.record(), &mut dice);
    lease.finish(Some(next)).await.unwrap();
    age_what_was_being_written(&outer.join("store"));
    while store.sweep().unwrap() > 0 {}
    let mut left: Vec<_> = fs::read_dir(outer.join("store"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, [key.to_string(), format!("{key}.tally"), "swept".into()]);
    told
}

/// Whether the last thing that a child told is that it took the lease, and it is not past.
fn holds(outer: &Path, pid: u32) -> bool {
    let log = fs::read_to_string(outer.join(format!("{pid}.log"))).unwrap_or_default();
    let last = log.lines().last().filter(|line| line.starts_with('S'));
    last.and_then(|line| line.rsplit(' ').next()?.parse().ok()).is_some_and(|end: u64| now() < end)
}

fn age_what_was_being_written(folder: &Path) {
    let hours_ago = SystemClock.now().saturating_sub(Duration::from_secs(2 * 3600));
    let since_epoch = Timestamp::from_millis(0).until(hours_ago);
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "tmp") {
            let file = File::options().write(true).open(path).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + since_epoch).unwrap();
        }
    }
}
