//! Many processes at once and one token request.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

use daypass_sandbox::{Endpoint, Fault, RetryAfter};

use crate::kernel::{flocks, wait_until};
use crate::world::{BINARY, World, count, released, said, soak, token_of};

const HOUR: Duration = Duration::from_secs(3600);
const DELAY: Duration = Duration::from_millis(150);

/// Starts processes, holds all of them just before their `exec`, lets go of all at once and
/// waits for the last; returns how long that took.
fn at_once(
    world: &World,
    program: &Path,
    each: impl IntoIterator<Item = Vec<String>>,
) -> (Vec<Output>, Duration) {
    let path = world.path("gate");
    let gate = File::create(&path).unwrap();
    gate.lock().unwrap();
    let start = |args: Vec<String>| -> Child {
        let mut command = Command::new("flock");
        world.dress(&mut command, "ci").args(["--shared", "--no-fork"]).arg(&path).arg(program);
        command.args(args).spawn().expect("flock of util-linux")
    };
    let children: Vec<_> = each.into_iter().map(start).collect();
    wait_until("all stand at the gate", || flocks(&path).waiting == children.len());
    let began = Instant::now();
    gate.unlock().unwrap();
    let outputs = children.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    (outputs, began.elapsed())
}

fn times(n: usize, args: &[&str]) -> Vec<Vec<String>> {
    vec![args.iter().map(|&arg| arg.to_owned()).collect(); n]
}

fn tokens(outputs: &[Output]) -> BTreeSet<String> {
    outputs.iter().map(token_of).collect()
}

fn world() -> World {
    let world = World::new(&["ci"], HOUR);
    world.sandbox.stand(Endpoint::Token, Fault::Delay(DELAY));
    world
}

#[test]
fn two_hundred_cold_steps_at_once_cost_one_token_request() {
    let n = count(200, 40);
    for round in 1..=3 {
        let world = world();
        let (outputs, took) = at_once(&world, Path::new(BINARY), times(n, &["token"]));
        assert_eq!(tokens(&outputs).len(), 1);
        assert_eq!(world.sandbox.token_requests(), 1);
        for output in &outputs {
            assert_eq!(said(output), "", "a cold start is no reason to say anything");
        }
        if soak() {
            println!("soak: stampede round {round}: {n} processes, 1 request, {took:.0?}");
        }
    }
}

#[test]
fn fifty_forced_steps_at_once_share_one_token_request() {
    let world = World::new(&["ci"], HOUR);
    let old = world.token("ci");
    // Long enough for the last of them to begin: one that begins after the answer asks, rightly.
    world.sandbox.stand(Endpoint::Token, Fault::Delay(Duration::from_secs(2)));
    let (outputs, _) = at_once(&world, Path::new(BINARY), times(50, &["token", "--fresh"]));
    let tokens = tokens(&outputs);
    assert!(!tokens.contains(&old), "a forced step got the old token");
    let requests = world.sandbox.token_requests() - 1;
    assert_eq!(tokens.len(), 1, "{requests} requests");
    assert_eq!(requests, 1);
    if soak() {
        println!("soak: 50 forced steps: {requests} request");
    }
}

#[test]
fn a_throttled_stampede_asks_once_more_when_the_time_is_over() {
    let world = world();
    let retry_after = Some(RetryAfter::Seconds(1));
    world.sandbox.script(Endpoint::Token, [Fault::Throttle { status: 429, retry_after }]);
    let (outputs, took) = at_once(&world, Path::new(BINARY), times(60, &["token"]));
    assert_eq!(tokens(&outputs).len(), 1);
    let log = world.sandbox.log();
    assert_eq!(log.iter().map(|entry| entry.status).collect::<Vec<_>>(), [Some(429), Some(200)]);
    assert!(log[1].at_ms - log[0].at_ms >= 1000, "Retry-After was not kept");
    if soak() {
        println!("soak: 60 processes at a throttled issuer: 2 requests, {took:.0?}");
    }
}

#[test]
fn ten_scopes_cost_ten_requests_however_many_processes_ask() {
    let world = world();
    let mut file = String::new();
    for n in 0..10 {
        file += &format!(
            "[profile.s{n}]\ntoken_url = \"{}\"\nclient_id = \"ci\"\n\
             client_secret = {{ env = \"OAUTH2_CLIENT_SECRET\" }}\nscopes = [\"s{n}\", \"all\"]\n",
            world.token_url()
        );
    }
    let path = world.path("ten.toml");
    std::fs::write(&path, file).unwrap();
    let args = |n: usize| {
        ["token", &format!("s{}", n % 10), "--config", path.to_str().unwrap()]
            .map(str::to_owned)
            .to_vec()
    };
    let (outputs, took) = at_once(&world, Path::new(BINARY), (0..100).map(args));
    assert_eq!(tokens(&outputs).len(), 10);
    assert_eq!(world.sandbox.token_requests(), 10);
    let scopes: BTreeSet<_> = world.sandbox.log().into_iter().map(|entry| entry.scope).collect();
    assert_eq!(scopes.len(), 10);
    for n in 0..10 {
        let same = outputs.iter().skip(n).step_by(10).cloned().collect::<Vec<_>>();
        assert_eq!(tokens(&same).len(), 1, "scope s{n}");
    }
    if soak() {
        println!("soak: 10 scopes by 10 processes: 10 requests, {took:.0?}");
    }
}

/// What locking costs at least: the prototype has no key, no sealing, no lease, no deadline.
#[test]
fn a_stampede_takes_hardly_longer_than_with_a_bare_lock_file() {
    if !soak() {
        return prototype_agrees();
    }
    let (daypass, bare) = (released("daypass"), released("examples/lockfile_prototype"));
    let n = 200;
    let round = |program: &Path, args: &[&str]| {
        let world = world();
        let (outputs, took) = at_once(&world, program, times(n, args));
        assert_eq!((tokens(&outputs).len(), world.sandbox.token_requests()), (1, 1));
        took
    };
    // Of either program some rounds take half as long again: the scheduler lets the one that asks
    // wait until all others have begun.
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..15 {
        ours.push(round(&daypass, &["token"]));
        theirs.push(round(&bare, &[]));
    }
    ours.sort_unstable();
    theirs.sort_unstable();
    let (one, other) = (ours[7], theirs[7]);
    let ratio = one.as_secs_f64() / other.as_secs_f64();
    println!(
        "soak: stampede ratio {ratio:.2} ({n} processes, median of 15: daypass {one:.0?}, bare \
         lock file {other:.0?})"
    );
    assert!(ratio <= 1.3, "daypass {ours:?}, bare lock file {theirs:?}");
}

/// The prototype takes part in the same way: else there is nothing to compare.
fn prototype_agrees() {
    let example = Path::new(BINARY).with_file_name("examples").join("lockfile_prototype");
    assert!(example.exists(), "cargo test builds it, cargo test --test needs --examples too");
    let world = world();
    let (outputs, _) = at_once(&world, &example, times(20, &[]));
    assert_eq!((tokens(&outputs).len(), world.sandbox.token_requests()), (1, 1));
}
