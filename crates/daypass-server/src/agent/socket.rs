//! The agent's socket: 0600 in a folder of mode 0700, and a lock beside it that says whether an
//! agent lives there. The kernel lets go of the lock when a process ends, however it ends, so a
//! socket without a locked lock is a dead one's and is replaced.

use std::fmt;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use daypass::{AgentAddress, Code, Error, StoreError, printable, private_folder};
use rustix::fs::OFlags;

/// How the texts of errors call the folder.
const FOLDER: &str = "the agent's folder";

/// A socket that this process listens on. It goes when this value does.
pub struct AgentSocket {
    /// `None` once it takes no more connections.
    listener: Option<UnixListener>,
    address: AgentAddress,
    /// Made for this socket, and removed with it.
    fresh: Option<PathBuf>,
    /// Held for as long as this lives.
    _lock: File,
}

/// What came of taking a place.
#[derive(Debug)]
pub enum Bound {
    /// It is this process's.
    Ours(AgentSocket),
    /// Another agent is there, or is about to be.
    Taken,
}

impl AgentSocket {
    /// Takes the place at `address`, if no living agent has it. Its folder is made if it is not
    /// there.
    ///
    /// # Errors
    ///
    /// `store.unsafe`: others could read, write or replace the folder. `store.failed`: it cannot
    /// be used.
    pub fn bind(address: AgentAddress) -> Result<Bound, Error> {
        let path = address.path();
        let folder = path.parent().unwrap_or(Path::new("/"));
        private_folder(folder, FOLDER).map_err(|error| unusable(&error))?;
        let failed = |what: &str, error: io::Error| {
            let shown = printable(&path.to_string_lossy());
            Error::new(Code::StoreFailed, format!("the agent's socket {shown} {what}: {error}"))
                .with_hint("name another place: daypass agent --socket /path/in/a/folder/of/yours")
        };
        let lock = lock_file(path, true).map_err(|error| failed("cannot be locked", error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Ok(Bound::Taken),
            Err(fs::TryLockError::Error(error)) => return Err(failed("cannot be locked", error)),
        }
        remove_dead(path).map_err(|error| failed("cannot be replaced", error))?;
        let listen = || {
            let listener = UnixListener::bind(path)?;
            fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        };
        let listener = listen().map_err(|error| failed("cannot be listened on", error))?;
        Ok(Bound::Ours(Self { listener: Some(listener), address, fresh: None, _lock: lock }))
    }

    /// Takes a place in a new folder below `base`, which goes with the socket.
    ///
    /// # Errors
    ///
    /// As [`AgentSocket::bind`].
    pub fn bind_fresh(base: &Path) -> Result<Self, Error> {
        let failed = |error: &dyn fmt::Display| {
            let shown = printable(&base.to_string_lossy());
            Error::new(
                Code::StoreFailed,
                format!("no folder for the agent can be made in {shown}: {error}"),
            )
            .with_hint("set XDG_RUNTIME_DIR or TMPDIR to a folder that can be written to")
        };
        sweep(base);
        let mut random = [0; 8];
        rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())
            .map_err(|error| failed(&error))?;
        let folder = base.join(format!("daypass-{:016x}", u64::from_ne_bytes(random)));
        let address = AgentAddress::new(folder.join("agent.sock"))?;
        DirBuilder::new().mode(0o700).create(&folder).map_err(|error| failed(&error))?;
        match Self::bind(address) {
            Ok(Bound::Ours(mut socket)) => {
                socket.fresh = Some(folder);
                Ok(socket)
            }
            other => {
                // It is empty, or somebody else's by now.
                let _ = fs::remove_dir_all(&folder);
                Err(other.err().unwrap_or_else(|| failed(&"somebody else took it")))
            }
        }
    }

    /// Returns where clients find it.
    pub fn address(&self) -> &AgentAddress {
        &self.address
    }

    /// Whether nobody has the place: its agent has ended, or there was none.
    pub fn is_free(address: &AgentAddress) -> bool {
        match lock_file(address.path(), false) {
            Ok(lock) => lock.try_lock().is_ok(),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        }
    }

    /// Takes the listener out; it stays on the socket until [`close`](Self::close).
    pub(super) fn listen(&mut self) -> io::Result<tokio::net::UnixListener> {
        let listener = self.listener.take().ok_or(io::ErrorKind::NotConnected)?;
        tokio::net::UnixListener::from_std(listener)
    }

    /// Removes the socket. The place stays this process's until the value goes.
    pub(super) fn close(&self) {
        // The lock is held: nobody else's socket can be there. Nobody can be told of a failure.
        let _ = fs::remove_file(self.address.path());
    }
}

impl Drop for AgentSocket {
    fn drop(&mut self) {
        self.close();
        if let Some(folder) = &self.fresh {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

impl fmt::Debug for AgentSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentSocket").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Removes the folders of agents that were killed: a name as [`AgentSocket::bind_fresh`] makes them,
/// this user's, with a socket and a lock that nobody holds, and nothing else in it. One that is about
/// to listen has no socket yet. Nobody is told of what cannot be removed.
fn sweep(base: &Path) {
    let Ok(entries) = fs::read_dir(base) else { return };
    for folder in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let digits = name.strip_prefix("daypass-").unwrap_or_default();
        let named = digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let own = |found: &fs::Metadata| found.uid() == rustix::process::geteuid().as_raw();
        if !named || !fs::symlink_metadata(&folder).is_ok_and(|found| found.is_dir() && own(&found))
        {
            continue;
        }
        let socket = folder.join("agent.sock");
        let dead = fs::symlink_metadata(&socket).is_ok_and(|found| found.file_type().is_socket());
        let Ok(lock) = lock_file(&socket, false) else { continue };
        if !dead || lock.try_lock().is_err() {
            continue;
        }
        let all = fs::read_dir(&folder).map(Iterator::count);
        if all.is_ok_and(|count| count == 2) {
            let _ = fs::remove_dir_all(&folder);
        }
    }
}

/// The lock is never removed: who holds one that is gone would hold nothing.
fn lock_file(socket: &Path, create: bool) -> io::Result<File> {
    let mut path = socket.as_os_str().to_owned();
    path.push(".lock");
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::CLOEXEC).bits()).unwrap_or_default();
    File::options()
        .write(true)
        .create(create)
        .truncate(false)
        .mode(0o600)
        .custom_flags(flags)
        .open(PathBuf::from(path))
}

/// Removes the socket of an agent that is dead. Anything else in its place is left alone.
fn remove_dead(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(found) if found.file_type().is_socket() => fs::remove_file(path),
        Ok(_) => Err(io::Error::other("something is there that is no socket")),
    }
}

fn unusable(error: &StoreError) -> Error {
    let code = match error {
        StoreError::Unsafe(_) => Code::StoreUnsafe,
        _ => Code::StoreFailed,
    };
    Error::new(code, error.to_string())
        .with_hint("daypass agent --socket /path/in/a/folder/that/is/yours/alone")
}
