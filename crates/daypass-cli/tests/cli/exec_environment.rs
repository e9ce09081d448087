//! What the command of `daypass exec` finds in its environment, and what not.

use std::collections::BTreeMap;

use daypass_sandbox::{Client, Sandbox};

use crate::config::profile;
use crate::world::Cli;

/// A secret that looks another way in every encoding.
const SECRET: &str = "p/s3cret w+rd=&%Zq8_x-Kd91";

/// The child's environment, with tokens left out.
fn child(cli: &Cli, args: &[&str]) -> BTreeMap<String, String> {
    let ran = cli.run(&[&["exec"], args, &["--", "env", "-0"]].concat()).quiet();
    let vars = ran.stdout.split_terminator('\0').map(|var| var.split_once('=').unwrap());
    vars.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn odd_client() -> Cli {
    let mut cli = Cli::around(Sandbox::builder().client(Client::new("odd id", SECRET)).build());
    let url = cli.url("/oauth/token");
    cli.set("OAUTH2_TOKEN_URL", url).set("OAUTH2_CLIENT_ID", "odd id");
    cli.set("OAUTH2_CLIENT_SECRET", SECRET);
    cli
}

#[test]
fn no_credential_variable_of_any_provider_is_inherited() {
    let mut cli = Cli::new();
    let credentials: Vec<_> = daypass::credential_variables().collect();
    assert!(credentials.len() >= 8);
    for name in &credentials {
        if !name.starts_with("OAUTH2_") {
            cli.set(name, "of-no-use-here");
        }
    }
    cli.set("DAYPASS_CACHE_KEY", "correct horse battery staple");
    cli.set("DAYPASS_REDIS_PASSWORD", "x").set("INPUT_CLIENT-SECRET", "x").set("INPUT_X", "x");
    cli.set("KEPT", "yes").set("INPUTS", "yes").set("MY_INPUT_X", "yes");
    let env = child(&cli, &["oauth2"]);
    for name in credentials.iter().copied().chain(["DAYPASS_CACHE_KEY", "DAYPASS_REDIS_PASSWORD"]) {
        assert!(!env.contains_key(name), "{name}");
    }
    assert!(env.keys().all(|name| !name.starts_with("INPUT_")));
    for name in ["KEPT", "INPUTS", "MY_INPUT_X", "PATH", "HOME", "OAUTH2_TOKEN_URL"] {
        assert!(env.contains_key(name), "{name}");
    }
}

#[test]
fn no_variable_that_holds_a_secret_in_any_form_is_inherited() {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    let mut cli = odd_client();
    let encoded = "p%2Fs3cret%20w%2Brd%3D%26%25Zq8_x-Kd91";
    let form = "p%2Fs3cret+w%2Brd%3D%26%25Zq8_x-Kd91";
    let forms = [
        ("RAW", SECRET.to_owned()),
        ("RAW_INSIDE", format!("--password={SECRET} --verbose")),
        ("BASE64", STANDARD.encode(SECRET)),
        ("BASE64_INSIDE_1", STANDARD.encode(format!("x{SECRET}y"))),
        ("BASE64_INSIDE_2", URL_SAFE_NO_PAD.encode(format!("xy{SECRET}yz"))),
        ("URL", format!("https://x:{encoded}@git.example.com/")),
        ("FORM", format!("client_secret={form}&x=y")),
        // What JavaScript's encodeURIComponent and encodeURI make of it.
        ("COMPONENT", "x=p%2Fs3cret%20w%2Brd%3D%26%25Zq8_x-Kd91".to_owned()),
        ("URI", "https://x/?p/s3cret%20w+rd=&%25Zq8_x-Kd91".to_owned()),
        ("HEX", SECRET.bytes().map(|byte| format!("{byte:02x}")).collect()),
        ("JSON", serde_json::json!({ "secret": SECRET }).to_string()),
        ("BASIC", format!("Basic {}", STANDARD.encode(format!("odd id:{SECRET}")))),
        ("QUOTE", "p/s3cret%20w%2Brd%3D%26%25Zq8_x-Kd91".to_owned()),
        ("PERCENT", SECRET.bytes().map(|byte| format!("%{byte:02x}")).collect()),
        ("GO", format!("{{\"s\":\"{}\"}}", SECRET.replace('&', "\\u0026"))),
        ("NET", SECRET.replace('&', "\\u0026").replace('+', "\\u002B")),
        ("HTML", SECRET.replace('&', "&amp;")),
        ("WRAPPED", wrapped(&STANDARD.encode(format!("x:{SECRET}")), 8)),
        (
            "BASIC_WRAPPED",
            wrapped(&format!("Basic {}", STANDARD.encode(format!("odd id:{SECRET}"))), 20),
        ),
        ("BASIC_FORM", format!("Basic {}", STANDARD.encode(format!("odd+id:{form}")))),
    ];
    for (name, value) in &forms {
        cli.set(name, value);
    }
    cli.set("NEARLY", SECRET.strip_suffix('1').unwrap());
    let env = child(&cli, &[]);
    for (name, _) in &forms {
        assert!(!env.contains_key(*name), "{name}={}", env[*name]);
    }
    assert!(env.contains_key("NEARLY"));
}

fn wrapped(text: &str, width: usize) -> String {
    let lines: Vec<_> = text.as_bytes().chunks(width).map(String::from_utf8_lossy).collect();
    lines.join("\n")
}

#[test]
fn a_short_secret_is_not_inherited_either() {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    for secret in ["s3c", "s3cret", "s3cret7"] {
        let sandbox = Sandbox::builder().client(Client::new("id", secret)).build();
        let mut cli = Cli::around(sandbox);
        let url = cli.url("/oauth/token");
        cli.set("OAUTH2_TOKEN_URL", url).set("OAUTH2_CLIENT_ID", "id");
        cli.set("OAUTH2_CLIENT_SECRET", secret).set("COPY", secret).set("KEPT", "nothing");
        let basic = format!("Basic {}", STANDARD.encode(format!("id:{secret}")));
        cli.set("BASIC", &basic).set("BASIC_WRAPPED", wrapped(&basic, 9));
        let env = child(&cli, &[]);
        assert!(env.contains_key("KEPT") && !env.contains_key("COPY"));
        // Three characters are in half of all base64.
        for name in ["BASIC", "BASIC_WRAPPED"].iter().filter(|_| secret.len() > 3) {
            assert!(!env.contains_key(*name), "{secret} {name}");
        }
    }
}

#[test]
fn the_cache_key_is_not_inherited_under_another_name() {
    let mut cli = Cli::new();
    cli.set("DAYPASS_CACHE_KEY", "correct horse battery staple");
    cli.set("COPY", "key=correct horse battery staple");
    assert!(!child(&cli, &[]).contains_key("COPY"));
    // A key need not be text, and counts as it is.
    use std::os::unix::ffi::OsStringExt;
    let token = cli.token();
    let odd = std::ffi::OsString::from_vec(b"correct horse battery\xff".to_vec());
    cli.set("DAYPASS_CACHE_KEY", &odd).set("COPY", &odd);
    assert_ne!(cli.token(), token);
    let env = child(&cli, &[]);
    assert!(!env.contains_key("COPY") && !env.contains_key("DAYPASS_CACHE_KEY"));
}

#[test]
fn a_variable_that_a_file_names_is_not_inherited_whichever_profile_is_used() {
    let mut cli = Cli::bare();
    cli.set("A_SECRET", "sandbox-secret").set("B_SECRET", "another-secret-of-b");
    cli.set("B_ID", "b");
    let b = profile(&cli, "b", "{ env = \"B_SECRET\" }");
    let b = b.replace("\"sandbox\"", "{ env = \"B_ID\" }");
    cli.write_yours(&format!("{}{b}", profile(&cli, "a", "{ env = \"A_SECRET\" }")));
    let env = child(&cli, &["a"]);
    for name in ["A_SECRET", "B_SECRET", "B_ID"] {
        assert!(!env.contains_key(name), "{name}");
    }
    assert!(env.contains_key("ACCESS_TOKEN"));
}

#[test]
fn a_secret_from_a_file_is_not_inherited_either() {
    let mut cli = Cli::bare();
    cli.write("tmp/secret", "sandbox-secret\n");
    cli.write_yours(&profile(&cli, "a", "{ file = \"../../tmp/secret\" }"));
    cli.set("LEFT_BEHIND", "sandbox-secret");
    assert!(!child(&cli, &[]).contains_key("LEFT_BEHIND"));
}

#[test]
fn a_token_that_stood_in_the_variable_before_is_replaced() {
    let mut cli = Cli::new();
    cli.set("ACCESS_TOKEN", "of yesterday");
    assert_eq!(child(&cli, &[])["ACCESS_TOKEN"], cli.token());
}

#[test]
fn local_addresses_do_not_go_through_a_proxy() {
    const LOCAL: &str = "127.0.0.1,localhost,::1";
    let mut cli = Cli::new();
    let env = child(&cli, &[]);
    assert_eq!((env["NO_PROXY"].as_str(), env["no_proxy"].as_str()), (LOCAL, LOCAL));
    cli.set("NO_PROXY", "internal.example.com").set("no_proxy", "");
    let env = child(&cli, &[]);
    assert_eq!(env["NO_PROXY"], format!("internal.example.com,{LOCAL}"));
    assert_eq!(env["no_proxy"], LOCAL);
    cli.set("NO_PROXY", "*");
    assert_eq!(child(&cli, &[])["NO_PROXY"], "*");
}

#[test]
fn one_spelling_of_no_proxy_speaks_for_the_other() {
    let mut cli = Cli::new();
    cli.set("NO_PROXY", "internal.example.com");
    let env = child(&cli, &[]);
    assert_eq!(env["no_proxy"], env["NO_PROXY"]);
}

#[test]
fn an_environment_that_is_not_text_passes_through() {
    use std::os::unix::ffi::OsStringExt;
    let mut cli = Cli::new();
    cli.set("ODD", std::ffi::OsString::from_vec(b"\xff\xfe".to_vec()));
    let mut command = cli.daypass(&["exec", "--", "sh", "-c", "printf %s \"$ODD\""]);
    assert_eq!(command.output().unwrap().stdout, b"\xff\xfe");
}
