//! The protected API: says what the token was, never the token itself; refuses as RFC 6750 3 says.

use bytes::Bytes;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderName, Response, StatusCode};
use serde_json::json;

use crate::builder::Flavour;
use crate::call::Call;
use crate::fault::apply::{insufficient_scope, unauthorized};
use crate::token::Issued;
use crate::token_endpoint::is_scope_token;
use crate::{genesys, reply};

/// The path that refuses every token.
const DENIED: &str = "/api/denied";

/// Notes whose token is shown, if it is one of ours.
pub(crate) fn observe(call: &mut Call<'_>) {
    let Some(text) = call.bearer().map(str::to_owned) else { return };
    if let Some(token) = call.state.tokens.find(&text) {
        call.entry.client_id = Some(token.client_id.clone());
        call.entry.token = Some(token.number);
    }
}

pub(crate) fn answer(call: &mut Call<'_>) -> Response<Bytes> {
    let Some(text) = call.bearer().map(str::to_owned) else {
        // RFC 6750 3.1: no error code for a request that shows no token at all.
        let body = json!({ "message": "no access token was shown" });
        let response = reply::json(StatusCode::UNAUTHORIZED, &body);
        return reply::with(response, WWW_AUTHENTICATE, "Bearer realm=\"sandbox\"");
    };
    let now = call.now;
    if call.path() == DENIED {
        return unauthorized();
    }
    let Some(token) = call.state.tokens.find(&text).filter(|token| token.is_live(now)) else {
        return unauthorized();
    };
    let (token, limited) = match (call.settings.flavour, call.settings.api_rate_limit) {
        (Flavour::Genesys, Some(allowed)) => {
            let usage = genesys::count(token, allowed, now);
            (token.clone(), Some(usage))
        }
        _ => (token.clone(), None),
    };
    let response = match &limited {
        Some(usage) if usage.exceeded() => usage.too_many(),
        _ => route(call, &token, &text),
    };
    let headers = limited.iter().flat_map(genesys::Usage::headers);
    headers.fold(response, |response, (name, value)| {
        reply::with(response, HeaderName::from_static(name), &value)
    })
}

fn route(call: &mut Call<'_>, token: &Issued, text: &str) -> Response<Bytes> {
    if call.settings.flavour == Flavour::Genesys
        && let Some(response) = genesys::answer(call, token)
    {
        return response;
    }
    if let Some(scope) = call.path().strip_prefix("/api/needs/")
        && !token.scopes.iter().any(|granted| granted == scope)
    {
        return insufficient_scope(if is_scope_token(scope) { scope } else { "" });
    }
    echo(call, token, text)
}

/// What arrived, without any header's value but the host's.
fn echo(call: &Call<'_>, token: &Issued, text: &str) -> Response<Bytes> {
    let request = call.request;
    let headers: Vec<_> = request.headers().keys().map(HeaderName::as_str).collect();
    let body = json!({
        "method": request.method().as_str(),
        "target": call.state.hide(&request.uri().to_string()).replace(text, "[hidden]"),
        "host": call.authority(),
        "headers": headers,
        "body_bytes": request.body().len(),
        "token": token.number,
        "client_id": token.client_id,
        "scope": token.scopes.join(" "),
        "audience": token.audience,
        "expires_in": token.seconds_left(call.now),
    });
    reply::json(StatusCode::OK, &body)
}
