//! File descriptors: how many connections fit into what the process may have, and what it looks like
//! when there is none left. A gateway needs two for a request, one on each side.

use std::error::Error;
use std::io;

use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

/// What is kept for files, name servers, metrics and connections in the making.
const RESERVE: u64 = 64;
/// Connections of an agent's socket at most.
pub(crate) const AGENT: usize = 256;

/// How many connections there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shares {
    /// At an agent's socket.
    pub(crate) agent: usize,
    /// At all ports of a gateway together.
    pub(crate) gateway: usize,
}

/// The shares of this process, by its limit of now.
pub(crate) fn shares() -> Shares {
    shares_of(getrlimit(Resource::Nofile).current)
}

fn shares_of(limit: Option<u64>) -> Shares {
    let limit = limit.unwrap_or(u64::MAX);
    let agent = (limit / 8).clamp(1, AGENT as u64);
    let left = limit.saturating_sub(RESERVE.min(limit / 4)).saturating_sub(agent);
    let number = |share: u64| usize::try_from(share.max(1)).unwrap_or(usize::MAX);
    Shares { agent: number(agent), gateway: number(left / 2) }
}

/// Whether this is for want of descriptors, in the process or on the machine.
pub(crate) fn is_exhausted(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let io = error.downcast_ref::<io::Error>();
        let code = io.and_then(io::Error::raw_os_error);
        if [Errno::MFILE, Errno::NFILE].iter().any(|errno| code == Some(errno.raw_os_error())) {
            return true;
        }
        // An I/O error tells the source of what is within it.
        let within = io.and_then(io::Error::get_ref);
        next = within.map(|within| within as &(dyn Error + 'static)).or_else(|| error.source());
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_connections_of_all_fit_into_the_limit_with_a_reserve() {
        for (limit, agent, gateway) in [
            (None, 256, usize::try_from((u64::MAX - 64 - 256) / 2).unwrap()),
            (Some(65_536), 256, 32_608),
            (Some(4096), 256, 1888),
            (Some(1024), 128, 416),
            (Some(256), 32, 80),
            (Some(64), 8, 20),
            (Some(0), 1, 1),
        ] {
            assert_eq!(shares_of(limit), Shares { agent, gateway }, "{limit:?}");
        }
    }

    #[test]
    fn want_of_descriptors_is_seen_at_the_bottom_of_an_error() {
        let os = |errno: Errno| io::Error::from_raw_os_error(errno.raw_os_error());
        assert!(is_exhausted(&os(Errno::MFILE)));
        assert!(is_exhausted(&io::Error::other(os(Errno::NFILE))));
        assert!(!is_exhausted(&os(Errno::CONNREFUSED)));
    }
}
