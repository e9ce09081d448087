//! `daypass demo`: one test, because it takes as long as it says.

use std::fs;

use crate::world::{Cli, assert_teaches};

#[test]
fn the_demo_keeps_every_claim_it_makes_and_leaves_nothing_behind() {
    let cli = Cli::bare();
    let told = cli.run(&["demo"]).quiet().stdout;
    assert!(!told.contains("FAILED"), "{told}");
    let claims = told.lines().filter(|line| line.trim_start().starts_with("ok ")).count();
    assert!(claims >= 15, "{told}");
    let last = told.lines().last().unwrap();
    assert!(last.ends_with(&format!("{claims} of {claims} claims hold.")), "{last}");
    assert_teaches(&told);
    for folder in ["tmp", "home", "cache", "config", "work"] {
        assert_eq!(fs::read_dir(cli.path(folder)).unwrap().count(), 0, "{folder}");
    }
}
