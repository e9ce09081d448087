//! Where an agent is: `DAYPASS_AGENT=unix:/absolute/path`.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::{Code, Env, Error, printable};

/// The scheme of the only kind of address there is.
const SCHEME: &[u8] = b"unix:";
/// What the kernel has room for in an address (`sun_path`), without the zero byte at its end.
const LONGEST: usize = 107;

/// The address of an agent's socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentAddress {
    path: PathBuf,
}

impl AgentAddress {
    /// The variable that holds an agent's address.
    pub const VARIABLE: &str = "DAYPASS_AGENT";

    /// Takes the path of a socket.
    ///
    /// # Errors
    ///
    /// `config.invalid` if it is not absolute, or longer than the address of a socket may be.
    pub fn new(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        let shown = printable(&path.to_string_lossy());
        if !path.is_absolute() {
            return Err(Error::new(
                Code::ConfigInvalid,
                format!("the agent's socket has no absolute path: {shown}"),
            )
            .with_hint(
                "each step may run elsewhere: name it from the root, /run/... or $PWD/...",
            ));
        }
        let length = path.as_os_str().len();
        if length > LONGEST {
            return Err(Error::new(
                Code::ConfigInvalid,
                format!(
                    "the path of the agent's socket is {length} bytes long, and {LONGEST} are the \
                     most: {shown}"
                ),
            )
            .with_hint("daypass agent --socket /tmp/... with a shorter path"));
        }
        Ok(Self { path })
    }

    /// Reads an address as `DAYPASS_AGENT` holds it.
    ///
    /// # Errors
    ///
    /// `config.invalid`.
    pub fn parse(text: &OsStr) -> Result<Self, Error> {
        match text.as_bytes().strip_prefix(SCHEME) {
            Some(path) => Self::new(OsStr::from_bytes(path)),
            None => Err(Error::new(
                Code::ConfigInvalid,
                format!("{} is set, but is no unix:/path/of/a/socket", Self::VARIABLE),
            )
            .with_hint(
                "take it as daypass agent printed it, or unset it to use the credentials of this \
                 environment",
            )),
        }
    }

    /// Returns the agent that the environment names, if it names one.
    ///
    /// # Errors
    ///
    /// `config.invalid`: a variable that makes no sense is never passed by. An empty one is not set:
    /// so it comes from expressions of a CI system that have no value.
    pub fn from_env(env: &Env) -> Result<Option<Self>, Error> {
        let set = env.var_os(Self::VARIABLE).filter(|address| !address.is_empty());
        set.map(Self::parse).transpose()
    }

    /// Whether the environment names an agent, be it in a way that makes sense or not.
    pub fn is_named(env: &Env) -> bool {
        env.var_os(Self::VARIABLE).is_some_and(|address| !address.is_empty())
    }

    /// Returns the path of the socket.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the address as a variable holds it.
    pub fn to_variable(&self) -> OsString {
        OsString::from_vec([SCHEME, self.path.as_os_str().as_bytes()].concat())
    }
}

/// As a message shows it.
impl fmt::Display for AgentAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unix:{}", printable(&self.path.to_string_lossy()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_scheme_and_an_absolute_path() {
        let address = AgentAddress::parse("unix:/run/user/0/a b".as_ref()).unwrap();
        assert_eq!(address.path(), Path::new("/run/user/0/a b"));
        assert_eq!(address.to_variable(), "unix:/run/user/0/a b");
        assert_eq!(address.to_string(), "unix:/run/user/0/a b");
        for bad in
            ["", "unix:", "unix:relative", "/run/agent.sock", "http://127.0.0.1:1", "UNIX:/a"]
        {
            let error = AgentAddress::parse(bad.as_ref()).unwrap_err();
            assert_eq!(error.code(), Code::ConfigInvalid, "{bad}");
            assert!(error.hint().is_some());
        }
    }

    #[test]
    fn a_path_that_no_socket_can_have_is_told_before_it_is_tried() {
        let longest = format!("/{}", "x".repeat(LONGEST - 1));
        assert!(AgentAddress::new(&longest).is_ok());
        let error = AgentAddress::new(format!("{longest}x")).unwrap_err();
        assert!(error.message().contains("108 bytes long"), "{error}");
    }

    #[test]
    fn a_variable_that_makes_no_sense_is_not_passed_by_and_an_empty_one_is_not_set() {
        let env = |pairs: &[(&str, &str)]| Env::from_pairs(pairs.iter().copied());
        assert_eq!(AgentAddress::from_env(&env(&[])).unwrap(), None);
        assert_eq!(AgentAddress::from_env(&env(&[("DAYPASS_AGENT", "")])).unwrap(), None);
        assert!(AgentAddress::from_env(&env(&[("DAYPASS_AGENT", "nonsense")])).is_err());
        assert!(AgentAddress::from_env(&env(&[("DAYPASS_AGENT", "unix:/a")])).unwrap().is_some());
    }
}
