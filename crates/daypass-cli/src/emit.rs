//! Handing a token out: masks first, then the token in its format, then one line for people.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use daypass::{Clock, Code, Error, Granted, SystemClock, Timestamp, printable};
use rustix::fs::FileType;
use zeroize::Zeroizing;

use crate::context::{Context, on_terminal};
use crate::format::{Format, format, github_entry};
use crate::label::Label;
use crate::report::unwritable;
use crate::{mask, report};

/// A token on its way out.
pub(crate) struct Handout<'a> {
    pub(crate) label: Label<'a>,
    pub(crate) granted: &'a Granted,
    pub(crate) format: Format,
    /// `--out`.
    pub(crate) out: Option<&'a Path>,
}

/// Hands the token out and tells what was done.
pub(crate) fn hand_out(context: &Context, handout: &Handout<'_>) -> Result<(), Error> {
    let token = handout.granted.token.access_token().secret();
    let now = SystemClock.now();
    let destination = destination(context, handout.format, handout.out)?;
    if context.on_github() || matches!(handout.format, Format::Github | Format::GithubEnv) {
        mask(token)?;
    }
    let variable = handout.label.token_variable();
    let text = || format(handout.format, handout.granted, variable, now);
    match destination {
        Destination::Github(path) if handout.format == Format::Github => {
            let expires_at = handout.granted.token.expires_at().to_string();
            let entries = [("token", token), ("expires_at", expires_at.as_str())];
            to_github(&path, &entries)?;
        }
        Destination::Github(path) => to_github(&path, &[(variable, token)])?,
        Destination::File(path) => to_file(&path, text().as_bytes())?,
        Destination::Stdout => to_stdout(text().as_bytes())?,
    }
    if context.tells() {
        report::line(&summary(handout.label, handout.granted, now));
    }
    Ok(())
}

/// Tells GitHub Actions to hide a token, before it can be seen anywhere.
pub(crate) fn mask(token: &str) -> Result<(), Error> {
    let unheard = |what: &str| {
        let message = format!("stderr {what}, so GitHub Actions cannot be told to hide the token");
        Error::new(Code::Usage, message)
    };
    if is_nowhere(rustix::stdio::stderr()) {
        let hint = "leave 2>/dev/null away; --quiet keeps daypass silent";
        return Err(unheard("leads nowhere").with_hint(hint));
    }
    if is_file(rustix::stdio::stderr()) {
        let hint = "leave 2>FILE away, or keep a copy of it: 2> >(tee FILE >&2)";
        return Err(unheard("goes to a file").with_hint(hint));
    }
    mask::write_masks(&mut io::stderr().lock(), token).map_err(|error| unwritable("stderr", &error))
}

/// Whether this is `/dev/null`: a descriptor that was closed is that too by now.
fn is_nowhere(descriptor: impl AsFd) -> bool {
    let null = rustix::fs::stat("/dev/null").map(|stat| stat.st_rdev);
    let kind = |stat: &rustix::fs::Stat| FileType::from_raw_mode(stat.st_mode);
    rustix::fs::fstat(descriptor)
        .is_ok_and(|stat| kind(&stat) == FileType::CharacterDevice && Ok(stat.st_rdev) == null)
}

fn is_file(descriptor: impl AsFd) -> bool {
    rustix::fs::fstat(descriptor)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile)
}

/// Where a token goes.
pub(crate) enum Destination {
    Stdout,
    File(PathBuf),
    /// A file that GitHub Actions reads after the step.
    Github(PathBuf),
}

/// Finds out where a token would go, before there is one.
pub(crate) fn destination(
    context: &Context,
    format: Format,
    out: Option<&Path>,
) -> Result<Destination, Error> {
    let variable = match (format, out) {
        (Format::Github, _) => "GITHUB_OUTPUT",
        (Format::GithubEnv, _) => "GITHUB_ENV",
        (_, Some(path)) => return out_file(path).map(Destination::File),
        (_, None) => return Ok(Destination::Stdout),
    };
    if out.is_some() {
        return Err(Error::new(
            Code::Usage,
            format!("this format goes to {variable}, not to a file"),
        )
        .with_hint("leave --out away, or choose --format dotenv"));
    }
    let path = context.env.var_os(variable).filter(|path| !path.is_empty());
    path.map(|path| Destination::Github(path.into())).ok_or_else(|| {
        Error::new(Code::Usage, format!("{variable} is not set: this is no GitHub Actions step"))
            .with_hint("outside of GitHub Actions use --format dotenv --out FILE")
    })
}

/// The file to replace: never a device, a pipe, a folder or a symbolic link, which somebody else
/// may have laid there, and which would be replaced (`/dev/stdout` is one).
fn out_file(path: &Path) -> Result<PathBuf, Error> {
    let shown = printable(&path.to_string_lossy());
    let usage = |what: &str, hint: &str| {
        Err(Error::new(Code::Usage, format!("--out {shown}: {what}")).with_hint(hint))
    };
    if path.as_os_str() == "-" {
        return usage("that is no file", "leave --out away: the token then goes to stdout");
    }
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => usage(
            "that is a symbolic link",
            "name the file that it leads to, or leave --out away and redirect stdout",
        ),
        Ok(found) if !found.is_file() => {
            usage("that is no regular file", "name a file, or leave --out away and redirect stdout")
        }
        _ => Ok(path.to_owned()),
    }
}

/// Writes a result to stdout. A reader that has gone away is no error.
pub(crate) fn to_stdout(mut text: &[u8]) -> Result<(), Error> {
    use rustix::io::Errno;

    // Without std's buffer: what is written here is written once and at once.
    while !text.is_empty() {
        match rustix::io::write(rustix::stdio::stdout(), text) {
            Ok(0) => return Err(unwritable("stdout", &io::ErrorKind::WriteZero.into())),
            Ok(written) => text = text.get(written..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(Errno::PIPE) => return Ok(()),
            Err(errno) => return Err(unwritable("stdout", &errno.into())),
        }
    }
    Ok(())
}

/// One line about a token: whose it is, how long it lives, where it came from.
pub(crate) fn summary(label: Label<'_>, granted: &Granted, now: Timestamp) -> String {
    format!(
        "{} {} client {} token {} {} left ({})",
        label.name(),
        label.place(),
        label.client(),
        granted.token.fingerprint(),
        daypass::span(granted.token.remaining(now)),
        granted.source.as_str(),
    )
}

/// On a terminal a token is shown only on request.
pub(crate) fn hides_token(as_format: Format, out: Option<&Path>, show: bool) -> bool {
    let to_stdout = out.is_none() && !matches!(as_format, Format::Github | Format::GithubEnv);
    to_stdout && !show && on_terminal()
}

/// Adds entries to one of the files that GitHub Actions reads after the step.
pub(crate) fn to_github(path: &Path, entries: &[(&str, &str)]) -> Result<(), Error> {
    let shown = printable(&path.to_string_lossy());
    let mut text = Zeroizing::new(String::new());
    for (name, value) in entries {
        text.push_str(&github_entry(name, value, &delimiter()?));
    }
    let mut append = || -> io::Result<()> {
        let mut file = File::options().read(true).append(true).open(path)?;
        if is_unfinished(&mut file)? {
            text.insert(0, '\n');
        }
        file.write_all(text.as_bytes())
    };
    append().map_err(|error| unwritable(&shown, &error))
}

/// Whether the last line lacks its end: what is added would become part of it.
fn is_unfinished(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

/// A heredoc delimiter that a value can't foresee.
fn delimiter() -> Result<String, Error> {
    let mut random = [0; 16];
    let filled = rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty());
    filled.map_err(|error| unwritable("a random name", &error.into()))?;
    Ok(random.iter().fold("daypass_".to_owned(), |text, byte| text + &format!("{byte:02x}")))
}

/// Writes a file that only this user can read, whole or not at all.
fn to_file(path: &Path, text: &[u8]) -> Result<(), Error> {
    let shown = printable(&path.to_string_lossy());
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}", delimiter()?));
    let temporary = PathBuf::from(temporary);
    let write = || -> io::Result<()> {
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(text)?;
        fs::rename(&temporary, path)
    };
    write().map_err(|error| {
        // Nobody else knows the name; what is left is at most an unreadable part.
        let _ = fs::remove_file(&temporary);
        unwritable(&shown, &error)
    })
}
