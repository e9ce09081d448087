//! What a limit on the size of files (`ulimit -f`) sends: a signal that would end the process in the
//! middle of a write. It is held back, so that the write fails instead: a cache that cannot be
//! written is passed by, and a file that was asked for is an error with its reason.

use nix::sys::signal::{SigSet, Signal};

fn held() -> SigSet {
    let mut held = SigSet::empty();
    held.add(Signal::SIGXFSZ);
    held
}

/// Holds the signal back for as long as this process lives. Its children start without that.
pub(crate) fn hold_back() {
    // The kernel takes any mask.
    let _ = held().thread_block();
}

/// Gives the command that this process becomes the usual signals: none that is held back, and none
/// that came meanwhile.
pub(crate) fn release() {
    #[cfg(target_os = "linux")]
    {
        use nix::sys::signalfd::{SfdFlags, SignalFd};
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        if let Ok(pending) = SignalFd::with_flags(&held(), flags) {
            while let Ok(Some(_)) = pending.read_signal() {}
        }
    }
    // A signal that somebody else blocked would never reach the command either.
    let _ = SigSet::empty().thread_set_mask();
}
