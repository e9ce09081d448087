//! A `daypass.toml` that was found in the working directory, and `daypass trust`.

use std::fs;
use std::os::unix::fs::symlink;

use crate::config::profile;
use crate::world::{Cli, mode};

const ENV: &str = "{ env = \"THE_SECRET\" }";

fn with_secret() -> Cli {
    let mut cli = Cli::bare();
    cli.set("THE_SECRET", "sandbox-secret");
    cli
}

#[test]
fn a_found_file_may_not_say_where_the_secret_goes() {
    let cli = with_secret();
    cli.write_found(&profile(&cli, "ours", ENV));
    let told = cli.run(&["token", "ours"]).fails(2);
    insta::assert_snapshot!(told, @r"
    error[config.untrusted]: [ROOT]/work/daypass.toml:4:1: a found file may not set `client_secret` of [profile.ours]: 127.0.0.1:PORT would get the secret
      hint: if you know this file, name it: --config [ROOT]/work/daypass.toml, or trust it: daypass trust [ROOT]/work/daypass.toml
    ");
    for args in [&["token"][..], &["status"], &["forget"], &["revoke", "ours"]] {
        cli.run(args).fails(2);
    }
    cli.run(&["exec", "--", "true"]).fails(125);
    assert_eq!(cli.sandbox.log().len(), 0);
}

#[test]
fn a_found_file_is_trusted_as_it_is_and_not_once_it_was_edited() {
    let cli = with_secret();
    let path = cli.write_found(&profile(&cli, "ours", ENV));
    let ran = cli.run(&["trust"]).ok();
    assert_eq!(ran.stdout, "");
    insta::assert_snapshot!(ran.shown, @"daypass: trusts [ROOT]/work/daypass.toml as it is now; a change needs your trust again");
    assert_eq!(mode(&cli.path("config/daypass/trusted")), 0o600);
    cli.run(&["token"]).quiet();
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{text}# innocent\n")).unwrap();
    let told = cli.run(&["token"]).fails(2);
    assert!(told.starts_with("error[config.untrusted]"), "{told}");
    fs::write(&path, &text).unwrap();
    cli.run(&["token"]).quiet();
    // The same text elsewhere is another file.
    cli.write("tmp/daypass.toml", &text);
    let output = cli.daypass(&["token"]).current_dir(cli.path("tmp")).output().unwrap();
    let told = cli.ran(output).fails(2);
    assert!(told.starts_with("error[config.untrusted]"), "{told}");
    assert_eq!(cli.asked(), 1);
}

#[test]
fn trust_wants_a_file_that_can_be_one() {
    let cli = with_secret();
    insta::assert_snapshot!(cli.run(&["trust"]).fails(2), @r"
    error[config.unreadable]: [ROOT]/work/daypass.toml cannot be read: not found
      hint: does it exist, and may this user read it?
    ");
    cli.write_found("[profile.x]\ntokenurl = \"https://login.example.com\"\n");
    let told = cli.run(&["trust", "daypass.toml"]).fails(2);
    assert!(told.contains("did you mean `token_url`?"), "{told}");
    assert!(!cli.path("config/daypass/trusted").exists());
}

#[test]
fn what_a_found_file_may_say_needs_no_trust() {
    let mut cli = Cli::bare();
    cli.set("GC_CLIENT_ID", "1f2e").set("GC_CLIENT_SECRET", "s3cret-s3cret");
    cli.write_found("[profile.team]\nprovider = \"genesys-cloud\"\nregion = \"eu-west-2\"\n");
    let json = cli.run(&["status", "team", "--json"]).quiet().json();
    assert_eq!(json["profiles"][0]["place"], "eu-west-2");
    // But it does not take over what nobody named.
    let told = cli.run(&["status", "--json"]).quiet().json();
    assert_eq!(told["profiles"].as_array().unwrap().len(), 2);
}

#[test]
fn a_secret_in_a_found_file_is_refused_even_where_it_is_trusted() {
    let cli = Cli::bare();
    let text = profile(&cli, "ours", "\"sandbox-secret\"");
    cli.write_mode("work/daypass.toml", &text, 0o600);
    let told = cli.run(&["trust"]).fails(2);
    insta::assert_snapshot!(told, @r#"
    error[config.untrusted]: [ROOT]/work/daypass.toml:4:1: a client_secret in a found file is not taken
      hint: say where it is: client_secret = { env = "..." } or { file = "..." }
    "#);
}

#[test]
fn a_found_file_that_could_be_anybodys_is_refused() {
    let cli = Cli::new();
    let path = cli.write_mode("work/daypass.toml", "", 0o666);
    insta::assert_snapshot!(cli.run(&["token"]).fails(2), @r"
    error[config.unsafe_file]: [ROOT]/work/daypass.toml can be written by others (mode 0666): it is not used
      hint: chmod go-w [ROOT]/work/daypass.toml, or name it: --config [ROOT]/work/daypass.toml
    ");

    fs::remove_file(&path).unwrap();
    cli.write("tmp/elsewhere.toml", "");
    symlink(cli.path("tmp/elsewhere.toml"), &path).unwrap();
    insta::assert_snapshot!(cli.run(&["token"]).fails(2), @r"
    error[config.unsafe_file]: [ROOT]/work/daypass.toml cannot be used: it is a symbolic link
      hint: name it with --config [ROOT]/work/daypass.toml, or remove it
    ");

    fs::remove_file(&path).unwrap();
    cli.write_found(&"#".repeat(64 * 1024 + 1));
    insta::assert_snapshot!(cli.run(&["token"]).fails(2), @r"
    error[config.unsafe_file]: [ROOT]/work/daypass.toml is over 65536 bytes: it is not used
      hint: make it smaller, or name it: --config [ROOT]/work/daypass.toml
    ");
    cli.write_found(&"#".repeat(64 * 1024));
    cli.run(&["token"]).quiet();

    fs::remove_file(&path).unwrap();
    cli.sh("mkfifo daypass.toml").quiet();
    let told = cli.run(&["token"]).fails(2);
    assert!(told.contains("is not a regular file"), "{told}");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    cli.run(&["token"]).fails(2);
}

#[test]
fn parents_of_the_working_directory_are_never_searched() {
    let cli = Cli::new();
    cli.write_found("[profile.evil]\ntoken_url = \"https://evil.example/\"\n");
    fs::create_dir_all(cli.path("work/a/b")).unwrap();
    for folder in ["work/a", "work/a/b"] {
        let mut command = cli.daypass(&["token"]);
        cli.ran(command.current_dir(cli.path(folder)).output().unwrap()).quiet();
    }
    cli.run(&["token"]).fails(2);
}

#[test]
fn a_found_file_may_not_take_the_name_of_a_profile_of_yours() {
    let cli = with_secret();
    cli.write_yours(&profile(&cli, "prod", ENV));
    cli.write_found("[profile.prod]\nprovider = \"genesys-cloud\"\nregion = \"eu-west-2\"\n");
    insta::assert_snapshot!(cli.run(&["token"]).fails(2), @r#"
    error[config.untrusted]: [ROOT]/work/daypass.toml was found here and defines "prod", which [ROOT]/config/daypass/daypass.toml defines too
      hint: rename one of them, or name the file: --config [ROOT]/work/daypass.toml
    "#);
}

#[test]
fn the_file_of_config_can_be_trusted_and_two_files_cannot() {
    let cli = Cli::new();
    cli.write("work/other.toml", "");
    cli.run(&["trust", "--config", "other.toml"]).ok();
    cli.run(&["trust", "other.toml", "--config", "other.toml"]).fails(2);
}

#[test]
fn what_a_trusted_file_names_beside_itself_is_trusted_as_it_was() {
    let cli = Cli::bare();
    let script = |text: &str| {
        cli.write_mode("work/get.sh", &format!("#!/bin/sh\n{text}\n"), 0o700);
    };
    for secret in [
        "{ command = [\"./get.sh\"] }",
        "{ command = [\"sh\", \"./get.sh\"] }",
        "{ command = [\"sh\", \"get.sh\"] }",
    ] {
        cli.write_found(&profile(&cli, "ours", secret));
        script("echo sandbox-secret");
        cli.run(&["trust"]).ok();
        cli.run(&["token"]).quiet();
        script("touch ran; echo sandbox-secret");
        let told = cli.run(&["token"]).fails(2);
        insta::allow_duplicates! {
            insta::assert_snapshot!(told, @r"
            error[config.untrusted]: [ROOT]/work/get.sh has changed since [ROOT]/work/daypass.toml, which names it, was trusted
              hint: look at it, then trust both: daypass trust [ROOT]/work/daypass.toml
            ");
        }
        assert!(!cli.path("work/ran").exists(), "{secret}");
    }
    cli.write_found(&profile(&cli, "ours", "{ file = \"secret\" }"));
    cli.write("work/secret", "sandbox-secret");
    cli.run(&["trust"]).ok();
    cli.run(&["token"]).quiet();
    fs::remove_file(cli.path("work/secret")).unwrap();
    cli.write("tmp/id_ed25519", "another secret of the user's");
    symlink(cli.path("tmp/id_ed25519"), cli.path("work/secret")).unwrap();
    let told = cli.run(&["token"]).fails(2);
    assert!(told.contains("work/secret has changed since"), "{told}");
    let ca = "ca_file = \"ca.pem\"\n";
    cli.write("work/ca.pem", "roots");
    cli.write_found(&(profile(&cli, "ours", "{ env = \"THE_SECRET\" }") + ca));
    cli.run(&["trust"]).ok();
    cli.write("work/ca.pem", "roots of an attacker");
    let told = cli.run(&["token"]).fails(2);
    assert!(told.contains("work/ca.pem has changed since"), "{told}");
    assert_eq!(cli.asked(), 1);
}

#[test]
fn a_command_of_a_named_file_is_the_one_beside_it_and_not_the_one_where_a_step_runs() {
    let cli = Cli::bare();
    cli.write_mode("work/get.sh", "#!/bin/sh\ntouch ran\necho wrong\n", 0o700);
    cli.write_mode("elsewhere/get.sh", "#!/bin/sh\necho sandbox-secret\n", 0o700);
    for words in ["\"./get.sh\"", "\"sh\", \"./get.sh\""] {
        let path = cli
            .write("elsewhere/x.toml", &profile(&cli, "p", &format!("{{ command = [{words}] }}")));
        let path = path.to_str().unwrap();
        cli.run(&["trust", path]).ok();
        cli.run(&["token", "--config", path]).quiet();
    }
    assert!(!cli.path("work/ran").exists());
}

#[test]
fn a_file_of_ones_own_and_the_list_of_trusted_ones_are_used_if_nobody_else_could_have_written_them()
{
    let cli = with_secret();
    let own = cli.write_yours(&profile(&cli, "mine", ENV));
    cli.run(&["token"]).quiet();
    let mode = |path: &std::path::Path, mode| {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(&own, 0o664);
    insta::assert_snapshot!(cli.run(&["token"]).fails(2), @r"
    error[config.unsafe_file]: [ROOT]/config/daypass/daypass.toml can be written by others (mode 0664): it is not used
      hint: chmod go-w [ROOT]/config/daypass/daypass.toml, or name it: --config [ROOT]/config/daypass/daypass.toml
    ");
    cli.run(&["token", "--config", own.to_str().unwrap()]).fails(2);
    mode(&own, 0o644);
    for folder in ["config/daypass", "config"] {
        let before = crate::world::mode(&cli.path(folder));
        mode(&cli.path(folder), 0o777);
        let told = cli.run(&["token"]).fails(2);
        assert!(
            told.contains("can be replaced by others") && told.contains("chmod go-w"),
            "{told}"
        );
        mode(&cli.path(folder), before);
    }
    cli.run(&["token"]).quiet();
    // A link is followed, and where it leads must be safe too.
    fs::create_dir(cli.path("dots")).unwrap();
    fs::rename(&own, cli.path("dots/daypass.toml")).unwrap();
    symlink(cli.path("dots/daypass.toml"), &own).unwrap();
    cli.run(&["token"]).quiet();
    mode(&cli.path("dots"), 0o777);
    cli.run(&["token"]).fails(2);
    fs::remove_file(&own).unwrap();
    cli.write_found(&profile(&cli, "ours", ENV));
    cli.run(&["trust"]).ok();
    cli.run(&["token"]).quiet();
    mode(&cli.path("config/daypass/trusted"), 0o666);
    let told = cli.run(&["token"]).fails(2);
    assert!(told.contains("daypass/trusted can be written by others"), "{told}");
    cli.run(&["trust"]).fails(2);
}
