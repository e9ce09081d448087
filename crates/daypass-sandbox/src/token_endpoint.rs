//! The token endpoint: the client credentials grant of RFC 6749 4.4, its answer (5.1) and its errors (5.2).

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde_json::json;

use crate::builder::Flavour;
use crate::call::{Call, Settings};
use crate::client::Client;
use crate::credentials::Credentials;
use crate::form::Form;
use crate::log::Entry;
use crate::oauth_error::OauthError;
use crate::reply;
use crate::token::Issued;

/// A token answer as JSON texts, so that a fault can make any of them what JSON types can't hold.
pub(crate) struct TokenAnswer {
    pub(crate) access_token: String,
    pub(crate) token_type: Option<String>,
    pub(crate) expires_in: Option<String>,
    pub(crate) scope: Option<String>,
    /// The true lifetime in seconds.
    pub(crate) lifetime_s: u64,
}

impl TokenAnswer {
    fn text(&self) -> String {
        let fields = [
            ("access_token", Some(&self.access_token)),
            ("token_type", self.token_type.as_ref()),
            ("expires_in", self.expires_in.as_ref()),
            ("scope", self.scope.as_ref()),
        ];
        let fields =
            fields.iter().filter_map(|(name, json)| Some(format!("\"{name}\":{}", (*json)?)));
        format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
    }
}

/// Notes what a token or revocation request says about itself.
pub(crate) fn observe(request: &Request<Bytes>, entry: &mut Entry) {
    let form = Form::lenient(request.body());
    let noted = |name| form.value(name).map(str::to_owned);
    entry.grant_type = noted("grant_type");
    entry.scope = noted("scope");
    entry.audience = noted("audience").or_else(|| noted("resource"));
    entry.client_id = noted("client_id");
    if let Ok(credentials) = Credentials::read(request, &form)
        && let Some((method, id)) = credentials.claimed()
    {
        entry.auth = Some(method);
        entry.client_id = Some(id.to_owned());
    }
}

pub(crate) fn answer(call: &mut Call<'_>) -> Response<Bytes> {
    if call.request.method() != Method::POST {
        return reply::method_not_allowed("POST");
    }
    match issue(call) {
        Ok(answer) => {
            let response = reply::raw_json(StatusCode::OK, answer.text());
            reply::with(response, http::header::PRAGMA, "no-cache")
        }
        Err(error) => error.answer(call.settings.flavour),
    }
}

fn issue(call: &mut Call<'_>) -> Result<TokenAnswer, OauthError> {
    let form = Form::strict(call.request)?;
    let credentials = Credentials::read(call.request, &form)?;
    let (client, method) = credentials.verify(&call.state.clients)?;
    call.entry.auth = Some(method);
    call.entry.client_id = Some(client.id.clone());
    match form.value("grant_type") {
        Some("client_credentials") => {}
        Some(_) => {
            let why = "the sandbox knows client_credentials only";
            return Err(OauthError::fixed("unsupported_grant_type", why));
        }
        None => return Err(OauthError::invalid_request("grant_type is missing")),
    }
    let audience = check_audience(client, &form)?;
    let scopes = grant_scopes(client, form.value("scope"), call.settings)?;

    let default = match call.settings.flavour {
        Flavour::Genesys => Duration::from_secs(86_400),
        Flavour::Standard => Duration::from_secs(3600),
    };
    let lifetime_s = client.lifetime.unwrap_or(default).as_secs();
    let token = Issued {
        number: 0,
        client_id: client.id.clone(),
        scopes: scopes.clone(),
        audience,
        issued_at: call.now,
        expires_at: call.now.plus(Duration::from_secs(lifetime_s)),
        revoked: false,
        window: (call.now, 0),
    };
    let text = call.state.tokens.issue(token, call.settings.shape, &call.settings.noise);
    call.entry.token = Some(call.state.tokens.issued());

    let genesys = call.settings.flavour == Flavour::Genesys;
    let said = form.value("scope").is_some() && !genesys;
    let mut answer = TokenAnswer {
        access_token: json!(text).to_string(),
        token_type: Some(json!(if genesys { "bearer" } else { "Bearer" }).to_string()),
        expires_in: Some(lifetime_s.to_string()),
        scope: said.then(|| json!(scopes.join(" ")).to_string()),
        lifetime_s,
    };
    call.faults.iter().for_each(|fault| fault.edit(&mut answer));
    Ok(answer)
}

/// RFC 8707 2: what was asked for is what the client must ask for, if it must.
fn check_audience(client: &Client, form: &Form) -> Result<Option<String>, OauthError> {
    let mut asked = form.values("audience").chain(form.values("resource"));
    match &client.audience {
        None => Ok(asked.next().map(str::to_owned)),
        Some(required) if asked.any(|audience| audience == required) => Ok(Some(required.clone())),
        Some(_) => Err(OauthError::fixed(
            "invalid_target",
            "the client needs another audience or resource",
        )),
    }
}

/// RFC 6749 3.3: the scopes of the token, in the order asked, each once.
fn grant_scopes(
    client: &Client,
    asked: Option<&str>,
    settings: &Settings,
) -> Result<Vec<String>, OauthError> {
    let refused = |why| Err(OauthError::fixed("invalid_scope", why));
    let Some(asked) = asked else {
        return Ok(client.scopes.iter().flatten().cloned().collect());
    };
    if settings.flavour == Flavour::Genesys {
        // Rights come from the client's roles; the one scope known to be refused is this.
        return match asked.split(' ').any(|scope| scope == "offline_access") {
            true => refused("offline_access is not supported"),
            false => Ok(Vec::new()),
        };
    }
    let mut granted: Vec<String> = Vec::new();
    for scope in asked.split(' ').filter(|scope| !scope.is_empty()) {
        if !is_scope_token(scope) {
            return refused("a scope has characters that scopes don't have");
        }
        let allowed = client.scopes.as_ref().is_none_or(|scopes| scopes.contains(scope));
        match allowed {
            true if granted.iter().any(|other| other == scope) => {}
            true => granted.push(scope.to_owned()),
            false if settings.drop_unknown_scopes => {}
            false => return refused("the client may not ask for one of these scopes"),
        }
    }
    Ok(granted)
}

/// `scope-token` of RFC 6749 3.3.
pub(crate) fn is_scope_token(text: &str) -> bool {
    let allowed = |b: u8| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    !text.is_empty() && text.bytes().all(allowed)
}
