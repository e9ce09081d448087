//! Another user of the machine, and files that somebody planted.
//!
//! THREAT: who may write to a folder of this user can do harm anyway; what counts is that nothing
//! is followed out of the folder, nothing hangs, and nobody gets a token that is not his.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use daypass_sandbox::{Endpoint, Fault};

use rustix::process::Signal;

use crate::kernel::wait_until;
use crate::world::{BINARY, World, names, said, soak, token_of};

/// A user that owns nothing.
pub(crate) const NOBODY: u32 = 65534;
const HOUR: Duration = Duration::from_secs(3600);

pub(crate) fn require_root() {
    assert!(rustix::process::geteuid().is_root(), "acting as another user needs root: use sudo");
}

fn world() -> World {
    require_root();
    World::new(&["ci", "other"], HOUR)
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn give_away(path: &Path) {
    std::os::unix::fs::lchown(path, Some(NOBODY), Some(NOBODY)).unwrap();
}

fn shell(command: &str, args: &[&Path]) {
    let done = Command::new("sh").args(["-c", command, "sh"]).args(args).status().unwrap();
    assert!(done.success(), "{command}");
}

fn refused(output: &Output, code: i32, error: &str) {
    let said = said(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.starts_with(&format!("error[{error}]: ")), "{said}");
    assert!(output.stdout.is_empty());
}

#[test]
fn another_user_reads_nothing_of_the_cache_folder() {
    let world = world();
    world.public_program();
    world.token("ci");
    world.sandbox.stand(Endpoint::Token, Fault::Stall);
    let mut holder = world.daypass("other", &["token"]).spawn().unwrap();
    wait_until("the issuer is asked", || world.sandbox.token_requests() == 2);
    let names = world.cached();
    assert!(names.iter().any(|name| name.ends_with(".lock")), "{names:?}");
    assert!(names.iter().any(|name| name.ends_with(".tmp")), "{names:?}");
    let as_nobody = |program: &str, path: &Path| {
        Command::new(program).arg(path).uid(NOBODY).gid(NOBODY).output().unwrap()
    };
    assert!(as_nobody("cat", Path::new("/etc/passwd")).status.success(), "it can read at all");
    assert_eq!(fs::metadata(world.cache()).unwrap().mode() & 0o7777, 0o700);
    assert!(!as_nobody("ls", &world.cache()).status.success());
    for name in names {
        let path = world.cache().join(name);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600, "{}", path.display());
        // Not only the folder keeps others out.
        mode(&world.cache(), 0o755);
        let read = as_nobody("cat", &path);
        mode(&world.cache(), 0o700);
        assert!(!read.status.success() && read.stdout.is_empty(), "{}", path.display());
    }
    holder.kill().unwrap();
    holder.wait().unwrap();
}

/// Makes a folder that must not be used, and returns where it is.
type Plant = fn(&World) -> PathBuf;

const UNSAFE_FOLDERS: &[(&str, Plant)] = &[
    ("somebody else's", |world| {
        let path = made(world, "theirs/daypass");
        give_away(&path);
        path
    }),
    ("open to others", |world| {
        let path = made(world, "open/daypass");
        mode(&path, 0o750);
        path
    }),
    ("a symbolic link", |world| {
        made(world, "target");
        let path = made(world, "linked").join("daypass");
        symlink(world.path("target"), &path).unwrap();
        path
    }),
    ("a symbolic link, named with a slash behind", |world| {
        made(world, "target");
        let path = made(world, "slashed").join("daypass");
        symlink(world.path("target"), &path).unwrap();
        path.join("")
    }),
    ("in a folder that others may write", |world| {
        let path = made(world, "writable/daypass");
        mode(&world.path("writable"), 0o777);
        path
    }),
    ("to be made in a folder that others may write", |world| {
        mode(&made(world, "writable too"), 0o777);
        world.path("writable too/daypass")
    }),
    ("in a folder of somebody else", |world| {
        let path = made(world, "parent/daypass");
        give_away(&world.path("parent"));
        path
    }),
    ("behind a link to a folder of somebody else", |world| {
        made(world, "elsewhere/daypass");
        give_away(&world.path("elsewhere"));
        symlink(world.path("elsewhere"), world.path("alias")).unwrap();
        world.path("alias/daypass")
    }),
    ("a file", |world| {
        let path = made(world, "folder").join("daypass");
        fs::write(&path, "").unwrap();
        path
    }),
];

fn made(world: &World, name: &str) -> PathBuf {
    let path = world.path(name);
    shell("mkdir -p -m 700 \"$1\"", &[&path]);
    mode(&path, 0o700);
    path
}

#[test]
fn an_unsafe_folder_is_refused_when_it_was_named_and_passed_by_when_it_is_the_default() {
    for (what, plant) in UNSAFE_FOLDERS {
        let world = world();
        let folder = plant(&world);
        let output =
            world.daypass("ci", &["token"]).env("DAYPASS_CACHE_DIR", &folder).output().unwrap();
        assert_eq!(output.status.code(), Some(5), "{what}: {}", said(&output));
        let code = if *what == "a file" { "store.failed" } else { "store.unsafe" };
        refused(&output, 5, code);
        assert_eq!(world.sandbox.token_requests(), 0, "{what}");

        // The default folder is called daypass, in the folder that XDG_CACHE_HOME names.
        let output = world
            .daypass("ci", &["token"])
            .env_remove("DAYPASS_CACHE_DIR")
            .env("XDG_CACHE_HOME", folder.parent().unwrap())
            .output()
            .unwrap();
        assert!(world.live(&token_of(&output)).is_some());
        let said = said(&output);
        assert_eq!(said.lines().count(), 1, "{what}: {said}");
        assert!(said.starts_with("daypass: warning: tokens are kept in memory only"), "{said}");
        if folder.is_dir() && *what != "to be made in a folder that others may write" {
            assert_eq!(names(&folder), [""; 0], "{what}: written all the same");
        }
    }
}

/// Puts something in the record's place; what is there is the record of a valid token.
const PLANTED_RECORDS: &[(&str, &str)] = &[
    ("a FIFO", "rm \"$1\"; mkfifo -m 600 \"$1\""),
    ("a symbolic link to itself moved away", "mv \"$1\" \"$2\"; ln -s \"$2\" \"$1\""),
    ("a symbolic link to nothing", "rm \"$1\"; ln -s /nonexistent \"$1\""),
    ("a second link", "ln \"$1\" \"$2\""),
    ("a device", "rm \"$1\"; mknod -m 600 \"$1\" c 1 5"),
    ("somebody else's", "chown 65534 \"$1\""),
    ("open to others", "chmod 604 \"$1\""),
    ("cut off", "head -c 100 \"$1\" > \"$2\"; cat \"$2\" > \"$1\""),
    ("empty", ": > \"$1\""),
    ("longer", "printf x >> \"$1\""),
    ("garbage", "head -c 300 /dev/urandom > \"$1\""),
    ("over the limit", "head -c 70000 /dev/zero > \"$1\""),
    ("sparse and huge", "truncate -s 1T \"$1\""),
    ("changed in one byte", "printf x | dd of=\"$1\" bs=1 seek=200 conv=notrunc status=none"),
    ("of another version", "printf '\\002' | dd of=\"$1\" bs=1 seek=8 conv=notrunc status=none"),
];

#[test]
fn a_planted_record_is_a_miss_that_the_next_token_mends() {
    for (what, plant) in PLANTED_RECORDS {
        let world = world();
        let first = world.token("ci");
        let (record, aside) = (world.record(), world.path("aside"));
        shell(plant, &[&record, &aside]);
        let before = fs::read(&aside).unwrap_or_default();
        let output = world.run("ci", &["token"]);
        let token = token_of(&output);
        assert_ne!(token, first, "{what}: it was used");
        assert!(world.live(&token).is_some(), "{what}");
        assert!(said(&output).contains("daypass: warning: "), "{what}: {}", said(&output));
        assert!(!said(&output).contains("panicked"), "{what}: {}", said(&output));
        if before.len() > 200 {
            assert_eq!(fs::read(&aside).unwrap(), before, "{what}: it was followed");
        }
        let again = world.run("ci", &["token"]);
        assert_eq!((token_of(&again), said(&again)), (token, String::new()), "{what}");
        let metadata = fs::symlink_metadata(&record).unwrap();
        assert!(metadata.is_file() && metadata.mode() & 0o7777 == 0o600 && metadata.nlink() == 1);
        assert_eq!(world.sandbox.token_requests(), 2, "{what}");
    }
}

#[test]
fn a_folder_in_the_place_of_a_record_costs_a_warning_and_a_request() {
    let world = world();
    world.token("ci");
    let record = world.record();
    fs::remove_file(&record).unwrap();
    fs::create_dir(&record).unwrap();
    for asked in 2..4 {
        let output = world.run("ci", &["token"]);
        assert!(world.live(&token_of(&output)).is_some());
        assert!(said(&output).contains("daypass: warning: "), "{}", said(&output));
        assert_eq!(world.sandbox.token_requests(), asked);
    }
}

#[test]
fn another_clients_record_is_never_opened() {
    let world = world();
    world.token("ci");
    let theirs = world.record();
    let sealed = fs::read(&theirs).unwrap();
    fs::remove_file(&theirs).unwrap();
    let own = world.token("other");
    let record = world.record();
    fs::write(&record, sealed).unwrap();
    let token = world.token("other");
    let life = world.live(&token).unwrap();
    assert_eq!((life.client.as_str(), life.number), ("other", 3), "not {own}");
}

#[test]
fn an_older_record_brings_back_at_most_an_older_token_that_is_valid() {
    let lifetime = Duration::from_secs(3);
    let world = World::new(&["ci"], lifetime);
    let first = world.token("ci");
    let record = world.record();
    let old = fs::read(&record).unwrap();
    let second = token_of(&world.run("ci", &["token", "--fresh"]));
    fs::write(&record, &old).unwrap();
    let replayed = world.token("ci");
    assert!(world.live(&replayed).is_some());
    assert!([&first, &second].contains(&&replayed) || world.sandbox.tokens_issued() == 3);
    wait_until("the first has ended", || world.live(&first).is_none());
    fs::write(&record, &old).unwrap();
    let fresh = world.token("ci");
    assert!(world.live(&fresh).is_some());
    assert_ne!(fresh, first);
}

/// A lock file that somebody holds and never lets go, last written at a time.
fn held_for_ever(world: &World, written: SystemTime) -> File {
    world.token("ci");
    let record = world.record();
    let lock = File::create(record.with_extension("1.lock")).unwrap();
    mode(&record.with_extension("1.lock"), 0o600);
    lock.lock().unwrap();
    lock.set_modified(written).unwrap();
    fs::remove_file(record).unwrap();
    lock
}

#[test]
fn a_lock_that_is_held_for_ever_delays_at_most_a_lease() {
    let now = SystemTime::now();
    let long = Duration::from_secs(if soak() { 0 } else { 28 });
    for written in [now - long, now - HOUR, now + HOUR] {
        let world = world();
        let _lock = held_for_ever(&world, written);
        let token = token_of(&world.run("ci", &["token", "--timeout", "60s"]));
        assert_eq!(world.live(&token).unwrap().number, 2);
        assert_eq!(world.token("ci"), token);
    }
}

#[test]
fn a_cached_token_needs_no_lock_that_somebody_could_hold() {
    let world = world();
    let token = world.token("ci");
    let cache = world.cache();
    let held: Vec<_> = world
        .cached()
        .into_iter()
        .chain((1..9).map(|fence| {
            format!("{}.{fence}.lock", world.record().file_name().unwrap().to_str().unwrap())
        }))
        .map(|name| {
            let path = cache.join(name);
            let file = File::options().append(true).create(true).open(&path).unwrap();
            mode(&path, 0o600);
            file.lock().unwrap();
            file
        })
        .collect();
    assert!(held.len() > 8);
    assert_eq!(world.token("ci"), token);
    assert_eq!(world.sandbox.token_requests(), 1);
}

/// A small file system, for as long as this value lives.
struct Mount(PathBuf);

impl Mount {
    fn small(path: PathBuf, options: &str) -> Self {
        fs::create_dir(&path).unwrap();
        shell(&format!("mount -t tmpfs -o mode=700,{options} daypass-test \"$1\""), &[&path]);
        Self(path)
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        shell("umount --lazy \"$1\"", &[&self.0]);
    }
}

#[test]
fn a_full_disk_costs_one_warning_and_no_token() {
    for (what, options, fill) in [
        ("no space", "size=16k", "head -c 16384 /dev/zero > \"$1/filling\""),
        ("little space", "size=16k", "head -c 12288 /dev/zero > \"$1/filling\""),
        ("no inode", "size=1m,nr_inodes=2", ": > \"$1/filling\""),
        ("one inode", "size=1m,nr_inodes=3", ": > \"$1/filling\""),
        ("read only", "size=1m", "mount -o remount,ro \"$1\""),
    ] {
        let world = world();
        let _mount = Mount::small(world.cache(), options);
        shell(fill, &[&world.cache()]);
        for asked in 1..3 {
            let output = world.run("ci", &["token"]);
            assert!(world.live(&token_of(&output)).is_some(), "{what}");
            assert_eq!(world.sandbox.token_requests(), asked, "{what}");
            let said = said(&output);
            assert_eq!(said.lines().count(), 1, "{what}: {said}");
            assert!(said.starts_with("daypass: warning: "), "{what}: {said}");
        }
        let left = world.cached();
        assert!(left.iter().all(|name| !name.ends_with(".tmp")), "{what}: {left:?}");
    }
}

#[test]
fn a_token_in_a_full_folder_is_still_a_hit() {
    let world = world();
    let _mount = Mount::small(world.cache(), "size=64k");
    let token = world.token("ci");
    shell("head -c 65536 /dev/zero > \"$1/filling\" 2>&1; true", &[&world.cache()]);
    let output = world.run("ci", &["token"]);
    assert_eq!((token_of(&output), said(&output)), (token, String::new()));
}

#[test]
fn a_limit_on_the_size_of_files_costs_a_warning_and_no_token() {
    let limited = |world: &World, script: &str| {
        let mut command = Command::new("sh");
        world.dress(&mut command, "ci").args(["-c", &format!("ulimit -f 0; exec {script}")]);
        command.arg(BINARY).output().unwrap()
    };
    let cold = world();
    for asked in 1..3 {
        let output = limited(&cold, "\"$0\" token");
        assert!(cold.live(&token_of(&output)).is_some());
        assert_eq!(cold.sandbox.token_requests(), asked);
        assert_eq!(said(&output).lines().count(), 1, "{}", said(&output));
    }
    let output = limited(&cold, "\"$0\" token --out file");
    assert_eq!(output.status.code(), Some(5), "{}", said(&output));
    assert!(said(&output).contains("file cannot be written: file too large"), "{}", said(&output));
    // The command starts without what was held back, and with the usual meaning of the signal.
    let script = "\"$0\" exec -- grep -E '^(SigPnd|ShdPnd|SigBlk|SigIgn)' /proc/self/status";
    let output = limited(&cold, script);
    let state = String::from_utf8(output.stdout).unwrap();
    let signals = |name: &str| {
        let line = state.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"));
        u64::from_str_radix(line.unwrap(), 16).unwrap()
    };
    let file_size = 1 << (Signal::XFSZ.as_raw() - 1);
    assert_eq!(["SigPnd", "ShdPnd", "SigBlk"].map(signals), [0; 3], "{state}");
    assert_eq!(signals("SigIgn") & file_size, 0, "{state}");

    let warm = world();
    let token = warm.token("ci");
    let output = limited(&warm, "\"$0\" token");
    assert_eq!((token_of(&output), said(&output)), (token, String::new()));
    assert_eq!(warm.sandbox.token_requests(), 1);
}

#[test]
fn too_few_descriptors_are_an_error_that_says_so_and_never_a_panic() {
    let (mut refused, mut served) = (0, 0);
    for limit in 3..24 {
        for warm in [false, true] {
            let world = world();
            if warm {
                world.token("ci");
            }
            let mut command = Command::new("sh");
            world.dress(&mut command, "ci").arg("-c").arg("ulimit -n $1; exec \"$2\" token");
            let output = command.args(["sh", &limit.to_string(), BINARY]).output().unwrap();
            let said = said(&output);
            assert!(!said.contains("panicked"), "{limit}: {said}");
            if output.status.success() {
                assert!(world.live(&token_of(&output)).is_some());
                served += 1;
            } else {
                assert!(output.stdout.is_empty());
                assert!(said.contains("error[") && said.contains("hint: "), "{limit}: {said}");
                let code = output.status.code();
                assert!([Some(2), Some(4), Some(5), Some(70)].contains(&code), "{limit}: {said}");
                refused += 1;
            }
        }
    }
    assert!(refused > 0 && served > 20, "{refused} refused, {served} served");
}

/// Every program that might be called by name writes its name into this file.
fn poisoned_path(world: &World, folder: &Path) -> PathBuf {
    let called = world.path("called");
    fs::create_dir_all(folder).unwrap();
    for name in ["sh", "git", "id", "env", "getent", "uname", "hostname", "secret-tool", "daypass"]
    {
        let script = format!("#!/bin/dash\necho {name} >> {}\n", called.display());
        shell(
            "printf %s \"$2\" > \"$1\"; chmod 755 \"$1\"",
            &[&folder.join(name), script.as_ref()],
        );
    }
    called
}

#[test]
fn no_program_is_run_that_nobody_named() {
    let world = world();
    let called = poisoned_path(&world, &world.path("work"));
    let control =
        world.daypass("ci", &["exec", "--", "git"]).env("PATH", world.path("work")).status();
    assert!(control.unwrap().success());
    assert_eq!(fs::read_to_string(&called).unwrap(), "git\n");
    fs::remove_file(&called).unwrap();
    for path in [world.path("work").to_str().unwrap(), ".", "", ":"] {
        for args in [&["token"][..], &["token", "--fresh"], &["status"], &["forget"], &["revoke"]] {
            let output = world.daypass("ci", args).env("PATH", path).output().unwrap();
            assert!(output.status.success(), "{}", said(&output));
        }
    }
    assert!(!called.exists(), "{:?}", fs::read_to_string(&called));
}

/// A configuration that would send the secret to somebody else.
fn evil_config(thief: &World) -> String {
    format!(
        "default = \"x\"\n[profile.x]\ntoken_url = \"{}\"\nclient_id = \"ci\"\n\
         client_secret = {{ env = \"OAUTH2_CLIENT_SECRET\" }}\n",
        thief.token_url()
    )
}

#[test]
fn a_home_that_is_no_absolute_path_is_no_home() {
    let (world, thief) = (world(), world());
    for home in ["", ".", "planted", "./planted/../planted"] {
        let config = world.path("work").join(home).join(".config/daypass");
        fs::create_dir_all(&config).unwrap();
        fs::write(config.join("daypass.toml"), evil_config(&thief)).unwrap();
        let cache = world.path("work").join(home).join(".cache");
        for variable in ["HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"] {
            let mut command = world.daypass("ci", &["token"]);
            command.env_remove("HOME").env_remove("DAYPASS_CACHE_DIR").env(variable, home);
            let output = command.output().unwrap();
            assert!(world.live(&token_of(&output)).is_some(), "{variable}={home}");
            assert!(said(&output).contains("memory only"), "{}", said(&output));
        }
        assert!(!cache.exists() && !world.path("work").join("daypass").exists());
    }
    assert_eq!(thief.sandbox.token_requests(), 0);
}

#[test]
fn a_found_file_that_is_not_safely_ours_is_refused_before_anybody_is_asked() {
    let (world, thief) = (world(), world());
    let work = world.path("work");
    let found = work.join("daypass.toml");
    let harmless = "[profile.x]\nprovider = \"genesys-cloud\"\nregion = \"eu-west-1\"\n";
    let put = |text: &str| {
        let _ = fs::remove_file(&found);
        fs::write(&found, text).unwrap();
        mode(&found, 0o600);
    };
    let fails = |what: &str, error: &str| {
        for args in [&["token"][..], &["exec", "--", "true"], &["status"], &["revoke"]] {
            let output = world.run("ci", args);
            let code = if args[0] == "exec" { 125 } else { 2 };
            assert_eq!(output.status.code(), Some(code), "{what} {args:?}: {}", said(&output));
            assert!(said(&output).contains(&format!("[{error}]")), "{what}: {}", said(&output));
        }
    };
    put(harmless);
    token_of(&world.run("ci", &["token", "oauth2"]));
    for (what, how) in [
        ("somebody else's", "chown 65534 \"$1\""),
        ("others may write it", "chmod 606 \"$1\""),
        ("the group may write it", "chmod 660 \"$1\""),
        ("a link", "mv \"$1\" \"$1.real\"; ln -s daypass.toml.real \"$1\""),
        ("a FIFO", "rm \"$1\"; mkfifo \"$1\""),
        ("a device", "rm \"$1\"; mknod \"$1\" c 1 5"),
        ("too long", "head -c 70000 /dev/zero | tr '\\0' '#' >> \"$1\""),
    ] {
        put(harmless);
        shell(how, &[&found]);
        fails(what, "config.unsafe_file");
    }
    put(&evil_config(&thief));
    fails("it names a token endpoint", "config.untrusted");
    let said = said(&world.run("ci", &["token"]));
    assert!(said.contains("--config") && said.contains("daypass trust"), "{said}");
    fs::remove_file(&found).unwrap();

    // A folder above is not looked at.
    fs::write(world.path("daypass.toml"), evil_config(&thief)).unwrap();
    token_of(&world.run("ci", &["token"]));
    assert_eq!(thief.sandbox.token_requests(), 0);
}

#[test]
fn a_link_in_the_place_of_out_is_refused_and_not_followed() {
    let world = world();
    let (victim, out) = (world.path("victim"), world.path("work").join("out"));
    fs::write(&victim, "mine").unwrap();
    symlink(&victim, &out).unwrap();
    refused(&world.run("ci", &["token", "--out", "out"]), 2, "usage");
    assert_eq!(fs::read_to_string(&victim).unwrap(), "mine");
    assert!(fs::symlink_metadata(&out).unwrap().is_symlink());
    fs::remove_file(&out).unwrap();
    assert!(world.run("ci", &["token", "--out", "out"]).status.success());
    assert_eq!(fs::metadata(&out).unwrap().mode() & 0o7777, 0o600);
    assert_eq!(fs::read_to_string(out).unwrap(), format!("{}\n", world.token("ci")));
}

#[test]
fn a_home_that_is_closed_to_this_user_says_as_little_as_none() {
    let world = world();
    let program = world.public_program();
    let home = made(&world, "closed");
    let mut command = Command::new(program);
    world.dress(&mut command, "ci").arg("token").uid(NOBODY).gid(NOBODY).current_dir("/");
    command.env_remove("DAYPASS_CACHE_DIR").env_remove("XDG_CACHE_HOME").env("HOME", &home);
    let output = command.env_remove("XDG_CONFIG_HOME").output().unwrap();
    assert!(world.live(&token_of(&output)).is_some());
    let said = said(&output);
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.starts_with("daypass: warning: tokens are kept in memory only"), "{said}");
}
