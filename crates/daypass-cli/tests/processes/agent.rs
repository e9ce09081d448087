//! An agent among other users of the machine, and what the kernel shows of it.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use daypass_sandbox::{Endpoint, Fault};
use rustix::process::Signal;
use serde_json::Value;

use crate::attackers::{NOBODY, require_root};
use crate::kernel::{signal, wait_until};
use crate::world::{BINARY, World, count, said, token_of};

const HOUR: Duration = Duration::from_secs(3600);
/// A user that is neither root nor the one for unknown users.
const SOMEBODY: u32 = 1234;

/// An agent in the background.
pub(crate) struct Agent {
    pub(crate) pid: u32,
    pub(crate) socket: PathBuf,
}

impl Agent {
    /// Starts one with the credentials of `ci`, in a folder of this user.
    pub(crate) fn start(world: &World, program: &Path, uid: u32) -> Self {
        let run = world.path(&format!("run-{uid}"));
        fs::create_dir(&run).unwrap();
        fs::set_permissions(&run, Permissions::from_mode(0o700)).unwrap();
        let cache = world.path(&format!("cache-{uid}"));
        fs::create_dir(&cache).unwrap();
        fs::set_permissions(&cache, Permissions::from_mode(0o700)).unwrap();
        for folder in [&run, &cache] {
            chown(folder, Some(uid), Some(uid)).unwrap();
        }
        let mut command = Command::new(program);
        world.dress(&mut command, "ci").args(["agent", "--detach", "--json"]).uid(uid).gid(uid);
        command.env("XDG_RUNTIME_DIR", &run).env("DAYPASS_CACHE_DIR", &cache);
        let output = command.env("HOME", "/").current_dir("/").output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        let ready: Value = serde_json::from_slice(&output.stdout).unwrap();
        let pid = u32::try_from(ready["pid"].as_u64().unwrap()).unwrap();
        Self { pid, socket: ready["socket"].as_str().unwrap().into() }
    }

    pub(crate) fn address(&self) -> String {
        format!("unix:{}", self.socket.display())
    }

    /// Lets everybody connect, as if neither folder nor socket kept others out.
    fn open_the_doors(&self) {
        let folder = self.socket.parent().unwrap();
        for place in [folder.parent().unwrap(), folder] {
            fs::set_permissions(place, Permissions::from_mode(0o755)).unwrap();
        }
        fs::set_permissions(&self.socket, Permissions::from_mode(0o666)).unwrap();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if Path::new(&format!("/proc/{}", self.pid)).exists() {
            signal(self.pid, Signal::KILL);
        }
    }
}

/// `daypass` as a user who has an agent's address and nothing else.
fn asking(program: &Path, address: &str, uid: u32, args: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.args(args).env_clear().env("PATH", "/usr/bin:/bin").env("DAYPASS_AGENT", address);
    command.current_dir("/").uid(uid).gid(uid).output().unwrap()
}

fn curl(socket: &Path, uid: u32, path: &str) -> Output {
    let mut curl = Command::new("curl");
    curl.args(["-s", "--max-time", "20", "--unix-socket"]).arg(socket);
    curl.arg(format!("http://agent{path}")).uid(uid).gid(uid).output().unwrap()
}

#[test]
fn another_user_gets_nothing_of_an_agent_not_even_with_the_doors_open() {
    require_root();
    let world = World::new(&["ci"], HOUR);
    let program = world.public_program();
    let agent = Agent::start(&world, &program, SOMEBODY);
    let own = asking(&program, &agent.address(), SOMEBODY, &["token"]);
    assert!(world.live(&token_of(&own)).is_some());
    // The folder keeps others out.
    let closed = asking(&program, &agent.address(), NOBODY, &["token"]);
    assert_eq!(closed.status.code(), Some(4), "{}", said(&closed));
    assert!(said(&closed).contains("this user may not use that socket"), "{}", said(&closed));

    agent.open_the_doors();
    for uid in [NOBODY, 4321, 0] {
        let command = asking(&program, &agent.address(), uid, &["token"]);
        assert_eq!(command.status.code(), Some(3), "{uid}: {}", said(&command));
        assert!(said(&command).starts_with("error[agent.refused]: "), "{}", said(&command));
        for path in ["/v1/token", "/v1/status", "/healthz"] {
            // Nothing but an end of the connection.
            let other = curl(&agent.socket, uid, path);
            assert!(!other.status.success() && other.stdout.is_empty(), "{uid} {path}: {other:?}");
        }
    }
    let metrics = curl(&agent.socket, SOMEBODY, "/metrics");
    let metrics = String::from_utf8(metrics.stdout).unwrap();
    assert!(metrics.contains("daypass_agent_turned_away_total 12\n"), "{metrics}");
    assert_eq!(world.sandbox.token_requests(), 1);
}

#[test]
fn who_stands_for_unknown_users_has_no_agent() {
    require_root();
    let world = World::new(&["ci"], HOUR);
    let program = world.public_program();
    let agent = Agent::start(&world, &program, NOBODY);
    let own = asking(&program, &agent.address(), NOBODY, &["token"]);
    assert_eq!(own.status.code(), Some(3), "{}", said(&own));
    assert!(!curl(&agent.socket, NOBODY, "/v1/token").status.success());
}

#[test]
fn the_memory_of_an_agent_is_closed_to_its_own_user_and_leaves_no_core() {
    require_root();
    let world = World::new(&["ci"], HOUR);
    let program = world.public_program();
    let agent = Agent::start(&world, &program, SOMEBODY);
    let proc = |what: &str| PathBuf::from(format!("/proc/{}/{what}", agent.pid));
    for what in ["environ", "maps", "mem"] {
        assert_eq!(fs::metadata(proc(what)).unwrap().uid(), 0, "{what}: it is dumpable");
        let mut cat = Command::new("cat");
        let read = cat.arg(proc(what)).uid(SOMEBODY).gid(SOMEBODY).output().unwrap();
        assert!(!read.status.success() && read.stdout.is_empty(), "{what}");
    }
    let limits = fs::read_to_string(proc("limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
}

#[test]
fn an_agent_that_was_stopped_is_told_from_one_that_is_slow() {
    let world = World::new(&["ci"], HOUR);
    require_root();
    let agent = Agent::start(&world, Path::new(BINARY), 0);
    signal(agent.pid, Signal::STOP);
    let args = ["token", "--timeout", "1s"];
    let told = asking(Path::new(BINARY), &agent.address(), 0, &args);
    assert_eq!(told.status.code(), Some(4));
    assert!(said(&told).starts_with("error[agent.unreachable]: "), "{}", said(&told));
    assert!(said(&told).contains("has not answered for 1 s"), "{}", said(&told));
    let ways = format!("kill -CONT {0} lets it go on, kill -9 {0} ends it", agent.pid);
    assert!(said(&told).contains(&ways), "{}", said(&told));
    signal(agent.pid, Signal::CONT);
    assert!(
        world.live(&token_of(&asking(Path::new(BINARY), &agent.address(), 0, &args))).is_some()
    );
    signal(agent.pid, Signal::TERM);
    wait_until("it has ended", || !agent.socket.exists());
}

#[test]
fn a_crowd_at_an_agent_s_door_gets_one_token_for_one_request() {
    require_root();
    let world = World::new(&["ci"], HOUR);
    let agent = Agent::start(&world, Path::new(BINARY), 0);
    world.sandbox.stand(Endpoint::Token, Fault::Delay(Duration::from_millis(150)));
    let start = |_| {
        let mut command = Command::new(BINARY);
        command.arg("token").env_clear().env("DAYPASS_AGENT", agent.address());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let crowd: Vec<_> = (0..count(1000, 60)).map(start).collect();
    let ended = crowd.into_iter().map(|child| child.wait_with_output().unwrap());
    let tokens: BTreeSet<_> = ended.map(|output| token_of(&output)).collect();
    assert_eq!((tokens.len(), world.sandbox.token_requests()), (1, 1));
}
