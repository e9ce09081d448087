//! `POST /oauth/token` at the gateway: the local id and secret give the local token (RFC 6749
//! section 4.4), which is swapped for the real one on the way out.
//!
//! The issuer is not asked, and the token "lives" for a day: some SDKs ask without end for one
//! that lives a minute or less. A real credential that comes here is refused and goes nowhere.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use daypass::LOCAL_PREFIX;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde_json::json;
use zeroize::Zeroizing;

use super::answer::{Fault, json_answer};
use super::body::AnswerBody;
use super::local::LocalCredentials;

/// What a local token is said to live.
const EXPIRES_IN: u32 = 86_400;
/// The longest form that is read, in bytes.
const MAX_FORM: usize = 16 * 1024;

/// How a login ended.
#[derive(Debug, PartialEq, Eq)]
enum Login {
    Granted(Zeroizing<String>),
    /// RFC 6749 section 5.2, with what to tell.
    Refused(&'static str, &'static str),
}

pub(super) async fn answer(
    local: &[LocalCredentials],
    head: &Parts,
    body: Incoming,
) -> Response<AnswerBody> {
    if head.method != Method::POST {
        return Fault::Login.answer();
    }
    let form = match Limited::new(body, MAX_FORM).collect().await {
        Ok(form) => form.to_bytes(),
        Err(_) => return Fault::Login.answer(),
    };
    let basic = head.headers.get(AUTHORIZATION).map(http::HeaderValue::as_bytes);
    let content_type = head.headers.get(CONTENT_TYPE).map(http::HeaderValue::as_bytes);
    let (status, value) = match log_in(local, basic, content_type, &form) {
        Login::Granted(token) => {
            let value = json!({
                "access_token": token.as_str(),
                "token_type": "bearer",
                "expires_in": EXPIRES_IN,
            });
            (StatusCode::OK, value)
        }
        Login::Refused(error, why) => {
            // Genesys' own SDKs show `description`, the others `error_description`.
            let value = json!({ "error": error, "error_description": why, "description": why });
            let unknown = error == "invalid_client";
            (if unknown { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST }, value)
        }
    };
    let mut answer = json_answer(status, "application/json", &value);
    if status != StatusCode::OK {
        Fault::Login.mark(&mut answer);
    }
    if status == StatusCode::UNAUTHORIZED {
        let name = http::header::WWW_AUTHENTICATE;
        super::answer::field(&mut answer, name, "Basic realm=\"daypass\"");
    }
    answer
}

const FOREIGN: &str = "this local credential is another gateway's, or one that has ended: use the \
                       one in this process's environment";
const REAL: &str = "the gateway wants its local credential (daypass-local-...), not a real one; \
                    nothing was sent to the issuer";

fn log_in(
    local: &[LocalCredentials],
    basic: Option<&[u8]>,
    content_type: Option<&[u8]>,
    form: &Bytes,
) -> Login {
    if content_type.is_some_and(|kind| !kind.starts_with(b"application/x-www-form-urlencoded")) {
        return Login::Refused("invalid_request", "the body is no form");
    }
    let field = |name: &str| {
        let mut values = form_urlencoded::parse(form).filter(|(key, _)| key == name);
        values.next().map(|(_, value)| Zeroizing::new(value.into_owned()))
    };
    if field("grant_type").is_none_or(|grant| grant.as_str() != "client_credentials") {
        return Login::Refused(
            "unsupported_grant_type",
            "the gateway knows client_credentials only",
        );
    }
    let Some((id, secret)) = basic.and_then(read_basic).or_else(|| {
        let id = field("client_id")?.as_bytes().to_vec();
        Some((Zeroizing::new(id), Zeroizing::new(field("client_secret")?.as_bytes().to_vec())))
    }) else {
        return Login::Refused("invalid_client", "there is no client id and secret");
    };
    match local.iter().find(|local| local.is_client(&id, &secret)) {
        Some(local) => Login::Granted(Zeroizing::new(local.token().to_owned())),
        None if id.starts_with(LOCAL_PREFIX.as_bytes()) => {
            Login::Refused("invalid_client", FOREIGN)
        }
        None => Login::Refused("invalid_client", REAL),
    }
}

type Pair = (Zeroizing<Vec<u8>>, Zeroizing<Vec<u8>>);

/// Reads `Basic` (RFC 7617). Local credentials have no character that form-encoding would change,
/// so both readings of RFC 6749 section 2.3.1 are this one.
fn read_basic(authorization: &[u8]) -> Option<Pair> {
    let (scheme, encoded) = authorization.split_at_checked("Basic ".len())?;
    if !scheme.eq_ignore_ascii_case(b"Basic ") {
        return None;
    }
    let text = Zeroizing::new(BASE64_STANDARD.decode(encoded.trim_ascii()).ok()?);
    let colon = text.iter().position(|byte| *byte == b':')?;
    let (id, secret) = (text.get(..colon)?, text.get(colon + 1..)?);
    Some((Zeroizing::new(id.to_vec()), Zeroizing::new(secret.to_vec())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: Option<&[u8]> = Some(b"application/x-www-form-urlencoded; charset=utf-8");

    fn basic(id: &str, secret: &str) -> Vec<u8> {
        format!("Basic {}", BASE64_STANDARD.encode(format!("{id}:{secret}"))).into_bytes()
    }

    #[test]
    fn the_local_id_and_secret_give_the_local_token_in_either_form() {
        let local = [LocalCredentials::generate().unwrap(), LocalCredentials::generate().unwrap()];
        for own in &local {
            let granted = Login::Granted(Zeroizing::new(own.token().to_owned()));
            let header = basic(own.client_id(), own.client_secret());
            let form = Bytes::from_static(b"grant_type=client_credentials");
            assert_eq!(log_in(&local, Some(&header), FORM, &form), granted);
            let form = format!(
                "client_secret={}&grant_type=client_credentials&client_id={}",
                own.client_secret(),
                own.client_id()
            );
            assert_eq!(log_in(&local, None, FORM, &Bytes::from(form)), granted);
        }
    }

    #[test]
    fn everything_else_is_refused_with_what_is_wrong() {
        let local = [LocalCredentials::generate().unwrap()];
        let other = LocalCredentials::generate().unwrap();
        let grant = "grant_type=client_credentials";
        let own = basic(local[0].client_id(), local[0].client_secret());
        let mixed = basic(local[0].client_id(), other.client_secret());
        let foreign = basic(other.client_id(), other.client_secret());
        let real = basic("5a4db0c5-0000-4000-8000-000000000001", "a-real-secret");
        for (header, form, error, why) in [
            (Some(own.as_slice()), "grant_type=authorization_code", "unsupported_grant_type", ""),
            (Some(own.as_slice()), "", "unsupported_grant_type", ""),
            (Some(mixed.as_slice()), grant, "invalid_client", FOREIGN),
            (Some(foreign.as_slice()), grant, "invalid_client", FOREIGN),
            (Some(real.as_slice()), grant, "invalid_client", REAL),
            (Some(b"Basic !"), grant, "invalid_client", ""),
            (Some(b"Bearer x"), grant, "invalid_client", ""),
            (None, grant, "invalid_client", ""),
            (None, "grant_type=client_credentials&client_id=x", "invalid_client", ""),
        ] {
            let ended = log_in(&local, header, FORM, &Bytes::from(form.to_owned()));
            assert!(
                matches!(&ended, Login::Refused(e, w) if *e == error && (why.is_empty() || *w == why)),
                "{form}: {ended:?}"
            );
        }
        let json =
            log_in(&local, Some(&own), Some(b"application/json"), &Bytes::from_static(b"{}"));
        assert!(matches!(json, Login::Refused("invalid_request", _)));
    }
}
