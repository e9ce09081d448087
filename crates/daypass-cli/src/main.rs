//! The `daypass` command.
//!
//! The first act is to forbid core files and debuggers, the second to try the hit path
//! ([`hit`]): a token from the cache costs no argument parser, no runtime and no network code.

mod cli;
mod command;
mod context;
mod emit;
mod format;
mod hit;
mod label;
mod limits;
mod mask;
mod report;
mod scrub;
mod secrets;
mod signals;
mod supervise;
mod through;
mod usage;

use std::ffi::OsString;
use std::process::ExitCode;

use daypass::Env;

#[expect(clippy::disallowed_methods, reason = "the one place where the environment is captured")]
fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    harden(&args);
    limits::hold_back();
    let env = Env::from_os(std::env::vars_os());
    if let Some(code) = hit::try_serve(&args, &env) {
        return code;
    }
    cli::run(args, env)
}

/// No core file and no debugger of the same user gets to see what this process knows. A kernel
/// that refuses leaves things as they are: nothing that is promised depends on it. One that stays
/// with what it knows writes no core file whatever happens to the first.
fn harden(args: &[OsString]) {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    if stays(args) {
        supervise::forbid_core();
        supervise::open_many();
    }
}

/// Whether this process holds credentials for longer than a moment.
fn stays(args: &[OsString]) -> bool {
    let mut words = args.iter().take_while(|word| *word != "--");
    words.any(|word| {
        word == "agent" || word == "gateway" || word == "--agent" || word == "--gateway"
    })
}
