//! Whether a request is listened to, and what it wants: pure.

use daypass::LOCAL_PREFIX;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::uri::PathAndQuery;

use super::answer::Fault;
use super::guard::{Authorities, Stranger};
use super::local::LocalCredentials;
use super::target::{self, Unfit};

/// Where programs log in; the API itself has no such path.
const LOGIN: &str = "/oauth/token";

/// What a request that is listened to wants.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Admitted {
    /// A local token, for the local id and secret.
    Login,
    /// To be passed on.
    AsItIs,
    /// To be passed on with this target, which is what stands behind the secret path.
    To(PathAndQuery),
}

/// `open` is a port that wants no credential: only the peer's user counts there.
pub(super) fn admit(
    head: &Parts,
    open: bool,
    authorities: &Authorities,
    local: &[LocalCredentials],
) -> Result<Admitted, Fault> {
    let target = target::check(&head.method, &head.uri).map_err(|unfit| match unfit {
        Unfit::Method => Fault::Method,
        Unfit::Target => Fault::Target,
    })?;
    authorities.check(&head.headers).map_err(|stranger| match stranger {
        Stranger::Host => Fault::Host,
        Stranger::Page => Fault::Page,
    })?;
    if target.path() == LOGIN {
        return Ok(Admitted::Login);
    }
    if let Some(own) = local.iter().find(|local| local.is_path(target.as_str())) {
        let rest = target::without_prefix(target, own.path()).ok_or(Fault::Target)?;
        return Ok(if rest.path() == LOGIN { Admitted::Login } else { Admitted::To(rest) });
    }
    // The secret path of another gateway, which is no path of the API.
    if target.path().trim_start_matches('/').starts_with(LOCAL_PREFIX) {
        return Err(Fault::Credential);
    }
    if open {
        return Ok(Admitted::AsItIs);
    }
    let mut shown = head.headers.get_all(AUTHORIZATION).iter();
    match (shown.next(), shown.next()) {
        (Some(one), None) if local.iter().any(|local| local.is_bearer(one.as_bytes())) => {
            Ok(Admitted::AsItIs)
        }
        _ => Err(Fault::Credential),
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn admitted(
        local: &LocalCredentials,
        open: bool,
        target: &str,
        authorization: &[&str],
    ) -> Result<Admitted, Fault> {
        let mut request = Request::get(target).header("host", "127.0.0.1:1");
        for value in authorization {
            request = request.header("authorization", *value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        admit(&head, open, &Authorities::new(1), std::slice::from_ref(local))
    }

    #[test]
    fn a_local_token_or_the_secret_path_opens_and_nothing_else_does() {
        let (local, other) =
            (LocalCredentials::generate().unwrap(), LocalCredentials::generate().unwrap());
        let bearer = format!("Bearer {}", local.token());
        let foreign = format!("Bearer {}", other.token());
        let secret = |path: &str| format!("{}{path}", local.path());
        let to = |target| Ok(Admitted::To(PathAndQuery::from_static(target)));
        let closed = || Err(Fault::Credential);
        for (open, target, authorization, expected) in [
            (false, "/api".to_owned(), vec![bearer.as_str()], Ok(Admitted::AsItIs)),
            (false, "/api".to_owned(), vec![], closed()),
            (false, "/api".to_owned(), vec!["Bearer "], closed()),
            (false, "/api".to_owned(), vec!["Bearer real-token"], closed()),
            (false, "/api".to_owned(), vec![&foreign], closed()),
            (false, "/api".to_owned(), vec![&bearer, &bearer], closed()),
            (false, "/api".to_owned(), vec![&bearer, "Basic x"], closed()),
            (true, "/api".to_owned(), vec![], Ok(Admitted::AsItIs)),
            (true, "/api".to_owned(), vec!["Bearer "], Ok(Admitted::AsItIs)),
            (false, secret("/api?x=1"), vec![], to("/api?x=1")),
            (false, secret("/api"), vec!["Bearer "], to("/api")),
            (false, secret(""), vec![], to("/")),
            (false, secret("//evil.example/"), vec![], Err(Fault::Target)),
            (false, secret("/oauth/token"), vec![], Ok(Admitted::Login)),
            (false, format!("{}/api", other.path()), vec![], closed()),
            (true, format!("{}/api", other.path()), vec![], closed()),
            (false, "/oauth/token".to_owned(), vec![], Ok(Admitted::Login)),
            (false, "/oauth/token/x".to_owned(), vec![], closed()),
            (false, "//api".to_owned(), vec![&bearer], Err(Fault::Target)),
        ] {
            let admitted = admitted(&local, open, &target, &authorization);
            assert_eq!(admitted, expected, "{open} {target} {authorization:?}");
        }
    }
}
