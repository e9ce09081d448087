//! A command that runs beside a server of ours, for as long as the command lives.
//!
//! How a verb uses it (`exec --agent`; `exec --gateway` likewise):
//!
//! ```text
//! let charge = Charge::new(program, arguments, environment);    // all that the command gets
//! let server = async { .. };             // runs until it fails; its output says what happened
//! block_on(supervise(&charge, server))   // the command's exit code, as `exec` returns it
//! ```
//!
//! - Signals for this process go on to the command, but for those that the terminal has sent to it
//!   by itself.
//! - When the command ends, so does the server: its future is dropped.
//! - When the server ends first, the command is ended: SIGTERM, after 10 s SIGKILL. So it is when
//!   this process is killed: the kernel sends SIGTERM then, which [`become_charge`] asks for.
//!
//! The command is not started by itself but by this program once more ([`become_charge`]): what is
//! to be done between fork and exec needs no unsafe code there.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitCode, ExitStatus};
use std::sync::OnceLock;
use std::time::Duration;

use daypass::{Code, Error, printable};
use rustix::process::{Pid, Resource, Rlimit, Signal};
use tokio::time::timeout;

use crate::cli::Failure;
use crate::signals::Signals;
use crate::{limits, report};

/// What `exec` returns when it failed before the command ran, or its server while it ran.
pub(crate) const FAILED: u8 = 125;
/// What shells return for a command that cannot be run, and for one that is not there.
const CANNOT_RUN: u8 = 126;
const NOT_FOUND: u8 = 127;
/// What shells add to the number of the signal that ended a command.
const SIGNALLED: i32 = 128;

/// How long a command has between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(10);

/// What goes on to a command.
const FORWARDED: &[Signal] =
    &[Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT, Signal::USR1, Signal::USR2];

/// The first argument of the program that becomes the command. No verb starts like this.
const BECOME: &str = "--become";

/// The limit for core files that this process was started with.
static CORE: OnceLock<Rlimit> = OnceLock::new();

/// Lets this process write no core file; a command gets the limit that was there before.
pub(crate) fn forbid_core() {
    let before = rustix::process::getrlimit(Resource::Core);
    let none = Rlimit { current: Some(0), maximum: before.maximum };
    // A kernel that refuses has no core files to forbid; the process is not dumpable anyway.
    let _ = rustix::process::setrlimit(Resource::Core, none);
    let _ = CORE.set(before);
}

/// What this process wants: two descriptors for each connection of a gateway, and more than one
/// gateway. Some systems refuse a limit that is past anything they know.
const OPEN_FILES: u64 = 65_536;

/// The limit of open files that this process was started with.
static FILES: OnceLock<Rlimit> = OnceLock::new();

/// Lets this process have as many files open as it may; a command gets the limit that was there
/// before.
pub(crate) fn open_many() {
    let before = rustix::process::getrlimit(Resource::Nofile);
    let most = before.maximum.unwrap_or(OPEN_FILES).min(OPEN_FILES);
    if before.current.is_some_and(|current| current < most) {
        let more = Rlimit { current: Some(most), maximum: before.maximum };
        // If it is refused, there are less connections.
        let _ = rustix::process::setrlimit(Resource::Nofile, more);
        let _ = FILES.set(before);
    }
}

/// A command, with all that it gets.
pub(crate) struct Charge {
    /// What becomes the command.
    becomes: OsString,
    program: OsString,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
}

impl Charge {
    pub(crate) fn new(
        program: &OsStr,
        arguments: &[OsString],
        environment: Vec<(OsString, OsString)>,
    ) -> Self {
        let becomes = "/proc/self/exe".into();
        Self { becomes, program: program.to_owned(), arguments: arguments.to_vec(), environment }
    }

    /// This program, which becomes the command.
    fn command(&self) -> Command {
        let core = CORE.get().and_then(|limit| limit.current);
        let files = FILES.get().copied();
        let files = files.unwrap_or_else(|| rustix::process::getrlimit(Resource::Nofile)).current;
        let word = |limit: Option<u64>| {
            limit.map_or_else(|| "unlimited".to_owned(), |limit| limit.to_string())
        };
        let mut command = Command::new(&self.becomes);
        command
            .arg0("daypass")
            .arg(BECOME)
            .arg(std::process::id().to_string())
            .arg(word(core))
            .arg(word(files))
            .arg(&self.program)
            .args(&self.arguments)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// Runs the command beside `server`, which ends only when it fails. Returns what the command
/// returned; 128 and the signal's number if one ended it.
pub(crate) async fn supervise(
    charge: &Charge,
    server: impl Future<Output = Error>,
) -> Result<ExitCode, Failure> {
    let failed = |what: &str, error: io::Error| Failure {
        error: Error::new(Code::Internal, format!("{what}: {}", daypass::why(&error)))
            .with_hint("is the limit of processes or open files reached (ulimit -u, ulimit -n)?"),
        exit_code: FAILED,
    };
    let mut signals =
        Signals::catch(FORWARDED).map_err(|error| failed("signals cannot be waited for", error))?;
    let mut child = tokio::process::Command::from(charge.command())
        .spawn()
        .map_err(|error| failed("no process can be started", error))?;
    let pid = child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
    let send = |signal| {
        if let Some(pid) = pid {
            // It may have ended by now.
            let _ = rustix::process::kill_process(pid, signal);
        }
    };
    let mut server = std::pin::pin!(server);
    loop {
        tokio::select! {
            ended = child.wait() => {
                let status = ended.map_err(|error| failed("the command is lost", error))?;
                return Ok(ExitCode::from(exit_code(status)));
            }
            signal = signals.next() => {
                if !came_from_the_terminal(signal) {
                    send(signal);
                }
            }
            error = &mut server => {
                report::warning("the command is ended, since what it needs has ended");
                send(Signal::TERM);
                if timeout(GRACE, child.wait()).await.is_err() {
                    send(Signal::KILL);
                    let _ = child.wait().await;
                }
                return Err(Failure { error, exit_code: FAILED });
            }
        }
    }
}

fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| SIGNALLED + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(FAILED)
}

/// Whether the command has this signal already: a terminal sends the signals of its keys to all
/// processes in the foreground.
fn came_from_the_terminal(signal: Signal) -> bool {
    let of_a_key = signal == Signal::INT || signal == Signal::QUIT;
    let foreground = || {
        let terminal = std::fs::File::open("/dev/tty").ok()?;
        rustix::termios::tcgetpgrp(terminal).ok()
    };
    of_a_key && foreground() == Some(rustix::process::getpgrp())
}

/// Becomes the command, if that is what this process was started for: with a clean signal mask, the
/// limits for core files and open files as they were, and a death together with its parent.
pub(crate) fn become_charge(args: &[OsString]) -> Option<Failure> {
    let (first, rest) = args.split_first()?;
    if first != BECOME {
        return None;
    }
    let [parent, core, files, program, arguments @ ..] = rest else { return None };
    #[cfg(target_os = "linux")]
    {
        let _ = rustix::process::set_parent_process_death_signal(Some(Signal::TERM));
        // Whose parent has died before that is not told of it.
        let now = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().to_string());
        if now.as_deref().map(OsStr::new) != Some(parent) {
            let error = Error::new(Code::Internal, "daypass exec has ended before its command ran");
            return Some(Failure { error, exit_code: FAILED });
        }
    }
    for (resource, limit) in [(Resource::Core, core), (Resource::Nofile, files)] {
        let maximum = rustix::process::getrlimit(resource).maximum;
        let current = limit.to_str().and_then(|limit| limit.parse().ok());
        let _ = rustix::process::setrlimit(resource, Rlimit { current, maximum });
    }
    Some(run(Command::new(program).args(arguments), program))
}

/// Becomes a command. On success nothing of this process stays, and nothing is returned.
pub(crate) fn run(command: &mut Command, program: &OsStr) -> Failure {
    limits::release();
    if let Some(before) = FILES.get() {
        let _ = rustix::process::setrlimit(Resource::Nofile, *before);
    }
    let error = command.exec();
    cannot_run(program, &error)
}

fn cannot_run(program: &OsStr, error: &io::Error) -> Failure {
    let shown = printable(&program.to_string_lossy());
    let (exit_code, hint) = match error.kind() {
        io::ErrorKind::NotFound => (NOT_FOUND, "is it installed, and in PATH?"),
        io::ErrorKind::ArgumentListTooLong => {
            (CANNOT_RUN, "its arguments or environment are too long")
        }
        _ => (CANNOT_RUN, "may it be executed?"),
    };
    let error = Error::new(Code::Usage, format!("{shown} cannot be run: {}", daypass::why(error)));
    Failure { error: error.with_hint(hint), exit_code }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_command_is_ended_when_the_server_beside_it_fails() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let (becomes, told) = (folder.path().join("become"), folder.path().join("told"));
        // In place of this program, which is a test here.
        std::fs::write(&becomes, "#!/bin/sh\nshift 4\nexec \"$@\"\n").unwrap();
        std::fs::set_permissions(&becomes, std::fs::Permissions::from_mode(0o700)).unwrap();
        let line = "trap 'echo ended >> \"$0\"; exit 0' TERM; echo up >> \"$0\"; sleep 60 & wait";
        let arguments = ["-c".into(), line.into(), told.clone().into_os_string()];
        let path = (OsString::from("PATH"), OsString::from("/usr/bin:/bin"));
        let mut charge = Charge::new(OsStr::new("sh"), &arguments, vec![path]);
        charge.becomes = becomes.into_os_string();
        let server = async {
            while std::fs::read_to_string(&told).unwrap_or_default().is_empty() {
                tokio::task::yield_now().await;
            }
            Error::new(Code::Internal, "the gateway ended by itself")
        };
        let failure = supervise(&charge, server).await.unwrap_err();
        assert_eq!((failure.exit_code, failure.error.code()), (FAILED, Code::Internal));
        assert_eq!(std::fs::read_to_string(&told).unwrap(), "up\nended\n");
    }

    #[test]
    fn only_what_was_started_for_it_becomes_a_command() {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        for args in
            [&[][..], &["token"], &["exec", "--become", "1", "0", "9", "true"], &["--become"]]
        {
            assert!(become_charge(&words(args)).is_none(), "{args:?}");
        }
        let failure = become_charge(&words(&["--become", "1", "0", "9", "true"])).unwrap();
        assert_eq!(failure.exit_code, FAILED, "{:?}", failure.error);
    }
}
