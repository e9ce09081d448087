use proptest::prelude::*;

use super::*;

#[test]
fn hosts_are_hosts() {
    for (typed, host) in [
        ("api.example.com", "api.example.com"),
        ("API.example.com", "api.example.com"),
        ("api.example.com:8443", "api.example.com:8443"),
        ("api.example.com:443", "api.example.com"),
        ("127.0.0.1:80", "127.0.0.1:80"),
        ("[::1]:80", "[::1]:80"),
    ] {
        assert_eq!(host_entry(typed).unwrap(), host);
    }
    for typed in ["", "*", "*.example.com", "https://a.example", "a/b", "u@a", "a b", "a:b", "a%2e"]
    {
        assert!(host_entry(typed).is_err(), "{typed}");
    }
}

#[test]
fn scopes_are_scope_tokens() {
    let set = scopes(["b", "a", "b", "https://x/y.z:!~"]).unwrap();
    assert_eq!(set.to_string(), "a b https://x/y.z:!~");
    for scope in ["", "a b", "a\"", "a\\", "ä", "a\n", "a\u{7f}"] {
        assert!(scopes([scope]).is_err(), "{scope:?}");
    }
}

#[test]
fn params_never_set_a_field_of_the_protocol() {
    assert_eq!(param_name("tenant"), Ok(()));
    assert_eq!(param_name("Scope"), Ok(()), "names are case-sensitive: this is another field");
    for (name, hint) in [
        ("scope", "use `scopes`"),
        ("grant_type", "use `grant`"),
        ("client_secret", "use `client_secret`"),
        ("resource", "use `resource`"),
        ("refresh_token", "the client_credentials grant has no such field"),
    ] {
        assert_eq!(param_name(name).unwrap_err().hint.unwrap(), hint);
    }
}

#[test]
fn profiles_have_plain_names() {
    for name in ["genesys", "a.b-c_1", "0"] {
        assert_eq!(profile_name(name), Ok(()));
    }
    for name in ["", "a=b", "a b", "-v", ".hidden", "ä", "a\n", &"x".repeat(65)] {
        assert!(profile_name(name).is_err(), "{name}");
    }
}

#[test]
fn the_token_endpoint_that_does_not_exist_is_explained() {
    let genesys = Preset::named("genesys-cloud");
    let check = |typed: &str, provider| token_endpoint(&address(typed).unwrap(), provider);
    let wrong = check("https://api.mypurecloud.ie/api/v2/oauth/token", None).unwrap_err();
    insta::assert_snapshot!(wrong.message, @"Genesys Cloud has no /api/v2/oauth/token");
    insta::assert_snapshot!(wrong.hint.unwrap(), @r#"the token endpoint is https://login.mypurecloud.ie/oauth/token: provider = "genesys-cloud" and region = "eu-west-1" say that"#);
    assert!(check("https://test.example/api/v2/oauth/token/", genesys).is_err());
    assert_eq!(check("https://test.example/api/v2/oauth/token", None), Ok(()));
    assert_eq!(check("https://login.mypurecloud.ie/oauth/token", genesys), Ok(()));
}

#[test]
fn an_unknown_provider_gets_a_suggestion() {
    let hint = provider("genesyscloud").unwrap_err().hint.unwrap();
    insta::assert_snapshot!(hint, @r#"did you mean "genesys-cloud"? there are: genesys-cloud, generic"#);
    assert_eq!(provider("generic").unwrap().name(), "generic");
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,40}") {
        let _ = (host_entry(&text), profile_name(&text), scopes([text.as_str()]));
    }

    #[test]
    fn what_is_plain_is_an_address_that_nothing_is_wrong_with(
        scheme in "https://|http://127\\.0\\.0\\.1|http://localhost|HTTPS://",
        rest in "[a-z0-9.:@/#?%_~-]{0,24}"
    ) {
        let typed = format!("{scheme}{rest}");
        if is_plain(&typed) {
            let url = address(&typed);
            prop_assert!(url.is_ok(), "{typed}: {url:?}");
            prop_assert_eq!(token_endpoint(&url.unwrap(), Preset::named("genesys-cloud")), Ok(()));
        }
    }
}

#[test]
fn the_usual_token_endpoints_are_plain() {
    for typed in [
        "https://auth.example.com/oauth/token",
        "https://login.mypurecloud.ie/oauth/token",
        "https://auth.example.com:8443/realms/x_1/token",
        "http://127.0.0.1:8089/oauth/token",
        "http://127.0.0.1:48089/oauth/token",
    ] {
        assert!(is_plain(typed), "{typed}");
    }
    for typed in [
        "https://1.2.3.4/",
        "https://a@b.example/",
        "http://auth.example.com/token",
        "https://xn--a.example/",
        "https://login.mypurecloud.ie/api/v2/oauth/token",
        "https:///x",
        "https://a.example:/x",
        "https://a.example:99999/x",
    ] {
        assert!(!is_plain(typed), "{typed}");
    }
}
