//! Where tokens are kept, and what happens when they cannot be.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::config::profile;
use crate::world::{Cli, mode};

#[test]
fn the_folder_is_closed_to_others() {
    let cli = Cli::new();
    cli.sh("umask 0; daypass token").quiet();
    let folder = cli.path("cache/daypass");
    assert_eq!(mode(&folder), 0o700);
    for entry in fs::read_dir(&folder).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
}

#[test]
fn a_named_folder_that_others_may_use_is_refused() {
    let mut cli = Cli::new();
    let folder = cli.path("shared");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    cli.set("DAYPASS_CACHE_DIR", &folder);
    insta::assert_snapshot!(cli.run(&["token"]).fails(5), @r"
    error[store.unsafe]: DAYPASS_CACHE_DIR [ROOT]/shared cannot be used: the cache folder [ROOT]/shared is open to others (mode 777): chmod 700 [ROOT]/shared
      hint: name a folder that only you can read and write, such as one under $HOME
    ");
    symlink(cli.path("cache"), cli.path("link")).unwrap();
    let link = cli.path("link");
    cli.set("DAYPASS_CACHE_DIR", link);
    insta::assert_snapshot!(cli.run(&["token"]).fails(5), @r"
    error[store.unsafe]: DAYPASS_CACHE_DIR [ROOT]/link cannot be used: the cache folder [ROOT]/link is a symbolic link: name the folder that it leads to
      hint: name a folder that only you can read and write, such as one under $HOME
    ");
    let file = cli.write("file", "");
    cli.set("DAYPASS_CACHE_DIR", file);
    let told = cli.run(&["token"]).fails(5);
    assert!(told.starts_with("error[store.failed]"), "{told}");
    cli.run(&["exec", "--", "true"]).fails(125);
    assert_eq!(cli.asked(), 0);
}

#[test]
fn a_named_folder_is_made() {
    let mut cli = Cli::new();
    let folder = cli.path("tmp/a/b");
    cli.set("DAYPASS_CACHE_DIR", &folder);
    cli.run(&["token"]).quiet();
    assert_eq!(mode(&folder), 0o700);
    assert!(!cli.path("cache/daypass").exists());
}

#[test]
fn a_named_folder_that_is_not_absolute_is_refused() {
    let mut cli = Cli::new();
    cli.set("DAYPASS_CACHE_DIR", "cache");
    insta::assert_snapshot!(cli.run(&["token"]).fails(5), @r"
    error[store.failed]: DAYPASS_CACHE_DIR is not an absolute path: cache
      hint: each step may run elsewhere: DAYPASS_CACHE_DIR=$PWD/cache
    ");
    cli.set("DAYPASS_CACHE_DIR", "");
    cli.run(&["token"]).quiet();
}

#[test]
fn without_a_folder_it_works_with_one_warning() {
    let file = |cli: &Cli| cli.write("a-file", "").into_os_string();
    let shared = |cli: &Cli| {
        let folder = cli.path("shared");
        fs::create_dir_all(folder.join("daypass")).unwrap();
        fs::set_permissions(folder.join("daypass"), fs::Permissions::from_mode(0o777)).unwrap();
        folder.into_os_string()
    };
    let sealed = |_: &Cli| "/proc".into();
    let nowhere = |_: &Cli| "/dev/null".into();
    type Place = fn(&Cli) -> std::ffi::OsString;
    let places: [(&str, Place); 4] =
        [("file", file), ("shared", shared), ("read-only", sealed), ("device", nowhere)];
    for (what, place) in places {
        for variable in ["XDG_CACHE_HOME", "HOME"] {
            if (what, variable) == ("shared", "HOME") {
                continue;
            }
            let mut cli = Cli::new();
            let place = place(&cli);
            cli.unset("XDG_CACHE_HOME").unset("XDG_CONFIG_HOME").set(variable, place);
            let ran = cli.run(&["token"]).ok();
            assert!(cli.api_accepts(ran.stdout.trim_end()), "{what} {variable}");
            assert_eq!(ran.stderr.lines().count(), 1, "{what} {variable}: {}", ran.stderr);
            assert!(ran.stderr.starts_with("daypass: warning: tokens are kept in memory only"));
            let ran = cli.run(&["exec", "--", "true"]).ok();
            assert_eq!(ran.stderr.lines().count(), 1, "{what} {variable}: {}", ran.stderr);
        }
    }
}

#[test]
fn the_warning_says_why() {
    let mut cli = Cli::new();
    cli.set("XDG_CACHE_HOME", "/dev/null");
    insta::assert_snapshot!(cli.run(&["token"]).ok().shown, @"daypass: warning: tokens are kept in memory only, every step will ask the issuer: can't open the cache folder /dev/null/daypass: it is not a folder");
    cli.unset("XDG_CACHE_HOME").unset("HOME");
    insta::assert_snapshot!(cli.run(&["token"]).ok().shown, @"daypass: warning: tokens are kept in memory only, every step will ask the issuer: HOME is not set; set DAYPASS_CACHE_DIR");
}

#[test]
fn a_record_that_was_tampered_with_is_a_miss() {
    let cli = Cli::new();
    let first = cli.token();
    for entry in fs::read_dir(cli.path("cache/daypass")).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        if let Some(byte) = bytes.last_mut() {
            *byte ^= 1;
            fs::write(&path, bytes).unwrap();
        }
    }
    let ran = cli.run(&["token"]).ok();
    assert_ne!(ran.stdout.trim_end(), first);
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
}

#[test]
fn on_ci_the_job_s_own_folder_is_used() {
    let mut cli = Cli::new();
    let folder = cli.path("tmp");
    cli.set("RUNNER_TEMP", &folder);
    cli.run(&["token"]).quiet();
    assert!(!folder.join("daypass").exists());
    cli.set("CI", "true");
    cli.run(&["token"]).ok();
    assert!(folder.join("daypass").exists());
}

#[test]
fn a_profile_may_say_where_its_tokens_are_kept() {
    let mut cli = Cli::bare();
    let elsewhere = cli.path("elsewhere");
    cli.set("THE_SECRET", "sandbox-secret").set("DAYPASS_CACHE_DIR", &elsewhere);
    let text = profile(&cli, "kept", "{ env = \"THE_SECRET\" }")
        + "store = \"own\"\n"
        + &profile(&cli, "unkept", "{ env = \"THE_SECRET\" }")
        + "store = \"memory\"\n";
    cli.write_yours(&text);
    let token = |name: &str| cli.run(&["token", name]).quiet().stdout;
    assert_eq!(token("kept"), token("kept"));
    assert_eq!(cli.asked(), 1);
    assert!(cli.path("config/daypass/own").is_dir() && !elsewhere.exists());
    assert_ne!(token("unkept"), token("unkept"), "each process asks for its own");
    assert_eq!(cli.asked(), 3);
    assert!(!elsewhere.exists());
    let own = cli.path("config/daypass/own");
    fs::set_permissions(&own, fs::Permissions::from_mode(0o750)).unwrap();
    let told = cli.run(&["token", "kept"]).fails(5);
    assert!(told.starts_with("error[store.unsafe]: `store` [ROOT]/config/daypass/own "), "{told}");
    cli.unset("THE_SECRET");
    let told = cli.run(&["token", "kept"]).fails(5);
    assert!(told.starts_with("error[store.no_key]"), "{told}");
    cli.run(&["token", "unkept"]).fails(2);
}
