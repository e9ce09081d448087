//! Whose process is at the other end of a connection on loopback (Linux).
//!
//! Asked once per connection: a netlink question about exactly this pair of addresses
//! (sock_diag(7)), which costs the kernel one lookup; where that is not to be had, the lists in
//! `/proc/net`. What has no answer counts as a stranger. A socket that its owner has closed has no
//! inode, and the kernel calls root its owner: it has no answer either.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
};

/// Where the kernel says who owns which connection.
const TABLES: [&str; 2] = ["/proc/net/tcp", "/proc/net/tcp6"];

/// The user id of the other end, where it is known.
#[derive(Debug)]
pub(crate) struct Peers {
    netlink: Option<OwnedFd>,
}

impl Peers {
    pub(crate) fn new() -> Self {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let diag = Some(netlink::SOCK_DIAG);
        let netlink = socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, diag).ok();
        Self { netlink }
    }

    /// Whether the other end of a connection is a process of this user. Elsewhere than on Linux that
    /// is not known, and nobody is sent away.
    pub(crate) fn is_own(&self, stream: &tokio::net::TcpStream) -> bool {
        if cfg!(not(target_os = "linux")) {
            return true;
        }
        let (Ok(peer), Ok(local)) = (stream.peer_addr(), stream.local_addr()) else { return false };
        self.owner(peer, local) == Some(rustix::process::geteuid().as_raw())
    }

    /// Whether a process still has the other end open, in whichever direction. Where that is not known,
    /// none has.
    pub(crate) fn is_there(&self, stream: &tokio::net::TcpStream) -> bool {
        let (Ok(peer), Ok(local)) = (stream.peer_addr(), stream.local_addr()) else { return false };
        cfg!(target_os = "linux") && self.owner(peer, local).is_some()
    }

    /// Returns the user whose process has the socket at `peer` of a connection to `local`.
    pub(crate) fn owner(&self, peer: SocketAddr, local: SocketAddr) -> Option<u32> {
        let asked = self.netlink.as_ref().map(|netlink| ask(netlink, peer, local));
        match asked {
            Some(Ok(owner)) => owner,
            // The kernel has no sock_diag, or somebody forbids it.
            Some(Err(Unasked)) | None => TABLES.iter().find_map(|path| {
                let table = std::fs::read_to_string(path).ok()?;
                find(&table, peer, local)
            }),
        }
    }
}

/// The kernel did not take the question.
struct Unasked;

/// `SOCK_DIAG_BY_FAMILY`, `NLM_F_REQUEST`, `NLMSG_ERROR`, `IPPROTO_TCP`.
const BY_FAMILY: u16 = 20;
const REQUEST: u16 = 1;
const ERROR: u16 = 2;
const TCP: u8 = 6;
/// `-ENOENT`: there is no such connection.
const NO_ENTRY: i32 = -2;

fn ask(netlink: &OwnedFd, peer: SocketAddr, local: SocketAddr) -> Result<Option<u32>, Unasked> {
    let question = question(peer, local);
    send(netlink, &question, SendFlags::empty()).map_err(|_| Unasked)?;
    // The answer is there when the question has been taken.
    let mut answer = [0; 512];
    let (_, length) = recv(netlink, &mut answer, RecvFlags::empty()).map_err(|_| Unasked)?;
    read_answer(answer.get(..length).unwrap_or_default(), &question)
}

/// `struct nlmsghdr`, then `struct inet_diag_req_v2` of linux/inet_diag.h.
fn question(peer: SocketAddr, local: SocketAddr) -> Vec<u8> {
    let mut message = Vec::with_capacity(72);
    message.extend(72u32.to_ne_bytes());
    message.extend(BY_FAMILY.to_ne_bytes());
    message.extend(REQUEST.to_ne_bytes());
    message.extend([0; 8]);
    let family = if peer.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    message.extend([u8::try_from(family.as_raw()).unwrap_or_default(), TCP, 0, 0]);
    message.extend(u32::MAX.to_ne_bytes());
    message.extend(peer.port().to_be_bytes());
    message.extend(local.port().to_be_bytes());
    for address in [peer.ip(), local.ip()] {
        message.extend(sixteen(address));
    }
    message.extend([0; 4]);
    // No cookie.
    message.extend([0xff; 8]);
    message
}

fn sixteen(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        }
        IpAddr::V6(address) => address.octets(),
    }
}

/// Reads `struct inet_diag_msg`. Its addresses must be those that were asked about.
fn read_answer(answer: &[u8], question: &[u8]) -> Result<Option<u32>, Unasked> {
    let kind = answer.get(4..6).and_then(|two| two.try_into().ok()).map(u16::from_ne_bytes);
    let word = |at: usize| answer.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes);
    match kind {
        Some(BY_FAMILY) => {
            let same = |as_asked: &[u8]| answer.get(20..56) == Some(as_asked);
            let asked = question.get(24..60).unwrap_or_default();
            let owner = word(80).filter(|_| word(84).is_some_and(|inode| inode != 0));
            Ok(owner.filter(|_| same(asked) || same(&as_mapped(asked))))
        }
        Some(ERROR) if word(16).map(u32::cast_signed) == Some(NO_ENTRY) => Ok(None),
        _ => Err(Unasked),
    }
}

/// The same pair of IPv4 addresses, as a socket of IPv6 has them.
fn as_mapped(pair: &[u8]) -> Vec<u8> {
    let address = |at: usize| {
        let four: [u8; 4] = pair.get(at..at + 4)?.try_into().ok()?;
        Some(std::net::Ipv4Addr::from(four).to_ipv6_mapped().octets())
    };
    let ports = pair.get(..4).unwrap_or_default();
    let addresses = [4, 20].into_iter().filter_map(address).flatten();
    ports.iter().copied().chain(addresses).collect()
}

/// Finds a connection in a table of proc(5).
fn find(table: &str, peer: SocketAddr, local: SocketAddr) -> Option<u32> {
    let wanted = [[shown(peer), shown(local)], [mapped(peer), mapped(local)]];
    table.lines().skip(1).find_map(|line| {
        let mut columns = line.split_ascii_whitespace().skip(1);
        let pair = [columns.next()?, columns.next()?];
        if !wanted.iter().any(|wanted| wanted == &pair) {
            return None;
        }
        // State, queues, timer and retransmissions; then uid, timeout and inode.
        let (owner, inode) = (columns.nth(4)?, columns.nth(1)?);
        (inode != "0").then(|| owner.parse().ok())?
    })
}

/// As the kernel prints it: words of four bytes, each as the number that it is in memory.
fn shown(address: SocketAddr) -> String {
    let octets = sixteen(address.ip());
    let length = if address.is_ipv4() { 4 } else { 16 };
    printed(octets.get(..length).unwrap_or_default(), address.port())
}

/// An IPv4 address as a socket of IPv6 has it.
fn mapped(address: SocketAddr) -> String {
    let octets = match address.ip() {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    };
    printed(&octets, address.port())
}

fn printed(octets: &[u8], port: u16) -> String {
    let (words, _) = octets.as_chunks::<4>();
    let words: String =
        words.iter().map(|word| format!("{:08X}", u32::from_ne_bytes(*word))).collect();
    format!("{words}:{port:04X}")
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    fn pair(address: &str) -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind(address).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (client, listener.accept().unwrap().0)
    }

    fn me() -> Option<u32> {
        Some(rustix::process::geteuid().as_raw())
    }

    #[test]
    fn the_owner_of_a_connection_is_known_by_both_ways() {
        let peers = Peers::new();
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let (_client, server) = pair(address);
            let (peer, local) = (server.peer_addr().unwrap(), server.local_addr().unwrap());
            assert_eq!(peers.owner(peer, local), me(), "{address}");
            let by_table = Peers { netlink: None };
            assert_eq!(by_table.owner(peer, local), me(), "{address}");
        }
    }

    #[test]
    fn the_owner_of_a_socket_of_the_other_family_is_known_too() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let _client = TcpStream::connect(format!("[::ffff:127.0.0.1]:{port}")).unwrap();
        let server = listener.accept().unwrap().0;
        let (peer, local) = (server.peer_addr().unwrap(), server.local_addr().unwrap());
        for peers in [Peers::new(), Peers { netlink: None }] {
            assert_eq!(peers.owner(peer, local), me());
        }
    }

    #[test]
    fn netlink_answers_here() {
        let netlink = Peers::new().netlink.unwrap();
        let (_client, server) = pair("127.0.0.1:0");
        let (peer, local) = (server.peer_addr().unwrap(), server.local_addr().unwrap());
        assert!(matches!(ask(&netlink, peer, local), Ok(owner) if owner == me()));
    }

    #[test]
    fn a_connection_that_is_not_there_or_was_closed_has_no_owner() {
        for peers in [Peers::new(), Peers { netlink: None }] {
            let (client, server) = pair("127.0.0.1:0");
            let (peer, local) = (server.peer_addr().unwrap(), server.local_addr().unwrap());
            let other: SocketAddr = "127.0.0.1:1".parse().unwrap();
            assert_eq!(peers.owner(other, local), None);
            drop(client);
            assert_eq!(peers.owner(peer, local), None, "the kernel says root; it is not known");
        }
    }

    #[test]
    fn tables_are_read_as_the_kernel_prints_them() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
            0: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 77 1 0\n   \
            1: 0100007F:C350 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 78 1 0\n   \
            2: 0100007F:C351 0100007F:1F90 06 00000000:00000000 00:00000000 00000000     0        0 0 3 0\n";
        let local = "127.0.0.1:8080".parse().unwrap();
        let owner = |port: u16| find(table, SocketAddr::from(([127, 0, 0, 1], port)), local);
        if cfg!(target_endian = "little") {
            assert_eq!((owner(50000), owner(50001), owner(50002)), (Some(1000), None, None));
        }
    }
}
