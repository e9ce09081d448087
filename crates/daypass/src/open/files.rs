//! Finds and reads configuration files, with the facts that decide how far each is trusted.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::Opening;
use super::place::absolute;
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
    let trusts = |text: &Text| text.is_in(&folder.as_deref().map(trust_list).unwrap_or_default());
    let mut files = Vec::new();
    let named = opening.config.map(Path::to_path_buf).or_else(|| {
        let named = opening.env.var_os("DAYPASS_CONFIG").filter(|path| !path.is_empty());
        named.map(PathBuf::from)
    });
    match (&named, opening.directory) {
        (Some(path), directory) => {
            let path = directory.map_or_else(|| path.clone(), |directory| directory.join(path));
            let read = Text::read(&path, MAX_FILE, OFlags::empty());
            let text = read.map_err(|error| missing(&path, &error))?;
            let origin = Origin::Named { trusted: trusts(&text) };
            files.push(text.parse(origin)?);
        }
        (None, Some(directory)) => {
            let path = directory.join(NAME);
            match Text::read(&path, MAX_FOUND_FILE, OFlags::NOFOLLOW) {
                Ok(text) => {
                    let origin = Origin::Found { trusted: trusts(&text) };
                    files.push(text.parse(origin)?);
                }
                Err(error) if is_absent(&error) => {}
                Err(error) => return Err(unreadable(&path, &error)),
            }
        }
        (None, None) => {}
    }
    if let Some(path) = folder.as_ref().map(|folder| folder.join(NAME)) {
        match Text::read(&path, MAX_FILE, OFlags::empty()) {
            Ok(text) => files.push(text.parse(Origin::Yours)?),
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

fn trust_list(folder: &Path) -> TrustList {
    fs::read_to_string(folder.join("trusted"))
        .map(|text| TrustList::parse(&text))
        .unwrap_or_default()
}

/// Trusts a file as it is now: its path and content go into the user's list. Returns the path.
///
/// # Errors
///
/// `config.unreadable` if the file or the list cannot be read or written, `config.invalid` if the
/// file is no configuration.
pub fn trust_file(env: &Env, path: &Path) -> Result<PathBuf, Error> {
    let folder = config_folder(env).ok_or_else(|| {
        Error::new(Code::ConfigUnreadable, "there is no configuration folder: HOME is not set")
            .with_hint("set HOME or XDG_CONFIG_HOME")
    })?;
    let text =
        Text::read(path, MAX_FOUND_FILE, OFlags::empty()).map_err(|error| missing(path, &error))?;
    let absolute = fs::canonicalize(path).map_err(|error| missing(path, &error))?;
    let name = absolute.to_string_lossy().into_owned();
    text.parse(Origin::Found { trusted: true })?;
    let mut list = trust_list(&folder);
    list.add(&name, &text.bytes)?;
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
struct Text {
    path: PathBuf,
    bytes: Vec<u8>,
    facts: FileFacts,
}

impl Text {
    /// Reads up to `max` bytes and one more, so that a longer file is noticed.
    fn read(path: &Path, max: u64, flags: OFlags) -> io::Result<Self> {
        let flags = (flags | OFlags::CLOEXEC | OFlags::NONBLOCK).bits();
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

    fn is_in(&self, list: &TrustList) -> bool {
        let absolute = fs::canonicalize(&self.path).ok();
        absolute.is_some_and(|path| list.contains(&path.to_string_lossy(), &self.bytes))
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
