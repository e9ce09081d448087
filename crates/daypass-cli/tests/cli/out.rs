//! `daypass token --out`.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};

use crate::world::{Cli, mode};

/// The names in the working directory.
fn names(cli: &Cli) -> Vec<String> {
    let entries = fs::read_dir(cli.work()).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_file_is_for_this_user_alone() {
    let cli = Cli::new();
    let ran = cli.sh("umask 0; daypass token --out token").quiet();
    assert_eq!(ran.stdout, "");
    let path = cli.path("work/token");
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", cli.token()));
    assert_eq!(mode(&path), 0o600);
    assert_eq!(names(&cli), ["token"]);
}

#[test]
fn a_file_that_is_there_is_replaced_and_never_seen_half_written() {
    let cli = Cli::new();
    let path = cli.write_mode("work/token", "old", 0o666);
    let before = fs::metadata(&path).unwrap().ino();
    // Who has the old file open keeps reading the old one, whole.
    let ran = cli.sh("exec 3<token; daypass token --format env --out token; cat <&3").quiet();
    assert_eq!(ran.stdout, "old");
    assert_ne!(fs::metadata(&path).unwrap().ino(), before);
    assert_eq!(mode(&path), 0o600);
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text, format!("export ACCESS_TOKEN='{}'\n", cli.token()));
    assert_eq!(names(&cli), ["token"]);
}

#[test]
fn a_missing_folder_is_said() {
    let cli = Cli::new();
    insta::assert_snapshot!(cli.run(&["token", "--out", "nowhere/token"]).fails(5), @r"
    error[store.failed]: nowhere/token cannot be written: not found
      hint: check that the folder exists, is yours and has space left
    ");
    assert!(names(&cli).is_empty());
}

#[test]
fn a_folder_is_no_place_to_write_to() {
    let cli = Cli::new();
    fs::create_dir(cli.path("work/folder")).unwrap();
    insta::assert_snapshot!(cli.run(&["token", "--out", "folder"]).fails(2), @r"
    error[usage]: --out folder: that is no regular file
      hint: name a file, or leave --out away and redirect stdout
    ");
    assert_eq!(names(&cli), ["folder"]);
}

#[test]
fn a_device_or_a_pipe_is_not_replaced_by_a_file() {
    let cli = Cli::new();
    cli.sh("mkfifo pipe").ok();
    cli.run(&["token", "--out", "pipe"]).fails(2);
    assert!(fs::metadata(cli.path("work/pipe")).unwrap().file_type().is_fifo());
    symlink("pipe", cli.path("work/link")).unwrap();
    cli.run(&["token", "--out", "link"]).fails(2);
    assert_eq!(names(&cli), ["link", "pipe"]);
}

#[test]
fn a_symbolic_link_is_not_replaced_by_a_file() {
    let cli = Cli::new();
    // `/dev/stdout` is such a link, and stdout may be a regular file.
    fs::write(cli.path("work/file"), "before").unwrap();
    symlink("file", cli.path("work/link")).unwrap();
    insta::assert_snapshot!(cli.run(&["token", "--out", "link"]).fails(2), @r"
    error[usage]: --out link: that is a symbolic link
      hint: name the file that it leads to, or leave --out away and redirect stdout
    ");
    insta::assert_snapshot!(cli.run(&["token", "--out", "-"]).fails(2), @r"
    error[usage]: --out -: that is no file
      hint: leave --out away: the token then goes to stdout
    ");
    assert_eq!(names(&cli), ["file", "link"]);
    assert_eq!(fs::read_to_string(cli.path("work/file")).unwrap(), "before");
    assert_eq!(cli.sandbox.token_requests(), 0);
}
