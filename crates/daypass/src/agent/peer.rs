//! Who is at the other end of a unix socket, as the kernel says. Both ends look before they say
//! anything: a token goes to this user alone, and is taken from this user's agent alone.

use std::io;
use std::os::fd::AsFd;

/// The user that stands for those whom a user namespace does not know.
const NOBODY: u32 = 65534;

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its user.
    pub uid: u32,
    /// Its process; 0 where it is in a place that this process cannot see.
    pub pid: i32,
}

/// Returns who is at the other end of a unix socket.
///
/// # Errors
///
/// That of the system.
#[cfg(target_os = "linux")]
pub fn peer_of(socket: &impl AsFd) -> io::Result<Peer> {
    // Not rustix's: its process ids are never 0, and the kernel's are.
    let found = nix::sys::socket::getsockopt(socket, nix::sys::socket::sockopt::PeerCredentials)?;
    Ok(Peer { uid: found.uid(), pid: found.pid() })
}

/// Returns who is at the other end of a unix socket; the process is not looked for.
///
/// # Errors
///
/// That of the system.
#[cfg(not(target_os = "linux"))]
pub fn peer_of(socket: &impl AsFd) -> io::Result<Peer> {
    let (uid, _) = nix::unistd::getpeereid(socket)?;
    Ok(Peer { uid: uid.as_raw(), pid: -1 })
}

impl Peer {
    /// Whether it is the user that this process runs as, beyond doubt: not the one that stands for
    /// unknown users, and not a process out of sight.
    pub fn is_own(self) -> bool {
        self.is_user(rustix::process::geteuid().as_raw())
    }

    fn is_user(self, uid: u32) -> bool {
        self.uid == uid && self.uid != NOBODY && self.pid != 0
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn only_a_process_of_the_same_user_that_can_be_seen_is_own() {
        for (uid, pid, own) in
            [(1000, 7, true), (0, 7, false), (1001, 7, false), (1000, 0, false), (1000, -1, true)]
        {
            assert_eq!(Peer { uid, pid }.is_user(1000), own, "{uid} {pid}");
        }
        assert!(!Peer { uid: NOBODY, pid: 7 }.is_user(NOBODY));
    }

    #[test]
    fn the_kernel_says_who_it_is() {
        let (one, _other) = UnixStream::pair().unwrap();
        let peer = peer_of(&one).unwrap();
        assert_eq!(peer.uid, rustix::process::geteuid().as_raw());
        assert_eq!(peer.pid, i32::try_from(std::process::id()).unwrap());
    }
}
