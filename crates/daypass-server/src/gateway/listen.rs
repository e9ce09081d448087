//! Ports on this machine: 127.0.0.1 and `::1` on the same port, or neither.
//!
//! Programs say `localhost` and mean either. If only one of the two were ours, somebody else could
//! listen on the other and be sent what is meant for us.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use daypass::{Code, Error};
use rustix::io::Errno;
use tokio::net::{TcpListener, TcpSocket};

/// How often a port that is free on 127.0.0.1 is looked for on `::1` too.
const TRIES: usize = 32;
/// Connections that may wait to be accepted; the kernel may allow fewer.
const BACKLOG: u32 = 1024;

/// A port that is ours.
#[derive(Debug)]
pub(super) struct Port {
    pub(super) number: u16,
    pub(super) v4: TcpListener,
    /// None where this machine has no IPv6: nobody else can listen there either.
    pub(super) v6: Option<TcpListener>,
}

/// Listens on a port; 0 takes one that is free.
pub(super) fn listen(port: u16) -> Result<Port, Error> {
    let failed = |error: &io::Error| {
        let what = match port {
            0 => "no free port can be listened on".to_owned(),
            port => format!("port {port} cannot be listened on"),
        };
        Error::new(Code::Usage, format!("{what}: {}", error.kind()))
            .with_hint("is the port taken, on 127.0.0.1 or ::1? 0 takes a free one")
    };
    let mut tries = 1;
    loop {
        let v4 = on(Ipv4Addr::LOCALHOST.into(), port).map_err(|error| failed(&error))?;
        let number = v4.local_addr().map_err(|error| failed(&error))?.port();
        match on(Ipv6Addr::LOCALHOST.into(), number) {
            Ok(v6) => return Ok(Port { number, v4, v6: Some(v6) }),
            Err(error) if has_no_ipv6(&error) => return Ok(Port { number, v4, v6: None }),
            Err(_) if port == 0 && tries < TRIES => tries += 1,
            Err(error) => return Err(failed(&error)),
        }
    }
}

fn on(address: IpAddr, port: u16) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::new(address, port))?;
    socket.listen(BACKLOG)
}

fn has_no_ipv6(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    [Errno::ADDRNOTAVAIL, Errno::AFNOSUPPORT].iter().any(|errno| code == Some(errno.raw_os_error()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn both_families_have_the_same_port() {
        let port = listen(0).unwrap();
        let v6 = port.v6.unwrap().local_addr().unwrap();
        assert_eq!(v6, SocketAddr::new(Ipv6Addr::LOCALHOST.into(), port.number));
        assert_eq!(port.v4.local_addr().unwrap().port(), port.number);
    }

    #[tokio::test]
    async fn a_port_that_somebody_has_on_one_family_is_not_taken_on_the_other() {
        let theirs = on(Ipv6Addr::LOCALHOST.into(), 0).unwrap();
        let port = theirs.local_addr().unwrap().port();
        let error = listen(port).unwrap_err();
        assert_eq!(error.code(), Code::Usage);
        let told = format!("port {port} cannot be listened on: address in use");
        assert_eq!(error.message(), told);
        assert!(on(Ipv4Addr::LOCALHOST.into(), port).is_ok(), "nothing is kept");
    }
}
