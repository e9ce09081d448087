use std::sync::Arc;

use http::Method;

use super::*;
use crate::issuer::testing::{Log, SENTINEL, Script, effects};
use crate::{AccessToken, CredentialId, HttpError, ScopeSet};

const URL: &str = "https://login.example.com/oauth/token";
const LIMIT: Duration = Duration::from_secs(10);
const TOKEN: &str = "t0ken-abcdef";

fn parts(endpoint: Endpoint) -> (Arc<Script>, ClientCredentialsParts) {
    let (script, effects) = effects();
    let request = TokenRequest::client_credentials(endpoint, "ci", CredentialId([0; 16]));
    let parts = ClientCredentialsParts {
        request,
        secret: SENTINEL.into(),
        auth: ClientAuthMethod::ClientSecretPost,
        dialect: Dialect::Rfc,
        max_ttl: None,
        assume_ttl: crate::ASSUME_TTL,
        revocation: None,
        token_hosts: Vec::new(),
        effects,
        api_effects: None,
    };
    (script, parts)
}

fn known() -> (Arc<Script>, ClientCredentialsParts) {
    parts(Endpoint::TokenUrl(URL.into()))
}

fn body(request: &Request<Bytes>) -> &str {
    std::str::from_utf8(request.body()).unwrap()
}

fn token() -> Token {
    let at = Timestamp::from_millis(0);
    Token::new(AccessToken::new(TOKEN).unwrap(), None, at, at, at)
}

#[tokio::test]
async fn everything_that_is_asked_stands_in_one_form() {
    let (script, mut parts) = known();
    parts.request.scopes = ScopeSet::parse("write read write");
    parts.request.audience = Some("https://api.example.com".into());
    parts.request.resources = ["https://b/".to_owned(), "https://a/".to_owned()].into();
    parts.request.params = [("tenant".to_owned(), "42".to_owned())].into();
    script.reply(200, r#"{"access_token":"t0ken-abcdef","expires_in":60}"#);
    let issuer = ClientCredentials::new(parts).unwrap();
    assert_eq!(issuer.host(), "login.example.com");
    let token = issuer.issue(LIMIT).await.unwrap();
    assert_eq!(token.access_token().secret(), TOKEN);
    assert_eq!(token.sent_at(), Timestamp::from_millis(1_000_000));
    assert_eq!(token.received_at(), Timestamp::from_millis(1_001_000));
    assert_eq!(token.expires_at(), Timestamp::from_millis(1_060_000));
    let seen = script.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].uri(), URL);
    assert_eq!(
        body(&seen[0]),
        "grant_type=client_credentials&scope=read+write\
         &audience=https%3A%2F%2Fapi.example.com\
         &resource=https%3A%2F%2Fa%2F&resource=https%3A%2F%2Fb%2F\
         &tenant=42&client_id=ci&client_secret=sentinel-5ec2e7"
    );
}

#[tokio::test]
async fn a_plain_request_is_the_grant_type_alone() {
    let (script, mut parts) = known();
    parts.auth = ClientAuthMethod::ClientSecretBasicRaw;
    script.reply(200, r#"{"access_token":"t0ken-abcdef","expires_in":60}"#);
    ClientCredentials::new(parts).unwrap().issue(LIMIT).await.unwrap();
    let seen = script.seen();
    assert_eq!(body(&seen[0]), "grant_type=client_credentials");
    assert_eq!(seen[0].headers()["authorization"], "Basic Y2k6c2VudGluZWwtNWVjMmU3");
}

#[tokio::test]
async fn a_failed_attempt_is_one_attempt() {
    let (script, parts) = known();
    let issuer = ClientCredentials::new(parts).unwrap();
    script.reply(503, "");
    let error = issuer.issue(LIMIT).await.unwrap_err();
    assert_eq!(error.class, IssuerErrorClass::Transient);
    for (failure, class) in [
        (HttpError::Connect("connection refused".into()), IssuerErrorClass::Transient),
        (HttpError::Timeout(LIMIT), IssuerErrorClass::Transient),
        (HttpError::TooLarge, IssuerErrorClass::Transient),
        (HttpError::Broken(SENTINEL.into()), IssuerErrorClass::Transient),
        (HttpError::Untrusted("x".into()), IssuerErrorClass::Setup),
        (HttpError::Setup("x".into()), IssuerErrorClass::Setup),
    ] {
        script.push(Err(failure));
        let error = issuer.issue(LIMIT).await.unwrap_err();
        assert_eq!((error.class, error.status), (class, None));
        assert!(!format!("{error} {error:?}").contains(SENTINEL), "{error:?}");
    }
    assert_eq!(script.seen().len(), 7);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_ends_at_its_time_limit() {
    let (_silent, parts) = known();
    let issuer = ClientCredentials::new(parts).unwrap();
    let before = tokio::time::Instant::now();
    let error = issuer.issue(Duration::from_millis(1500)).await.unwrap_err();
    assert_eq!(before.elapsed(), Duration::from_millis(1500));
    assert_eq!(error.class, IssuerErrorClass::Transient);
    assert_eq!(error.to_string(), "no answer (no complete answer within 1.5 s)");
    let error = issuer.revoke(&token(), LIMIT).await.unwrap_err();
    assert_eq!(error.class, IssuerErrorClass::CannotRevoke);
}

#[tokio::test]
async fn an_issuer_that_repeats_the_secret_is_not_quoted() {
    let (script, parts) = known();
    let issuer = ClientCredentials::new(parts).unwrap();
    let answer = r#"{"error":"invalid_client","error_description":"no sentinel-5ec2e7 here"}"#;
    script.reply(401, answer);
    let error = issuer.issue(LIMIT).await.unwrap_err();
    assert_eq!(error.class, IssuerErrorClass::Rejected);
    let shown = format!("{error} {error:?} {issuer:?} {issuer:#?}");
    assert!(!shown.contains("sentinel"), "{shown}");
    assert!(error.to_string().starts_with("invalid_client ("), "{error}");
}

#[tokio::test]
async fn scopes_that_were_not_granted_cost_a_warning_and_no_secret() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let (script, mut parts) = known();
    parts.request.scopes = ScopeSet::parse("read ::error::x");
    let issuer = ClientCredentials::new(parts).unwrap();
    for granted in ["null", "\"read ::error::x more\"", "\"read\""] {
        let body = format!(r#"{{"access_token":"{TOKEN}","scope":{granted}}}"#);
        script.reply(200, body);
        issuer.issue(LIMIT).await.unwrap();
    }
    script.reply(400, format!(r#"{{"error":"{SENTINEL}"}}"#));
    issuer.issue(LIMIT).await.unwrap_err();
    assert_eq!(
        log.lines(),
        ["WARN message=the issuer did not grant every scope host=login.example.com \
          missing=\\::error::x"]
    );
}

#[test]
fn debug_of_the_parts_shows_no_secret() {
    let (_, parts) = known();
    assert!(!format!("{parts:?} {parts:#?}").contains("sentinel"));
}

#[test]
fn params_never_override_what_daypass_sets() {
    for name in OWN_PARAMS {
        let (_, mut parts) = known();
        parts.request.params = [((*name).to_owned(), "x".to_owned())].into();
        let error = ClientCredentials::new(parts).unwrap_err();
        assert_eq!(error.code(), Code::ConfigInvalid, "{name}");
        assert!(error.message().contains(name) && error.hint().is_some(), "{error:?}");
    }
}

#[test]
fn a_url_that_no_secret_may_go_to_is_refused_when_built() {
    let bad = "http://login.example.com/sentinel";
    let (_, of_token) = parts(Endpoint::TokenUrl(bad.into()));
    let (_, of_issuer) = parts(Endpoint::Issuer(bad.into()));
    let (_, mut of_rfc7009) = known();
    of_rfc7009.revocation = Some(Revocation::Rfc7009(bad.into()));
    let (_, mut of_genesys) = known();
    of_genesys.revocation = Some(Revocation::Delete(bad.into()));
    for parts in [of_token, of_issuer, of_rfc7009, of_genesys] {
        let error = ClientCredentials::new(parts).unwrap_err();
        assert_eq!(error.code(), Code::ConfigInsecureUrl);
        assert!(error.hint().is_some());
        assert!(!format!("{error:?}").contains("sentinel"));
    }
    let (_, mut raw) = known();
    raw.request.client_id = "a:b".into();
    raw.auth = ClientAuthMethod::ClientSecretBasicRaw;
    assert_eq!(ClientCredentials::new(raw).unwrap_err().code(), Code::ConfigInvalid);
}

#[tokio::test]
async fn discovery_is_part_of_one_attempt_and_is_not_repeated() {
    let (script, parts) = parts(Endpoint::Issuer("https://auth.example.com".into()));
    let metadata = r#"{"issuer":"https://auth.example.com",
        "token_endpoint":"https://auth.example.com/token",
        "revocation_endpoint":"https://auth.example.com/revoke"}"#;
    script.reply(200, metadata);
    script.reply(200, r#"{"access_token":"t0ken-abcdef","expires_in":60}"#);
    script.reply(200, r#"{"access_token":"t0ken-abcdef","expires_in":60}"#);
    script.reply(200, "");
    let issuer = ClientCredentials::new(parts).unwrap();
    assert_eq!(issuer.host(), "auth.example.com");
    // The clock was not read for the metadata: a lifetime counts from the token request.
    assert_eq!(issuer.issue(LIMIT).await.unwrap().sent_at(), Timestamp::from_millis(1_000_000));
    let token = issuer.issue(LIMIT).await.unwrap();
    issuer.revoke(&token, LIMIT).await.unwrap();
    let seen = script.seen();
    let paths: Vec<_> = seen.iter().map(|request| request.uri().path()).collect();
    assert_eq!(paths, ["/.well-known/openid-configuration", "/token", "/token", "/revoke"]);
}

#[tokio::test]
async fn rfc_7009_revokes_with_client_authentication() {
    use IssuerErrorClass::*;
    let (script, mut parts) = known();
    parts.revocation = Some(Revocation::Rfc7009("https://login.example.com/r".into()));
    let issuer = ClientCredentials::new(parts).unwrap();
    for (status, body, class) in [
        (200, "", None),
        (400, r#"{"error":"invalid_token"}"#, None),
        (400, r#"{"error":"unsupported_token_type"}"#, Some(CannotRevoke)),
        (401, r#"{"error":"invalid_client","error_description":"t0ken-abcdef"}"#, Some(Rejected)),
        (503, "", Some(Transient)),
    ] {
        script.reply(status, body);
        let result = issuer.revoke(&token(), LIMIT).await;
        assert_eq!(result.as_ref().err().map(|error| error.class), class, "{status} {body}");
        let shown = format!("{result:?}");
        assert!(!shown.contains(TOKEN) && !shown.contains(SENTINEL), "{shown}");
    }
    let seen = script.seen();
    assert_eq!(seen[0].method(), Method::POST);
    assert_eq!(
        body(&seen[0]),
        "token=t0ken-abcdef&token_type_hint=access_token&client_id=ci&client_secret=sentinel-5ec2e7"
    );
}

#[tokio::test]
async fn a_genesys_token_deletes_itself() {
    use IssuerErrorClass::*;
    let (script, mut parts) = known();
    let url = "https://api.mypurecloud.ie/api/v2/tokens/me";
    parts.dialect = Dialect::Genesys;
    parts.revocation = Some(Revocation::Delete(url.into()));
    let issuer = ClientCredentials::new(parts).unwrap();
    for (status, class) in
        [(200, None), (204, None), (401, None), (403, Some(BareRejected)), (500, Some(Transient))]
    {
        script.reply(status, r#"{"message":"t0ken-abcdef","code":"x"}"#);
        let result = issuer.revoke(&token(), LIMIT).await;
        assert_eq!(result.as_ref().err().map(|error| error.class), class, "{status}");
        assert!(!format!("{result:?}").contains(TOKEN));
    }
    let seen = script.seen();
    assert_eq!(seen[0].method(), Method::DELETE);
    assert_eq!(seen[0].uri(), url);
    assert_eq!(seen[0].headers()["authorization"], "Bearer t0ken-abcdef");
    assert!(seen[0].headers()["authorization"].is_sensitive());
    assert!(seen[0].body().is_empty());
    assert!(!format!("{:?}", seen[0]).contains(TOKEN));
}

#[tokio::test]
async fn a_call_of_the_api_goes_by_what_the_api_trusts_and_one_of_the_issuer_does_not() {
    let (for_issuer, mut parts) = known();
    let (for_api, api_effects) = effects();
    parts.api_effects = Some(api_effects);
    let mut by_form = known().1;
    by_form.effects = parts.effects.clone();
    by_form.api_effects = parts.api_effects.clone();
    parts.revocation = Some(Revocation::Delete("https://api.example.com/me".into()));
    by_form.revocation = Some(Revocation::Rfc7009("https://login.example.com/r".into()));
    for_api.reply(204, "");
    for_issuer.reply(200, "");
    for parts in [parts, by_form] {
        ClientCredentials::new(parts).unwrap().revoke(&token(), LIMIT).await.unwrap();
    }
    let hosts = |script: &Script| {
        let seen = script.seen();
        seen.iter().map(|r| r.uri().host().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (from_api, from_issuer) = (hosts(&for_api), hosts(&for_issuer));
    assert_eq!(from_api, ["api.example.com"]);
    assert_eq!(from_issuer, ["login.example.com"]);
}
