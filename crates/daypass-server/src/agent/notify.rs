//! Tells a service manager how it goes: sd_notify(3), one datagram to `NOTIFY_SOCKET`.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use daypass::Env;

/// Sends a state such as `READY=1`, if there is a manager that wants to know. One that is gone is
/// told nothing.
pub fn notify(env: &Env, state: &str) {
    if let Some(place) = env.var_os("NOTIFY_SOCKET").filter(|place| !place.is_empty()) {
        let _ = send(place, state);
    }
}

fn send(place: &OsStr, state: &str) -> io::Result<()> {
    let address = match place.as_bytes().split_first() {
        #[cfg(target_os = "linux")]
        Some((b'@', name)) => {
            use std::os::linux::net::SocketAddrExt;
            SocketAddr::from_abstract_name(name)?
        }
        _ => SocketAddr::from_pathname(place)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.send_to_addr(state.as_bytes(), &address).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manager_is_told_on_its_socket_or_abstract_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let name = format!("@daypass-test-{}", std::process::id());
        let by_path = UnixDatagram::bind(&path).unwrap();
        let by_name = {
            use std::os::linux::net::SocketAddrExt;
            let address = SocketAddr::from_abstract_name(&name[1..]).unwrap();
            UnixDatagram::bind_addr(&address).unwrap()
        };
        for (place, manager) in [(path.as_os_str(), by_path), (name.as_ref(), by_name)] {
            notify(&Env::from_pairs([("NOTIFY_SOCKET", place)]), "READY=1");
            let mut bytes = [0; 32];
            let count = manager.recv(&mut bytes).unwrap();
            assert_eq!(&bytes[..count], b"READY=1");
        }
        notify(&Env::from_pairs([("NOTIFY_SOCKET", "/nonexistent")]), "READY=1");
        notify(&Env::default(), "READY=1");
    }
}
