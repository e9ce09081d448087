//! What a trusted file names beside itself: a script that it runs, a file with a secret, roots. Who
//! can change the checkout can change them too, so they are part of what is trusted, as they are.
//!
//! They stand in the user's list beside the file that names them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::{Code, ConfigFile, Error, TrustList, printable, why};

/// The largest of them, in bytes.
const MAX: u64 = 64 * 1024 * 1024;

/// Returns the first of a file's companions that is not trusted as it is. `name` is the file's own
/// in the list.
pub(super) fn changed(file: &ConfigFile, name: &str, list: &TrustList) -> Option<PathBuf> {
    file.companions().into_iter().find(|path| match read(path) {
        Ok(None) => false,
        Ok(Some(content)) => !list.contains(&entry(path, name), &content),
        Err(_) => true,
    })
}

/// Trusts a file's companions as they are now.
///
/// # Errors
///
/// `config.unreadable` if one cannot be read, `config.invalid` if it has an odd name.
pub(super) fn add(file: &ConfigFile, name: &str, list: &mut TrustList) -> Result<(), Error> {
    for path in file.companions() {
        let content = read(&path).map_err(|error| {
            let shown = printable(&path.to_string_lossy());
            Error::new(Code::ConfigUnreadable, format!("{shown} cannot be read: {}", why(&error)))
                .with_hint("what a file names beside itself is trusted with it, as it is")
        })?;
        if let Some(content) = content {
            list.add(&entry(&path, name), &content)?;
        }
    }
    Ok(())
}

/// The error for a file that was trusted with something else beside it.
pub(super) fn untrusted(file: &Path, companion: &Path) -> Error {
    let [file, companion] = [file, companion].map(|path| printable(&path.to_string_lossy()));
    let message = format!("{companion} has changed since {file}, which names it, was trusted");
    Error::new(Code::ConfigUntrusted, message)
        .with_hint(format!("look at it, then trust both: daypass trust {file}"))
}

fn entry(path: &Path, name: &str) -> String {
    format!("{} named by {name}", path.to_string_lossy())
}

/// Reads a companion; `None` if there is no such file, as for most words of a command.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::metadata(path) {
        Ok(facts) if !facts.is_file() => Ok(None),
        Ok(facts) if facts.len() > MAX => Err(io::ErrorKind::FileTooLarge.into()),
        Ok(_) => fs::read(path).map(Some),
        // Also a word that no name can be as long as.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(error),
        Err(_) => Ok(None),
    }
}
