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
mod limits;
mod mask;
mod report;
mod scrub;
mod secrets;

use std::process::ExitCode;

use daypass::Env;

#[expect(clippy::disallowed_methods, reason = "the one place where the environment is captured")]
fn main() -> ExitCode {
    harden();
    limits::hold_back();
    let env = Env::from_os(std::env::vars_os());
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    if let Some(code) = hit::try_serve(&args, &env) {
        return code;
    }
    cli::run(args, env)
}

/// No core file and no debugger of the same user gets to see what this process knows. A kernel
/// that refuses leaves things as they are: nothing that is promised depends on it.
fn harden() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}
