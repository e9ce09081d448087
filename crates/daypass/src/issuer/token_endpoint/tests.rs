//! The tables of the wire format, and what must hold for any answer.

use http::header::{HeaderName, LOCATION};
use proptest::prelude::*;

use super::*;
use crate::IssuerErrorClass::{self, *};
use crate::issuer::testing::{Log, SENTINEL};
use crate::{ScopeSet, Token};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const RULES: Rules =
    Rules { dialect: Dialect::Rfc, max_ttl: None, assume_ttl: Duration::from_secs(300) };

fn hidden() -> Hidden {
    let mut hidden = Hidden::default();
    hidden.hide(SENTINEL);
    hidden
}

fn read(
    status: u16,
    headers: &[(HeaderName, &str)],
    body: impl AsRef<[u8]>,
    rules: &Rules,
) -> Result<Token, IssuerError> {
    let headers =
        headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
    let answer = Answer {
        status: StatusCode::from_u16(status).unwrap(),
        headers: &headers,
        body: body.as_ref(),
        sent_at: NOW,
        received_at: NOW.saturating_add(Duration::from_secs(1)),
    };
    decode(&answer, rules, &hidden())
}

fn ok(body: impl AsRef<[u8]>) -> Result<Token, IssuerError> {
    read(200, &[], body, &RULES)
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn jwt(payload: &str) -> String {
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(payload))
}

#[test]
fn a_request_is_a_form_that_names_its_sender_and_what_it_takes() {
    let mut form = TokenEndpointRequest::new("https://h/token?tenant=1".parse().unwrap());
    form.param("grant_type", "client_credentials");
    form.param("scope", "a:b c&d=ü+%");
    let (request, _) = form.encode().unwrap();
    assert_eq!(request.method(), Method::POST);
    assert_eq!(request.uri(), "https://h/token?tenant=1");
    let header = |name: &str| request.headers()[name].to_str().unwrap();
    assert_eq!(header("content-type"), "application/x-www-form-urlencoded");
    assert_eq!(header("accept"), "application/json");
    assert_eq!(header("user-agent"), format!("daypass/{}", env!("CARGO_PKG_VERSION")));
    let body = "grant_type=client_credentials&scope=a%3Ab+c%26d%3D%C3%BC%2B%25";
    assert_eq!(request.body().as_ref(), body.as_bytes());
}

#[test]
fn a_secret_is_hidden_in_every_form_in_which_it_was_sent() {
    let mut form = TokenEndpointRequest::new("https://h/".parse().unwrap());
    form.basic("id", "Sent inel/1").unwrap();
    form.secret_param("token", "T&1");
    let (_, hidden) = form.encode().unwrap();
    for echo in
        ["Sent inel/1", "Sent+inel%2F1", "sent INEL/1", "aWQ6U2VudCBpbmVsLzE=", "T&1", "T%261"]
    {
        let shown = hidden.shown(&format!("bad: {echo}!"));
        assert_eq!(shown, "(not shown: it repeats a secret)", "{echo}");
    }
    assert_eq!(hidden.shown("bad id"), "bad id");
    assert_eq!(Hidden::default().shown("::x\n"), "\\::x\\n");
}

#[test]
fn a_token_that_is_or_holds_the_secret_is_refused() {
    let base64 = BASE64_STANDARD.encode(format!("id:{SENTINEL}"));
    for token in [SENTINEL, &format!("pre.{SENTINEL}.post"), &format!("e30.{base64}.x")] {
        let error = ok(serde_json::json!({ "access_token": token, "expires_in": 60 }).to_string());
        let error = error.unwrap_err();
        assert_eq!(error.class, IssuerErrorClass::Unusable);
        let text = "the access_token is or holds the client's own secret";
        assert_eq!(error.description.unwrap(), text);
    }
}

#[test]
fn an_expires_in_that_is_no_number_is_told_of() {
    for (written, told) in [
        ("3600", false),
        ("\"3600\"", false),
        ("null", false),
        ("0", false),
        ("-1", false),
        ("[3600]", true),
        ("true", true),
        ("\"3600s\"", true),
        ("{}", true),
    ] {
        let log = Log::default();
        let token = tracing::subscriber::with_default(log.clone(), || {
            ok(format!(r#"{{"access_token":"t","expires_in":{written}}}"#))
        });
        assert!(token.is_ok(), "{written}");
        assert_eq!(
            log.lines().concat().contains("is no number of seconds"),
            told,
            "{written}: {}",
            log.lines().concat()
        );
    }
    let log = Log::default();
    let rules = Rules { max_ttl: Some(secs(120)), ..RULES };
    tracing::subscriber::with_default(log.clone(), || {
        read(200, &[], r#"{"access_token":"t","expires_in":[3600]}"#, &rules).unwrap()
    });
    let told = log.lines().concat();
    assert!(told.contains("is taken to live 2m"), "max_ttl counts: {told}");
}

#[test]
fn expires_in_is_read_as_issuers_write_it_and_counts_from_sending() {
    const TEN_YEARS: u64 = 315_360_000;
    for (written, lifetime) in [
        ("3600", secs(3600)),
        ("1", secs(1)),
        ("\"3600\"", secs(3600)),
        ("\" 3600 \"", secs(3600)),
        ("\"3600.5\"", Duration::from_millis(3_600_500)),
        ("3600.5", Duration::from_millis(3_600_500)),
        ("3.6e3", secs(3600)),
        ("0.5", Duration::from_millis(500)),
        ("null", secs(300)),
        ("0", secs(300)),
        ("0.0", secs(300)),
        ("-1", secs(300)),
        ("-0.5", secs(300)),
        ("\"-5\"", secs(300)),
        ("\"\"", secs(300)),
        ("\".\"", secs(300)),
        ("\"soon\"", secs(300)),
        ("\"NaN\"", secs(300)),
        ("\"inf\"", secs(300)),
        ("\"1e9\"", secs(300)),
        ("true", secs(300)),
        ("[3600]", secs(300)),
        ("{}", secs(300)),
        ("18446744073709551615", secs(TEN_YEARS)),
        ("1e300", secs(TEN_YEARS)),
        ("99999999999999999999999999999999999999", secs(TEN_YEARS)),
        ("\"99999999999999999999999999999999999999\"", secs(TEN_YEARS)),
        ("-1e300", secs(300)),
    ] {
        let token = ok(format!(r#"{{"access_token":"t","expires_in":{written}}}"#)).unwrap();
        assert_eq!(token.lifetime(), lifetime, "{written}");
        assert_eq!(token.expires_at(), NOW.saturating_add(lifetime), "{written}");
        assert_eq!(token.sent_at(), NOW);
        assert_eq!(token.received_at(), NOW.saturating_add(secs(1)));
    }
    assert_eq!(ok(r#"{"access_token":"t"}"#).unwrap().lifetime(), secs(300));
}

#[test]
fn a_jwt_hints_at_its_end_where_nothing_is_stated() {
    let now = NOW.as_millis() / 1000;
    for (token, stated, lifetime) in [
        (jwt(&format!(r#"{{"exp":{}}}"#, now + 600)), "null", secs(600)),
        (jwt(&format!(r#"{{"exp":{}.5}}"#, now + 600)), "0", Duration::from_millis(600_500)),
        (jwt(&format!(r#"{{"exp":"{}"}}"#, now + 600)), "-1", secs(600)),
        (format!("{}=", jwt(&format!(r#"{{"exp":{}}}"#, now + 600))), "3600", secs(3600)),
        (jwt(&format!(r#"{{"exp":{}}}"#, now + 600)), "3600", secs(3600)),
        (jwt(&format!(r#"{{"exp":{now}}}"#)), "null", secs(300)),
        (jwt(r#"{"exp":0}"#), "null", secs(300)),
        (jwt(r#"{"exp":-1e300}"#), "null", secs(300)),
        (jwt(r#"{"exp":1e300}"#), "null", LONGEST_LIFETIME),
        (jwt(r#"{"exp":null}"#), "null", secs(300)),
        (jwt("{}"), "null", secs(300)),
        (jwt("[]"), "null", secs(300)),
        (jwt("not json"), "null", secs(300)),
        ("a.!!!.c".into(), "null", secs(300)),
        (format!("{}.x.y", jwt(r#"{"exp":1e300}"#)), "null", secs(300)),
        ("a.b".into(), "null", secs(300)),
    ] {
        let body = format!(r#"{{"access_token":"{token}","expires_in":{stated}}}"#);
        assert_eq!(ok(body).unwrap().lifetime(), lifetime, "{token} {stated}");
    }
}

#[test]
fn max_ttl_caps_every_lifetime_and_extends_none() {
    let capped = |seconds| Rules { max_ttl: Some(secs(seconds)), ..RULES };
    let far = jwt(r#"{"exp":1e300}"#);
    for (body, max, lifetime) in [
        (r#"{"access_token":"t","expires_in":3600}"#, 600, 600),
        (r#"{"access_token":"t","expires_in":300}"#, 600, 300),
        (r#"{"access_token":"t"}"#, 600, 300),
        (r#"{"access_token":"t"}"#, 60, 60),
        (&*format!(r#"{{"access_token":"{far}"}}"#), 600, 600),
        (r#"{"access_token":"t","expires_in":1e300}"#, u64::MAX, 315_360_000),
    ] {
        let token = read(200, &[], body, &capped(max)).unwrap();
        assert_eq!(token.lifetime(), secs(lifetime), "{body} {max}");
    }
    let rules = Rules { assume_ttl: Duration::MAX, ..RULES };
    let token = read(200, &[], r#"{"access_token":"t"}"#, &rules).unwrap();
    assert_eq!(token.lifetime(), LONGEST_LIFETIME);
}

#[test]
fn only_a_bearer_token_is_usable() {
    for kind in
        ["", r#","token_type":null"#, r#","token_type":"Bearer""#, r#","token_type":"BEARER""#]
    {
        assert!(ok(format!(r#"{{"access_token":"t"{kind}}}"#)).is_ok(), "{kind}");
    }
    for (body, text) in [
        (r#"{"token_type":"bearer"}"#, "HTTP 200 (the answer has no access_token)"),
        (r#"{"access_token":null}"#, "HTTP 200 (the answer has no access_token)"),
        (r#"{"access_token":5}"#, "HTTP 200 (the access_token is not text)"),
        (r#"{"access_token":["t"]}"#, "HTTP 200 (the access_token is not text)"),
        (r#"{"access_token":""}"#, "HTTP 200 (the access token is empty)"),
        (
            r#"{"access_token":"a b"}"#,
            "HTTP 200 (the access token has characters that no bearer token may have)",
        ),
        (
            r#"{"access_token":"t","token_type":"DPoP\n"}"#,
            "HTTP 200 (the token_type is DPoP\\n; only bearer will do)",
        ),
        (r#"{"access_token":"t","token_type":7}"#, "HTTP 200 (the token_type is not text)"),
        (
            r#"{"access_token":"t0ken","token_type":"is t0ken"}"#,
            "HTTP 200 (the token_type is (not shown: it repeats a secret); only bearer will do)",
        ),
    ] {
        let error = ok(body).unwrap_err();
        assert_eq!((error.class, error.to_string()), (Unusable, text.to_owned()), "{body}");
    }
}

#[test]
fn scopes_are_text_or_a_list_and_else_ignored() {
    for (written, scope) in [
        ("\"b a\"", Some("a b")),
        ("[\"b\",\"a\",\"a\"]", Some("a b")),
        ("\"\"", Some("")),
        ("[]", Some("")),
        ("null", None),
        ("[\"a\",1]", None),
        ("[[\"a\"]]", None),
        ("7", None),
        ("{\"a\":1}", None),
    ] {
        let token = ok(format!(r#"{{"access_token":"t","scope":{written}}}"#)).unwrap();
        assert_eq!(token.scope(), scope.map(ScopeSet::parse).as_ref(), "{written}");
    }
}

#[test]
fn scopes_that_are_none_or_hold_a_secret_are_left_out_and_told_of() {
    let token = "t0ken-abcdef-abcdef";
    let long = "x".repeat(5000);
    for (scope, kept) in [
        (format!("a {SENTINEL} b"), "a b"),
        (format!("a x.{SENTINEL}.x"), "a"),
        (format!("a {token} x{token}"), "a"),
        ("a \u{202e}evil \u{1b}[31m b\nc b\"c b\\c".to_owned(), "a"),
        (format!("a {long}"), "a"),
        ("a sentinel https://x/.default".to_owned(), "a https://x/.default sentinel"),
    ] {
        let log = Log::default();
        let body = serde_json::json!({ "access_token": token, "scope": scope }).to_string();
        let read = tracing::subscriber::with_default(log.clone(), || ok(body)).unwrap();
        assert_eq!(read.scope().unwrap().to_string(), kept, "{scope}");
        let lines = log.lines().join("\n");
        assert_eq!(lines.contains("are left out"), kept.len() < 20, "{lines}");
        assert!(!lines.contains("sentinel") && !lines.contains("t0ken"), "{lines}");
    }
    let many: Vec<_> = (0..5000).map(|n| format!("s{n}")).collect();
    let body = serde_json::json!({ "access_token": token, "scope": many }).to_string();
    assert!(ok(body).unwrap().scope().unwrap().to_string().len() < 4096);
}

#[test]
fn an_answer_that_is_not_one_json_object_is_transient() {
    let deep = format!(r#"{{"access_token":"t","scope":{}}}"#, "[".repeat(100_000));
    let page = "the answer is a web page, not JSON: is a proxy or a login page in between?";
    let odd = "the answer is not one JSON object";
    for (body, text) in [
        (&b""[..], "the answer is empty"),
        (b"<html>", page),
        (b" \n<!DOCTYPE html>", page),
        (b"access_token=t&token_type=bearer", odd),
        (b"\"t\"", odd),
        (b"[]", odd),
        (b"null", odd),
        (b"{\"access_token\":\"t\"", odd),
        (b"{\"access_token\":\"t\"}x", odd),
        (b"{\"access_token\":\"t\"}{}", odd),
        (b"{\"access_token\":\"t\",\"access_token\":\"u\"}", odd),
        (b"{\"access_token\":\"t\",\"access\\u005ftoken\":\"u\"}", odd),
        (b"{\"access_token\":\"t\",\"expires_in\":1e400}", odd),
        (b"{\"access_token\":\"\xff\"}", odd),
        (b"{\"access_token\":\"\\ud800\"}", odd),
        (b"{'access_token':'t'}", odd),
        (b"\xff\xfe{\0}\0", odd),
        (deep.as_bytes(), odd),
    ] {
        let error = ok(body).unwrap_err();
        assert_eq!(error.class, Transient, "{:?}", String::from_utf8_lossy(body));
        assert_eq!(error.to_string(), format!("HTTP 200 ({text})"));
    }
    let html = &[(CONTENT_TYPE, "Text/HTML; charset=utf-8")];
    let error = read(200, html, "please log in", &RULES).unwrap_err();
    assert_eq!(error.to_string(), format!("HTTP 200 ({page})"));
    assert_eq!(ok(b"\xef\xbb\xbf {\"access_token\":\"t\"} \n").unwrap().lifetime(), secs(300));
    assert!(ok(r#"{"x":1,"x":2,"y":{"access_token":"n"},"access_token":"t"}"#).is_ok());
}

#[test]
fn a_compressed_answer_is_told_and_not_guessed_at() {
    let gzip = &[(http::header::CONTENT_ENCODING, "gzip")];
    let text = "the answer is compressed, which daypass did not ask for";
    for (status, body, class) in [
        (200, "\u{1f}\u{8b}", Transient),
        (200, r#"{"access_token":"t"}"#, Transient),
        (400, r#"{"error":"invalid_client"}"#, Rejected),
    ] {
        let error = read(status, gzip, body, &RULES).unwrap_err();
        assert_eq!((error.class, error.to_string()), (class, format!("HTTP {status} ({text})")));
    }
    assert_eq!(read(401, gzip, "", &RULES).unwrap_err().class, BareRejected);
    let identity = &[(http::header::CONTENT_ENCODING, "Identity")];
    assert!(read(200, identity, r#"{"access_token":"t"}"#, &RULES).is_ok());
}

#[test]
fn every_status_has_its_class() {
    let json = |code: &str| format!(r#"{{"error":"{code}","error_description":"d"}}"#);
    for (status, body, class, text) in [
        (200, json("invalid_client"), Rejected, "invalid_client (d)"),
        (200, json("slow_down"), Transient, "slow_down (d)"),
        (204, String::new(), Transient, "HTTP 204 (the answer is empty)"),
        (304, String::new(), Rejected, "HTTP 304 (redirects; a token endpoint never redirects)"),
        (400, json("invalid_client"), Rejected, "invalid_client (d)"),
        (400, json("invalid_scope"), Rejected, "invalid_scope (d)"),
        (400, json("anything"), Rejected, "anything (d)"),
        (400, json("invalid\\n\\u001b[31m"), Rejected, "invalid\\n\\u{1b}[31m (d)"),
        (400, r#"{"error":"invalid_client"}"#.into(), Rejected, "invalid_client"),
        (400, r#"{"error":"a","error":"b"}"#.into(), Rejected, "HTTP 400"),
        (400, r#"{"error":""}"#.into(), Rejected, "HTTP 400"),
        (400, r#"{"error":{"code":1}}"#.into(), Rejected, "HTTP 400"),
        (400, r#"{"description":"d"}"#.into(), Rejected, "HTTP 400"),
        (400, json("temporarily_unavailable"), Transient, "temporarily_unavailable (d)"),
        (400, json("server_error"), Transient, "server_error (d)"),
        (400, json("slow_down"), Transient, "slow_down (d)"),
        (400, String::new(), Rejected, "HTTP 400"),
        (400, "<html>".into(), Transient, "HTTP 400 (the answer is a web page, not JSON)"),
        (401, json("invalid_client"), Rejected, "invalid_client (d)"),
        (401, String::new(), BareRejected, "HTTP 401"),
        (401, "<html>".into(), BareRejected, "HTTP 401"),
        (403, "{}".into(), BareRejected, "HTTP 403"),
        (403, json("access_denied"), Rejected, "access_denied (d)"),
        (404, String::new(), Rejected, "HTTP 404 (is the token URL right?)"),
        (404, "<html>".into(), Rejected, "HTTP 404 (is the token URL right?)"),
        (405, String::new(), Rejected, "HTTP 405 (is the token URL right?)"),
        (407, json("x"), Transient, "x (d)"),
        (407, String::new(), Transient, "HTTP 407 (a proxy asks for a login)"),
        (408, String::new(), Transient, "HTTP 408"),
        (415, String::new(), Rejected, "HTTP 415"),
        (429, String::new(), Throttled(None), "HTTP 429"),
        (429, json("rate"), Throttled(None), "rate (d)"),
        (500, String::new(), Transient, "HTTP 500"),
        (500, json("invalid_client"), Transient, "invalid_client (d)"),
        (502, "<html>".into(), Transient, "HTTP 502"),
        (503, String::new(), Transient, "HTTP 503"),
        (599, String::new(), Transient, "HTTP 599"),
        (600, json("x"), Transient, "x (d)"),
        (999, String::new(), Transient, "HTTP 999"),
    ] {
        let error = read(status, &[], &body, &RULES).unwrap_err();
        assert_eq!((error.class, error.to_string()), (class, text.to_owned()), "{status} {body}");
        assert_eq!(error.status, Some(status));
    }
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    use http::header::RETRY_AFTER;
    for (value, wait) in [
        ("7", Some(secs(7))),
        (" 7 ", Some(secs(7))),
        ("0", Some(secs(0))),
        ("99999999999999999999", Some(LONGEST_LIFETIME)),
        ("Tue, 14 Nov 2023 22:14:21 GMT", Some(secs(60))),
        ("Tuesday, 14-Nov-23 22:14:21 GMT", Some(secs(60))),
        ("Tue, 14 Nov 2023 22:13:20 GMT", Some(secs(0))),
        ("Fri, 31 Dec 9999 23:59:59 GMT", Some(LONGEST_LIFETIME)),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("Tue, 99 Nov 2023 99:14:21 GMT", None),
    ] {
        let headers = &[(RETRY_AFTER, value)];
        assert_eq!(read(429, headers, "", &RULES).unwrap_err().class, Throttled(wait), "{value}");
        let unavailable = if wait.is_some() { Throttled(wait) } else { Transient };
        assert_eq!(read(503, headers, "", &RULES).unwrap_err().class, unavailable, "{value}");
        assert_eq!(read(500, headers, "", &RULES).unwrap_err().class, Transient, "{value}");
    }
}

#[test]
fn genesys_says_400_where_others_say_429() {
    use http::header::RETRY_AFTER;
    let genesys = Rules { dialect: Dialect::Genesys, ..RULES };
    let body =
        |code: &str, field: &str, text: &str| format!(r#"{{"error":"{code}","{field}":"{text}"}}"#);
    let invalid = "invalid_request";
    for (status, code, field, text, class) in [
        (400, invalid, "description", "rate limit exceeded", Throttled(None)),
        (400, invalid, "error_description", "Rate limit exceeded: 10/s", Throttled(None)),
        (400, invalid, "description", "the rate limit exceeded", Rejected),
        (400, invalid, "description", "rate", Rejected),
        (400, invalid, "description", "räte limit exceeded", Rejected),
        (400, invalid, "message", "rate limit exceeded", Rejected),
        (400, "invalid_client", "description", "rate limit exceeded", Rejected),
        (401, invalid, "description", "rate limit exceeded", Rejected),
    ] {
        let body = body(code, field, text);
        assert_eq!(read(status, &[], &body, &genesys).unwrap_err().class, class, "{body}");
        assert_eq!(read(status, &[], &body, &RULES).unwrap_err().class, Rejected, "{body}");
    }
    let limit = body(invalid, "description", "RATE LIMIT EXCEEDED");
    let error = read(400, &[(RETRY_AFTER, "3")], limit, &genesys).unwrap_err();
    assert_eq!(error.class, Throttled(Some(secs(3))));
    let both = r#"{"error":"invalid_client","description":"a","error_description":"b"}"#;
    assert_eq!(read(400, &[], both, &genesys).unwrap_err().to_string(), "invalid_client (b)");
    let error = read(404, &[], "", &genesys).unwrap_err();
    assert_eq!(error.class, Rejected);
    assert!(error.to_string().contains("/api/v2/oauth/token does not exist"), "{error}");
}

#[test]
fn a_redirect_is_a_refusal_that_names_the_host_and_nothing_more() {
    for (location, text) in [
        ("https://sso.example.com/login?x=query#f", "redirects to sso.example.com; "),
        ("https://user:query@sso.example.com:8443/", "redirects to sso.example.com; "),
        ("/login?query", "redirects; "),
        ("javascript:query", "redirects; "),
        ("", "redirects; "),
    ] {
        for status in [301, 302, 303, 307, 308] {
            let error = read(status, &[(LOCATION, location)], "", &RULES).unwrap_err();
            let text = format!("HTTP {status} ({text}a token endpoint never redirects)");
            assert_eq!((error.class, error.to_string()), (Rejected, text));
        }
    }
    let error = read(302, &[(LOCATION, &format!("https://{SENTINEL}.example.com/"))], "", &RULES);
    assert!(!error.unwrap_err().to_string().contains(SENTINEL));
}

#[test]
fn an_error_that_repeats_the_secret_or_the_token_is_not_shown() {
    for body in [
        format!(r#"{{"error":"invalid_client","error_description":"wrong: {SENTINEL}"}}"#),
        format!(
            r#"{{"error":"invalid_client","error_description":"{} {SENTINEL}"}}"#,
            "x".repeat(190)
        ),
        format!(r#"{{"error":"{SENTINEL}"}}"#),
        format!(r#"{{"error":"x","description":"{SENTINEL}"}}"#),
        r#"{"error":"x","description":"t0ken","access_token":"t0ken"}"#.to_owned(),
        r#"{"error":"sentine","error_description":"l-5ec2e7"}"#.to_owned(),
        r#"{"error":"x","description":"%73%65%6e%74%69%6e%65%6c-5ec2e7"}"#.to_owned(),
        r#"{"error":"x","description":"\\u0073\\u0065\\u006e\\u0074inel-5ec2e7"}"#.to_owned(),
        r#"{"error":"x","description":"&#115;&#x65;ntinel-5ec2e7"}"#.to_owned(),
    ] {
        let error = read(400, &[], &body, &RULES).unwrap_err();
        assert_eq!(error.class, Rejected);
        let shown = format!("{error} {error:?} {error:#?}");
        let parts = ["sentine", "l-5ec2e7", "%73", "\\u0073", "&#115;", "t0ken"];
        assert!(parts.iter().all(|part| !shown.contains(part)), "{shown}");
        assert!(shown.contains("not shown"), "{shown}");
    }
}

const TOKEN: &str = "t0ken-abcdef";

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ -~]{0,20}",
        Just(SENTINEL.to_owned()),
        Just(TOKEN.to_owned()),
        any::<String>().prop_map(|text| format!("{text}{SENTINEL}{text}")),
        any::<String>().prop_map(|text| format!("{text}{TOKEN}{text}")),
    ]
}

fn any_value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any_text().prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            proptest::collection::btree_map(any_text(), inner, 0..4)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

fn any_body() -> impl Strategy<Value = Vec<u8>> {
    let name = prop_oneof![
        proptest::sample::select(vec![
            "token_type",
            "expires_in",
            "scope",
            "error",
            "error_description",
            "description",
        ])
        .prop_map(str::to_owned),
        any_text(),
    ];
    let object = (proptest::collection::btree_map(name, any_value(), 0..6), any::<bool>())
        .prop_map(|(map, token)| {
            let mut map: serde_json::Map<_, _> = map.into_iter().collect();
            if token {
                map.insert("access_token".into(), TOKEN.into());
            }
            serde_json::to_vec(&map).unwrap()
        });
    // The token is not known where the body can't be read: there it must not be shown at all.
    let torn =
        (object, any::<proptest::sample::Index>(), 0..4_u8).prop_map(
            |(body, at, kind)| match kind {
                0 => body[..at.index(body.len())].to_vec(),
                _ => body,
            },
        );
    prop_oneof![3 => torn, 1 => proptest::collection::vec(any::<u8>(), 0..200)]
}

fn any_headers() -> impl Strategy<Value = HeaderMap> {
    let name = proptest::sample::select(vec![
        "retry-after",
        "location",
        "content-type",
        "content-encoding",
        "www-authenticate",
    ]);
    let value = prop_oneof![
        any_text().prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 0..30),
        any::<u32>().prop_map(|seconds| seconds.to_string().into_bytes()),
        Just(format!("https://{SENTINEL}.example.com/{TOKEN}").into_bytes()),
        Just(b"gzip".to_vec()),
    ];
    proptest::collection::vec((name, value), 0..4).prop_map(|headers| {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                map.append(name, value);
            }
        }
        map
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_answer_panics_or_brings_a_secret_into_a_message(
        status in prop_oneof![100..=999_u16, proptest::sample::select(vec![200_u16, 400, 401, 302])],
        headers in any_headers(),
        body in any_body(),
        genesys: bool,
        sent_at: i64,
        received_at: i64,
        max_ttl in proptest::option::of(any::<Duration>()),
        assume_ttl: Duration,
    ) {
        let answer = Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: &headers,
            body: &body,
            sent_at: Timestamp::from_millis(sent_at),
            received_at: Timestamp::from_millis(received_at),
        };
        let dialect = if genesys { Dialect::Genesys } else { Dialect::Rfc };
        let result = decode(&answer, &Rules { dialect, max_ttl, assume_ttl }, &hidden());
        match result {
            Ok(token) => {
                prop_assert!(answer.status.is_success());
                prop_assert!(token.lifetime() <= LONGEST_LIFETIME);
                prop_assert!(token.lifetime() <= max_ttl.unwrap_or(LONGEST_LIFETIME));
                prop_assert_eq!(token.access_token().secret(), TOKEN);
                // Granted scopes are shown by those who hand out the token.
                let token = Token::new(
                    token.access_token().clone(),
                    None,
                    token.sent_at(),
                    token.received_at(),
                    token.expires_at(),
                );
                let shown = format!("{token:?}");
                prop_assert!(!shown.contains(TOKEN));
            }
            Err(error) => {
                let shown = format!("{error} {error:?} {:?} {:?}", error.error, error.description);
                prop_assert!(!shown.contains(SENTINEL), "{}", shown);
                prop_assert!(!shown.contains(TOKEN) || !readable_token(&body), "{}", shown);
                prop_assert!(!shown.contains('\n') && !shown.contains('\x1b'), "{}", shown);
                prop_assert_ne!(error.class, IssuerErrorClass::CannotRevoke);
            }
        }
    }

    #[test]
    fn any_bytes_in_place_of_json_are_an_error_or_a_token(body: Vec<u8>, status in 100..=999_u16) {
        let _ = read(status, &[], body, &RULES);
    }
}

/// Whether the body is an object with the token in it; one that only repeats its text elsewhere
/// tells no secret.
fn readable_token(body: &[u8]) -> bool {
    let object = object(body, &["access_token"]);
    object.is_some_and(|object| object.text("access_token") == Some(TOKEN))
}
