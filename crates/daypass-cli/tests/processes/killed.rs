//! Processes that are killed or stopped at any moment of a fetch or a write, while others go on.

use std::fs::File;
use std::process::Output;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use daypass_sandbox::{Endpoint, Fault};
use rustix::process::Signal;

use crate::kernel::{flocks, signal, wait_until};
use crate::world::{Dice, World, count, names, now_ms, said, soak, token_of};

const CLIENTS: [&str; 2] = ["one", "two"];
const LIFETIME: Duration = Duration::from_secs(2);
/// Most who force are killed before they have a token.
const DELAY: Duration = Duration::from_millis(60);
const WORKERS: usize = 6;
/// Several holders may be stopped one after the other, and each may cost a lease of 15 s.
const PATIENCE: &str = "--timeout=90s";
/// How late a busy machine may let the reader see what was printed, on top of the tenth of its
/// lifetime that a token must still have.
const LATE_READER: i64 = 400;

#[derive(Default)]
struct Counts {
    kills: AtomicUsize,
    stops: AtomicUsize,
    past_lease: AtomicUsize,
    passed_over: AtomicUsize,
    served: AtomicUsize,
    printed_and_killed: AtomicUsize,
    /// The latest reading of a token after its end.
    latest_ms: AtomicI64,
}

impl Counts {
    fn add(counter: &AtomicUsize) -> usize {
        counter.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn of(counter: &AtomicUsize) -> usize {
        counter.load(Ordering::Relaxed)
    }
}

struct Scene<'a> {
    world: &'a World,
    counts: Counts,
    kills: usize,
    stops: usize,
    past_lease: usize,
    /// Somebody found a mistake: the others need not go on.
    failed: AtomicBool,
}

struct TellOthers<'a>(&'a AtomicBool);

impl Drop for TellOthers<'_> {
    fn drop(&mut self) {
        self.0.fetch_or(std::thread::panicking(), Ordering::Relaxed);
    }
}

impl Scene<'_> {
    fn is_over(&self) -> bool {
        let done = Counts::of(&self.counts.kills) >= self.kills
            && Counts::of(&self.counts.stops) >= self.stops;
        done || self.failed.load(Ordering::Relaxed)
    }

    /// A printed token is its client's own, and has not ended but for the time that its process
    /// was `stopped`.
    fn check_token(&self, client: &str, token: &str, stopped: i64) {
        match self.world.live(token) {
            Some(life) => assert_eq!(life.client, client, "a foreign token"),
            None => {
                let late = self.world.ended_ms_ago(token, LIFETIME) - stopped;
                self.counts.latest_ms.fetch_max(late, Ordering::Relaxed);
                assert!(late <= LATE_READER, "printed a token that ended {late} ms before");
            }
        }
    }

    fn check(&self, client: &str, output: &Output, stopped: i64) {
        self.check_token(client, &token_of(output), stopped);
        assert!(!said(output).contains("panicked"), "{}", said(output));
        Counts::add(&self.counts.served);
    }

    /// Asks and kills at random.
    fn work(&self, seed: u64) {
        let _tell = TellOthers(&self.failed);
        let mut dice = Dice::new(seed);
        while !self.is_over() {
            let client = CLIENTS[dice.below(2)];
            if dice.below(3) == 0 {
                self.check(client, &self.world.run(client, &["token", PATIENCE]), 0);
                continue;
            }
            // The others never force: their tokens come to their end.
            let args: &[&str] = if dice.below(2) == 0 {
                &["token", PATIENCE, "--fresh"]
            } else {
                &["token", PATIENCE]
            };
            let mut child = self.world.daypass(client, args).spawn().unwrap();
            std::thread::sleep(dice.up_to(Duration::from_millis(90)));
            child.kill().unwrap();
            let output = child.wait_with_output().unwrap();
            if output.status.success() {
                self.check(client, &output, 0);
            } else {
                assert_eq!(output.status.code(), None, "{}", said(&output));
                Counts::add(&self.counts.kills);
                if !output.stdout.is_empty() {
                    let token = String::from_utf8(output.stdout).unwrap();
                    self.check_token(client, token.strip_suffix('\n').unwrap(), 0);
                    Counts::add(&self.counts.printed_and_killed);
                }
            }
        }
    }

    /// Whether this process holds the lock of a record.
    fn holds(&self, pid: u32) -> bool {
        let cache = self.world.cache();
        let locks = names(&cache).into_iter().filter(|name| name.ends_with(".lock"));
        locks.into_iter().any(|name| flocks(&cache.join(name)).holders.contains(&pid))
    }

    fn issued_to(&self, client: &str) -> usize {
        let log = self.world.sandbox.log();
        let is_issue = |entry: &&daypass_sandbox::Entry| {
            entry.endpoint == Endpoint::Token
                && entry.token.is_some()
                && entry.client_id.as_deref() == Some(client)
        };
        log.iter().filter(is_issue).map(|entry| entry.n).max().map_or(0, |n| n.try_into().unwrap())
    }

    /// Stops those who hold the lease: most for a moment, some until others have passed them
    /// over.
    fn stop(&self, seed: u64) {
        let _tell = TellOthers(&self.failed);
        let mut dice = Dice::new(seed);
        while Counts::of(&self.counts.stops) < self.stops && !self.failed.load(Ordering::Relaxed) {
            let client = CLIENTS[dice.below(2)];
            let child =
                self.world.daypass(client, &["token", PATIENCE, "--fresh"]).spawn().unwrap();
            std::thread::sleep(dice.up_to(Duration::from_millis(120)));
            signal(child.id(), Signal::STOP);
            let began = now_ms();
            if self.holds(child.id()) {
                // What it sent before may arrive after.
                std::thread::sleep(Duration::from_millis(200));
                let issued = self.issued_to(client);
                let long = Counts::of(&self.counts.past_lease) < self.past_lease;
                if long {
                    wait_until("somebody else asks", || {
                        self.issued_to(client) > issued || self.failed.load(Ordering::Relaxed)
                    });
                    Counts::add(&self.counts.past_lease);
                } else {
                    std::thread::sleep(dice.up_to(Duration::from_millis(300)));
                }
                Counts::add(&self.counts.stops);
            }
            signal(child.id(), Signal::CONT);
            let stopped = now_ms() - began;
            let output = child.wait_with_output().unwrap();
            // The answer that it slept through may have ended meanwhile.
            if said(&output).contains("had ended when it arrived") && stopped > 1000 {
                assert_eq!(output.status.code(), Some(3), "{}", said(&output));
                Counts::add(&self.counts.passed_over);
            } else {
                let (code, said) = (output.status.code(), said(&output));
                assert_eq!(code, Some(0), "stopped for {stopped} ms: {said}");
                self.check(client, &output, stopped);
            }
        }
    }
}

#[test]
fn a_thousand_killed_and_a_hundred_stopped_processes_cost_nobody_a_bad_token() {
    let world = World::new(&CLIENTS, LIFETIME);
    world.sandbox.stand(Endpoint::Token, Fault::Delay(DELAY));
    let scene = Scene {
        world: &world,
        counts: Counts::default(),
        kills: count(1000, 40),
        stops: count(100, 4),
        past_lease: count(8, 1),
        failed: AtomicBool::new(false),
    };
    for client in CLIENTS {
        world.token(client);
    }
    std::thread::scope(|scope| {
        let (scene, now) = (&scene, u64::try_from(now_ms()).unwrap());
        for worker in 0..WORKERS {
            let seed = now + u64::try_from(worker).unwrap();
            scope.spawn(move || scene.work(seed));
        }
        scope.spawn(move || scene.stop(now - 1));
    });
    let left = world.cached().len();
    for client in CLIENTS {
        let token = world.token(client);
        assert_eq!(world.live(&token).unwrap().client, client);
    }
    sweep(&world);
    let swept = world.cached();
    let records = swept.iter().filter(|name| name.len() == 64).count();
    let tallies = swept.iter().filter(|name| name.ends_with(".tally")).count();
    assert_eq!((records, tallies, swept.len()), (2, 2, 5), "{swept:?}");
    let Counts { kills, stops, past_lease, passed_over, served, printed_and_killed, latest_ms } =
        scene.counts;
    if soak() {
        println!(
            "soak: {} killed ({} had printed), {} lease holders stopped ({} past the lease, {} of \
             them late), {} served, {} token requests, {left} files before the sweep and {} \
             after, latest reading {} ms after a token's end",
            kills.into_inner(),
            printed_and_killed.into_inner(),
            stops.into_inner(),
            past_lease.into_inner(),
            passed_over.into_inner(),
            served.into_inner(),
            world.sandbox.token_requests(),
            swept.len(),
            latest_ms.into_inner()
        );
    }
}

/// Makes all files look a day older and has every client sweep, as long as there is more.
fn sweep(world: &World) {
    let mut before = usize::MAX;
    while before > world.cached().len() {
        before = world.cached().len();
        for client in CLIENTS {
            for name in world.cached() {
                let file = File::options().append(true).open(world.cache().join(name)).unwrap();
                file.set_modified(SystemTime::now() - Duration::from_secs(25 * 3600)).unwrap();
            }
            token_of(&world.run(client, &["token", "--fresh"]));
        }
    }
}

#[test]
fn a_holder_that_is_killed_keeps_nobody_waiting() {
    let world = World::new(&["ci"], Duration::from_secs(3600));
    world.sandbox.script(Endpoint::Token, [Fault::Stall]);
    let mut holder = world.daypass("ci", &["token"]).spawn().unwrap();
    wait_until("the issuer is asked", || world.sandbox.token_requests() == 1);
    let waiting = world.daypass("ci", &["token", "--timeout", "10s"]).spawn().unwrap();
    holder.kill().unwrap();
    holder.wait().unwrap();
    // Ten seconds are less than a lease.
    token_of(&waiting.wait_with_output().unwrap());
    assert_eq!(world.sandbox.token_requests(), 2);
}

#[test]
fn a_holder_that_is_stopped_is_passed_over_and_cannot_undo_it() {
    let world = World::new(&["ci"], Duration::from_secs(3600));
    world.sandbox.script(Endpoint::Token, [Fault::Delay(Duration::from_millis(500))]);
    let holder = world.daypass("ci", &["token"]).spawn().unwrap();
    wait_until("the issuer is asked", || world.sandbox.token_requests() == 1);
    signal(holder.id(), Signal::STOP);
    // Its patience is longer than a lease.
    let other = world.token("ci");
    assert_eq!(world.live(&other).unwrap().number, 2);
    signal(holder.id(), Signal::CONT);
    let late = token_of(&holder.wait_with_output().unwrap());
    assert!(world.live(&late).is_some());
    assert_eq!(world.token("ci"), other, "the late one overwrote the record");
    assert_eq!(world.sandbox.token_requests(), 2);
    let left = world.cached();
    assert!(left.iter().all(|name| !name.ends_with(".tmp")), "{left:?}");
}
