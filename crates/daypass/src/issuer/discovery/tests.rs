use http::Response;

use super::*;
use crate::HttpError;
use crate::issuer::testing::{SENTINEL, effects};
use crate::testing::TestClock;

const ISSUER: &str = "https://auth.example.com/tenant";

fn metadata(token_endpoint: &str) -> String {
    format!(r#"{{"issuer":"{ISSUER}","token_endpoint":"{token_endpoint}","other":[{{}}]}}"#)
}

fn discovery(issuer: &str) -> Discovery {
    Discovery::new(issuer, vec!["Login.example.org".into(), "h.example.org:8443".into()]).unwrap()
}

async fn found(replies: &[(u16, &str)]) -> (Result<String, IssuerError>, Vec<String>) {
    let (script, effects) = effects();
    replies.iter().for_each(|(status, body)| script.reply(*status, *body));
    let discovery = discovery(ISSUER);
    let result = discovery
        .metadata(&effects, &Hidden::default())
        .await
        .map(|found| found.token_endpoint.to_string());
    (result, script.seen().iter().map(|request| request.uri().to_string()).collect())
}

#[tokio::test]
async fn metadata_is_looked_for_in_both_places_and_kept() {
    let (script, effects) = effects();
    script.reply(404, "");
    script.reply(200, metadata("https://auth.example.com/tenant/token"));
    let discovery = discovery(ISSUER);
    for _ in 0..2 {
        let found = discovery.metadata(&effects, &Hidden::default()).await.unwrap();
        assert_eq!(found.token_endpoint.as_str(), "https://auth.example.com/tenant/token");
        assert!(found.revocation_endpoint.is_none());
    }
    let seen = script.seen();
    let uris: Vec<_> = seen.iter().map(|request| request.uri().to_string()).collect();
    assert_eq!(
        uris,
        [
            "https://auth.example.com/tenant/.well-known/openid-configuration",
            "https://auth.example.com/.well-known/oauth-authorization-server/tenant",
        ]
    );
    assert!(seen.iter().all(|request| request.method() == "GET" && request.body().is_empty()));
    assert!(seen.iter().all(|request| !request.headers().contains_key("authorization")));
}

#[test]
fn an_issuer_without_a_path_has_its_metadata_at_the_root() {
    for issuer in ["https://auth.example.com", "https://auth.example.com/"] {
        let [openid, oauth] = discovery(issuer).places();
        assert_eq!(openid.path(), "/.well-known/openid-configuration");
        assert_eq!(oauth.path(), "/.well-known/oauth-authorization-server");
    }
}

#[tokio::test]
async fn endpoints_are_believed_on_the_issuers_host_and_where_the_user_says() {
    for (endpoint, believed) in [
        ("https://auth.example.com/token", true),
        ("https://auth.example.com:443/token?x=1", true),
        ("https://auth.example.com:8443/token", false),
        ("https://login.example.org/token", true),
        ("https://login.example.org:444/token", true),
        ("https://h.example.org:8443/token", true),
        ("https://h.example.org/token", false),
        ("https://evil.example.net/token", false),
        ("https://auth.example.com.evil.net/", false),
        ("https://auth.example.com@evil.net/", false),
        ("https://user@auth.example.com/", false),
        ("https://auth.example.com/#f", false),
        ("http://auth.example.com/token", false),
        ("http://127.0.0.1/token", false),
        ("/token", false),
        ("", false),
    ] {
        let (result, seen) = found(&[(200, &metadata(endpoint))]).await;
        assert_eq!(seen.len(), 1);
        match result {
            Ok(found) => assert!(believed, "{found}"),
            Err(error) => {
                assert!(!believed, "{error}");
                assert_eq!(error.class, IssuerErrorClass::Rejected);
                let text = error.description.unwrap();
                assert!(text.starts_with("auth.example.com names a token_endpoint "), "{text}");
            }
        }
    }
}

#[tokio::test]
async fn metadata_of_another_issuer_is_refused() {
    for says in ["https://auth.example.com/tenant/", "https://AUTH.example.com/tenant", "", "\\n"] {
        let body =
            format!(r#"{{"issuer":"{says}","token_endpoint":"https://auth.example.com/t"}}"#);
        let error = found(&[(200, &body)]).await.0.unwrap_err();
        assert_eq!(error.class, IssuerErrorClass::Rejected);
        let text =
            format!("no answer (auth.example.com calls itself {says}, but `issuer` is {ISSUER})");
        assert_eq!(error.to_string(), text);
    }
    let none = format!(r#"{{"issuer":"{ISSUER}"}}"#);
    let error = found(&[(200, &none)]).await.0.unwrap_err();
    assert_eq!(error.to_string(), "no answer (auth.example.com names no token_endpoint)");
}

#[tokio::test]
async fn metadata_that_repeats_the_secret_is_not_quoted() {
    let mut hidden = Hidden::default();
    hidden.hide(SENTINEL);
    let of = |issuer: &str, endpoint: &str| {
        format!(r#"{{"issuer":"{issuer}","token_endpoint":"{endpoint}"}}"#)
    };
    for (status, location, body) in [
        (200, "", of(SENTINEL, "")),
        (200, "", of(&format!("https://{SENTINEL}.example/"), "")),
        (200, "", of(ISSUER, &format!("https://{SENTINEL}.example/token"))),
        (200, "", of(ISSUER, "https://sentinel%2d5ec2e7.example/token")),
    ] {
        let (script, effects) = effects();
        let response = Response::builder().status(status).header("location", location);
        script.push(Ok(response.body(Bytes::from(body)).unwrap()));
        let error = discovery(ISSUER).metadata(&effects, &hidden).await.unwrap_err().to_string();
        assert!(!error.contains("sentinel") && error.contains("not shown"), "{error}");
    }
    let (script, effects) = effects();
    script.push(Err(HttpError::Broken(format!("said {SENTINEL}"))));
    let error = discovery(ISSUER).metadata(&effects, &hidden).await.unwrap_err().to_string();
    assert!(!error.contains("sentinel"), "{error}");
}

#[tokio::test]
async fn what_came_instead_of_metadata_decides_what_follows() {
    use IssuerErrorClass::*;
    let twice = |error: &IssuerError| error.description.clone().unwrap_or_default();
    let (result, seen) = found(&[(404, ""), (404, "")]).await;
    let error = result.unwrap_err();
    assert_eq!((error.class, seen.len()), (Rejected, 2));
    assert!(twice(&error).contains("has no metadata"), "{error}");
    let (result, seen) = found(&[(302, ""), (403, "<html>")]).await;
    assert_eq!((result.unwrap_err().class, seen.len()), (Rejected, 2));
    let (result, seen) = found(&[(200, "<html>"), (404, "")]).await;
    let error = result.unwrap_err();
    assert_eq!((error.class, seen.len()), (Transient, 2));
    assert_eq!(twice(&error), "the metadata at auth.example.com can't be read");
    for (status, class) in [(500, Transient), (429, Throttled(None)), (407, Transient)] {
        let (result, seen) = found(&[(status, "")]).await;
        let error = result.unwrap_err();
        assert_eq!((error.class, error.status, seen.len()), (class, Some(status), 1));
    }
}

#[tokio::test]
async fn a_failure_is_not_kept() {
    let (script, effects) = effects();
    script.push(Err(HttpError::Connect("connection refused".into())));
    let limited = Response::builder().status(503).header("retry-after", "9");
    script.push(Ok(limited.body(Bytes::new()).unwrap()));
    script.reply(200, metadata("https://auth.example.com/token"));
    let discovery = discovery(ISSUER);
    let error = discovery.metadata(&effects, &Hidden::default()).await.unwrap_err();
    assert_eq!(error.class, IssuerErrorClass::Transient);
    assert_eq!(error.to_string(), "no answer (cannot connect: connection refused)");
    let error = discovery.metadata(&effects, &Hidden::default()).await.unwrap_err();
    let wait = std::time::Duration::from_secs(9);
    assert_eq!(error.class, IssuerErrorClass::Throttled(Some(wait)));
    assert!(discovery.metadata(&effects, &Hidden::default()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn metadata_is_looked_up_anew_after_an_hour_and_kept_while_that_fails() {
    let (script, effects) = effects();
    let effects = Effects { clock: Arc::new(TestClock::new()), ..effects };
    let discovery = discovery(ISSUER);
    let path = async || {
        let found = discovery.metadata(&effects, &Hidden::default()).await;
        found.map(|found| found.token_endpoint.path().to_owned()).map_err(|error| error.class)
    };
    script.reply(200, metadata("https://auth.example.com/old"));
    assert_eq!(path().await, Ok("/old".to_owned()));
    tokio::time::advance(Duration::from_secs(3599)).await;
    assert_eq!(path().await, Ok("/old".to_owned()));
    assert_eq!(script.seen().len(), 1);
    tokio::time::advance(Duration::from_secs(1)).await;
    script.reply(503, "");
    assert_eq!(path().await, Ok("/old".to_owned()), "it is down for a while");
    script.reply(200, metadata("https://auth.example.com/new"));
    assert_eq!(path().await, Ok("/new".to_owned()));
    assert_eq!(script.seen().len(), 2);
    tokio::time::advance(Duration::from_secs(3600)).await;
    script.reply(200, metadata("https://evil.example.net/new"));
    assert_eq!(path().await, Err(IssuerErrorClass::Rejected), "it says something else now");
}

#[test]
fn an_issuer_identifier_is_a_secure_url_without_query() {
    for (issuer, code) in [
        ("http://auth.example.com", Code::ConfigInsecureUrl),
        ("https://u@auth.example.com", Code::ConfigInsecureUrl),
        ("https://auth.example.com?x", Code::ConfigInvalid),
        ("https://auth.example.com#x", Code::ConfigInsecureUrl),
        ("auth.example.com", Code::ConfigInsecureUrl),
    ] {
        let error = Discovery::new(issuer, Vec::new()).map(drop).unwrap_err();
        assert_eq!(error.code(), code, "{issuer}");
        assert!(error.message().starts_with("`issuer`"), "{error}");
    }
    assert!(Discovery::new("http://127.0.0.1:8080", Vec::new()).is_ok());
}
