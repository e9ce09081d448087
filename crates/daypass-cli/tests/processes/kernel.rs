//! What the kernel knows about a process: its locks, its state, its files.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// The processes that wait for a lock on this file, and those that hold one.
pub(crate) struct Flocks {
    pub(crate) holders: Vec<u32>,
    pub(crate) waiting: usize,
}

/// Reads the locks on a file; one that is gone has none.
pub(crate) fn flocks(file: &Path) -> Flocks {
    let mut found = Flocks { holders: Vec::new(), waiting: 0 };
    let Ok(metadata) = fs::metadata(file) else { return found };
    let inode = format!(":{}", metadata.ino());
    for line in fs::read_to_string("/proc/locks").unwrap().lines() {
        let mut words: Vec<_> = line.split_whitespace().collect();
        let waits = words.get(1) == Some(&"->");
        if waits {
            words.remove(1);
        }
        match words[..] {
            [_, "FLOCK", _, _, pid, place, ..] if place.ends_with(&inode) => {
                if waits {
                    found.waiting += 1;
                } else {
                    found.holders.push(pid.parse().unwrap());
                }
            }
            _ => {}
        }
    }
    found
}

/// Waits for something that must come; a minute is for slow machines.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..30_000 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    panic!("after a minute still not: {what}");
}

pub(crate) fn signal(pid: u32, signal: Signal) {
    // One that has ended and was not waited for yet still takes it.
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal).unwrap();
}
