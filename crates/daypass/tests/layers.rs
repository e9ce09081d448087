//! The architecture, read from the `use` lines of the library: no arrow runs the wrong way.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The modules of the library and what each may name, besides those that stand below it in
/// [`BELOW`]. `lib.rs` itself names all.
const MAY_NAME: &[(&str, &[&str])] = &[
    (
        "open",
        &["agent", "config", "source", "store", "issuer", "http", "crypto", "clock", "effects"],
    ),
    ("agent", &["config", "source", "clock"]),
    ("config", &["provider", "crypto"]),
    ("provider", &[]),
    ("source", &["store", "issuer", "clock", "effects"]),
    ("store", &["crypto", "clock"]),
    ("issuer", &["http", "crypto", "clock", "effects"]),
    ("effects", &["http", "clock"]),
    ("http", &[]),
    ("crypto", &[]),
    ("clock", &[]),
    ("address", &[]),
    ("words", &[]),
    ("request", &["crypto"]),
    ("token", &["crypto", "clock", "request"]),
    ("client", &[]),
    ("error", &[]),
    ("decodings", &[]),
    ("forms", &[]),
    ("printable", &[]),
];

/// What every module of the upper layers may name.
const BELOW: &[&str] =
    &["request", "token", "error", "client", "decodings", "forms", "printable", "address", "words"];

/// What only these files may name.
const OWNED: &[(&str, &[&str])] = &[
    ("aws_lc_rs", &["crypto.rs", "http/"]),
    ("reqwest", &["http.rs", "http/"]),
    ("rustls", &["http/"]),
    ("clock_gettime", &["clock.rs"]),
    ("SystemTime::now", &["clock.rs"]),
    ("std::time::Instant", &["clock.rs"]),
    ("std::env", &[]),
    ("println!", &[]),
    ("eprintln!", &[]),
];

/// Files of more than this many lines, tests left out, have a reason.
const LONGEST: usize = 300;
const LONG: &[(&str, &str)] = &[];

/// A file of the library without its tests: its path below `src` and its text.
struct Source {
    path: String,
    text: String,
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn sources() -> Vec<Source> {
    let (mut found, mut folders) = (Vec::new(), vec![src()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let below = path.strip_prefix(src()).unwrap().to_str().unwrap().to_owned();
                let text = fs::read_to_string(&path).unwrap();
                found.push(Source { path: below, text: without_tests(&text) });
            }
        }
    }
    // Files that only tests compile.
    found.retain(|source| !is_test(&source.path));
    assert!(found.len() > 50, "only {} files were found", found.len());
    found
}

fn is_test(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap();
    matches!(name, "tests.rs" | "testing.rs" | "conformance.rs")
}

/// The text up to the tests at its end, without comments.
fn without_tests(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = code.lines().map(|line| match line.find("//") {
        Some(at) if !line[..at].contains('"') => &line[..at],
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Where the names that `lib.rs` exports at the top come from: `Clock` from `clock`.
fn exports(lib: &str) -> BTreeMap<String, String> {
    let mut exports = BTreeMap::new();
    for item in lib.split("pub use ").skip(1) {
        let item = item.split(';').next().unwrap();
        let (module, names) = item.split_once("::").unwrap();
        for name in names.split(|c: char| !(c.is_alphanumeric() || c == '_')) {
            if !name.is_empty() {
                exports.insert(name.to_owned(), module.to_owned());
            }
        }
    }
    exports
}

/// Every name that follows `crate::` in the text, in `use` lists and elsewhere, or as many
/// `super::` as lead there.
fn named(path: &str, text: &str) -> Vec<String> {
    let depth = path.split('/').count();
    let text = text.replace(&"super::".repeat(depth), "crate::");
    let mut names = Vec::new();
    for after in text.split("crate::").skip(1) {
        match after.strip_prefix('{') {
            Some(list) => names.extend(top_level(list)),
            None => names.push(word(after)),
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// The first word of each part of a list, up to the brace that ends it.
fn top_level(list: &str) -> Vec<String> {
    let (mut depth, mut parts, mut part) = (0, Vec::new(), String::new());
    for c in list.chars() {
        match c {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => parts.push(std::mem::take(&mut part)),
            _ => {}
        }
        if c != ',' {
            part.push(c);
        }
    }
    parts.push(part);
    parts.iter().map(|part| word(part.trim())).collect()
}

/// The module at the top that a file belongs to.
fn module(path: &str) -> &str {
    path.split('/').next().unwrap().trim_end_matches(".rs")
}

/// The modules that a file names, with the names.
fn arrows<'a>(
    source: &'a Source,
    exports: &'a BTreeMap<String, String>,
) -> impl Iterator<Item = (String, String)> + 'a {
    named(&source.path, &source.text).into_iter().filter_map(|name| {
        let other = exports.get(&name).unwrap_or(&name).clone();
        let known = MAY_NAME.iter().any(|(module, _)| *module == other);
        (known && other != module(&source.path)).then_some((name, other))
    })
}

/// What is wrong with one file, in words.
fn wrong_arrows(source: &Source, exports: &BTreeMap<String, String>) -> Vec<String> {
    let own = module(&source.path);
    if own == "lib" {
        return Vec::new();
    }
    let Some((_, allowed)) = MAY_NAME.iter().find(|(name, _)| *name == own) else {
        return vec![format!("{}: the module {own} has no layer", source.path)];
    };
    let upper = !BELOW.contains(&own);
    let mut wrong = Vec::new();
    for (name, other) in arrows(source, exports) {
        let other = other.as_str();
        let below = BELOW.contains(&other) && (upper || matches!(other, "error" | "printable"));
        if !allowed.contains(&other) && !below {
            wrong.push(format!("{} names {name} of {other}", source.path));
        }
    }
    wrong
}

fn wrong_owners(source: &Source) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, owners) in OWNED {
        let owned = owners.iter().any(|owner| source.path.starts_with(owner));
        let mentions = source.text.split(|c: char| c.is_whitespace() || "(){}[],;&".contains(c));
        let is_named = mentions.into_iter().any(|word| {
            let word = word.trim_start_matches("::");
            word == *name || word.starts_with(&format!("{name}::")) || word.ends_with(name)
        });
        if is_named && !owned {
            wrong.push(format!("{} names {name}", source.path));
        }
    }
    wrong
}

fn file(path: &str, text: &str) -> Source {
    Source { path: path.into(), text: without_tests(text) }
}

#[test]
fn no_arrow_runs_the_wrong_way() {
    let exports = exports(&fs::read_to_string(src().join("lib.rs")).unwrap());
    assert!(exports.len() > 50, "{exports:?}");
    let wrong: Vec<_> =
        sources().iter().flat_map(|source| wrong_arrows(source, &exports)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Takes away what names nobody, again and again; returns what is left: a ring.
fn rings(mut graph: BTreeMap<String, BTreeSet<String>>) -> BTreeMap<String, BTreeSet<String>> {
    loop {
        let ends: BTreeSet<_> =
            graph.iter().filter(|(_, to)| to.is_empty()).map(|(from, _)| from.clone()).collect();
        if ends.is_empty() {
            return graph;
        }
        graph.retain(|from, _| !ends.contains(from));
        graph.values_mut().for_each(|to| to.retain(|to| !ends.contains(to)));
    }
}

#[test]
fn no_two_modules_name_each_other() {
    let exports = exports(&fs::read_to_string(src().join("lib.rs")).unwrap());
    let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, _) in MAY_NAME {
        graph.insert((*name).to_owned(), BTreeSet::new());
    }
    for source in sources().iter().filter(|source| source.path != "lib.rs") {
        let to = graph.get_mut(module(&source.path)).unwrap();
        to.extend(arrows(source, &exports).map(|(_, other)| other));
    }
    let edges = graph.values().map(BTreeSet::len).sum::<usize>();
    assert!(edges > 30, "{graph:?}");
    assert_eq!(rings(graph), BTreeMap::new());
    let pair = |from: &str, to: &str| (from.to_owned(), [to.to_owned()].into());
    assert_eq!(rings([pair("a", "b"), pair("b", "a")].into()).len(), 2);
}

#[test]
fn each_effect_has_one_owner() {
    let wrong: Vec<_> = sources().iter().flat_map(wrong_owners).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn long_files_have_a_reason() {
    let mut wrong = Vec::new();
    let mut long = Vec::new();
    for source in sources() {
        let text = fs::read_to_string(src().join(&source.path)).unwrap();
        let code = text.split("#[cfg(test)]\nmod ").next().unwrap();
        let lines = code.lines().count();
        if lines > LONGEST {
            long.push(source.path.clone());
            if !LONG.iter().any(|(path, _)| *path == source.path) {
                wrong.push(format!("{}: {lines} lines", source.path));
            }
        }
    }
    for (path, _) in LONG.iter().filter(|(path, _)| !long.iter().any(|long| long == path)) {
        wrong.push(format!("{path} is not long any more"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_checker_sees_an_arrow_that_runs_the_wrong_way() {
    let lib = "pub use source::{Cached, Want};\npub use store::{\n    Record, FileStore,\n};\n\
               pub use issuer::Issuer;\npub use error::Error;";
    let exports = exports(lib);
    let wrong = |path: &str, text: &str| wrong_arrows(&file(path, text), &exports);
    for (path, text, expected) in [
        ("store/file.rs", "use crate::issuer::Issuer;", "names issuer of issuer"),
        ("store/file.rs", "use crate::{Error, Issuer};", "names Issuer of issuer"),
        (
            "issuer.rs",
            "use crate::{\n    Error,\n    store::{Record, Lease},\n};",
            "store of store",
        ),
        ("issuer/x.rs", "fn f(r: &crate::Record) {}", "names Record of store"),
        ("store.rs", "use crate::{Cached};", "names Cached of source"),
        ("error.rs", "use crate::http::HttpError;", "names http of http"),
        ("http/a.rs", "use crate::open::Opening;", "names open of open"),
        ("issuer/a/b.rs", "use super::super::super::store::Record;", "names store of store"),
        ("gossip.rs", "", "has no layer"),
    ] {
        let found = wrong(path, text);
        assert!(found.len() == 1 && found[0].contains(expected), "{text}: {found:?}");
    }
    for (path, text) in [
        ("source/cached.rs", "use crate::store::Record;\nuse crate::{Error, Issuer};"),
        ("store/file.rs", "// use crate::issuer::Issuer;\nuse crate::store::Record;"),
        ("store/file.rs", "#[cfg(test)]\nmod tests {\n    use crate::Issuer;\n}"),
        ("lib.rs", "use crate::issuer::Issuer;"),
    ] {
        assert_eq!(wrong(path, text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn the_checker_sees_an_effect_in_the_wrong_place() {
    for (path, text) in [
        ("store/envelope.rs", "use aws_lc_rs::aead;"),
        ("issuer.rs", "use ::reqwest::Client;"),
        ("source.rs", "let now = std::time::SystemTime::now();"),
        ("open.rs", "let home = std::env::var(\"HOME\");"),
        ("open.rs", "use std::env;"),
        ("source.rs", "println!(\"x\");"),
        ("config.rs", "let x: rustls::Error;"),
    ] {
        assert_eq!(wrong_owners(&file(path, text)).len(), 1, "{path} {text}");
    }
    for (path, text) in [
        ("crypto.rs", "use aws_lc_rs::aead;"),
        ("http/reqwest.rs", "use ::reqwest::Client;"),
        ("http.rs", "mod reqwest;"),
        ("store.rs", "use tokio::time::Instant;"),
        ("store.rs", "// std::env is not read here"),
    ] {
        assert_eq!(wrong_owners(&file(path, text)), Vec::<String>::new(), "{path} {text}");
    }
}
