//! Authorization server metadata (RFC 8414 2), also under OpenID Connect's name.

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use serde_json::json;

use crate::call::Call;
use crate::reply;

pub(crate) fn answer(call: &Call<'_>) -> Response<Bytes> {
    if !matches!(*call.request.method(), Method::GET | Method::HEAD) {
        return reply::method_not_allowed("GET, HEAD");
    }
    let base = format!("http://{}", call.authority().unwrap_or("127.0.0.1"));
    let issuer = call.settings.issuer.as_ref().unwrap_or(&base);
    let methods = ["client_secret_basic", "client_secret_post"];
    let document = json!({
        "issuer": issuer,
        "token_endpoint": format!("{base}/oauth/token"),
        "revocation_endpoint": format!("{base}/oauth/revoke"),
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_methods_supported": methods,
    });
    reply::json(StatusCode::OK, &document)
}
