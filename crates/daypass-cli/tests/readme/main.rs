//! The documents, held against the program: what they show runs, and what they name exists.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests; clippy knows those in test functions only"
)]

mod blocks;
mod commands;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use daypass_sandbox::{Sandbox, Server, ServerThread};

use self::blocks::{Block, blocks, inline};
use self::commands::Program;

const DAYPASS: &str = env!("CARGO_BIN_EXE_daypass");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Every document for users: the name, and the text.
fn documents() -> Vec<(String, String)> {
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> =
        docs.filter(|path| path.extension().is_some_and(|e| e == "md")).collect();
    paths.sort();
    paths.insert(0, root().join("README.md"));
    let named = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        (path.file_name().unwrap().to_str().unwrap().to_owned(), text)
    };
    paths.into_iter().map(named).collect()
}

/// A home, a working directory and an issuer for the blocks of one document.
struct Place {
    folder: tempfile::TempDir,
    server: ServerThread,
}

impl Place {
    fn new() -> Self {
        let server = Server::spawn_thread(Sandbox::new()).unwrap();
        let place = Self { folder: tempfile::tempdir().unwrap(), server };
        for name in ["home", "work", "run"] {
            fs::create_dir(place.folder.path().join(name)).unwrap();
        }
        let private = fs::Permissions::from_mode(0o700);
        fs::set_permissions(place.folder.path().join("run"), private).unwrap();
        place
    }

    fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// The hosts that the documents show are the sandbox here.
    fn local(&self, text: &str) -> String {
        let url = self.server.url();
        text.replace("https://auth.example.com", &url)
            .replace("https://api.example.com", &format!("{url}/api"))
            .replace("https://things.example.com", &url)
            .replace("https://orders.example.com", &url)
    }

    /// Runs a block as a user does who pastes it into a script.
    fn run(&self, name: &str, block: &Block) {
        let bin = Path::new(DAYPASS).parent().unwrap();
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-c", &self.local(&block.text)])
            .current_dir(self.work())
            .env_clear()
            .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display()))
            .env("HOME", self.folder.path().join("home"))
            .env("XDG_RUNTIME_DIR", self.folder.path().join("run"))
            .env("OAUTH2_TOKEN_URL", format!("{}/oauth/token", self.server.url()))
            .env("OAUTH2_CLIENT_ID", "sandbox")
            .env("OAUTH2_CLIENT_SECRET", "sandbox-secret")
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        let (line, status) = (block.line, output.status);
        assert!(status.success(), "{name}:{line}: {status}\n{}\n{error}", block.text);
        assert!(!error.contains("warning"), "{name}:{line}: {error}");
    }

    fn write_config(&self, block: &Block) {
        let path = self.work().join("daypass.toml");
        fs::write(&path, self.local(&block.text)).unwrap();
        // Whatever the umask: others may not write to it.
        fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    }
}

/// An agent that a failed block has left.
impl Drop for Place {
    fn drop(&mut self) {
        let mut stop = Command::new(DAYPASS);
        stop.args(["-q", "agent", "--stop"]).env_clear();
        let _ = stop.env("XDG_RUNTIME_DIR", self.folder.path().join("run")).status();
    }
}

/// A `toml` block is the `daypass.toml` of the `sh` blocks that follow it.
#[test]
fn every_sh_block_runs() {
    let mut run = 0;
    for (name, text) in documents() {
        let place = Place::new();
        for block in blocks(&text) {
            match block.language.as_str() {
                "sh" => {
                    place.run(&name, &block);
                    run += 1;
                }
                "toml" => place.write_config(&block),
                _ => {}
            }
        }
    }
    assert!(run >= 8, "only {run} blocks were run");
}

#[test]
fn every_toml_block_is_a_configuration() {
    let facts = daypass::FileFacts { regular: true, owner: 0, user: 0, mode: 0o600, len: 0 };
    let mut read = 0;
    for (name, text) in documents() {
        for block in blocks(&text).into_iter().filter(|block| block.language == "toml") {
            let parsed =
                daypass::ConfigFile::parse(&block.text, &name, daypass::Origin::Yours, &facts);
            assert!(parsed.is_ok(), "line {}: {parsed:?}", block.line);
            read += 1;
        }
    }
    assert!(read > 0);
}

/// Blocks in another language than `sh` are not run, but what they call exists.
#[test]
fn every_command_and_flag_that_is_shown_exists() {
    let program = Program::of(DAYPASS);
    let mut seen = 0;
    for (name, text) in documents() {
        for block in blocks(&text) {
            if ["sh", "console", "yaml"].contains(&block.language.as_str()) {
                seen += program.check(&format!("{name}:{}", block.line), &block.text);
            }
        }
        for (line, code) in inline(&text).filter(|(_, code)| code.starts_with("daypass ")) {
            // A line that daypass prints starts like a command, but with a colon.
            seen += program.check(&format!("{name}:{line}"), &code);
        }
    }
    assert!(seen > 20, "only {seen} commands were seen");
}

#[test]
fn a_block_is_in_a_language_that_is_checked_or_known_not_to_be() {
    for (name, text) in documents() {
        for block in blocks(&text) {
            let known =
                ["sh", "toml", "console", "yaml", "rust", "text", "python", "javascript", "ini"];
            assert!(known.contains(&block.language.as_str()), "{name}:{}", block.line);
        }
    }
}

/// The example of the README, word for word.
#[expect(clippy::disallowed_methods, reason = "it captures the environment, as a main function")]
async fn library(request: &mut http::Request<()>) -> Result<(), daypass::Error> {
    use daypass::{Env, Opening, Style, Want};

    let env = Env::from_os(std::env::vars_os());
    let style = Style::LongLived;
    let opening = Opening { env: &env, directory: None, config: None, profile: None, style };
    let source = opening.source()?;
    let granted = source.token(Want::default()).await?;
    request.headers_mut().insert("authorization", granted.token.access_token().header().clone());
    Ok(())
}

#[test]
fn the_rust_example_is_code_that_compiles() {
    // Named here, so that it counts as used.
    let _ = library;
    let source = include_str!("main.rs");
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let examples: Vec<_> = blocks(&readme).into_iter().filter(|b| b.language == "rust").collect();
    assert!(!examples.is_empty());
    for line in examples.iter().flat_map(|example| example.text.lines()) {
        assert!(source.contains(line.trim()), "not in this test: {line}");
    }
}

/// The threat model says which test shows a promise.
#[test]
fn every_test_that_the_threat_model_names_exists() {
    let mut sources = String::new();
    let mut folders = vec![root().join("crates")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                sources.push_str(&fs::read_to_string(path).unwrap());
            }
        }
    }
    let text = fs::read_to_string(root().join("THREAT_MODEL.md")).unwrap();
    let is_test = |code: &String| {
        code.matches('_').count() > 2
            && code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    let named: BTreeSet<_> = inline(&text).map(|(_, code)| code).filter(is_test).collect();
    assert!(named.len() > 20, "{named:?}");
    for name in named {
        assert!(sources.contains(&format!("fn {name}(")), "there is no test {name}");
    }
}

/// Links between the documents lead somewhere.
#[test]
fn every_relative_link_leads_to_a_file() {
    let roots = ["README", "ARCHITECTURE", "THREAT_MODEL", "CONTRIBUTING", "CHANGELOG", "SECURITY"];
    let mut paths: Vec<_> = roots.iter().map(|name| root().join(format!("{name}.md"))).collect();
    paths.extend(documents().iter().skip(1).map(|(name, _)| root().join("docs").join(name)));
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap_or_default();
            if file.is_empty() || file.contains("://") {
                continue;
            }
            let target = path.parent().unwrap().join(file);
            assert!(target.exists(), "{}: {link}", path.display());
        }
    }
}
