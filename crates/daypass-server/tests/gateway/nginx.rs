//! nginx as the API: https with a certificate of its own, HTTP/2 or HTTP/1.1 by ALPN.

use std::fs;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use daypass::{CaFile, TrustConfig};

const PROGRAM: &str = "/usr/sbin/nginx";

/// An nginx before an API that speaks plain http.
pub(crate) struct Nginx {
    child: Child,
    pub(crate) addr: SocketAddr,
    pub(crate) certificate: Vec<u8>,
    _folder: tempfile::TempDir,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Nginx {
    /// `http2`: whether it speaks HTTP/2 too.
    pub(crate) fn before(api: SocketAddr, http2: bool) -> Self {
        assert!(Path::new(PROGRAM).exists(), "{PROGRAM} is missing: run tests/gateway/install");
        let folder = tempfile::tempdir().unwrap();
        let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = issued.cert.pem().into_bytes();
        fs::write(folder.path().join("certificate"), &certificate).unwrap();
        let mut key = fs::File::create(folder.path().join("key")).unwrap();
        key.write_all(issued.signing_key.serialize_pem().as_bytes()).unwrap();
        let addr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let listen = if http2 { "ssl http2" } else { "ssl" };
        let at = folder.path().display();
        let config = format!(
            "worker_processes 1; daemon off; master_process off; pid {at}/pid; error_log {at}/errors;
            events {{ worker_connections 512; }}
            http {{ access_log off; client_max_body_size 0;
              client_body_temp_path {at}/1; proxy_temp_path {at}/2; fastcgi_temp_path {at}/3;
              uwsgi_temp_path {at}/4; scgi_temp_path {at}/5;
              server {{ listen {addr} {listen}; ssl_certificate {at}/certificate; ssl_certificate_key {at}/key;
                location / {{ proxy_pass http://{api}; proxy_http_version 1.1; proxy_request_buffering off;
                  add_header x-protocol $server_protocol always; }} }} }}"
        );
        fs::write(folder.path().join("config"), config).unwrap();
        let child = Command::new(PROGRAM)
            .arg("-c")
            .arg(folder.path().join("config"))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let nginx = Self { child, addr, certificate, _folder: folder };
        for _ in 0..500 {
            if TcpStream::connect(addr).is_ok() {
                return nginx;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("nginx does not listen");
    }

    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}", self.addr.port())
    }

    /// Trusts its certificate and no other.
    pub(crate) fn trust(&self) -> TrustConfig {
        TrustConfig {
            ca_file: Some(CaFile::Pem(self.certificate.clone())),
            ..TrustConfig::default()
        }
    }
}
