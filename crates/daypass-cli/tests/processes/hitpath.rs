//! What a token from the cache costs, as the kernel sees it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use daypass_sandbox::{Endpoint, Fault};

use crate::agent::Agent;
use crate::attackers::{NOBODY, require_root};
use crate::kernel::wait_until;
use crate::world::{BINARY, World, released, soak, token_of};

/// Read by the start of every Rust program, before `main`.
const RUNTIME: &[&str] = &["/proc/self/maps"];
const NO_HIT: &[&str] = &[
    "clone",
    "clone3",
    "fork",
    "vfork",
    "socket",
    "socketpair",
    "connect",
    "bind",
    "listen",
    "sendto",
    "sendmsg",
    "epoll_create1",
    "io_uring_setup",
    "memfd_create",
    "ptrace",
    "flock",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "mkdir",
    "mkdirat",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "chmod",
    "fchmod",
    "ftruncate",
];

/// One system call of a trace.
struct Call {
    name: String,
    args: String,
    result: String,
}

impl Call {
    fn parse(line: &str) -> Option<Self> {
        let line = line.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
        let (name, rest) = line.split_once('(')?;
        let (args, result) = rest.rsplit_once(" = ").unwrap_or((rest, "?"));
        let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        is_name.then(|| Self { name: name.into(), args: args.into(), result: result.into() })
    }

    fn first(&self) -> &str {
        self.args.split(',').next().unwrap().trim()
    }

    fn path(&self) -> &str {
        self.args.split('"').nth(1).unwrap_or_default()
    }
}

fn trace(world: &World, program: &str, args: &[&str]) -> Vec<Call> {
    let file = world.path("trace");
    let mut command = Command::new("strace");
    world.dress(&mut command, "ci").args(["-f", "-s", "4096", "-o"]).arg(&file).arg(program);
    let output = command.args(args).output().expect("strace; tests/real/install installs it");
    token_of(&output);
    fs::read_to_string(file).unwrap().lines().filter_map(Call::parse).collect()
}

/// The descriptors of a trace by what was opened, and every file that was.
fn opened(calls: &[Call]) -> BTreeMap<String, Vec<PathBuf>> {
    let mut files: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for call in calls.iter().filter(|call| matches!(&*call.name, "open" | "openat" | "openat2")) {
        let folder = match call.first() {
            "AT_FDCWD" => PathBuf::new(),
            fd => files.get(fd).and_then(|paths| paths.last()).unwrap().clone(),
        };
        let fd = call.result.split(' ').next().unwrap().to_owned();
        files.entry(fd).or_default().push(folder.join(call.path()));
    }
    files
}

fn check_hit(program: &str) {
    let world = World::new(&["ci"], Duration::from_secs(3600));
    let token = world.token("ci");
    let calls = trace(&world, program, &["token"]);
    assert!(calls.len() > 20, "hardly a trace");
    assert_eq!(world.sandbox.token_requests(), 1);

    for call in &calls {
        assert!(!NO_HIT.contains(&&*call.name), "{}({})", call.name, call.args);
    }
    assert_eq!(calls.iter().filter(|call| call.name == "execve").count(), 1);

    let config = world.path("home").join(".config/daypass");
    let mut expected = vec![
        config.join("trusted"),
        config.join("daypass.toml"),
        world.path("work").join("daypass.toml"),
        world.cache(),
        world.record(),
        world.record().with_extension("tally"),
    ];
    expected.extend(RUNTIME.iter().map(PathBuf::from));
    let files = opened(&calls);
    for path in files.values().flatten() {
        assert!(expected.contains(path), "opens {}", path.display());
    }
    assert!(files.values().flatten().any(|path| *path == world.record()), "{files:?}");

    let writes: Vec<_> = calls
        .iter()
        .filter(|call| ["write", "writev", "pwrite64"].contains(&&*call.name))
        .collect();
    let fds: Vec<_> = writes.iter().map(|call| call.first()).collect();
    let tally = files.iter().find(|(_, paths)| paths.contains(&expected[5])).unwrap().0;
    assert_eq!(fds, [tally, "1"], "writes more than the tally and the token");
    assert_eq!(writes[0].path(), "s");
    assert_eq!(writes[1].path(), format!("{token}\\n"));
    if soak() {
        println!("soak: a hit of {program} makes {} system calls", calls.len());
    }
}

#[test]
fn a_hit_starts_nothing_connects_nowhere_and_writes_only_the_tally() {
    check_hit(BINARY);
    if soak() {
        check_hit(released("daypass").to_str().unwrap());
    }
}

#[test]
fn a_miss_is_seen_by_the_same_eyes() {
    let world = World::new(&["ci"], Duration::from_secs(3600));
    let calls = trace(&world, BINARY, &["token"]);
    let seen = |name| calls.iter().any(|call| call.name == name);
    assert!(seen("socket") && seen("connect") && seen("renameat") && seen("mkdir"));
}

#[test]
fn a_hit_through_an_agent_is_one_exchange_that_reads_no_file_and_starts_nothing() {
    require_root();
    let world = World::new(&["ci"], Duration::from_secs(3600));
    let agent = Agent::start(&world, Path::new(BINARY), 0);
    let file = world.path("trace");
    let mut command = Command::new("strace");
    command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", world.path("home"));
    command.env("DAYPASS_AGENT", agent.address()).current_dir(world.path("work"));
    command.args(["-f", "-s", "4096", "-o"]).arg(&file).args([BINARY, "token"]);
    let token = token_of(&command.output().expect("strace; tests/real/install installs it"));
    assert!(world.live(&token).is_some());
    let trace = fs::read_to_string(file).unwrap();
    let calls: Vec<_> = trace.lines().filter_map(Call::parse).collect();
    let count = |name: &str| calls.iter().filter(|call| call.name == name).count();
    assert_eq!((count("socket"), count("connect"), count("execve")), (1, 1, 1));
    let others = ["socket", "connect", "sendto"];
    for call in calls.iter().filter(|call| !others.contains(&&*call.name)) {
        assert!(!NO_HIT.contains(&&*call.name), "{}({})", call.name, call.args);
    }
    for path in opened(&calls).values().flatten() {
        assert!(RUNTIME.iter().any(|known| path == Path::new(known)), "opens {}", path.display());
    }
    if soak() {
        println!("soak: a hit through an agent makes {} system calls", calls.len());
    }
}

fn check_elf(path: &Path) {
    const EXEC: u16 = 2;
    const INTERP: u32 = 3;
    let file = fs::read(path).unwrap();
    let u16_at = |at: usize| u16::from_le_bytes(file[at..at + 2].try_into().unwrap());
    assert_eq!(file[..6], *b"\x7fELF\x02\x01", "64 bits, little endian");
    assert_eq!(u16_at(16), EXEC, "{} is position independent", path.display());
    let offset = usize::try_from(u64::from_le_bytes(file[32..40].try_into().unwrap())).unwrap();
    let (size, number) = (usize::from(u16_at(54)), usize::from(u16_at(56)));
    assert!(number > 0);
    for at in (0..number).map(|n| offset + n * size) {
        let kind = u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
        assert_ne!(kind, INTERP, "{} has an interpreter", path.display());
    }
}

#[test]
fn the_program_is_static_and_has_no_relocations() {
    check_elf(Path::new(BINARY));
    if soak() {
        check_elf(&released("daypass"));
    }
}

#[test]
fn nobody_of_the_same_user_reads_the_memory_or_the_environment_of_a_waiting_process() {
    require_root();
    let world = World::new(&["ci"], Duration::from_secs(3600));
    let program = world.public_program();
    world.sandbox.stand(Endpoint::Token, Fault::Stall);
    let start = |program: &Path, args: &[&str]| {
        let mut command = Command::new(program);
        world.dress(&mut command, "ci").args(args).env("HOME", "/").env_remove("DAYPASS_CACHE_DIR");
        command.current_dir("/").uid(NOBODY).gid(NOBODY).spawn().unwrap()
    };
    let mut daypass = start(&program, &["token"]);
    let mut other = start(Path::new("/usr/bin/sleep"), &["60"]);
    wait_until("the issuer is asked", || world.sandbox.token_requests() > 0);
    let owner = |pid: u32| fs::metadata(format!("/proc/{pid}/environ")).unwrap().uid();
    wait_until("the other has started", || {
        fs::read_link(format!("/proc/{}/exe", other.id()))
            .is_ok_and(|exe| !exe.ends_with("daypass"))
    });
    let peek = |pid: u32, what: &str| {
        let mut cat = Command::new("cat");
        cat.arg(format!("/proc/{pid}/{what}")).uid(NOBODY).gid(NOBODY).output().unwrap()
    };
    let (found, control) = (owner(daypass.id()), owner(other.id()));
    let (ours, theirs) = (peek(daypass.id(), "environ"), peek(other.id(), "environ"));
    let maps = peek(daypass.id(), "maps");
    daypass.kill().unwrap();
    other.kill().unwrap();
    daypass.wait().unwrap();
    other.wait().unwrap();
    assert_eq!(control, NOBODY, "this would be seen");
    assert!(theirs.stdout.starts_with(b"HOME=") || theirs.stdout.len() > 50, "{theirs:?}");
    assert_eq!(found, 0, "it is dumpable");
    assert!(!ours.status.success() && ours.stdout.is_empty());
    assert!(!maps.status.success() && maps.stdout.is_empty());
}
