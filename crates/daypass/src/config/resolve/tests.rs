use super::super::tests::{FOUND, parse, told, yours};
use super::*;
use crate::{ClientAuthMethod, CredentialId, Dialect, Revocation};

fn env(pairs: &[(&str, &str)]) -> Env {
    Env::from_pairs(pairs.iter().copied())
}

fn implicit(pairs: &[(&str, &str)]) -> Result<Profile, Error> {
    resolve(&[], &env(pairs), None)
}

/// The only profile of a file of the user's.
fn file(text: &str, pairs: &[(&str, &str)]) -> Result<Profile, Error> {
    resolve(&[yours(&format!("[profile.x]\n{text}\n"))], &env(pairs), None)
}

const GENESYS: &str = "provider = \"genesys-cloud\"\nregion = \"eu-west-1\"";
const GENERIC: &str =
    "token_url = \"https://a.example/t\"\nclient_id = \"i\"\nclient_secret = { env = \"S\" }";

fn token_url(profile: &Profile) -> &str {
    match &profile.endpoint {
        Endpoint::TokenUrl(url) | Endpoint::Issuer(url) => url,
    }
}

#[test]
fn every_spelling_of_genesys_cloud_makes_a_profile() {
    for (id, secret, regions) in [
        (
            "GENESYSCLOUD_OAUTHCLIENT_ID",
            "GENESYSCLOUD_OAUTHCLIENT_SECRET",
            ["GENESYSCLOUD_REGION", "GENESYSCLOUD_ENVIRONMENT"],
        ),
        ("GC_CLIENT_ID", "GC_CLIENT_SECRET", ["GC_REGION", "GC_ENVIRONMENT"]),
        (
            "GENESYS_CLOUD_CLIENT_ID",
            "GENESYS_CLOUD_CLIENT_SECRET",
            ["GENESYS_CLOUD_REGION", "GENESYS_CLOUD_ENVIRONMENT"],
        ),
    ] {
        for region in regions {
            for said in ["eu-west-1", "eu_west_1", "mypurecloud.ie", "https://api.mypurecloud.ie"] {
                let profile = implicit(&[(id, "1f2e"), (secret, "s"), (region, said)]).unwrap();
                assert_eq!(profile.name, "genesys-cloud");
                assert_eq!(token_url(&profile), "https://login.mypurecloud.ie/oauth/token");
                assert_eq!(profile.variables().collect::<Vec<_>>(), [id, secret]);
            }
        }
    }
}

#[test]
fn genesys_cloud_fills_in_what_a_user_need_not_know() {
    let profile = file(GENESYS, &[("GC_CLIENT_ID", "1"), ("GC_CLIENT_SECRET", "s")]).unwrap();
    assert_eq!(profile.provider, Some("genesys-cloud"));
    assert_eq!(profile.region.unwrap().name, "eu-west-1");
    assert_eq!(profile.place(), "eu-west-1");
    assert_eq!(profile.client_auth, ClientAuthMethod::ClientSecretBasicRaw);
    assert_eq!(profile.dialect, Dialect::Genesys);
    assert_eq!(profile.api_url().as_deref(), Some("https://api.mypurecloud.ie"));
    assert_eq!(profile.hosts(), ["api.mypurecloud.ie"]);
    let revoke = "https://api.mypurecloud.ie/api/v2/tokens/me";
    assert_eq!(profile.revocation(), Some(Revocation::Delete(revoke.into())));
    assert_eq!(profile.token_variable(), "GENESYSCLOUD_ACCESS_TOKEN");
    assert_eq!(profile.assume_ttl.as_secs(), 300);
    assert_eq!(profile.client_secret, Value::Env("GC_CLIENT_SECRET".into()));
    insta::assert_snapshot!(profile.lifetime_hint(), @"raise Token Duration on the OAuth client (Admin, at most 48 h), or run the job behind a gateway: daypass exec --gateway, or mode: gateway of the Action");
    insta::assert_snapshot!(profile.rejected_hint(), @"Genesys says this for a wrong id, a wrong secret and a wrong region. Is the org in eu-west-1? Was the secret regenerated?");
}

#[test]
fn the_oauth2_variables_make_a_profile() {
    let profile = implicit(&[
        ("OAUTH2_TOKEN_URL", "https://auth.example.com/token"),
        ("OAUTH2_CLIENT_ID", "ci"),
        ("OAUTH2_CLIENT_SECRET", "s"),
        ("OAUTH2_SCOPE", " b  a "),
        ("OAUTH2_AUDIENCE", "https://api.example.com"),
    ])
    .unwrap();
    assert_eq!(profile.name, "oauth2");
    assert_eq!(token_url(&profile), "https://auth.example.com/token");
    assert_eq!(profile.scopes.to_string(), "a b");
    assert_eq!(profile.audience.as_deref(), Some("https://api.example.com"));
    assert_eq!(profile.client_auth, ClientAuthMethod::ClientSecretBasic);
    assert_eq!(profile.dialect, Dialect::Rfc);
    assert_eq!((profile.region, profile.revocation()), (None, None));
    assert_eq!(profile.place(), "auth.example.com");
    assert_eq!(profile.token_variable(), "ACCESS_TOKEN");
    assert!(profile.hosts().is_empty());
    let refused = |name, value| {
        let id = [("OAUTH2_CLIENT_ID", "ci"), ("OAUTH2_CLIENT_SECRET", "s"), (name, value)];
        told(implicit(&id))
    };
    insta::assert_snapshot!(refused("OAUTH2_TOKEN_URL", "http://auth.example.com/token"), @r"
    error[config.insecure_url]: OAUTH2_TOKEN_URL: plain http to auth.example.com
      hint: use https; plain http goes only to 127.0.0.1, [::1] or localhost
    ");
    insta::assert_snapshot!(refused("OAUTH2_TOKEN_URL", ""), @r"
    error[config.invalid]: OAUTH2_CLIENT_ID and OAUTH2_CLIENT_SECRET are set, but OAUTH2_TOKEN_URL is empty
      hint: export OAUTH2_TOKEN_URL=https://HOST/PATH, the token endpoint
    ");
    insta::assert_snapshot!(refused("X", ""), @r"
    error[config.invalid]: OAUTH2_CLIENT_ID and OAUTH2_CLIENT_SECRET are set, but OAUTH2_TOKEN_URL is not
      hint: export OAUTH2_TOKEN_URL=https://HOST/PATH, the token endpoint
    ");
    let url = ("OAUTH2_TOKEN_URL", "https://a.example/t");
    let bad_scope = [("OAUTH2_CLIENT_ID", "ci"), ("OAUTH2_SCOPE", "a\"b"), url];
    insta::assert_snapshot!(told(implicit(&bad_scope)), @r#"
    error[config.invalid]: OAUTH2_SCOPE: "a"b" is not a scope
      hint: a scope is visible ASCII without spaces, " and \
    "#);
    insta::assert_snapshot!(told(implicit(&[url])), @r#"
    error[config.client_id_missing]: the environment has no client for "oauth2"
      hint: set OAUTH2_CLIENT_ID, OAUTH2_CLIENT_SECRET, OAUTH2_TOKEN_URL
    "#);
}

#[test]
fn a_file_without_a_provider_reads_no_variable_that_it_does_not_name() {
    let pairs = [("OAUTH2_SCOPE", "a"), ("OAUTH2_AUDIENCE", "b"), ("OAUTH2_CLIENT_SECRET", "s")];
    let profile = file(GENERIC, &pairs).unwrap();
    assert_eq!((profile.provider, profile.audience.as_ref()), (None, None));
    assert!(profile.scopes.is_empty());
    assert_eq!(profile.client_secret, Value::Env("S".into()));
}

#[test]
fn a_preset_is_overridden_key_by_key() {
    let test_system =
        "provider = \"genesys-cloud\"\ntoken_url = \"http://127.0.0.1:9/oauth/token\"";
    let pairs = [("GC_CLIENT_ID", "1"), ("GC_CLIENT_SECRET", "s"), ("GC_REGION", "eu-west-1")];
    let profile = file(test_system, &pairs).unwrap();
    assert_eq!(token_url(&profile), "http://127.0.0.1:9/oauth/token");
    assert_eq!(profile.dialect, Dialect::Genesys);
    // A test system's tokens have no business at the real API.
    assert_eq!((profile.region, profile.revocation()), (None, None));
    assert!(profile.hosts().is_empty());
    assert_eq!(profile.place(), "127.0.0.1:9");
    assert!(profile.rejected_hint().contains("Is the org in the region of this profile?"));

    let in_a_region = format!("{test_system}\nregion = \"eu-west-1\"");
    let profile = file(&in_a_region, &pairs).unwrap();
    assert_eq!((profile.api_url(), profile.revocation()), (None, None));
    assert_eq!(profile.place(), "127.0.0.1:9");

    let with_api = format!("{test_system}\napi_url = \"http://127.0.0.1:9/\"");
    let profile = file(&with_api, &pairs).unwrap();
    assert_eq!(profile.hosts(), ["127.0.0.1:9"]);
    let revoke = "http://127.0.0.1:9/api/v2/tokens/me";
    assert_eq!(profile.revocation(), Some(Revocation::Delete(revoke.into())));

    let other = format!("{GENESYS}\nclient_auth = \"client_secret_post\"\nhosts = [\"h.example\"]");
    let profile = file(&other, &[]).unwrap();
    assert_eq!(profile.client_auth, ClientAuthMethod::ClientSecretPost);
    assert_eq!(profile.hosts(), ["h.example"]);
}

#[test]
fn an_issuer_is_looked_up_later() {
    let text = GENERIC.replace("token_url", "issuer").replace("/t\"", "\"");
    let profile = file(&format!("{text}\nrevocation_url = \"https://a.example/r\""), &[]).unwrap();
    assert_eq!(profile.endpoint, Endpoint::Issuer("https://a.example".into()));
    assert_eq!(profile.revocation(), Some(Revocation::Rfc7009("https://a.example/r".into())));
}

#[test]
fn everything_that_could_change_the_answer_is_in_the_request() {
    let more =
        "scopes = [\"b\", \"a\"]\naudience = \"aud\"\nresource = [\"r\"]\nparams = { t = \"1\" }";
    let profile = file(&format!("{GENERIC}\n{more}"), &[]).unwrap();
    let request = profile.request("i", CredentialId([0; 16]), Some([1; 32]));
    assert_eq!(request.endpoint, profile.endpoint);
    assert_eq!(request.client_id, "i");
    assert_eq!(request.scopes.to_string(), "a b");
    assert_eq!(request.audience.as_deref(), Some("aud"));
    assert_eq!(request.resources, ["r".to_owned()].into());
    assert_eq!(request.params, [("t".to_owned(), "1".to_owned())].into());
    assert_eq!(request.trust, Some([1; 32]));
}

#[test]
fn a_missing_region_is_told_and_never_guessed() {
    let both = [("GC_CLIENT_ID", "1f2e"), ("GC_CLIENT_SECRET", "s")];
    insta::assert_snapshot!(told(implicit(&both)), @r"
    error[config.region_missing]: GC_CLIENT_ID and GC_CLIENT_SECRET are set, but no region
      hint: export GC_REGION=eu-west-1 (your login host ends in mypurecloud.ie? that is eu-west-1)
    ");
    insta::assert_snapshot!(told(implicit(&both[..1])), @r"
    error[config.region_missing]: GC_CLIENT_ID is set, but no region
      hint: export GC_REGION=eu-west-1 (your login host ends in mypurecloud.ie? that is eu-west-1)
    ");
    insta::assert_snapshot!(told(implicit(&[both[0], both[1], ("GC_REGION", "")])), @r"
    error[config.region_missing]: GC_CLIENT_ID and GC_CLIENT_SECRET are set, but GC_REGION is empty
      hint: export GC_REGION=eu-west-1 (your login host ends in mypurecloud.ie? that is eu-west-1)
    ");
    insta::assert_snapshot!(told(file("provider = \"genesys-cloud\"", &both)), @r#"
    error[config.region_missing]: "x" has no region
      hint: region = "eu-west-1" under [profile.x], or export GC_REGION=eu-west-1 (your login host ends in mypurecloud.ie? that is eu-west-1)
    "#);
    let sdk = [("GENESYSCLOUD_OAUTHCLIENT_ID", "1"), ("GENESYSCLOUD_OAUTHCLIENT_SECRET", "s")];
    insta::assert_snapshot!(told(implicit(&sdk)), @r"
    error[config.region_missing]: GENESYSCLOUD_OAUTHCLIENT_ID and GENESYSCLOUD_OAUTHCLIENT_SECRET are set, but no region
      hint: export GENESYSCLOUD_REGION=eu-west-1 (your login host ends in mypurecloud.ie? that is eu-west-1)
    ");
}

#[test]
fn an_unknown_region_gets_a_suggestion_and_the_list() {
    let with = |name, region| {
        told(implicit(&[("GC_CLIENT_ID", "1f2e"), ("GC_CLIENT_SECRET", "s"), (name, region)]))
    };
    insta::assert_snapshot!(with("GC_REGION", "eu-wset-1"), @r#"
    error[config.region_unknown]: GC_REGION says "eu-wset-1", which is no region of Genesys Cloud
      hint: did you mean eu-west-1? there are: us-east-1, us-east-2, us-west-2, ca-central-1, mx-central-1, sa-east-1, eu-west-1, eu-west-2, eu-central-1, eu-central-2, eusc-de-east-1, me-central-1, ap-south-1, ap-southeast-1, ap-southeast-2, ap-northeast-1, ap-northeast-2, ap-northeast-3
    "#);
    insta::assert_snapshot!(with("GC_REGION", "localhost:8080"), @r#"
    error[config.region_unknown]: GC_REGION says "localhost:8080", which is no region of Genesys Cloud
      hint: there are: us-east-1, us-east-2, us-west-2, ca-central-1, mx-central-1, sa-east-1, eu-west-1, eu-west-2, eu-central-1, eu-central-2, eusc-de-east-1, me-central-1, ap-south-1, ap-southeast-1, ap-southeast-2, ap-northeast-1, ap-northeast-2, ap-northeast-3
    "#);
    insta::assert_snapshot!(with("GC_ENVIRONMENT", "production"), @r#"
    error[config.region_unknown]: GC_ENVIRONMENT says "production", which is no region of Genesys Cloud
      hint: there are: us-east-1, us-east-2, us-west-2, ca-central-1, mx-central-1, sa-east-1, eu-west-1, eu-west-2, eu-central-1, eu-central-2, eusc-de-east-1, me-central-1, ap-south-1, ap-southeast-1, ap-southeast-2, ap-northeast-1, ap-northeast-2, ap-northeast-3
    "#);
    let text = GENESYS.replace("eu-west-1", "mypurecloud.i");
    insta::assert_snapshot!(told(file(&text, &[])), @r#"
    error[config.region_unknown]: `region` of "x" says "mypurecloud.i", which is no region of Genesys Cloud
      hint: did you mean mypurecloud.ie? there are: us-east-1, us-east-2, us-west-2, ca-central-1, mx-central-1, sa-east-1, eu-west-1, eu-west-2, eu-central-1, eu-central-2, eusc-de-east-1, me-central-1, ap-south-1, ap-southeast-1, ap-southeast-2, ap-northeast-1, ap-northeast-2, ap-northeast-3
    "#);
    insta::assert_snapshot!(told(file(&format!("{GENERIC}\nregion = \"eu-west-1\""), &[])), @r#"
    error[config.invalid]: `region` of "x" means nothing here
      hint: remove it, or say whose region it is: provider = "genesys-cloud"
    "#);
}

#[test]
fn the_regions_variable_of_another_spelling_will_do() {
    let both = [("GC_CLIENT_ID", "1f2e"), ("GC_CLIENT_SECRET", "s")];
    for (name, value) in
        [("GENESYSCLOUD_REGION", "mypurecloud.de"), ("GENESYS_CLOUD_ENVIRONMENT", "euc1")]
    {
        let resolved = implicit(&[both[0], both[1], (name, value)]);
        match value {
            "euc1" => assert_eq!(resolved.unwrap_err().code(), Code::ConfigRegionUnknown),
            _ => assert_eq!(resolved.unwrap().region.unwrap().name, "eu-central-1"),
        }
    }
    // A word in ..._ENVIRONMENT that is no region is somebody else's word.
    let more = [("GC_REGION", "eu-west-1"), ("GC_ENVIRONMENT", "production")];
    let profile = implicit(&[both[0], both[1], more[0], more[1]]).unwrap();
    assert_eq!(profile.region.unwrap().name, "eu-west-1");
}

#[test]
fn two_spellings_of_one_client_are_fine_and_two_clients_are_not() {
    let gc = [("GC_CLIENT_ID", "a"), ("GC_CLIENT_SECRET", "s"), ("GC_REGION", "eu-west-1")];
    let with = |id, secret, region| {
        let sdk = [
            ("GENESYSCLOUD_OAUTHCLIENT_ID", id),
            ("GENESYSCLOUD_OAUTHCLIENT_SECRET", secret),
            ("GENESYSCLOUD_REGION", region),
        ];
        [gc, sdk].concat()
    };
    let same = implicit(&with("a", "s", "mypurecloud.ie")).unwrap();
    assert_eq!(same.variables().next(), Some("GENESYSCLOUD_OAUTHCLIENT_ID"));
    implicit(&with("", "", "")).unwrap();
    insta::assert_snapshot!(told(implicit(&with("b", "s", "eu-west-1"))), @r"
    error[config.ambiguous]: GENESYSCLOUD_OAUTHCLIENT_ID and GC_CLIENT_ID name different clients
      hint: unset one of them, or name the profile: genesys-cloud takes GENESYSCLOUD_OAUTHCLIENT_ID
    ");
    insta::assert_snapshot!(told(implicit(&with("a", "t", "eu-west-1"))), @r"
    error[config.ambiguous]: GENESYSCLOUD_OAUTHCLIENT_SECRET and GC_CLIENT_SECRET hold different secrets
      hint: unset one of them, or name the profile: genesys-cloud takes GENESYSCLOUD_OAUTHCLIENT_ID
    ");
    insta::assert_snapshot!(told(implicit(&with("a", "s", "us-east-1"))), @r"
    error[config.ambiguous]: GENESYSCLOUD_REGION and GC_REGION say different regions
      hint: unset one of them, or name the profile: genesys-cloud takes GENESYSCLOUD_OAUTHCLIENT_ID
    ");

    let differing = env(&with("b", "t", "us-east-1"));
    let named = resolve(&[], &differing, Some("genesys-cloud")).unwrap();
    assert_eq!(named.client_id, Value::Env("GENESYSCLOUD_OAUTHCLIENT_ID".into()));
    assert_eq!(named.region.unwrap().name, "us-east-1");
    // What a file says about the id decides where the secret comes from.
    let text = format!("{GENESYS}\nclient_id = {{ env = \"GC_CLIENT_ID\" }}");
    let profile = file(&text, &with("b", "t", "us-east-1")).unwrap();
    assert_eq!(profile.client_secret, Value::Env("GC_CLIENT_SECRET".into()));
    let profile = file(&format!("{GENESYS}\nclient_id = \"a\""), &with("b", "t", "")).unwrap();
    assert_eq!(profile.client_secret, Value::Env("GC_CLIENT_SECRET".into()));
}

#[test]
fn id_and_secret_of_different_spellings_are_never_paired() {
    let pairs = [("GC_CLIENT_ID", "a"), ("GENESYSCLOUD_OAUTHCLIENT_SECRET", "s")];
    let profile = implicit(&[pairs[0], pairs[1], ("GC_REGION", "eu-west-1")]).unwrap();
    assert_eq!(profile.variables().collect::<Vec<_>>(), ["GC_CLIENT_ID", "GC_CLIENT_SECRET"]);
}

#[test]
fn an_id_of_one_spelling_in_a_file_is_not_paired_with_the_secret_of_another() {
    let of = |id: &str, secret: &str| {
        let text = format!(
            "[profile.x]\nprovider = \"genesys-cloud\"\nregion = \"eu-west-1\"\n\
             client_id = {id:?}\nclient_secret = {{ env = {secret:?} }}\n"
        );
        let env = env(&[
            ("GENESYSCLOUD_OAUTHCLIENT_ID", "a"),
            ("GENESYSCLOUD_OAUTHCLIENT_SECRET", "s"),
            ("GC_CLIENT_ID", "b"),
            ("GC_CLIENT_SECRET", "t"),
            ("GENESYS_CLOUD_CLIENT_SECRET", "u"),
        ]);
        resolve(&[parse(&text, FOUND).unwrap()], &env, Some("x"))
    };
    for (id, secret, fine) in [
        ("a", "GENESYSCLOUD_OAUTHCLIENT_SECRET", true),
        ("b", "GC_CLIENT_SECRET", true),
        ("c", "GC_CLIENT_SECRET", true),
        // A secret that has no id of its own is nobody else's.
        ("a", "GENESYS_CLOUD_CLIENT_SECRET", true),
        ("b", "GENESYSCLOUD_OAUTHCLIENT_SECRET", false),
    ] {
        assert_eq!(of(id, secret).is_ok(), fine, "{id} {secret}");
    }
    insta::assert_snapshot!(told(of("a", "GC_CLIENT_SECRET")), @r#"
    error[config.ambiguous]: client_id is that of GENESYSCLOUD_OAUTHCLIENT_ID, and GC_CLIENT_SECRET is another client's
      hint: client_secret = { env = "GENESYSCLOUD_OAUTHCLIENT_SECRET" }
    "#);
}

#[test]
fn a_complete_spelling_comes_before_a_preferred_one() {
    let gc = [("GC_CLIENT_ID", "a"), ("GC_CLIENT_SECRET", "s"), ("GC_REGION", "eu-west-1")];
    let profile = implicit(&[gc[0], gc[1], gc[2], ("GENESYSCLOUD_OAUTHCLIENT_ID", "a")]).unwrap();
    assert_eq!(profile.client_id, Value::Env("GC_CLIENT_ID".into()));
}

#[test]
fn empty_variables_are_told_before_anything_else() {
    let nothing = [("GC_CLIENT_ID", ""), ("GC_CLIENT_SECRET", ""), ("GC_REGION", "")];
    insta::assert_snapshot!(told(implicit(&nothing)), @r"
    error[config.secret_empty]: GC_CLIENT_ID and GC_CLIENT_SECRET are set but empty
      hint: pull requests from forks get no secrets; else check its name under env:
    ");
    insta::assert_snapshot!(told(implicit(&[("GC_CLIENT_ID", "1"), ("GC_CLIENT_SECRET", "")])), @r"
    error[config.secret_empty]: GC_CLIENT_SECRET is set but empty
      hint: pull requests from forks get no secrets; else check its name under env:
    ");
    let named = resolve(&[], &Env::default(), Some("genesys-cloud"));
    insta::assert_snapshot!(told(named), @r#"
    error[config.client_id_missing]: the environment has no client for "genesys-cloud"
      hint: set GC_CLIENT_ID, GC_CLIENT_SECRET, GC_REGION
    "#);
}

#[test]
fn a_profile_can_be_looked_at_without_its_secret() {
    let pairs = [("GC_CLIENT_ID", "1f2e"), ("GC_REGION", "eu-west-1")];
    let profile = implicit(&pairs).unwrap();
    let nothing = |_: crate::External<'_>| panic!("a variable needs nothing from outside");
    assert_eq!(profile.read_client_id(&env(&pairs), nothing).unwrap(), "1f2e");
    insta::assert_snapshot!(told(profile.read_client_secret(&env(&pairs), nothing)), @r"
    error[config.secret_missing]: GC_CLIENT_ID is set, but GC_CLIENT_SECRET is not
      hint: set GC_CLIENT_SECRET; a GitHub workflow maps it from its secrets under env:
    ");
}

#[test]
fn scopes_mean_nothing_to_genesys_cloud() {
    let told = told(file(&format!("{GENESYS}\nscopes = [\"offline_access\"]"), &[]));
    insta::assert_snapshot!(told, @r"
    error[config.scope_unsupported]: `scopes` means nothing for genesys-cloud client credentials
      hint: remove it; rights come from the roles on the OAuth client. offline_access does not exist here and is not needed
    ");
    file(&format!("{GENESYS}\nscopes = []"), &[]).unwrap();
}

#[test]
fn what_a_profile_lacks_is_told() {
    insta::assert_snapshot!(told(file("client_id = \"a\"", &[])), @r#"
    error[config.invalid]: "x" does not say where its tokens come from
      hint: token_url = "https://...", or issuer = "https://...", or provider = "genesys-cloud" with a region
    "#);
    insta::assert_snapshot!(told(file("token_url = \"https://a.example/t\"", &[])), @r#"
    error[config.client_id_missing]: "x" has no client_id
      hint: client_id = { env = "X_CLIENT_ID" }, or { file = "..." }
    "#);
    let text = "token_url = \"https://a.example/t\"\nclient_id = \"a\"";
    insta::assert_snapshot!(told(file(text, &[])), @r#"
    error[config.secret_missing]: "x" has no client_secret
      hint: client_secret = { env = "X_CLIENT_SECRET" }, or { file = "..." }
    "#);
}

#[test]
fn values_of_a_profile_are_passed_on() {
    let more = "min_ttl = 60\nmax_ttl = \"1h\"\nassume_ttl = \"10m\"\nca_file = \"/ca\"\n\
                api_ca_file = \"/api-ca\"\nproxy = \"http://proxy.example:3128\"\nstore = \"memory\"\n\
                token_hosts = [\"t.example\"]\napi_url = \"https://api.example/v1\"\npool = 3";
    let profile = file(&format!("{GENERIC}\n{more}"), &[]).unwrap();
    let seconds = |duration: Option<std::time::Duration>| duration.map(|d| d.as_secs());
    assert_eq!((seconds(profile.min_ttl), seconds(profile.max_ttl)), (Some(60), Some(3600)));
    assert_eq!(profile.assume_ttl.as_secs(), 600);
    assert_eq!(profile.ca_file.as_deref(), Some("/ca".as_ref()));
    assert_eq!(profile.api_ca_file.as_deref(), Some("/api-ca".as_ref()));
    assert_eq!(profile.proxy.as_deref(), Some("http://proxy.example:3128"));
    assert_eq!(profile.store, Some(crate::Keep::Memory));
    assert_eq!(profile.pool.map(std::num::NonZeroU8::get), Some(3));
    assert_eq!(profile.token_hosts, ["t.example"]);
    assert_eq!(profile.hosts(), ["api.example"]);
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_text_matters_only_where_it_is_needed() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;
    let odd = OsString::from_vec(vec![b'a', 0xff]);
    let pairs = |name: &str| {
        Env::from_pairs([
            ("GC_CLIENT_ID", OsString::from("1")),
            ("GC_CLIENT_SECRET", "s".into()),
            ("GC_REGION", "eu-west-1".into()),
            (name, odd.clone()),
        ])
    };
    assert_eq!(resolve(&[], &pairs("ODD"), None).unwrap().name, "genesys-cloud");
    assert!(resolve(&[], &pairs("OAUTH2_SCOPE"), None).is_ok());
    insta::assert_snapshot!(told(resolve(&[], &pairs("GENESYSCLOUD_REGION"), None)), @"error[config.invalid]: GENESYSCLOUD_REGION is not valid UTF-8");
}

#[test]
fn a_found_file_with_a_region_completes_the_environment() {
    let found = parse(&format!("[profile.x]\n{GENESYS}\n"), super::super::tests::FOUND).unwrap();
    let pairs = env(&[("GC_CLIENT_ID", "1f2e"), ("GC_CLIENT_SECRET", "s")]);
    let profile = resolve(&[found], &pairs, Some("x")).unwrap();
    assert_eq!(profile.client_secret, Value::Env("GC_CLIENT_SECRET".into()));
}
