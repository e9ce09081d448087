//! What went wrong on the way, in plain words.
//!
//! Turns reqwest's chain of errors into an [`HttpError`]. The chain's own texts are not shown:
//! they hold URLs.

use std::error::Error;
use std::io;

use rustls::CertificateError;

use super::HttpError;
use crate::printable;

/// Returns the error for a failed exchange.
pub(super) fn of(error: &::reqwest::Error) -> HttpError {
    let chain: Vec<_> = Chain(Some(error)).collect();
    let tls = chain.iter().find_map(|link| link.downcast_ref::<rustls::Error>());
    if let Some(tls) = tls {
        return of_tls(tls);
    }
    let io = chain.iter().filter_map(|link| link.downcast_ref::<io::Error>()).map(io::Error::kind);
    let what = io.filter_map(of_io).next();
    if !error.is_connect() {
        return HttpError::Broken(what.unwrap_or("no complete answer came").into());
    }
    // The type of a failed tunnel is private to hyper-util; its text has no outside words in it.
    let tunnel = chain.iter().map(|link| link.to_string()).find(|text| text.starts_with("tunnel"));
    let what = match tunnel.as_deref() {
        Some("tunnel error: proxy authorization required") => "the proxy asks for a login",
        Some("tunnel error: unsuccessful") => "the proxy refuses to connect there",
        Some(_) => what.unwrap_or("the proxy gave no usable answer"),
        None if error.is_dns() => "unknown host, or no name server answers",
        None if error.is_timeout() => "the host does not answer",
        None => what.unwrap_or("the connection failed"),
    };
    HttpError::Connect(what.into())
}

fn of_tls(error: &rustls::Error) -> HttpError {
    let rustls::Error::InvalidCertificate(problem) = error else {
        return HttpError::Connect(
            "no TLS connection (is it an https port? TLS 1.2 is the least)".into(),
        );
    };
    let what = match problem {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            return HttpError::Untrusted(
                "the server's certificate comes from an authority that is not trusted here".into(),
            );
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the server's certificate has expired, or the clock here is wrong"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet, or the clock here is wrong"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the server's certificate is for another host name"
        }
        CertificateError::Revoked => "the server's certificate was revoked",
        // What is inside of `Other` is the verifier's own, in no words for people.
        CertificateError::Other(_) => {
            return HttpError::Untrusted(
                "the server's certificate is not one for a server (a self-signed one must not be \
                 a certificate authority's; make one that an authority signed)"
                    .into(),
            );
        }
        other => {
            let other = printable(&other.to_string());
            return HttpError::Connect(format!("the server's certificate won't do: {other}"));
        }
    };
    HttpError::Connect(what.into())
}

const fn of_io(kind: io::ErrorKind) -> Option<&'static str> {
    Some(match kind {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => "the connection was reset",
        io::ErrorKind::ConnectionAborted => "the connection was aborted",
        io::ErrorKind::UnexpectedEof => "the connection ended too early",
        io::ErrorKind::HostUnreachable => "the host can't be reached",
        io::ErrorKind::NetworkUnreachable => "the network can't be reached",
        io::ErrorKind::NetworkDown => "the network is down",
        io::ErrorKind::TimedOut => "the host does not answer",
        io::ErrorKind::PermissionDenied => "connecting is forbidden here (a firewall or sandbox)",
        _ => return None,
    })
}

/// An error and its causes, those inside of `io::Error` included, which its `source` leaves out.
struct Chain<'a>(Option<&'a (dyn Error + 'static)>);

impl<'a> Iterator for Chain<'a> {
    type Item = &'a (dyn Error + 'static);

    fn next(&mut self) -> Option<Self::Item> {
        let link = self.0?;
        let inner = link.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        self.0 = match inner {
            Some(inner) => Some(inner),
            None => link.source(),
        };
        Some(link)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_certificate_that_is_none_for_a_server_is_a_matter_of_trust_told_in_words() {
        let inner = io::Error::other("CaUsedAsEndEntity");
        let other = CertificateError::Other(rustls::OtherError(Arc::new(inner)));
        let told = of_tls(&rustls::Error::InvalidCertificate(other));
        assert!(matches!(&told, HttpError::Untrusted(_)), "{told}");
        assert!(!told.to_string().contains("CaUsed"), "{told}");
    }
}
