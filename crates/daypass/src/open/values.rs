//! Reads what a profile keeps outside: secret files, and the output of commands.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use zeroize::Zeroizing;

use crate::{Clock, Code, Error, External, SystemClock, Ticks, printable, why};

/// The longest value that is read, in bytes.
const MAX_VALUE: u64 = 64 * 1024;
/// How long a command may take. A password manager that waits for its owner would wait for ever.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn read(value: External<'_>) -> Result<Zeroizing<Vec<u8>>, Error> {
    match value {
        External::File(path) => read_file(path),
        External::Command(argv) => run(argv, PATIENCE),
    }
}

/// Reads a file. It may be a link and readable by a group: Kubernetes and Docker make them so.
pub(super) fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    let shown = printable(&path.to_string_lossy());
    let failed = |error: io::Error| {
        Error::new(Code::ConfigUnreadable, format!("{shown} cannot be read: {}", why(&error)))
            .with_hint("does it exist, and may this user read it?")
    };
    // A pipe by its name would be waited for, however long nobody writes into it.
    let flags = i32::try_from((OFlags::NONBLOCK | OFlags::CLOEXEC).bits()).unwrap_or_default();
    let file = File::options().read(true).custom_flags(flags).open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.file_type().is_fifo() && !is_given(path) {
        return Err(Error::new(Code::ConfigUnreadable, format!("{shown} is a pipe"))
            .with_hint("name a file, or take what a command prints: { command = [...] }"));
    }
    rustix::fs::fcntl_setfl(&file, OFlags::empty()).map_err(|errno| failed(errno.into()))?;
    limited(file).map_err(failed)
}

/// Whether a path is that of a descriptor that this process was given, such as `<(...)` of a shell.
fn is_given(path: &Path) -> bool {
    ["/dev/fd", "/proc/self/fd"].iter().any(|folder| path.starts_with(folder))
        || path == Path::new("/dev/stdin")
}

/// Runs a command without a shell and takes what it prints.
fn run(argv: &[String], patience: Duration) -> Result<Zeroizing<Vec<u8>>, Error> {
    let Some((program, arguments)) = argv.split_first() else {
        return Err(Error::new(Code::ConfigInvalid, "`command` is empty"));
    };
    let shown = printable(program);
    let failed = |what: String| {
        Error::new(Code::ConfigUnreadable, format!("command {shown} {what}"))
            .with_hint("run it by hand: it must print the value and exit with 0")
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| failed(format!("cannot be run: {}", why(&error))))?;
    let output = output_of(&mut child, patience);
    if output.is_err() {
        // It may still be running or writing; nobody will read it.
        let _ = child.kill();
        let _ = child.wait();
    }
    let (status, output) = output.map_err(|error| match error.kind() {
        io::ErrorKind::TimedOut => failed(format!("is not done after {} s", patience.as_secs())),
        io::ErrorKind::FileTooLarge => failed("printed too much".to_owned()),
        _ => failed(format!("was lost: {}", why(&error))),
    })?;
    if !status.success() {
        return Err(failed(format!("failed: {status}")));
    }
    Ok(output)
}

/// Waits for what a command prints, and for its end.
fn output_of(
    child: &mut Child,
    patience: Duration,
) -> io::Result<(ExitStatus, Zeroizing<Vec<u8>>)> {
    let deadline = SystemClock.ticks().saturating_add(patience);
    let mut bytes = Zeroizing::new(Vec::with_capacity(68 * 1024 + 1));
    let mut stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    loop {
        ready(&stdout, deadline)?;
        let mut part = Zeroizing::new([0; 4096]);
        let read = stdout.read(&mut *part)?;
        if read == 0 {
            break;
        }
        bytes.extend_from_slice(part.get(..read).unwrap_or_default());
        if bytes.len() as u64 > MAX_VALUE {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
    }
    #[cfg(target_os = "linux")]
    if let Ok(pidfd) = rustix::process::pidfd_open(
        rustix::process::Pid::from_child(child),
        rustix::process::PidfdFlags::empty(),
    ) {
        // It may have closed its output and go on.
        ready(&pidfd, deadline)?;
    }
    Ok((child.wait()?, bytes))
}

/// Waits until a descriptor can be read.
fn ready(fd: impl AsFd, deadline: Ticks) -> io::Result<()> {
    let left = SystemClock.ticks().until(deadline);
    let left = Timespec::try_from(left).map_err(|_| io::ErrorKind::InvalidInput)?;
    match poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&left)) {
        Ok(0) => Err(io::ErrorKind::TimedOut.into()),
        Ok(_) => Ok(()),
        Err(rustix::io::Errno::INTR) => ready(fd, deadline),
        Err(errno) => Err(errno.into()),
    }
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
    fn a_command_that_does_not_end_is_ended() {
        for script in ["exec sleep 60", "exec sleep 60 >&-", "exec sleep 60 & wait"] {
            let argv = ["sh", "-c", script].map(str::to_owned);
            let error = run(&argv, Duration::from_millis(100)).unwrap_err();
            assert_eq!(error.message(), "command sh is not done after 0 s", "{script}");
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

    #[test]
    fn a_pipe_by_its_name_is_not_waited_for_and_one_that_was_given_is_read() {
        use std::io::Write;
        use std::os::fd::AsRawFd;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        let (kind, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR);
        rustix::fs::mknodat(rustix::fs::CWD, &path, kind, mode, 0).unwrap();
        let error = read_file(&path).unwrap_err();
        assert!(error.message().ends_with("/pipe is a pipe"), "{error}");
        let (given, mut writer) = io::pipe().unwrap();
        let path = format!("/dev/fd/{}", given.as_raw_fd());
        let writing = std::thread::spawn(move || writer.write_all(b"s3cret").unwrap());
        assert_eq!(**read_file(Path::new(&path)).unwrap(), *b"s3cret");
        writing.join().unwrap();
    }
}
