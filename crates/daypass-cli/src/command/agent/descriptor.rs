//! Descriptors that a caller has left open for this process.

use std::fs::File;
use std::io::{self, Write};

use daypass::{Code, Error};

/// Writes one line, and closes the descriptor.
pub(in crate::command) fn tell(number: u16, line: &str) -> Result<(), Error> {
    let write = || -> io::Result<()> {
        match number {
            1 => io::stdout().write_all(line.as_bytes()),
            2 => io::stderr().write_all(line.as_bytes()),
            _ => {
                open(number)?.write_all(line.as_bytes())?;
                close(u32::from(number))
            }
        }
    };
    write().map_err(|error| {
        Error::new(Code::Usage, format!("--ready-fd {number}: {}", daypass::why(&error)))
            .with_hint("leave a descriptor open for it: daypass agent --ready-fd 3 3> ready")
    })
}

fn open(number: u16) -> io::Result<File> {
    match File::options().write(true).open(format!("/proc/self/fd/{number}")) {
        // A socket cannot be opened by its name.
        #[cfg(target_os = "linux")]
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) => {
            use rustix::process::{PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
            let own = pidfd_open(rustix::process::getpid(), PidfdFlags::empty())?;
            Ok(File::from(pidfd_getfd(own, i32::from(number), PidfdGetfdFlags::empty())?))
        }
        other => other,
    }
}

/// Closes a descriptor that nobody else here has: what a profile runs must not inherit it.
pub(super) fn close(number: u32) -> io::Result<()> {
    match i32::try_from(number) {
        Ok(number) if number > 2 => Ok(nix::unistd::close(number)?),
        _ => Ok(()),
    }
}
