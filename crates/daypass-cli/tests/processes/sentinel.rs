//! One secret that nobody may see, and the tokens it yields: searched for in everything that
//! daypass prints, writes or passes on, in every form that encodings give them.

mod needles;

use std::cell::RefCell;
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use daypass_sandbox::{Client, Endpoint, Fault, Sandbox};
use rustix::process::Signal;

use self::needles::{Needles, form_encoded, forms, hex, url_encoded};
use crate::kernel::{signal, wait_until};
use crate::world::{BINARY, World, said, soak, token_of};

const ID: &str = "sentinel-ci";
/// Every encoding changes something in it.
const SECRET: &str = "Zq7/+kW%41 &=é\"w'\\<T>?:;~#Jb-2_R$`!x9Qm{Lp}";

const LOUDNESS: &[&[&str]] = &[
    &["-q"],
    &[],
    &["-v"],
    &["-vv"],
    &["-vv", "--log-format", "json"],
    &["-vv", "--color", "always"],
];

const FORMATS: &[&str] = &[
    "token",
    "json",
    "header",
    "curl",
    "env",
    "dotenv",
    "github",
    "github-env",
    "exec-credential",
];

/// A world whose client has the secret, and what must not be seen in it.
struct Spy {
    world: World,
    needles: Needles,
    tokens: RefCell<Needles>,
    runs: RefCell<usize>,
}

/// Whether a result on stdout may hold the token. Nothing may hold the secret.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stdout {
    MayHoldTheToken,
    Clean,
}

impl Spy {
    fn new() -> Self {
        let client = Client::new(ID, SECRET).lifetime(Duration::from_secs(3600));
        let spy = Self {
            world: World::around(Sandbox::builder().client(client).build()),
            needles: Needles::of(&[forms(SECRET, Some(ID)), vec![hex(SECRET)]].concat()),
            tokens: RefCell::default(),
            runs: RefCell::default(),
        };
        for name in ["output", "env"] {
            fs::write(spy.world.path(name), "").unwrap();
        }
        spy
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.world.daypass(ID, args);
        self.tell(&mut command);
        command
    }

    /// Gives a command the secret, and every reason to talk.
    fn tell(&self, command: &mut Command) {
        command
            .env("OAUTH2_CLIENT_SECRET", SECRET)
            .env("GITHUB_OUTPUT", self.world.path("output"))
            .env("GITHUB_ENV", self.world.path("env"))
            .env("RUST_LOG", "trace")
            .env("RUST_BACKTRACE", "full")
            .env("CI", "true");
    }

    /// Fetches the cached token and looks for it from now on.
    fn learn(&self) -> String {
        let token = token_of(&self.command(&["token"]).output().unwrap());
        self.tokens.borrow_mut().add(&forms(&token, None));
        token
    }

    /// Where something was seen that must not be.
    fn leaks(&self, output: &Output, stdout: Stdout) -> Vec<String> {
        *self.runs.borrow_mut() += 1;
        let tokens = self.tokens.borrow();
        let mut leaks = Vec::new();
        let mut look = |place: &str, bytes: &[u8], for_tokens: bool| {
            let found = self.needles.find(bytes);
            let found = found.or_else(|| tokens.find(bytes).filter(|_| for_tokens));
            leaks.extend(found.map(|needle| format!("{needle:?} in {place}")));
        };
        look("stdout", &output.stdout, stdout == Stdout::Clean);
        look("stderr", &without_masks(&output.stderr), true);
        for folder in ["cache", "home", "work"] {
            for (path, bytes) in everything_in(&self.world.path(folder)) {
                look("a file's name", path.as_os_str().as_bytes(), true);
                let meant = path.extension().is_some_and(|extension| extension == "meant");
                if !meant {
                    look(&path.display().to_string(), &bytes, true);
                }
            }
        }
        leaks
    }

    fn check(&self, what: &dyn std::fmt::Debug, output: &Output, stdout: Stdout) {
        let leaks = self.leaks(output, stdout);
        let said = said(output);
        assert!(leaks.is_empty(), "{what:?}: {leaks:?}\n{said}");
        assert!(!said.contains("panicked"), "{what:?}: {said}");
        assert!(output.status.code().is_some_and(|code| code != 101), "{what:?}: {said}");
    }

    /// Runs a command at every loudness; returns its last exit code.
    fn at_every_loudness(&self, args: &[&str], stdout: Stdout) -> Option<i32> {
        let mut code = None;
        for loudness in LOUDNESS {
            let args = [loudness, args].concat();
            let output = self.command(&args).output().unwrap();
            // A new token, if it is one.
            if output.status.success() && args.contains(&"token") {
                self.learn();
            }
            self.check(&args, &output, stdout);
            code = output.status.code();
        }
        code
    }

    /// Writes the user's own configuration.
    fn configure(&self, text: &str) {
        let folder = self.world.path("home").join(".config/daypass");
        fs::create_dir_all(&folder).unwrap();
        let real = self.world.path("own.toml");
        fs::write(&real, text).unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o600)).unwrap();
        let _ = fs::remove_file(folder.join("daypass.toml"));
        // What is in it was put there by the user: it lies outside of what is searched.
        std::os::unix::fs::symlink(real, folder.join("daypass.toml")).unwrap();
    }

    fn say(&self, what: &str) {
        if soak() {
            println!("soak: sentinel, {what}: {} runs searched", self.runs.borrow());
        }
    }
}

/// GitHub is told what to hide.
fn without_masks(stderr: &[u8]) -> Vec<u8> {
    let lines = stderr.split_inclusive(|byte| *byte == b'\n');
    lines.filter(|line| !line.starts_with(b"::add-mask::")).flatten().copied().collect()
}

fn everything_in(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        let metadata = fs::symlink_metadata(&path).unwrap();
        if metadata.is_dir() {
            found.extend(everything_in(&path));
        }
        let bytes = if metadata.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
        found.push((path, bytes));
    }
    found
}

#[test]
fn the_search_finds_what_leaks_on_purpose() {
    let spy = Spy::new();
    let token = spy.learn();
    let shell = |script: &str| {
        let mut command = Command::new("sh");
        spy.world.dress(&mut command, ID);
        spy.tell(&mut command);
        command.env("TOKEN", &token).args(["-c", script]).output().unwrap()
    };
    for script in [
        "printf %s \"$OAUTH2_CLIENT_SECRET\"",
        "printf %s \"$OAUTH2_CLIENT_SECRET\" >&2",
        "printf %s \"a $OAUTH2_CLIENT_SECRET b\" | base64 -w 0 >&2",
        "printf %s \"ab $OAUTH2_CLIENT_SECRET\" | base64 -w 0 >&2",
        "printf %s \"abc $OAUTH2_CLIENT_SECRET\" | base64 -w 0 >&2",
        "printf '%s:%s' \"$OAUTH2_CLIENT_ID\" \"$OAUTH2_CLIENT_SECRET\" | base64 -w 0 >&2",
        "printf %.20s \"$OAUTH2_CLIENT_SECRET\" >&2",
        "printf %s \"$TOKEN\" >&2",
        "printf %s \"$TOKEN\"",
        "printf %s \"$TOKEN\" | base64 -w 0 >&2",
        "printf %.20s \"$TOKEN\" >&2",
        "printf %s \"$TOKEN\" > \"$DAYPASS_CACHE_DIR/file\"",
        "rm \"$DAYPASS_CACHE_DIR/file\"; : > \"$DAYPASS_CACHE_DIR/$TOKEN\"",
        "rm \"$DAYPASS_CACHE_DIR/$TOKEN\"; mkdir -p \"$HOME/.config\"; \
         printf %s \"$OAUTH2_CLIENT_SECRET\" > \"$HOME/.config/x\"",
    ] {
        let leaks = spy.leaks(&shell(script), Stdout::Clean);
        assert_eq!(leaks.len(), 1, "{script}: {leaks:?}");
    }
    let clean = spy.leaks(&shell("rm \"$HOME/.config/x\"; printf 'all is well'"), Stdout::Clean);
    assert_eq!(clean, [""; 0]);
}

#[test]
fn no_command_shows_the_secret_or_a_token_where_none_belongs() {
    let spy = Spy::new();
    let token = spy.learn();
    for format in FORMATS {
        let code = spy.at_every_loudness(&["token", "--format", format], Stdout::MayHoldTheToken);
        assert_eq!(code, Some(0), "{format}");
    }
    for file in ["output", "env"] {
        let written = fs::read(spy.world.path(file)).unwrap();
        assert!(spy.tokens.borrow().find(&written).is_some(), "it is handed out there");
        assert_eq!(spy.needles.find(&written), None);
    }
    for (args, expected, stdout) in [
        (&["token", "--fresh"][..], 0, Stdout::MayHoldTheToken),
        (&["token", "--out", "token.meant"], 0, Stdout::Clean),
        (&["token", "--min-ttl", "2h"], 2, Stdout::Clean),
        (&["token", "--min-ttl", "2h", "--json"], 2, Stdout::Clean),
        (&["token", "nowhere"], 2, Stdout::Clean),
        (&["status"], 0, Stdout::Clean),
        (&["status", "--json"], 0, Stdout::Clean),
        (&["exec", "--", "true"], 0, Stdout::Clean),
        (&["exec", "--", "/nonexistent"], 127, Stdout::Clean),
        (&["exec", "--", "/"], 126, Stdout::Clean),
        (&["exec", "oauth2=1X", "--", "true"], 125, Stdout::Clean),
        (&["exec", "oauth2", "oauth2", "--", "true"], 125, Stdout::Clean),
        (&["revoke"], 3, Stdout::Clean),
        (&["revoke", "--json"], 3, Stdout::Clean),
        (&["forget"], 0, Stdout::Clean),
        (&["forget", "--json"], 0, Stdout::Clean),
        (&["trust"], 2, Stdout::Clean),
        (&["--help"], 0, Stdout::Clean),
        (&["token", "--help"], 0, Stdout::Clean),
        (&["--version"], 0, Stdout::Clean),
        (&["completions", "bash"], 0, Stdout::Clean),
        (&["man"], 0, Stdout::Clean),
        (&[], 2, Stdout::Clean),
        (&["token", "--nonsense"], 2, Stdout::Clean),
        (&["token", "--format", "nonsense"], 2, Stdout::Clean),
        (&["token", "--timeout", "soon"], 2, Stdout::Clean),
        (&["--config", "/nonexistent", "token"], 2, Stdout::Clean),
    ] {
        if args.first() != Some(&"forget") {
            spy.learn();
        }
        let code = spy.at_every_loudness(args, stdout);
        assert_eq!(code, Some(expected), "{args:?}");
    }
    for loudness in LOUDNESS {
        // An API refused it, and it was refused already.
        for refused in [spy.learn(), token.clone(), "not a token".to_owned(), SECRET.to_owned()] {
            let mut child = spy
                .command(&[loudness, &["token", "--reject"][..]].concat())
                .stdin(Stdio::piped())
                .spawn()
                .unwrap();
            child.stdin.take().unwrap().write_all(refused.as_bytes()).unwrap();
            let output = child.wait_with_output().unwrap();
            spy.check(&"token --reject", &output, Stdout::MayHoldTheToken);
            spy.learn();
        }
    }
    // Masks are told to GitHub, and to nobody else.
    for args in [&["token"][..], &["token", "--fresh"], &["exec", "--", "true"], &["status"]] {
        let output = spy.command(args).env("GITHUB_ACTIONS", "true").output().unwrap();
        spy.learn();
        spy.check(&args, &output, Stdout::MayHoldTheToken);
        assert_eq!(spy.needles.find(&output.stderr), None, "the secret needs no mask");
        let masks = args[0] != "status";
        assert_eq!(spy.tokens.borrow().find(&output.stderr).is_some(), masks, "{args:?}");
    }
    spy.say("commands");
}

#[test]
fn a_wrong_configuration_is_explained_without_the_secret() {
    let spy = Spy::new();
    let url = spy.world.token_url();
    let quoted = serde_json::to_string(SECRET).unwrap();
    let secret_file = spy.world.path("secret");
    fs::write(&secret_file, format!("{SECRET}\n")).unwrap();
    let not_text = spy.world.path("not text");
    fs::write(&not_text, [SECRET.as_bytes(), b"\xff"].concat()).unwrap();
    let long = spy.world.path("long");
    fs::write(&long, SECRET.repeat(3000)).unwrap();
    let leaky = spy.world.path("leaky");
    fs::write(&leaky, "#!/bin/sh\ncat \"$1\"\nexit 3\n").unwrap();
    fs::set_permissions(&leaky, fs::Permissions::from_mode(0o755)).unwrap();
    let profile =
        |rest: &str| format!("[profile.p]\ntoken_url = \"{url}\"\nclient_id = \"{ID}\"\n{rest}\n");
    let secret = |value: &str| profile(&format!("client_secret = {value}"));
    let encoded = url_encoded(SECRET);
    let good = [
        secret(&quoted),
        secret("{ env = \"OAUTH2_CLIENT_SECRET\" }"),
        secret(&format!("{{ file = {secret_file:?} }}")),
        secret(&format!("{{ command = [\"cat\", {secret_file:?}] }}")),
    ];
    let bad = [
        secret(&quoted[..quoted.len() - 1]),
        secret(&format!("[{quoted}]")),
        secret(&format!("{{ env = {quoted} }}")),
        secret(&format!("{{ value = {quoted} }}")),
        secret(&format!("{{ {quoted} = 1 }}")),
        secret(&format!("{{ command = {quoted} }}")),
        secret(&format!("{{ command = [\"false\", {quoted}] }}")),
        secret(&format!("{{ command = [{leaky:?}, {secret_file:?}] }}")),
        secret(&format!("{{ command = [\"cat\", {long:?}] }}")),
        secret(&format!("{{ command = [\"cat\", {not_text:?}] }}")),
        secret(&format!("{{ file = {not_text:?} }}")),
        secret(&format!("{{ file = {long:?} }}")),
        secret(&format!("{quoted} {quoted}")),
        secret(&format!("{quoted}\nclient_secret = {quoted}")),
        secret(&format!("'{SECRET}'")),
        profile(&format!("client_sekret = {quoted}")),
        profile(&format!("client_secret = {quoted}\nregion = \"eu-west-9\"")),
        profile(&format!("client_secret = {quoted}\nprovider = \"nobody\"")),
        profile(&format!("client_secret = {quoted}\nclient_auth = \"nothing\"")),
        profile(&format!("client_secret = {quoted}\nmin_ttl = \"soon\"")),
        profile(&format!("client_secret = {quoted}\ngrant = \"password\"")),
        profile(&format!("client_secret = {quoted}\nunknown = 1")),
        profile(&format!("client_secret = {quoted}\nparams = {{ client_secret = {quoted} }}")),
        profile(&format!("client_secret = {quoted}\nparams = {{ x = [{quoted}] }}")),
        profile(&format!("client_secret = {quoted}\nproxy = \"http://u:{encoded}@127.0.0.1:1\"")),
        profile(&format!("client_secret = {quoted}\nhosts = [\"http://u:{encoded}@h/\"]")),
        profile(&format!("client_secret = {quoted}\napi_url = \"https://u:{encoded}@h/\"")),
        secret(&quoted).replace("http://", &format!("http://u:{encoded}@")),
        secret(&quoted).replace("http://127.0.0.1", &format!("http://example.com/{encoded}")),
        secret(&quoted).replace("client_id = \"", &format!("client_id = \"\\n{encoded}")),
    ];
    for (good, text) in good.iter().map(|text| (true, text)).chain(bad.iter().map(|t| (false, t))) {
        spy.configure(text);
        for args in [&["token", "--fresh"][..], &["status"], &["status", "--json"]] {
            let code = if good {
                spy.at_every_loudness(args, Stdout::MayHoldTheToken)
            } else {
                let output = spy.command(&[&["-vv"], args].concat()).output().unwrap();
                spy.check(&(text, args), &output, Stdout::Clean);
                output.status.code()
            };
            if good || args[0] == "token" {
                assert_eq!(code == Some(0), good, "{text}");
            }
        }
    }
    // Others may read the file: then the secret in it is not taken, and not shown.
    spy.configure(&good[0]);
    let own = spy.world.path("own.toml");
    fs::set_permissions(&own, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(spy.at_every_loudness(&["token"], Stdout::Clean), Some(2));
    fs::remove_file(spy.world.path("home").join(".config/daypass/daypass.toml")).unwrap();
    // In the working directory no literal secret is taken, trusted or not.
    let found = spy.world.path("work").join("daypass.toml");
    std::os::unix::fs::symlink(&own, &found).unwrap();
    assert_eq!(spy.at_every_loudness(&["token"], Stdout::Clean), Some(2));
    assert_eq!(spy.at_every_loudness(&["trust"], Stdout::Clean), Some(2));
    fs::remove_file(found).unwrap();

    let mut not_text = OsString::from(SECRET).into_vec();
    not_text.push(0xff);
    let not_text = OsString::from_vec(not_text);
    let url = |text: &str| OsString::from(text.replace("SECRET", &encoded));
    for (name, value) in [
        ("OAUTH2_CLIENT_SECRET", not_text.clone()),
        ("OAUTH2_CLIENT_ID", not_text.clone()),
        ("OAUTH2_TOKEN_URL", not_text.clone()),
        ("OAUTH2_TOKEN_URL", SECRET.into()),
        ("OAUTH2_TOKEN_URL", url("http://u:SECRET@127.0.0.1:1/")),
        ("OAUTH2_TOKEN_URL", url("https://127.0.0.1:1/?secret=SECRET")),
        ("OAUTH2_TOKEN_URL", url("http://example.com/?secret=SECRET")),
        ("OAUTH2_SCOPE", not_text),
        ("OAUTH2_CLIENT_SECRET", format!("{SECRET}wrong").into()),
        ("GC_CLIENT_SECRET", SECRET.into()),
        ("GC_REGION", "eu-west-9".into()),
    ] {
        for args in [&["-vv", "token", "--timeout", "2s"][..], &["-vv", "status"]] {
            let output = spy.command(args).env(name, &value).output().unwrap();
            spy.learn();
            spy.check(&(name, &value, args), &output, Stdout::MayHoldTheToken);
        }
    }
    spy.say("configuration");
}

#[test]
fn what_an_issuer_repeats_is_not_passed_on() {
    let spy = Spy::new();
    spy.learn();
    let basic = |id: &str, secret: &str| STANDARD.encode(format!("{id}:{secret}"));
    let mut echoes = forms(SECRET, Some(ID));
    echoes.extend([
        format!("Authorization: Basic {}", basic(ID, SECRET)),
        format!("Authorization: Basic {}", basic(ID, &form_encoded(SECRET))),
        format!("grant_type=client_credentials&client_secret={}&x=1", form_encoded(SECRET)),
        format!("{}{SECRET}", "padding ".repeat(23)),
        format!("wrong: {}", SECRET.to_lowercase()),
        serde_json::json!({ "client_secret": SECRET }).to_string(),
    ]);
    for (n, echo) in echoes.iter().enumerate() {
        let mut answers = vec![("invalid_client", Some(echo.clone())), (echo, None)];
        // One that is asked again and again, until the time is over.
        answers.extend((n % 8 == 0).then(|| ("temporarily_unavailable", Some(echo.clone()))));
        for (error, description) in answers {
            let asked = spy.world.sandbox.token_requests();
            spy.world.sandbox.clear_faults();
            let error = error.to_owned();
            let fault = Fault::OauthError { error, description, status: None };
            spy.world.sandbox.stand(Endpoint::Token, fault);
            let fresh = ["-vv", "token", "--fresh", "--timeout", "1s"];
            for args in [&fresh[..], &["-vv", "status"], &["status", "--json"]] {
                let output = spy.command(args).output().unwrap();
                spy.check(&(echo, args), &output, Stdout::Clean);
            }
            assert!(spy.world.sandbox.token_requests() > asked, "nobody was asked");
        }
    }
    // The refusal is remembered by those who have no token.
    spy.world.sandbox.clear_faults();
    assert_eq!(spy.command(&["forget"]).status().unwrap().code(), Some(0));
    let description = Some(format!("no such client: {ID}:{SECRET}"));
    let fault = Fault::OauthError { error: "invalid_client".into(), description, status: None };
    spy.world.sandbox.stand(Endpoint::Token, fault);
    assert_eq!(spy.at_every_loudness(&["token"], Stdout::Clean), Some(3));
    assert_eq!(spy.at_every_loudness(&["token", "--format", "json"], Stdout::Clean), Some(3));
    assert_eq!(spy.world.sandbox.log().last().unwrap().status, Some(401));

    for fault in [
        Fault::Redirect(format!("http://{ID}.example/?secret={}", url_encoded(SECRET))),
        Fault::Redirect(format!("http://x:{}@example.com/", url_encoded(SECRET))),
        Fault::TokenType(SECRET.into()),
        Fault::HtmlBody,
        Fault::GarbageBody,
        Fault::HostileDescription,
    ] {
        spy.world.sandbox.clear_faults();
        spy.world.sandbox.stand(Endpoint::Token, fault.clone());
        for args in [&["-vv", "token", "--fresh", "--timeout", "1s"][..], &["-vv", "status"]] {
            spy.check(&(&fault, args), &spy.command(args).output().unwrap(), Stdout::Clean);
        }
    }

    spy.world.sandbox.clear_faults();
    spy.configure(&format!(
        "[profile.p]\ntoken_url = \"{}\"\nclient_id = \"{ID}\"\n\
         client_secret = {{ env = \"OAUTH2_CLIENT_SECRET\" }}\nrevocation_url = \"{}/oauth/revoke\"\n",
        spy.world.token_url(),
        spy.world.server.url()
    ));
    let token = token_of(&spy.command(&["token", "--fresh"]).output().unwrap());
    spy.learn();
    for description in forms(&token, None).into_iter().chain([SECRET.to_owned()]) {
        let description = Some(description);
        let fault = Fault::OauthError { error: "invalid_client".into(), description, status: None };
        spy.world.sandbox.script(Endpoint::Revocation, [fault]);
        let output = spy.command(&["-vv", "revoke"]).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{}", said(&output));
        spy.check(&"revoke", &output, Stdout::Clean);
    }
    let output = spy.command(&["-vv", "revoke"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    spy.check(&"revoke", &output, Stdout::Clean);
    spy.say("what issuers repeat");
}

#[test]
fn nothing_breaks_open_when_the_surroundings_are_broken() {
    let spy = Spy::new();
    spy.learn();
    let shell = |script: &str| {
        let mut command = Command::new("sh");
        spy.world.dress(&mut command, ID);
        spy.tell(&mut command);
        command.args(["-c", script, BINARY]).output().unwrap()
    };
    for script in [
        "\"$0\" token >&-",
        "\"$0\" token 2>&-",
        "\"$0\" token <&- >&- 2>&-",
        "\"$0\" token > /dev/full",
        "\"$0\" -vv token --fresh > /dev/full",
        "\"$0\" -vv token --fresh 2> /dev/full",
        "\"$0\" --help > /dev/full",
        "\"$0\" status > /dev/full",
        "\"$0\" -vv status --json | true",
        "\"$0\" token --format github > /dev/full",
        "GITHUB_OUTPUT=/dev/full \"$0\" -vv token --format github",
        "GITHUB_OUTPUT=/nonexistent/x \"$0\" -vv token --format github",
        "\"$0\" -vv token --out /nonexistent/x",
        "\"$0\" -vv token --out /",
        "mkdir gone; cd gone; rmdir ../gone; \"$0\" -vv token",
        "mkdir gone; cd gone; rmdir ../gone; \"$0\" -vv token --fresh --out x",
        "\"$0\" -vv token \"$(printf '\\377')\"",
        "\"$0\" -vv \"$(printf '\\377')\"",
        "\"$0\" -vv token --timeout 0",
        "\"$0\" -vv token --timeout 99999999999999999999h",
        "\"$0\" -vv token --timeout 9999999999h --fresh",
        "\"$0\" -vv token --min-ttl 9999999999h",
        "ulimit -v 200000; \"$0\" -vv token --fresh",
        "ulimit -f 0; \"$0\" -vv token --fresh",
        "HOME=\"$(printf '/\\377')\" \"$0\" -vv token --fresh",
        "DAYPASS_CACHE_KEY=\"$OAUTH2_CLIENT_SECRET\" \"$0\" -vv token --fresh",
        "HTTPS_PROXY=\"http://u:$OAUTH2_CLIENT_SECRET@127.0.0.1:1\" \"$0\" -vv token --fresh",
        "HTTPS_PROXY=http://u:$(printf %s \"$OAUTH2_CLIENT_SECRET\" | base64 -w 0)@127.0.0.1:1 \
         OAUTH2_TOKEN_URL=https://example.com/ \"$0\" -vv token --timeout 2s",
        "SSL_CERT_FILE=/nonexistent OAUTH2_TOKEN_URL=https://127.0.0.1:1/ \"$0\" -vv token --timeout 1s",
        "DAYPASS_AGENT=\"$OAUTH2_CLIENT_SECRET\" \"$0\" -vv token",
    ] {
        let output = shell(script);
        spy.learn();
        spy.check(&script, &output, Stdout::MayHoldTheToken);
        assert_eq!(output.status.signal(), None, "{script}");
    }
    spy.say("broken surroundings");
}

/// What a shell says about its own descriptors and signals.
// The masks are read of a child: a shell blocks signals for the moment in which it forks.
const STATE: &str = "ls -l /proc/$$/fd; grep Sig /proc/self/status";

#[test]
fn a_child_of_exec_inherits_no_credential_in_any_form() {
    let spy = Spy::new();
    let token = spy.learn();
    let mut command = spy.command(&["-vv", "exec", "oauth2", "--", "sh", "-c"]);
    command.arg(format!("cat /proc/$$/environ /proc/$$/cmdline; echo; {STATE}"));
    for (n, form) in forms(SECRET, Some(ID)).iter().enumerate() {
        command.env(format!("COPY_{n}"), form);
        command.env(format!("PART_{n}"), format!("before {form} after"));
    }
    command.env("INPUT_CLIENT-SECRET", "of an Action").env("GC_CLIENT_SECRET", "of another client");
    command.env("DAYPASS_CACHE_KEY", "a key for the cache").env("KEPT", "as it was");
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // The key is part of the cache key: this is another token than the one learnt.
    assert!(output.status.success(), "{}", said(&output));
    let passed = text.split('\0').find_map(|pair| pair.strip_prefix("ACCESS_TOKEN=")).unwrap();
    assert!(spy.world.live(passed).is_some() && passed != token);
    let names = |needle: &str| text.split('\0').filter(|pair| pair.contains(needle)).count();
    let seen: Vec<_> =
        text.split('\0').filter(|p| spy.needles.find(p.as_bytes()).is_some()).collect();
    assert_eq!((seen, names("COPY_"), names("PART_")), (vec![], 0, 0));
    assert_eq!(spy.leaks(&output, Stdout::MayHoldTheToken), [""; 0]);
    for gone in ["of an Action", "of another client", "a key for the cache", "OAUTH2_CLIENT"] {
        assert!(!text.contains(gone), "{gone}");
    }
    assert!(text.contains("KEPT=as it was"));
    // What daypass was given it passes on: <(...) of a shell is a descriptor. It adds none.
    // Nor does it change which signals are ignored, as nohup has it; none is blocked.
    let state = |text: &str| {
        let links = text.lines().filter(|line| line.contains(" -> ")).count();
        let masks = ["SigIgn:", "SigCgt:"].map(|name| {
            text.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned()
        });
        (links, masks)
    };
    assert!(text.contains("SigBlk:\t0000000000000000\n"), "{text}");
    let mut direct = Command::new("sh");
    let direct = spy.world.dress(&mut direct, ID).args(["-c", STATE]).output().unwrap();
    assert_eq!(state(&text), state(&String::from_utf8(direct.stdout).unwrap()));
}

#[test]
fn an_agent_and_all_that_asks_it_show_the_secret_nowhere() {
    let spy = Spy::new();
    spy.learn();
    let run = spy.world.path("run");
    fs::create_dir(&run).unwrap();
    fs::set_permissions(&run, fs::Permissions::from_mode(0o700)).unwrap();
    let socket = run.join("daypass/agent.sock");
    let asking = |args: &[&str]| {
        let mut command = spy.command(args);
        for name in ["OAUTH2_CLIENT_SECRET", "OAUTH2_CLIENT_ID", "OAUTH2_TOKEN_URL"] {
            command.env_remove(name);
        }
        command.env("DAYPASS_AGENT", format!("unix:{}", socket.display()));
        command
    };
    for loudness in LOUDNESS {
        let args = [loudness, &["agent", "--metrics-port", "0", "--allow-revoke"][..]].concat();
        let mut command = spy.command(&args);
        let agent = command.env("XDG_RUNTIME_DIR", &run).spawn().unwrap();
        wait_until("it listens", || socket.exists());
        let cmdline = fs::read(format!("/proc/{}/cmdline", agent.id())).unwrap();
        assert_eq!(spy.needles.find(&cmdline), None);
        for (args, expected, stdout) in [
            (&["token"][..], 0, Stdout::MayHoldTheToken),
            (&["token", "--format", "json"], 0, Stdout::MayHoldTheToken),
            (&["token", "--format", "exec-credential"], 0, Stdout::MayHoldTheToken),
            (&["token", "--min-ttl", "2h"], 2, Stdout::Clean),
            (&["token", "nowhere"], 2, Stdout::Clean),
            (&["status"], 0, Stdout::Clean),
            (&["status", "--json"], 0, Stdout::Clean),
            (&["exec", "--", "true"], 0, Stdout::Clean),
            (&["revoke"], 3, Stdout::Clean),
            (&["forget"], 3, Stdout::Clean),
        ] {
            let args = [loudness, args].concat();
            // What it was given before it is looked for.
            spy.tokens
                .borrow_mut()
                .add(&forms(&token_of(&asking(&["token"]).output().unwrap()), None));
            let output = asking(&args).output().unwrap();
            assert_eq!(output.status.code(), Some(expected), "{args:?}: {}", said(&output));
            spy.check(&args, &output, stdout);
        }
        for path in ["v1/status", "metrics", "healthz", "v1/token?min_ttl=9h", "v1/nothing"] {
            let mut curl = Command::new("curl");
            curl.args(["-s", "--unix-socket"]).arg(&socket).arg(format!("http://agent/{path}"));
            spy.check(&path, &curl.output().unwrap(), Stdout::Clean);
        }
        // A secret in the wrong place.
        let mut curl = Command::new("curl");
        curl.args(["-s", "--unix-socket"]).arg(&socket).args(["--data-binary", SECRET]);
        let output = curl.arg("http://agent/v1/reject").output().unwrap();
        spy.check(&"a secret that is rejected", &output, Stdout::Clean);
        signal(agent.id(), Signal::TERM);
        let output = agent.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        spy.check(&args, &output, Stdout::Clean);
    }
    // What is beside an agent inherits no form of it either.
    let script = "cat /proc/$$/environ /proc/$$/cmdline /proc/$PPID/cmdline; ls /proc/$$/fd >&2";
    let mut command = spy.command(&["-vv", "exec", "--agent", "--", "sh", "-c", script]);
    command.env("XDG_RUNTIME_DIR", &run);
    for (n, form) in forms(SECRET, Some(ID)).iter().enumerate() {
        command.env(format!("COPY_{n}"), form).env(format!("PART_{n}"), format!("a {form} b"));
    }
    let output = command.env("KEPT", "as it was").output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("KEPT=as it was") && text.contains("DAYPASS_AGENT=unix:"));
    assert!(!text.contains("OAUTH2_CLIENT_SECRET") && !text.contains("COPY_"));
    spy.check(&"exec --agent", &output, Stdout::Clean);
    spy.say("an agent");
}

#[test]
fn a_waiting_process_shows_nothing_and_leaves_no_core() {
    let spy = Spy::new();
    spy.world.sandbox.stand(Endpoint::Token, Fault::Stall);
    let start = |script: &str| {
        // Whoever runs the tests in the background of a shell has it ignore SIGQUIT.
        let mut command = Command::new("env");
        spy.world.dress(&mut command, ID);
        spy.tell(&mut command);
        let script = format!("ulimit -c unlimited; {script}");
        command.args(["--default-signal=QUIT", "sh", "-c", &script, BINARY]).spawn().unwrap()
    };
    let ends_by = |mut child: std::process::Child, by: Signal| {
        let pid = child.id();
        let mut status = None;
        wait_until("it ends", || {
            // More than once: the first SIGSEGV from outside is only noticed by Rust's handler.
            signal(pid, by);
            status = child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    };
    for (n, by) in [Signal::ABORT, Signal::SEGV, Signal::QUIT, Signal::BUS].into_iter().enumerate()
    {
        let control = start("exec sleep 60");
        wait_until("it runs", || exe(control.id()).ends_with("sleep"));
        let control = ends_by(control, by);
        assert!(control.core_dumped(), "{by:?} makes cores here: {control}");

        let child = start("exec \"$0\" -vv token --fresh");
        let asked = u64::try_from(n).unwrap() + 1;
        wait_until("the issuer is asked", || spy.world.sandbox.token_requests() == asked);
        let cmdline = fs::read(format!("/proc/{}/cmdline", child.id())).unwrap();
        assert!(cmdline.ends_with(b"\0token\0--fresh\0"));
        assert_eq!(spy.needles.find(&cmdline), None);
        let status = ends_by(child, by);
        assert_eq!(status.signal(), Some(by.as_raw()));
        assert!(!status.core_dumped(), "{by:?} left a core");
    }
    for (path, bytes) in everything_in(&spy.world.path("work")) {
        let is_control = path.file_name().unwrap().as_bytes().starts_with(b"core");
        assert!(is_control, "{}", path.display());
        fs::remove_file(path).unwrap();
        drop(bytes);
    }
}

fn exe(pid: u32) -> std::path::PathBuf {
    fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default()
}
