//! Finds and reads configuration files, with the facts that decide how far each is trusted.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::OFlags;

use super::place::absolute;
use super::{Opening, companions};
use crate::store::replaceable;
use crate::{
    Code, ConfigFile, Env, Error, FileFacts, MAX_FOUND_FILE, Origin, TrustList, printable, why,
};

/// The name of the file, wherever it lies.
const NAME: &str = "daypass.toml";
/// The longest configuration file that is read, in bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// Reads the file that the user named, or else the one in the working directory; and the user's
/// own.
pub(super) fn read_all(opening: &Opening<'_>) -> Result<Vec<ConfigFile>, Error> {
    let folder = config_folder(opening.env);
    let parse = |text: &Text, origin: fn(bool) -> Origin| {
        let trusted = match &folder {
            Some(folder) => trusted(text, origin(true), folder)?,
            None => None,
        };
        trusted.map_or_else(|| text.parse(origin(false)), Ok)
    };
    let mut files = Vec::new();
    let named = opening.config.map(Path::to_path_buf).or_else(|| {
        let named = opening.env.var_os("DAYPASS_CONFIG").filter(|path| !path.is_empty());
        named.map(PathBuf::from)
    });
    match (&named, opening.directory) {
        (Some(path), directory) => {
            let path = directory.map_or_else(|| path.clone(), |directory| directory.join(path));
            let text = Text::named(&path).map_err(|error| missing(&path, &error))?;
            text.warn_of_owner();
            files.push(parse(&text, |trusted| Origin::Named { trusted })?);
        }
        (None, Some(directory)) => {
            let path = directory.join(NAME);
            match Text::read(&path, MAX_FOUND_FILE, OFlags::NOFOLLOW | OFlags::NONBLOCK) {
                Ok(text) => files.push(parse(&text, |trusted| Origin::Found { trusted })?),
                Err(error) if is_absent(&error) => {}
                Err(error) => return Err(unreadable(&path, &error)),
            }
        }
        (None, None) => {}
    }
    if let Some(path) = folder.as_ref().map(|folder| folder.join(NAME)) {
        match Text::read(&path, MAX_FILE, OFlags::NONBLOCK) {
            Ok(text) => {
                files.push(text.parse(Origin::Yours)?);
                check_place(&path)?;
            }
            Err(error) if is_absent(&error) || is_out_of_reach(&path, &error) => {}
            Err(error) => return Err(unreadable(&path, &error)),
        }
    }
    Ok(files)
}

/// The user's configuration folder.
fn config_folder(env: &Env) -> Option<PathBuf> {
    absolute(env, "XDG_CONFIG_HOME")
        .or_else(|| absolute(env, "HOME").map(|home| home.join(".config")))
        .map(|folder| folder.join("daypass"))
}

/// The user's list of trusted files, if it is one that nobody else could have written.
fn trust_list(folder: &Path) -> Result<TrustList, Error> {
    let path = folder.join("trusted");
    match Text::read(&path, MAX_FILE, OFlags::NONBLOCK) {
        Ok(text) => {
            text.facts.check(&path.to_string_lossy(), Origin::Yours)?;
            check_place(&path)?;
            Ok(TrustList::parse(&String::from_utf8_lossy(&text.bytes)))
        }
        Err(error) if is_absent(&error) || is_out_of_reach(&path, &error) => {
            Ok(TrustList::default())
        }
        Err(error) => Err(unreadable(&path, &error)),
    }
}

/// Checks that nobody else could have put another file here, as for the cache folder.
fn check_place(path: &Path) -> Result<(), Error> {
    let uid = rustix::process::geteuid().as_raw();
    let is_link = fs::symlink_metadata(path).is_ok_and(|facts| facts.is_symlink());
    let target = if is_link { fs::canonicalize(path).ok() } else { None };
    for path in std::iter::once(path).chain(target.as_deref()) {
        let by = replaceable(path, uid).map_err(|(folder, error)| missing(&folder, &error))?;
        if let Some(by) = by {
            let shown = printable(&path.to_string_lossy());
            let message = format!("{shown} can be replaced by others: it is not used");
            return Err(Error::new(Code::ConfigUnsafeFile, message)
                .with_hint(format!("through {by}name it: --config {shown}")));
        }
    }
    Ok(())
}

/// Returns what a file says, if the user trusts it as it is.
///
/// # Errors
///
/// What is wrong with the file; `config.untrusted` if only something beside it is another one than
/// it was.
fn trusted(text: &Text, origin: Origin, folder: &Path) -> Result<Option<ConfigFile>, Error> {
    let list = trust_list(folder)?;
    let Some(name) = text.name().filter(|name| list.contains(name, &text.bytes)) else {
        return Ok(None);
    };
    let file = text.parse(origin)?;
    match companions::changed(&file, &name, &list) {
        Some(companion) => Err(companions::untrusted(&text.path, &companion)),
        None => Ok(Some(file)),
    }
}

/// Trusts a file as it is now, and what it names beside itself: path and content of each go into the
/// user's list. Returns the path.
///
/// # Errors
///
/// `config.unreadable` if one of them or the list cannot be read or written, `config.unsafe_file` if
/// others could write the list, `config.invalid` if the file is no configuration.
pub fn trust_file(env: &Env, path: &Path) -> Result<PathBuf, Error> {
    let folder = config_folder(env).ok_or_else(|| {
        Error::new(Code::ConfigUnreadable, "there is no configuration folder: HOME is not set")
            .with_hint("set HOME or XDG_CONFIG_HOME")
    })?;
    let text = Text::read(path, MAX_FOUND_FILE, OFlags::NONBLOCK);
    let text = text.map_err(|error| missing(path, &error))?;
    let absolute = fs::canonicalize(path).map_err(|error| missing(path, &error))?;
    let name = absolute.to_string_lossy().into_owned();
    let file = text.parse(Origin::Found { trusted: true })?;
    check_place(&folder.join("trusted"))?;
    let mut list = trust_list(&folder)?;
    list.add(&name, &text.bytes)?;
    companions::add(&file, &name, &mut list)?;
    write_list(&folder, &list).map_err(|error| {
        let shown = printable(&folder.join("trusted").to_string_lossy());
        Error::new(Code::ConfigUnreadable, format!("{shown} cannot be written: {}", why(&error)))
            .with_hint("the list of trusted files is kept there: is the folder yours?")
    })?;
    Ok(absolute)
}

fn write_list(folder: &Path, list: &TrustList) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let temporary = folder.join(format!("trusted.{}.tmp", std::process::id()));
    let mut file =
        File::options().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(list.to_string().as_bytes())?;
    file.sync_all()?;
    fs::rename(temporary, folder.join("trusted"))
}

/// A file's bytes and what its descriptor says of it.
#[derive(Clone)]
struct Text {
    path: PathBuf,
    bytes: Vec<u8>,
    facts: FileFacts,
}

impl Text {
    /// Reads up to `max` bytes and one more, so that a longer file is noticed.
    fn read(path: &Path, max: u64, flags: OFlags) -> io::Result<Self> {
        let flags = (flags | OFlags::CLOEXEC).bits();
        let flags = i32::try_from(flags).unwrap_or_default();
        let file = File::options().read(true).custom_flags(flags).open(path)?;
        let facts = file.metadata()?;
        let facts = FileFacts {
            regular: facts.is_file(),
            owner: facts.uid(),
            user: rustix::process::geteuid().as_raw(),
            mode: facts.mode(),
            len: facts.len(),
        };
        let mut bytes = Vec::new();
        file.take(max + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        Ok(Self { path: path.to_path_buf(), bytes, facts })
    }

    /// Reads a file that the user names, which may be a pipe. What came through one comes once, and
    /// whoever runs a command looks at the files again.
    fn named(path: &Path) -> io::Result<Self> {
        static PIPED: Mutex<Vec<Text>> = Mutex::new(Vec::new());
        let mut piped = PIPED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = piped.iter().find(|text| text.path == path) {
            return Ok(text.clone());
        }
        let text = Self::read(path, MAX_FILE, OFlags::empty())?;
        if !text.facts.regular {
            piped.push(text.clone());
        }
        Ok(text)
    }

    /// The name in the list of trusted files.
    fn name(&self) -> Option<String> {
        Some(fs::canonicalize(&self.path).ok()?.to_string_lossy().into_owned())
    }

    /// Whose a named file is is the user's own business, but not always what they know.
    fn warn_of_owner(&self) {
        let FileFacts { regular, owner, user, .. } = self.facts;
        if regular && owner != user && owner != 0 {
            let path = printable(&self.path.to_string_lossy());
            tracing::warn!("{path} belongs to uid {owner}, who can change where the secret goes");
        }
    }

    fn parse(&self, origin: Origin) -> Result<ConfigFile, Error> {
        let path = self.path.to_string_lossy();
        let text = std::str::from_utf8(&self.bytes).map_err(|error| {
            let shown = printable(&path);
            Error::new(
                Code::ConfigInvalid,
                format!("{shown} is not UTF-8 text (byte {})", error.valid_up_to()),
            )
            .with_hint("write it again with an editor; TOML is UTF-8")
        })?;
        ConfigFile::parse(text, &path, origin, &self.facts)
    }
}

/// Whether a file's folder is closed to this user, as the home of another one is: then it says no
/// more than a home that is missing.
fn is_out_of_reach(path: &Path, error: &io::Error) -> bool {
    let closed = |error: &io::Error| error.kind() == io::ErrorKind::PermissionDenied;
    closed(error) && fs::symlink_metadata(path).is_err_and(|error| closed(&error))
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// A file that the user named cannot be read.
fn missing(path: &Path, error: &io::Error) -> Error {
    let shown = printable(&path.to_string_lossy());
    Error::new(Code::ConfigUnreadable, format!("{shown} cannot be read: {}", why(error)))
        .with_hint("does it exist, and may this user read it?")
}

fn unreadable(path: &Path, error: &io::Error) -> Error {
    let shown = printable(&path.to_string_lossy());
    let symlink = error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error());
    let (code, why) = if symlink {
        (Code::ConfigUnsafeFile, "it is a symbolic link".to_owned())
    } else {
        (Code::ConfigUnreadable, why(error))
    };
    Error::new(code, format!("{shown} cannot be used: {why}"))
        .with_hint(format!("name it with --config {shown}, or remove it"))
}
