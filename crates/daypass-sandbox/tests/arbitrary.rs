//! Whatever arrives, an answer comes and nothing panics.

use bytes::Bytes;
use daypass_sandbox::{Endpoint, Fault, Flavour};
use http::{HeaderValue, Method, Request, Uri};
use proptest::prelude::*;

use crate::support::*;

fn paths() -> impl Strategy<Value = String> {
    let known = proptest::sample::select(&[
        "/oauth/token",
        "/token",
        "/oauth/revoke",
        "/api/echo",
        "/api/needs/x",
        "/api/v2/users?pageSize=1",
        "/api/v2/tokens/me",
        "/.well-known/openid-configuration",
        "/_sandbox/faults",
        "/_sandbox/clock",
        "*",
        "http://h/token",
    ]);
    prop_oneof![known.prop_map(str::to_owned), "/[!-~]{0,20}", "/api/v2/users\\?[!-~]{0,20}"]
}

fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let form =
        "(grant_type|scope|client_id|client_secret|audience|token)=[ -~]{0,20}(&[ -~]{0,9}){0,3}";
    prop_oneof![any::<Vec<u8>>(), form.prop_map(String::into_bytes)]
}

fn authorizations() -> impl Strategy<Value = Vec<u8>> {
    let basic = "[ -~]{0,12}".prop_map(|text| basic(&text, "x").into_bytes());
    prop_oneof![
        any::<Vec<u8>>(),
        "(Basic|Bearer|bearer)[ -~]{0,30}".prop_map(String::into_bytes),
        basic
    ]
}

proptest! {
    #[test]
    fn any_request_gets_an_answer(
        method in "[A-Z]{1,7}|GET|POST|DELETE",
        path in paths(),
        authorization in authorizations(),
        content_type in prop_oneof![Just(FORM.to_owned()), "[ -~]{0,20}"],
        body in bodies(),
        genesys in any::<bool>(),
        fault in proptest::sample::select(Fault::NAMES),
    ) {
        let flavour = if genesys { Flavour::Genesys } else { Flavour::Standard };
        let sandbox = builder().flavour(flavour).control(true).build();
        if let Ok(fault) = fault.parse::<Fault>() {
            sandbox.script(Endpoint::Token, [Fault::None, fault.clone()]);
            sandbox.script(Endpoint::Api, [Fault::None, fault]);
        }
        for _ in 0..2 {
            let mut request = Request::new(Bytes::from(body.clone()));
            *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
            if let Ok(uri) = path.parse::<Uri>() {
                *request.uri_mut() = uri;
            }
            for (name, value) in [
                (http::header::AUTHORIZATION, &authorization[..]),
                (http::header::CONTENT_TYPE, content_type.as_bytes()),
                (http::header::HOST, &authorization[..]),
            ] {
                if let Ok(value) = HeaderValue::from_bytes(value) {
                    request.headers_mut().insert(name, value);
                }
            }
            let status = sandbox.handle(request).response.status().as_u16();
            prop_assert!((200..600).contains(&status));
        }
    }
}
