//! Where an agent's socket is: one place for a job or a user, so that the second finds the first; or a
//! new one for a command.

use std::path::{Path, PathBuf};

use daypass::{AgentAddress, Code, Env, Error, job_folder};
use daypass_server::AgentSocket;

/// The socket's name in its folder.
const NAME: &str = "agent.sock";

/// Returns the place: the one that is named, else the one of the agent that this environment is
/// told of, else the usual one.
pub(crate) fn of(env: &Env, named: Option<&Path>) -> Result<AgentAddress, Error> {
    if let Some(path) = named {
        if path.to_str().is_none() {
            return Err(Error::new(Code::Usage, "--socket is not valid UTF-8")
                .with_hint("the address is put into variables and files: name a plain path"));
        }
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        return AgentAddress::new(path);
    }
    match AgentAddress::from_env(env)? {
        Some(address) => Ok(address),
        None => usual(env, rustix::process::geteuid().as_raw()),
    }
}

/// The job's folder on CI, else the user's folder for such things, else one in `/tmp`. A path that
/// no socket can have is passed by.
fn usual(env: &Env, uid: u32) -> Result<AgentAddress, Error> {
    let job = job_folder(env).map(|folder| folder.join("daypass-agent"));
    let own = runtime_folder(env).map(|folder| folder.join("daypass"));
    let folders = job.into_iter().chain(own);
    let usable = folders.filter(|folder| folder.to_str().is_some());
    let mut addresses = usable.filter_map(|folder| AgentAddress::new(folder.join(NAME)).ok());
    match addresses.next() {
        Some(address) => Ok(address),
        None => AgentAddress::new(format!("/tmp/daypass-{uid}/{NAME}")),
    }
}

/// A socket in a new folder.
pub(crate) fn fresh(env: &Env) -> Result<AgentSocket, Error> {
    let temporary = env.var_os("TMPDIR").map(PathBuf::from).filter(|path| path.is_absolute());
    let bases = [runtime_folder(env), job_folder(env), temporary, Some("/tmp".into())];
    let mut first = None;
    for base in bases.into_iter().flatten().filter(|base| base.to_str().is_some()) {
        match AgentSocket::bind_fresh(&base) {
            Ok(socket) => return Ok(socket),
            Err(error) => first = first.or(Some(error)),
        }
    }
    Err(first.unwrap_or_else(|| Error::new(Code::StoreFailed, "there is no place for a socket")))
}

fn runtime_folder(env: &Env) -> Option<PathBuf> {
    env.var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_that_lives_as_long_as_the_job_is_taken_if_a_socket_can_be_there() {
        let long = format!("/{}", "x".repeat(100));
        let job = [("CI", "true"), ("RUNNER_TEMP", "/t"), ("XDG_RUNTIME_DIR", "/run/user/7")];
        for (pairs, expected) in [
            (&job[..], "/t/daypass-agent/agent.sock"),
            (&job[1..], "/run/user/7/daypass/agent.sock"),
            (&[], "/tmp/daypass-7/agent.sock"),
            (&[("XDG_RUNTIME_DIR", "relative")], "/tmp/daypass-7/agent.sock"),
            (&[("XDG_RUNTIME_DIR", &long)], "/tmp/daypass-7/agent.sock"),
            (&[job[0], ("RUNNER_TEMP", &long), job[2]], "/run/user/7/daypass/agent.sock"),
        ] {
            let env = Env::from_pairs(pairs.iter().copied());
            assert_eq!(usual(&env, 7).unwrap().path(), Path::new(expected), "{pairs:?}");
        }
    }

    #[test]
    fn the_named_place_goes_before_that_of_the_environment() {
        let env = Env::from_pairs([("DAYPASS_AGENT", "unix:/a/b")]);
        assert_eq!(of(&env, Some(Path::new("/c/d"))).unwrap().path(), Path::new("/c/d"));
        assert_eq!(of(&env, None).unwrap().path(), Path::new("/a/b"));
        assert!(of(&env, Some(Path::new("relative"))).unwrap().path().is_absolute());
        let env = Env::from_pairs([("DAYPASS_AGENT", "nonsense")]);
        assert_eq!(of(&env, None).unwrap_err().code(), Code::ConfigInvalid);
    }
}
