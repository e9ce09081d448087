//! The least that makes many processes share one token: a file and a lock. It has no key, no
//! sealing, no lease, no deadline and no retry; the stampede test compares `daypass` with it.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a stand-alone program that is not part of the product"
)]

use std::env;
use std::error::Error;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let folder = PathBuf::from(env::var("DAYPASS_CACHE_DIR")?);
    fs::create_dir_all(&folder)?;
    let record = folder.join("record");
    if let Some(token) = cached(&record)? {
        println!("{token}");
        return Ok(());
    }
    let lock =
        File::options().create(true).truncate(false).write(true).open(folder.join("lock"))?;
    lock.lock()?;
    let token = match cached(&record)? {
        Some(token) => token,
        None => {
            let (token, expires_in) = ask()?;
            let temporary = folder.join(format!("{}.tmp", std::process::id()));
            fs::write(&temporary, format!("{} {token}", now()? + expires_in))?;
            fs::rename(temporary, &record)?;
            token
        }
    };
    println!("{token}");
    Ok(())
}

fn now() -> Result<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())
}

/// Returns the token of the record, if it still lives.
fn cached(record: &Path) -> Result<Option<String>> {
    let Ok(text) = fs::read_to_string(record) else { return Ok(None) };
    let (expires_at, token) = text.split_once(' ').ok_or("a broken record")?;
    Ok((expires_at.parse::<u64>()? > now()?).then(|| token.to_owned()))
}

/// Asks the token endpoint; returns the token and how many seconds it lives.
fn ask() -> Result<(String, u64)> {
    let url = env::var("OAUTH2_TOKEN_URL")?;
    let rest = url.strip_prefix("http://").ok_or("http only")?;
    let (host, path) = rest.split_once('/').ok_or("no path")?;
    let (id, secret) = (env::var("OAUTH2_CLIENT_ID")?, env::var("OAUTH2_CLIENT_SECRET")?);
    let body = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    let mut stream = TcpStream::connect(host)?;
    write!(
        stream,
        "POST /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let after = |name: &str| answer.split_once(name).map(|(_, rest)| rest).ok_or("no token");
    let token = after("\"access_token\":\"")?.split('"').next().ok_or("no token")?;
    let seconds = after("\"expires_in\":")?.split([',', '}']).next().ok_or("no lifetime")?;
    Ok((token.to_owned(), seconds.parse()?))
}
