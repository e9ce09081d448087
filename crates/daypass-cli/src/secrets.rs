//! `--secrets-fd`: variables that came by a pipe, laid over the environment. So a secret is in
//! nobody's environment or command line, where other processes could read it.
//!
//! One `NAME=VALUE` a line; an empty line ends them, and what follows is left to the command.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;

use daypass::{Code, Env, Error};
use rustix::process::{PidfdFlags, PidfdGetfdFlags};
use zeroize::Zeroizing;

/// More than credentials and a record have.
const MAX: u64 = 1024 * 1024;

/// What came by a descriptor.
pub(crate) struct Secrets {
    pub(crate) env: Env,
    /// What follows an empty line.
    pub(crate) rest: Zeroizing<Vec<u8>>,
}

/// Reads a descriptor to its end and lays the variables over `env`.
pub(crate) fn read(env: &Env, descriptor: u32) -> Result<Secrets, Error> {
    // Grows without leaving a copy behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(MAX).unwrap_or_default()));
    let read = open(descriptor).and_then(|from| from.take(MAX).read_to_end(&mut bytes));
    let length = read.map_err(|error| {
        let why = daypass::printable(&error.to_string());
        Error::new(Code::Usage, format!("--secrets-fd {descriptor} cannot be read: {why}"))
            .with_hint("--secrets-fd 3 3< <(printf 'NAME=%s\\n' \"$VALUE\")")
    })?;
    if length as u64 == MAX {
        return Err(Error::new(Code::Usage, format!("--secrets-fd {descriptor} has no end")));
    }
    let (lines, rest) = split(&bytes);
    let pairs = parse(lines).map_err(|line| {
        Error::new(Code::Usage, format!("line {line} of --secrets-fd is no NAME=VALUE"))
            .with_hint("write one a line; a value has no line break")
    })?;
    let env = Env::from_os(
        pairs.into_iter().chain(env.iter().map(|(name, value)| (name.into(), value.into()))),
    );
    Ok(Secrets { env, rest: Zeroizing::new(rest.to_vec()) })
}

/// Opens a descriptor that this process was started with.
fn open(descriptor: u32) -> io::Result<Box<dyn Read>> {
    match descriptor {
        0 => Ok(Box::new(io::stdin())),
        1 | 2 => Err(io::Error::other("that is for output")),
        _ => match File::open(format!("/proc/self/fd/{descriptor}")) {
            Ok(file) => Ok(Box::new(file)),
            // A socket cannot be opened by name.
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) => {
                duplicate(descriptor).map(|file| Box::new(file) as Box<dyn Read>)
            }
            Err(error) => Err(error),
        },
    }
}

#[cfg(target_os = "linux")]
fn duplicate(descriptor: u32) -> io::Result<File> {
    let number = i32::try_from(descriptor).map_err(io::Error::other)?;
    let own = rustix::process::pidfd_open(rustix::process::getpid(), PidfdFlags::empty())?;
    Ok(rustix::process::pidfd_getfd(own, number, PidfdGetfdFlags::empty())?.into())
}

/// At the first empty line.
fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    if let Some(rest) = bytes.strip_prefix(b"\n") {
        return (&[], rest);
    }
    let at = bytes.windows(2).position(|two| two == b"\n\n");
    match at.and_then(|at| Some((bytes.get(..at)?, bytes.get(at + 2..)?))) {
        Some((lines, rest)) => (lines, rest),
        None => (bytes, &[]),
    }
}

/// The pairs, or the number of the line that is none.
fn parse(lines: &[u8]) -> Result<Vec<(OsString, OsString)>, usize> {
    let lines = lines.strip_suffix(b"\n").unwrap_or(lines);
    if lines.is_empty() {
        return Ok(Vec::new());
    }
    let pair = |line: &[u8]| {
        let at = line.iter().position(|byte| *byte == b'=')?;
        let (name, value) = (line.get(..at)?, line.get(at + 1..)?);
        let usual = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let is_name = !name.is_empty()
            && name.iter().all(usual)
            && !name.first().is_some_and(u8::is_ascii_digit);
        (is_name && !value.contains(&0))
            .then(|| (OsString::from_vec(name.to_vec()), OsString::from_vec(value.to_vec())))
    };
    let lines = lines.split(|byte| *byte == b'\n').enumerate();
    lines.map(|(at, line)| pair(line).ok_or(at + 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_at_an_empty_one_and_the_rest_is_bytes() {
        let table: &[(&[u8], &[u8], &[u8])] = &[
            (b"", b"", b""),
            (b"A=1", b"A=1", b""),
            (b"A=1\n", b"A=1\n", b""),
            (b"A=1\nB=2\n\n\x00\n\n\xff", b"A=1\nB=2", b"\x00\n\n\xff"),
            (b"\n\n", b"", b"\n"),
            (b"A=1\n\n", b"A=1", b""),
        ];
        for (bytes, lines, rest) in table {
            assert_eq!(split(bytes), (*lines, *rest), "{bytes:?}");
        }
    }

    #[test]
    fn a_value_is_everything_behind_the_first_equals_sign() {
        let pairs = |text: &[u8]| parse(text);
        let pair = |name: &str, value: &str| (OsString::from(name), OsString::from(value));
        assert_eq!(pairs(b""), Ok(vec![]));
        assert_eq!(pairs(b"A=1\nB_2= a=b \n"), Ok(vec![pair("A", "1"), pair("B_2", " a=b ")]));
        assert_eq!(pairs(b"A="), Ok(vec![pair("A", "")]));
        for (line, text) in [
            (1, &b"A"[..]),
            (2, b"A=1\nsecret"),
            (1, b"=x"),
            (1, b"2A=x"),
            (1, b"A B=x"),
            (1, b"A=\0"),
        ] {
            assert_eq!(pairs(text), Err(line), "{text:?}");
        }
    }
}
