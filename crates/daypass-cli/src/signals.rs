//! Signals that are caught: those that stop a server, and those that go on to a command. What somebody
//! had this process ignore (`nohup`, a job in the background) stays ignored.

use std::fs;
use std::io;

use daypass::{Code, Error};
use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// More than anybody sends before one is looked at.
const WAITING: usize = 16;

/// Signals as they come.
pub(crate) struct Signals(mpsc::Receiver<Signal>);

impl Signals {
    /// Catches SIGINT and SIGTERM from now on.
    pub(crate) fn to_stop() -> Result<Self, Error> {
        let caught = Self::catch(&[Signal::INT, Signal::TERM]);
        caught.map_err(|error| {
            let kind = error.kind();
            Error::new(Code::Internal, format!("signals cannot be waited for: {kind}"))
        })
    }

    /// Catches signals from now on, but for those that are ignored.
    pub(crate) fn catch(wanted: &[Signal]) -> io::Result<Self> {
        let (sender, receiver) = mpsc::channel(WAITING);
        let ignored = fs::read_to_string("/proc/self/status").map_or(0, |text| ignored(&text));
        for number in wanted.iter().copied().filter(|signal| !is_in(*signal, ignored)) {
            let mut stream = signal(SignalKind::from_raw(number.as_raw()))?;
            let sender = sender.clone();
            tokio::spawn(async move {
                while stream.recv().await.is_some() && sender.send(number).await.is_ok() {}
            });
        }
        Ok(Self(receiver))
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> Signal {
        match self.0.recv().await {
            Some(signal) => signal,
            None => std::future::pending().await,
        }
    }
}

/// The mask of ignored signals, as the kernel tells it (proc(5)).
fn ignored(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

fn is_in(signal: Signal, mask: u64) -> bool {
    let bit = u32::try_from(signal.as_raw()).ok().and_then(|number| number.checked_sub(1));
    bit.and_then(|bit| mask.checked_shr(bit)).is_some_and(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_is_read_from_the_kernel_s_mask() {
        let status = "Name:\tx\nSigBlk:\t0000000000000001\nSigIgn:\t0000000000001003\n";
        let mask = ignored(status);
        assert!(is_in(Signal::HUP, mask) && is_in(Signal::INT, mask) && is_in(Signal::PIPE, mask));
        assert!(!is_in(Signal::TERM, mask) && !is_in(Signal::QUIT, mask));
        assert_eq!(ignored("Name:\tx\n"), 0);
    }
}
