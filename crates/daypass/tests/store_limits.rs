//! A process that may write nothing or open nothing more: the store says so, and goes on after.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use daypass::{FileStore, Record, StoreError, SystemClock, TokenStore};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::store_torture::{key, sealer};

const FOLDER: &str = "DAYPASS_TEST_LIMITED_FOLDER";
const LEASE: Duration = Duration::from_secs(60);

fn open(folder: PathBuf) -> FileStore {
    FileStore::open(folder, Arc::new(SystemClock), sealer()).unwrap()
}

/// The limited process itself, started by the test below.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "how a test passes something to its own child")]
async fn as_a_limited_child() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let store = open(folder.into());
    assert!(store.load(&key()).await.unwrap().is_some(), "reading needs no space");
    let error = store.claim(&key(), LEASE).await.err().unwrap();
    assert!(error.to_string().contains("File too large"), "{error}");

    let before = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(3), ..before }).unwrap();
    let load = store.load(&key()).await;
    let claim = store.claim(&key(), LEASE).await;
    setrlimit(Resource::Nofile, before).unwrap();
    for error in [load.unwrap_err(), claim.err().unwrap()] {
        assert!(error.to_string().contains("Too many open files"), "{error}");
    }
    assert!(store.load(&key()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_full_disk_and_used_up_descriptors_are_errors_that_pass() {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("store");
    let store = open(folder.clone());
    let write = async || {
        let lease = store.claim(&key(), LEASE).await.unwrap().unwrap();
        lease.finish(Some(Record::default())).await
    };
    write().await.unwrap();
    let child = Command::new("sh")
        // What the signal does is the program's to say, as the command does: a library leaves it be.
        .args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "store_limits::as_a_limited_child", "--nocapture"])
        .env(FOLDER, &folder)
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    assert_eq!(write().await, Ok::<(), StoreError>(()), "a lock is stuck");
}
