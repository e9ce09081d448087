//! Reads what a profile keeps outside: secret files, and the output of commands.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use zeroize::Zeroizing;

use crate::{Code, Error, External, printable, why};

/// The longest value that is read, in bytes.
const MAX_VALUE: u64 = 64 * 1024;

pub(super) fn read(value: External<'_>) -> Result<Zeroizing<Vec<u8>>, Error> {
    match value {
        External::File(path) => read_file(path),
        External::Command(argv) => run(argv),
    }
}

/// Reads a file. It may be a link and readable by a group: Kubernetes and Docker make them so.
pub(super) fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    let shown = printable(&path.to_string_lossy());
    let failed = |error: io::Error| {
        Error::new(Code::ConfigUnreadable, format!("{shown} cannot be read: {}", why(&error)))
            .with_hint("does it exist, and may this user read it?")
    };
    let file = File::open(path).map_err(failed)?;
    limited(file).map_err(failed)
}

/// Runs a command without a shell and takes what it prints.
fn run(argv: &[String]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let Some((program, arguments)) = argv.split_first() else {
        return Err(Error::new(Code::ConfigInvalid, "`command` is empty"));
    };
    let shown = printable(program);
    let failed = |what: String| {
        Error::new(Code::ConfigUnreadable, format!("command {shown} {what}"))
            .with_hint("run it by hand: it must print the value and exit with 0")
    };
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| failed(format!("cannot be run: {}", why(&error))))?;
    let mut child = child;
    let output = child.stdout.take().map(limited).transpose();
    if output.is_err() {
        // It may still be writing; nobody will read it.
        let _ = child.kill();
    }
    let status = child.wait().map_err(|error| failed(format!("was lost: {}", error.kind())))?;
    let output = output.map_err(|error| failed(format!("printed too much: {}", error.kind())))?;
    if !status.success() {
        return Err(failed(format!("failed: {status}")));
    }
    output.ok_or_else(|| failed("printed nothing".to_owned()))
}

fn limited(from: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    from.take(MAX_VALUE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_VALUE {
        return Err(io::Error::from(io::ErrorKind::FileTooLarge));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(argv: &[&str]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let argv: Vec<_> = argv.iter().map(|&word| word.to_owned()).collect();
        read(External::Command(&argv))
    }

    #[test]
    fn a_commands_output_is_the_value() {
        assert_eq!(**command(&["printf", "s3cret"]).unwrap(), *b"s3cret");
    }

    #[test]
    fn a_command_that_fails_says_so_without_its_output() {
        for argv in [
            &["sh", "-c", "echo sentinel; exit 3"][..],
            &["/nonexistent/program"],
            &["sh", "-c", "yes sentinel"],
            &[],
        ] {
            let error = command(argv).unwrap_err();
            assert!(!format!("{error:?}").contains("sentinel"), "{error:?}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let error = read(External::File(Path::new("/nonexistent/secret"))).unwrap_err();
        assert_eq!(error.message(), "/nonexistent/secret cannot be read: not found");
        assert_eq!(error.code(), Code::ConfigUnreadable);
        assert!(read(External::File(Path::new("/dev/zero"))).is_err());
        assert!(read(External::File(Path::new("/"))).is_err());
    }
}
