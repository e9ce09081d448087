//! Every `--format`, used by what it is for.

use serde_json::Value;

use crate::world::Cli;

#[test]
fn json_has_the_token_its_end_and_its_origin() {
    let cli = Cli::new();
    let first = cli.run(&["token", "--format", "json"]).quiet().json();
    let text = |value: &Value, key: &str| value[key].as_str().unwrap().to_owned();
    assert!(cli.api_accepts(&text(&first, "access_token")));
    assert_eq!(text(&first, "token_type"), "Bearer");
    assert_eq!(text(&first, "source"), "issuer");
    assert_eq!(text(&first, "reason"), "cold");
    assert!((3600..=3630).contains(&first["expires_in"].as_u64().unwrap()), "{first}");
    let expires_at = text(&first, "expires_at");
    assert!(expires_at.ends_with('Z') && expires_at.contains('T'), "{expires_at}");
    assert!(first.as_object().unwrap().contains_key("scope"));
    assert_eq!(first.as_object().unwrap().len(), 7);

    let second = cli.run(&["token", "--format", "json"]).quiet().json();
    assert_eq!(text(&second, "source"), "store");
    assert_eq!(text(&second, "expires_at"), expires_at);
    let forced = cli.run(&["token", "--format=json", "--fresh"]).quiet().json();
    assert_eq!(text(&forced, "reason"), "forced");
}

#[test]
fn header_is_the_authorization_header() {
    let cli = Cli::new();
    let ran = cli.run(&["token", "--format", "header"]).quiet();
    assert_eq!(ran.stdout, format!("Authorization: Bearer {}\n", cli.token()));
}

#[test]
fn curl_takes_it_as_its_configuration() {
    let cli = Cli::new();
    let line =
        format!("daypass token --format curl | curl -sf --config - {}", cli.url("/api/echo"));
    let echo = cli.sh(&line).quiet().json();
    assert_eq!((&echo["token"], &echo["client_id"]), (&1.into(), &"sandbox".into()));
}

#[test]
fn a_shell_takes_env() {
    let cli = Cli::new();
    let told = cli.sh(r#"eval "$(daypass token --format env)"; sh -c 'echo $ACCESS_TOKEN'"#);
    assert_eq!(told.quiet().stdout.trim_end(), cli.token());
    let genesys = Cli::genesys();
    let told = genesys.sh(r#"eval "$(daypass token --format env)"; env | grep _ACCESS_TOKEN="#);
    let expected = format!("GENESYSCLOUD_ACCESS_TOKEN={}\n", genesys.token());
    assert_eq!(told.quiet().stdout, expected);
}

#[test]
fn dotenv_is_one_quoted_assignment() {
    let cli = Cli::new();
    let ran = cli.run(&["token", "--format", "dotenv"]).quiet();
    assert_eq!(ran.stdout, format!("ACCESS_TOKEN=\"{}\"\n", cli.token()));
    // A shell is one of its readers.
    let told = cli.sh("daypass token --format dotenv > .env; . ./.env; echo $ACCESS_TOKEN");
    assert_eq!(told.quiet().stdout.trim_end(), cli.token());
}

#[test]
fn kubernetes_gets_an_exec_credential() {
    let cli = Cli::new();
    let json = cli.run(&["token", "--format", "exec-credential"]).quiet().json();
    assert_eq!(json["apiVersion"], "client.authentication.k8s.io/v1");
    assert_eq!(json["kind"], "ExecCredential");
    assert_eq!(json["status"]["token"], cli.token());
    let token = cli.run(&["token", "--format", "json"]).json();
    assert_eq!(json["status"]["expirationTimestamp"], token["expires_at"]);
}

/// Reads the entries of a file of GitHub Actions: `name<<delimiter`, the value, the delimiter.
fn entries(text: &str) -> Vec<(String, String, String)> {
    let mut lines = text.lines();
    let mut entries = Vec::new();
    while let Some(head) = lines.next() {
        let (name, delimiter) = head.split_once("<<").unwrap();
        let value: Vec<_> = lines.by_ref().take_while(|line| *line != delimiter).collect();
        entries.push((name.to_owned(), value.join("\n"), delimiter.to_owned()));
    }
    entries
}

#[test]
fn github_masks_the_token_and_makes_it_an_output() {
    let mut cli = Cli::new();
    let file = cli.write("tmp/output", "before=1\n");
    cli.set("GITHUB_ACTIONS", "true").set("GITHUB_OUTPUT", &file);
    let ran = cli.run(&["token", "--format", "github"]).ok();
    assert_eq!(ran.stdout, "");
    let text = std::fs::read_to_string(&file).unwrap();
    let entries = entries(text.strip_prefix("before=1\n").unwrap());
    let [(token, value, one), (expires_at, end, two)] = entries.as_slice() else {
        panic!("{text}")
    };
    assert_eq!((token.as_str(), expires_at.as_str()), ("token", "expires_at"));
    assert!(cli.api_accepts(value) && end.ends_with('Z'), "{text}");
    assert!(one != two && one.len() > 32, "{text}");

    let told: Vec<_> = ran.stderr.lines().collect();
    let (last, masks) = told.split_last().unwrap();
    assert_eq!(masks[0], format!("::add-mask::{value}"));
    assert!(masks.iter().all(|line| line.starts_with("::add-mask::")), "{}", ran.stderr);
    assert!(last.starts_with("daypass: oauth2 ") && !last.contains(value), "{last}");
}

#[test]
fn an_unfinished_last_line_does_not_swallow_what_is_added() {
    let mut cli = Cli::new();
    let file = cli.write("tmp/env", "FOO=bar");
    cli.set("GITHUB_ACTIONS", "true").set("GITHUB_ENV", &file);
    cli.run(&["token", "--format", "github-env"]).ok();
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(entries(text.strip_prefix("FOO=bar\n").unwrap()).len(), 1, "{text}");
}

#[test]
fn no_token_is_handed_out_where_github_cannot_be_told_to_hide_it() {
    let mut cli = Cli::new();
    cli.set("GITHUB_ACTIONS", "true");
    for lost in ["2>/dev/null", "2>&-", "2>err.log", "2>>err.log"] {
        for command in ["daypass token", "daypass exec -- printenv ACCESS_TOKEN"] {
            let ran = cli.sh(&format!("{command} {lost}; echo ended $?"));
            assert!(
                ran.stdout.starts_with("ended ") && !ran.stdout.contains("ended 0"),
                "{}",
                ran.stdout
            );
        }
    }
}

#[test]
fn json_is_the_format_of_that_name() {
    let cli = Cli::new();
    let ran = cli.run(&["token", "--json"]).ok();
    assert!(ran.stdout.starts_with("{\"access_token\":"), "{}", ran.stdout);
    cli.run(&["token", "--json", "--format", "header"]).fails(2);
}

#[test]
fn github_env_serves_all_later_steps() {
    let mut cli = Cli::new();
    let file = cli.write("tmp/env", "");
    cli.set("GITHUB_ACTIONS", "true").set("GITHUB_ENV", &file);
    let ran = cli.run(&["token", "--format", "github-env"]).ok();
    assert_eq!(ran.stdout, "");
    let entries = entries(&std::fs::read_to_string(&file).unwrap());
    let [(name, value, _)] = entries.as_slice() else { panic!("{entries:?}") };
    assert_eq!(name, "ACCESS_TOKEN");
    assert!(cli.api_accepts(value));
    assert!(ran.stderr.starts_with(&format!("::add-mask::{value}\n")), "{}", ran.stderr);
}

#[test]
fn on_github_every_format_masks_first() {
    let mut cli = Cli::new();
    let token = cli.token();
    cli.set("GITHUB_ACTIONS", "true");
    for format in ["token", "header", "json", "curl", "env", "dotenv", "exec-credential"] {
        let both = cli.sh(&format!("daypass token --format {format} 2>&1")).quiet().stdout;
        let first = both.find(&token).unwrap();
        assert!(both[..first].ends_with("::add-mask::"), "{format}: {both}");
        let base64 = cli.sh(&format!("printf %s {token} | base64 -w0")).quiet().stdout;
        assert!(both.contains(&format!("::add-mask::{base64}\n")), "{format}: {both}");
    }
}

#[test]
fn outside_of_github_its_formats_are_refused_before_anything_is_told() {
    let cli = Cli::new();
    for format in ["github", "github-env"] {
        let told = cli.run(&["token", "--format", format]).fails(2);
        assert!(!told.contains("::add-mask::"), "{told}");
        assert_eq!(cli.asked(), 0);
    }
    insta::assert_snapshot!(cli.run(&["token", "--format", "github"]).fails(2), @r"
    error[usage]: GITHUB_OUTPUT is not set: this is no GitHub Actions step
      hint: outside of GitHub Actions use --format dotenv --out FILE
    ");
}

#[test]
fn a_github_format_goes_to_github_s_file_only() {
    let mut cli = Cli::new();
    let file = cli.write("tmp/env", "");
    cli.set("GITHUB_ENV", &file);
    let told = cli.run(&["token", "--format", "github-env", "--out", "x"]).fails(2);
    insta::assert_snapshot!(told, @r"
    error[usage]: this format goes to GITHUB_ENV, not to a file
      hint: leave --out away, or choose --format dotenv
    ");
}
