//! Going on in the background: this program starts itself once more, waits until that process says
//! that it is ready, and returns. Nothing is forked: what a fork would share is not to be trusted.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use daypass::{Code, Error};

use super::ready::Ready;
use super::{Agent, descriptor};
use crate::context::{Context, Loudness};

/// More than any process says.
const MAX_READY: u64 = 1024 * 1024;

/// Starts the agent in a process of its own and returns when it is ready. Its errors are told by
/// itself, on the same stderr.
pub(super) fn start(context: &Context, args: &Agent) -> Result<ExitCode, Error> {
    Ready::check(context, args.form())?;
    let failed = |error: std::io::Error| {
        Error::new(Code::Internal, format!("no process can be started: {}", daypass::why(&error)))
            .with_hint("is the limit of processes or open files reached (ulimit -u, ulimit -n)?")
    };
    let stdin = if args.secrets_fd == Some(0) { Stdio::inherit() } else { Stdio::null() };
    let mut child =
        command(context, args).stdin(stdin).stdout(Stdio::piped()).spawn().map_err(failed)?;
    let mut said = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(MAX_READY).read_to_end(&mut said).map_err(failed)?;
    }
    if said.is_empty() {
        let status = child.wait().map_err(failed)?;
        let code = status.code().and_then(|code| u8::try_from(code).ok());
        return Ok(ExitCode::from(code.unwrap_or(Code::Internal.class().exit_code())));
    }
    let ready = Ready::parse(&said)?;
    ready.show(context, args.form()).inspect_err(|_| ready.take_back())?;
    Ok(ExitCode::SUCCESS)
}

fn command(context: &Context, args: &Agent) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.arg0("daypass");
    if let Some(config) = &context.config {
        command.arg("--config").arg(config);
    }
    match context.loudness {
        Loudness::Quiet => command.arg("-q"),
        Loudness::Normal => &mut command,
        Loudness::Verbose => command.arg("-v"),
        Loudness::Debug => command.arg("-vv"),
    };
    command.args(["agent", "--detached"]);
    if let Some(socket) = &args.socket {
        command.arg("--socket").arg(socket);
    }
    let seconds =
        |duration: Option<Duration>| duration.map(|duration| duration.as_secs().to_string());
    let numbers = [
        ("--secrets-fd", args.secrets_fd.map(|number| number.to_string())),
        ("--ready-fd", args.ready_fd.map(|number| number.to_string())),
        ("--idle-timeout", seconds(args.idle_timeout)),
        ("--lifetime", seconds(args.lifetime)),
        ("--metrics-port", args.metrics_port.map(|port| port.to_string())),
    ];
    for (flag, value) in numbers {
        if let Some(value) = value {
            command.args([flag, &value]);
        }
    }
    for (flag, is_set) in [("--allow-revoke", args.allow_revoke), ("--gateway", args.gateway)] {
        if is_set {
            command.arg(flag);
        }
    }
    args.manners.write(&mut command, args.gateway_port);
    command.arg("--").args(&args.profiles);
    command
}

/// Leaves the session of the terminal, whose end is not this process's; and closes what was inherited
/// but for the standard streams and what is `kept`: whoever waits for the end of a pipe would wait
/// for the end of the agent.
pub(super) fn leave_session(kept: &[u32]) {
    let numbers = std::fs::read_dir("/proc/self/fd").map(|entries| {
        let number = |entry: std::fs::DirEntry| entry.file_name().to_str()?.parse().ok();
        entries.filter_map(|entry| number(entry.ok()?)).collect::<Vec<u32>>()
    });
    // Nothing is open here that this process opened itself, but for the folder of the list; that
    // one is closed by now.
    for number in numbers.unwrap_or_default().into_iter().filter(|number| !kept.contains(number)) {
        let _ = descriptor::close(number);
    }
    // It fails for who leads a process group, which a process that was just started does not.
    let _ = rustix::process::setsid();
}

/// Lets go of the folder, and of the pipes of whoever started this: they wait for their ends. The
/// last is the one at whose end the process in the foreground returns.
pub(super) fn let_go() {
    let _ = std::env::set_current_dir("/");
    let Ok(null) = std::fs::File::options().read(true).write(true).open("/dev/null") else {
        return;
    };
    let _ = rustix::stdio::dup2_stdin(&null);
    let _ = rustix::stdio::dup2_stderr(&null);
    let _ = rustix::stdio::dup2_stdout(&null);
}
