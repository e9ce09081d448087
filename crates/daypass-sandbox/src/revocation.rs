//! The revocation endpoint (RFC 7009 2).

use bytes::Bytes;
use http::{Method, Response, StatusCode};

use crate::call::Call;
use crate::credentials::Credentials;
use crate::form::Form;
use crate::oauth_error::OauthError;
use crate::reply;

pub(crate) fn answer(call: &mut Call<'_>) -> Response<Bytes> {
    if call.request.method() != Method::POST {
        return reply::method_not_allowed("POST");
    }
    match revoke(call) {
        Ok(()) => reply::empty(StatusCode::OK),
        Err(error) => error.answer(call.settings.flavour),
    }
}

/// A token that is unknown is as good as revoked (RFC 7009 2.2).
fn revoke(call: &mut Call<'_>) -> Result<(), OauthError> {
    let form = Form::strict(call.request)?;
    let credentials = Credentials::read(call.request, &form)?;
    let (client, method) = credentials.verify(&call.state.clients)?;
    call.entry.auth = Some(method);
    let Some(text) = form.value("token") else {
        return Err(OauthError::invalid_request("token is missing"));
    };
    let Some(token) = call.state.tokens.find(text) else {
        return Ok(());
    };
    call.entry.token = Some(token.number);
    if token.client_id != client.id {
        let why = "the token belongs to another client";
        return Err(OauthError::fixed("unauthorized_client", why));
    }
    token.revoked = true;
    Ok(())
}
