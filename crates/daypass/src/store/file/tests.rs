//! What only a folder can get wrong.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::time::SystemTime;

use super::*;
use crate::Timestamp;
use crate::store::conformance::{self, Place, assert_same, full_record, key, record_with_token};
use crate::store::{Refusal, Tally};
use crate::testing::TestClock;

const LEASE: Duration = Duration::from_secs(10);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

fn sealer() -> Sealer {
    Sealer::derive(None, b"secret").unwrap()
}

fn place() -> Place {
    let world = World::new();
    let (store, clock) = (world.open(), world.clock.clone());
    Place::new(Arc::new(store), clock).keeping(world)
}

conformance::suite!(place);

/// A folder within a folder, and a clock that starts at the time of the file system.
struct World {
    outer: tempfile::TempDir,
    clock: Arc<TestClock>,
}

impl World {
    fn new() -> Self {
        let outer = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock::new());
        let made = fs::metadata(outer.path()).unwrap().modified().unwrap();
        let made = made.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
        clock.advance_wall(i64::try_from(made).unwrap() - clock.now().as_millis());
        Self { outer, clock }
    }

    fn folder(&self) -> PathBuf {
        self.outer.path().join("daypass")
    }

    fn file(&self, name: &Name) -> PathBuf {
        self.folder().join(name.to_string())
    }

    fn try_open(&self) -> Result<FileStore, StoreError> {
        FileStore::open(self.folder(), self.clock.clone(), sealer())
    }

    fn open(&self) -> FileStore {
        self.try_open().unwrap()
    }

    fn token(&self, text: &str) -> Record {
        record_with_token(text, self.clock.now(), HOUR)
    }

    fn files(&self) -> Vec<String> {
        let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
        let names = fs::read_dir(self.folder()).unwrap().map(name);
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn put(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.folder().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// Makes a lock file that this process holds, in another name.
    fn hold(&self, name: &Name, content: &[u8], at: Timestamp) -> File {
        let file = File::open(self.put(&name.to_string(), content)).unwrap();
        file.try_lock().unwrap();
        file.set_modified(time(at)).unwrap();
        file
    }

    fn pass(&self, time: Duration) {
        self.clock.advance_wall(i64::try_from(time.as_millis()).unwrap());
    }
}

fn time(at: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(at.as_millis()).unwrap())
}

async fn claim(store: &FileStore, n: u64) -> Option<Box<dyn Lease>> {
    store.claim(&key(n), LEASE).await.unwrap()
}

async fn write(store: &FileStore, n: u64, record: Record) {
    claim(store, n).await.unwrap().finish(Some(record)).await.unwrap();
}

fn unsafe_text(result: Result<FileStore, StoreError>) -> String {
    match result.unwrap_err() {
        StoreError::Unsafe(text) => text,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn everything_is_closed_to_others_and_nothing_is_left_over() {
    let world = World::new();
    let store = world.open();
    let lease = claim(&store, 1).await.unwrap();
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(world.folder()), 0o700);
    assert_eq!(world.files().len(), 2, "a lock and what its holder writes");
    for name in world.files() {
        assert_eq!(mode(world.folder().join(name)), 0o600);
    }
    lease.finish(Some(world.token("t"))).await.unwrap();
    drop(claim(&store, 1).await.unwrap());
    claim(&store, 2).await.unwrap().finish(None).await.unwrap();
    let mut expected = [Name::Record(key(1)), Name::Tally(key(1))].map(Name::to_string).to_vec();
    expected.push(names::SWEPT.to_owned());
    assert_eq!(world.files(), expected);
    for name in world.files() {
        assert_eq!(mode(world.folder().join(name)), 0o600);
    }
}

#[test]
fn peeking_needs_no_runtime() {
    let world = World::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let record = full_record(world.clock.now());
    runtime.block_on(write(&world.open(), 1, record.clone()));
    let Peek::Known(Some(peeked)) = world.open().peek(&key(1)) else { panic!("no record") };
    assert_same(&peeked, &record);
    assert!(matches!(world.open().peek(&key(2)), Peek::Known(None)));
}

#[tokio::test(start_paused = true)]
async fn another_credential_sees_no_record_and_can_write_its_own() {
    let world = World::new();
    write(&world.open(), 1, world.token("theirs")).await;
    let other = Sealer::derive(Some(b"cache key"), b"secret").unwrap();
    let other = FileStore::open(world.folder(), world.clock.clone(), other).unwrap();
    assert!(other.load(&key(1)).await.unwrap().is_none());
    write(&other, 1, world.token("mine")).await;
    assert!(world.open().load(&key(1)).await.unwrap().is_none());
    assert!(other.load(&key(1)).await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_changed_or_cut_off_on_disk_is_none_and_is_replaced() {
    let world = World::new();
    let store = world.open();
    write(&store, 1, world.token("t")).await;
    let path = world.file(&Name::Record(key(1)));
    let good = fs::read(&path).unwrap();
    let mut flipped = good.clone();
    flipped[40] ^= 1;
    for bad in [&flipped[..], &good[..good.len() - 1], b"", b"garbage", &vec![0; MAX_RECORD + 1]] {
        fs::write(&path, bad).unwrap();
        assert!(store.load(&key(1)).await.unwrap().is_none());
        assert!(matches!(store.peek(&key(1)), Peek::Known(None)));
        let lease = claim(&store, 1).await.unwrap();
        assert!(lease.record().is_none());
        lease.finish(Some(world.token("again"))).await.unwrap();
        assert!(store.load(&key(1)).await.unwrap().is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_others_could_change_is_no_record() {
    let world = World::new();
    let store = world.open();
    let path = world.file(&Name::Record(key(1)));
    let elsewhere = world.outer.path().join("elsewhere");
    type Make = fn(&PathBuf, &PathBuf);
    let make: [(&str, Make); 4] = [
        ("readable by others", |path, _| {
            fs::set_permissions(path, Permissions::from_mode(0o604)).unwrap();
        }),
        ("a symbolic link", |path, elsewhere| {
            fs::rename(path, elsewhere).unwrap();
            symlink(elsewhere, path).unwrap();
        }),
        ("with a second link", |path, elsewhere| fs::hard_link(path, elsewhere).unwrap()),
        ("a pipe", |path, _| {
            fs::remove_file(path).unwrap();
            let (kind, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR);
            rustix::fs::mknodat(rustix::fs::CWD, path, kind, mode, 0).unwrap();
        }),
    ];
    for (what, make) in make {
        write(&store, 1, world.token("t")).await;
        assert!(store.load(&key(1)).await.unwrap().is_some());
        make(&path, &elsewhere);
        assert!(store.load(&key(1)).await.unwrap().is_none(), "{what}");
        write(&store, 1, world.token("t")).await;
        assert!(store.load(&key(1)).await.unwrap().is_some(), "{what} is not replaced");
        let _ = fs::remove_file(&elsewhere);
    }
}

#[tokio::test(start_paused = true)]
async fn what_stands_in_the_way_is_an_error_and_frees_the_lock() {
    let world = World::new();
    let store = world.open();
    fs::create_dir(world.file(&Name::Record(key(1)))).unwrap();
    assert!(store.load(&key(1)).await.unwrap().is_none());
    let lease = claim(&store, 1).await.unwrap();
    let error = lease.finish(Some(world.token("t"))).await.unwrap_err();
    assert!(matches!(error, StoreError::Failed(_)), "{error:?}");
    assert!(claim(&store, 1).await.is_some());
    fs::create_dir(world.file(&Name::Lock(key(2), 1))).unwrap();
    let error = store.claim(&key(2), LEASE).await.err().unwrap();
    assert!(error.to_string().contains("the cache folder /"), "{error}");
    let mut record = world.token("t");
    let (error, now) = ("x".repeat(MAX_RECORD), world.clock.now());
    let refusal = Refusal { error, description: None, status: 400, at: now, until: now };
    record.refusal = Some(refusal);
    let lease = claim(&store, 3).await.unwrap();
    assert_eq!(lease.finish(Some(record)).await, Err(StoreError::TooLarge));
    assert!(claim(&store, 3).await.is_some());
}

#[test]
fn below_a_folder_that_others_could_replace_nothing_is_made() {
    let world = World::new();
    let home = world.outer.path().join("home");
    fs::create_dir(&home).unwrap();
    fs::set_permissions(&home, Permissions::from_mode(0o777)).unwrap();
    let elsewhere = world.outer.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, home.join("link")).unwrap();
    for below in ["daypass", ".cache/daypass", "link/daypass"] {
        let opened = FileStore::open(home.join(below), world.clock.clone(), sealer());
        let text = unsafe_text(opened);
        assert!(text.contains(&format!("chmod go-w {}", home.display())), "{text}");
    }
    assert_eq!(fs::read_dir(&home).unwrap().count(), 1);
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
}

#[test]
fn an_unsafe_folder_is_refused_with_what_to_do() {
    let world = World::new();
    let folder = world.folder();
    let mode = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    world.open();

    mode(&folder, 0o750);
    let text = unsafe_text(world.try_open());
    assert!(text.contains(&format!("mode 750): chmod 700 {}", folder.display())), "{text}");
    mode(&folder, 0o700);
    world.open();

    let outer = world.outer.path();
    mode(outer, 0o770);
    let text = unsafe_text(world.try_open());
    assert!(text.contains(&format!("chmod go-w {}, or name another", outer.display())), "{text}");
    mode(outer, 0o1777);
    world.open();

    let link = outer.join("link");
    symlink(&folder, &link).unwrap();
    for path in [link.clone(), link.join("")] {
        let text = unsafe_text(FileStore::open(path, world.clock.clone(), sealer()));
        assert!(text.contains("is a symbolic link"), "{text}");
    }
    let below = link.join("below");
    FileStore::open(&below, world.clock.clone(), sealer()).unwrap();
    mode(&folder, 0o777);
    let text = unsafe_text(FileStore::open(&below, world.clock.clone(), sealer()));
    assert!(text.contains(&format!("chmod go-w {}", folder.display())), "{text}");

    let file = outer.join("file");
    fs::write(&file, "").unwrap();
    for path in [file.clone(), file.join("below")] {
        let error = FileStore::open(path, world.clock.clone(), sealer()).unwrap_err();
        assert!(error.to_string().contains("it is not a folder"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_removed_folder_is_made_again() {
    let world = World::new();
    let store = world.open();
    let late = claim(&store, 1).await.unwrap();
    fs::remove_dir_all(world.folder()).unwrap();
    assert!(store.load(&key(1)).await.unwrap().is_none());
    assert!(matches!(store.peek(&key(1)), Peek::Known(None)));
    store.count(&key(1), Source::Store);
    store.changed(&key(1), Fence(0)).await;
    assert_eq!(late.finish(Some(world.token("t"))).await, Err(StoreError::Lost));
    write(&store, 1, world.token("t")).await;
    assert!(store.load(&key(1)).await.unwrap().is_some());

    fs::remove_dir_all(world.folder()).unwrap();
    fs::write(world.folder(), "").unwrap();
    let error = store.claim(&key(1), LEASE).await.err().unwrap();
    assert!(error.to_string().contains("it is not a folder"), "{error}");
    store.changed(&key(1), Fence(0)).await;
}

#[tokio::test(start_paused = true)]
async fn the_lock_of_a_dead_holder_is_free_at_once() {
    let world = World::new();
    let store = world.open();
    let (lock, temp) = (Name::Lock(key(1), 1), Name::Temp(key(1), 7));
    let ends = world.clock.ticks().saturating_add(LEASE).as_nanos();
    let told = [*b"lease\0\0\x01", ends.to_be_bytes(), 10_000_000_000_u64.to_be_bytes()];
    world.put(&lock.to_string(), &[told.as_flattened(), &7u64.to_be_bytes()].concat());
    world.put(&temp.to_string(), b"half a reco");
    tokio::time::timeout(Duration::ZERO, store.changed(&key(1), Fence(0))).await.unwrap();
    let lease = claim(&store, 1).await.unwrap();
    assert!(!world.file(&temp).exists(), "the dead holder's file is still there");
    lease.finish(Some(world.token("t"))).await.unwrap();
    assert_eq!(store.load(&key(1)).await.unwrap().unwrap().fence, Fence(1));
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_says_nothing_sensible_is_left_alone_for_a_while() {
    let world = World::new();
    let store = world.open();
    let now = world.clock.now();
    let told = |ends: u64, length: u64| {
        [*b"lease\0\0\x01", ends.to_be_bytes(), length.to_be_bytes(), [7; 8]].concat()
    };
    let minute = 60_000_000_000_u64;
    for (content, lasts) in [
        (vec![], Duration::from_secs(30)),
        (b"garbage that is as long as a real lease".to_vec(), Duration::from_secs(30)),
        (told(u64::MAX, minute), Duration::from_secs(60)),
        (told(u64::MAX, u64::MAX), Duration::from_secs(60)),
        (told(0, minute), Duration::ZERO),
    ] {
        let second = Duration::from_secs(1);
        let holder = world.hold(&Name::Lock(key(1), 1), &content, now);
        if !lasts.is_zero() {
            holder.set_modified(time(now.saturating_sub(lasts - second))).unwrap();
            assert!(claim(&store, 1).await.is_none(), "{content:?}");
            holder.set_modified(time(now.saturating_sub(lasts))).unwrap();
        }
        assert!(claim(&store, 1).await.is_some(), "{content:?}");
        if lasts < HOUR && !lasts.is_zero() {
            holder.set_modified(time(now.saturating_add(HOUR))).unwrap();
            assert!(claim(&store, 1).await.is_some(), "the file is from the future");
        }
        let _ = fs::remove_file(world.file(&Name::Lock(key(1), 1)));
    }
}

#[tokio::test(start_paused = true)]
async fn many_holders_may_hang_one_after_the_other() {
    let world = World::new();
    let store = world.open();
    let mut hung = Vec::new();
    for _ in 0..10 {
        hung.push(claim(&store, 1).await.unwrap());
        assert!(claim(&store, 1).await.is_none());
        let temporary = world.files().iter().filter(|name| name.ends_with("tmp")).count();
        assert_eq!(temporary, 1, "who was passed over can still write");
        tokio::time::advance(LEASE).await;
    }
    let last = claim(&store, 1).await.unwrap();
    // Those that wake in the middle must not open the way to a lower lock.
    for lease in hung.drain(3..7) {
        assert_eq!(lease.finish(Some(world.token("late"))).await, Err(StoreError::Lost));
        assert!(claim(&store, 1).await.is_none());
    }
    let key = key(1);
    let waiter = store.changed(&key, Fence(0));
    assert!(tokio::time::timeout(LEASE / 2, waiter).await.is_err());
    last.finish(Some(world.token("t"))).await.unwrap();
    assert_eq!(store.load(&key).await.unwrap().unwrap().fence, Fence(11));
    drop(hung);
    assert!(!world.files().iter().any(|name| name.ends_with("lock") || name.ends_with("tmp")));
}

#[tokio::test(start_paused = true)]
async fn when_too_many_hang_the_store_says_so() {
    let world = World::new();
    let store = world.open();
    let mut hung = Vec::new();
    let error = loop {
        match store.claim(&key(1), LEASE).await {
            Ok(lease) => hung.push(lease.unwrap()),
            Err(error) => break error,
        }
        tokio::time::advance(LEASE).await;
    };
    assert_eq!(hung.len(), 64);
    assert!(error.to_string().contains("64 processes hang"), "{error}");
    store.changed(&key(1), Fence(0)).await;
    drop(hung);
    assert!(claim(&store, 1).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn whoever_lost_its_ticket_cannot_write() {
    let world = World::new();
    let store = world.open();
    let mut lease = claim(&store, 1).await.unwrap();
    let temp = world.files().into_iter().find(|name| name.ends_with("tmp")).unwrap();
    fs::remove_file(world.folder().join(temp)).unwrap();
    assert_eq!(lease.renew().await, Err(StoreError::Lost));
    assert_eq!(lease.finish(Some(world.token("t"))).await, Err(StoreError::Lost));

    let mut lease = claim(&store, 1).await.unwrap();
    fs::remove_file(world.file(&Name::Lock(key(1), 1))).unwrap();
    let other = claim(&store, 1).await.unwrap();
    assert_eq!(lease.renew().await, Err(StoreError::Lost));
    assert_eq!(lease.finish(Some(world.token("t"))).await, Err(StoreError::Lost));
    other.finish(Some(world.token("u"))).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn counting_stops_at_a_mebibyte_and_without_a_record() {
    let world = World::new();
    let store = world.open();
    store.count(&key(1), Source::Store);
    assert_eq!(world.files(), Vec::<String>::new());
    write(&store, 1, world.token("t")).await;
    let tally = Name::Tally(key(1)).to_string();
    world.put(&tally, &vec![b's'; 1024 * 1024 - 1]);
    (0..5).for_each(|_| store.count(&key(1), Source::Memory));
    let expected = Tally { store: 1024 * 1024 - 1, memory: 1, ..Tally::default() };
    assert_eq!(store.load(&key(1)).await.unwrap().unwrap().tally, expected);
    let lease = claim(&store, 1).await.unwrap();
    let record = lease.record().cloned();
    lease.finish(record).await.unwrap();
    assert_eq!(fs::metadata(world.folder().join(tally)).unwrap().len(), 0);
    let Peek::Known(Some(record)) = store.peek(&key(1)) else { panic!("no record") };
    assert_eq!(record.tally, expected);
}

#[tokio::test(start_paused = true)]
async fn a_family_is_found_without_a_secret() {
    let world = World::new();
    let family = |n: u64| *key(n).0.first_chunk::<8>().unwrap();
    assert!(!has_family(&world.folder(), family(1)));
    let store = world.open();
    let lease = claim(&store, 1).await.unwrap();
    assert!(!has_family(&world.folder(), family(1)), "a lock is no record");
    lease.finish(Some(world.token("t"))).await.unwrap();
    assert!(has_family(&world.folder(), family(1)));
    assert!(!has_family(&world.folder(), family(2)));
    claim(&store, 1).await.unwrap().finish(Some(Record::default())).await.unwrap();
    assert!(!has_family(&world.folder(), family(1)), "the token is forgotten");
}

#[tokio::test(start_paused = true)]
async fn sweeping_removes_what_is_of_no_use_and_nothing_else() {
    let world = World::new();
    let store = world.open();
    write(&store, 1, world.token("ends-in-an-hour")).await;
    write(&store, 2, record_with_token("lives-long", world.clock.now(), DAY * 60)).await;
    write(&store, 3, Record::default()).await;
    let foreign = Sealer::derive(None, b"another").unwrap();
    let foreign = FileStore::open(world.folder(), world.clock.clone(), foreign).unwrap();
    write(&foreign, 4, world.token("of-another-credential")).await;
    world.put(&Name::Temp(key(1), 7).to_string(), b"half");
    world.put(&Name::Tally(key(5)).to_string(), b"ss");
    world.put(&Name::Lock(key(2), 1).to_string(), b"");
    world.put(&Name::Lock(key(6), 9).to_string(), b"");
    world.put("notes.txt", b"mine");
    world.put(&format!("{}.bak", key(1)), b"mine");
    let has = |name: Name| world.file(&name).exists();
    let left = || world.files().len();
    assert_eq!((left(), store.sweep()), (15, Ok(1)));
    assert!(!has(Name::Lock(key(2), 1)), "the record has its fence");

    let held = world.hold(&Name::Lock(key(7), 1), b"", world.clock.now());
    world.pass(HOUR + Duration::from_secs(60));
    assert_eq!(store.sweep(), Ok(2));
    assert!(!has(Name::Temp(key(1), 7)) && !has(Name::Tally(key(5))));

    world.pass(DAY - HOUR);
    assert_eq!(store.sweep(), Ok(2));
    assert!(!has(Name::Record(key(3))) && !has(Name::Tally(key(3))) && !has(Name::Lock(key(6), 9)));
    assert!(has(Name::Record(key(1))), "its token ended less than a day ago");

    world.pass(HOUR);
    assert_eq!(store.sweep(), Ok(1));
    assert!(!has(Name::Record(key(1))) && !has(Name::Tally(key(1))));

    world.pass(DAY * 8);
    assert_eq!(store.sweep(), Ok(1));
    assert!(!has(Name::Record(key(4))) && has(Name::Record(key(2))));
    assert!(has(Name::Lock(key(7), 1)), "somebody holds it");
    drop(held);
    assert_eq!(store.sweep(), Ok(1));
    let mut expected = [Name::Record(key(2)), Name::Tally(key(2))].map(Name::to_string).to_vec();
    expected.extend([names::SWEPT.into(), "notes.txt".into(), format!("{}.bak", key(1))]);
    expected.sort();
    assert_eq!(world.files(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_record_under_a_lease_is_not_swept() {
    let world = World::new();
    let store = world.open();
    write(&store, 1, world.token("t")).await;
    let lease = claim(&store, 1).await.unwrap();
    world.pass(DAY * 3);
    store.sweep().unwrap();
    assert!(world.file(&Name::Record(key(1))).exists());
    lease.finish(None).await.unwrap();
    assert_eq!(store.sweep(), Ok(1));
    assert!(!world.file(&Name::Record(key(1))).exists());
}

#[tokio::test(start_paused = true)]
async fn writing_sweeps_once_an_hour_and_a_part_at_a_time() {
    let world = World::new();
    let store = world.open();
    write(&store, 1, world.token("t")).await;
    for n in 0..1000 {
        world.put(&Name::Temp(key(2), n).to_string(), b"");
    }
    let left = || world.files().iter().filter(|name| name.ends_with("tmp")).count();
    world.pass(HOUR + Duration::from_secs(60));
    for _ in 0..3 {
        write(&store, 1, world.token("t")).await;
        assert!((800..805).contains(&left()), "{}", left());
    }
    for _ in 0..200 {
        world.pass(HOUR);
        tokio::time::advance(Duration::from_micros(171)).await;
        write(&store, 1, world.token("t")).await;
    }
    assert_eq!(left(), 0);
}
