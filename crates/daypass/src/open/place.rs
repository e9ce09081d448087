//! Where tokens are kept: pure, but for what the error texts say.

use std::path::{Path, PathBuf};

use crate::store::StoreError;
use crate::{Code, Env, Error, Keep, printable};

/// Where tokens are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StorePlace {
    /// The folder that the profile's `store` or `DAYPASS_CACHE_DIR` names.
    Named(PathBuf),
    /// The runner's temporary folder on CI, else the user's cache folder.
    Default(PathBuf),
    /// Only this process's memory.
    Memory,
}

/// The variable that names the folder.
const NAMED: &str = "DAYPASS_CACHE_DIR";

/// Variables by which CI systems tell a folder that lives as long as the job.
const JOB_FOLDERS: &[&str] = &["RUNNER_TEMP", "AGENT_TEMPDIRECTORY", "WORKSPACE_TMP"];

/// `said` is what the profile itself says.
pub(super) fn choose(env: &Env, said: Option<&Keep>) -> StorePlace {
    match said {
        Some(Keep::Memory) => return StorePlace::Memory,
        Some(Keep::Folder(folder)) => return StorePlace::Named(folder.clone()),
        None => {}
    }
    if let Some(named) = absolute(env, NAMED) {
        return StorePlace::Named(named);
    }
    if let Some(folder) = job_folder(env) {
        return StorePlace::Default(folder.join("daypass"));
    }
    let caches = absolute(env, "XDG_CACHE_HOME")
        .or_else(|| absolute(env, "HOME").map(|home| home.join(".cache")));
    caches.map_or(StorePlace::Memory, |caches| StorePlace::Default(caches.join("daypass")))
}

/// Returns the folder that lives as long as the job, on a CI system that has one.
pub fn job_folder(env: &Env) -> Option<PathBuf> {
    let on_ci = env.var("CI").is_some_and(|ci| !ci.is_empty() && ci != "false");
    on_ci.then(|| JOB_FOLDERS.iter().find_map(|name| absolute(env, name)))?
}

/// The folder that a variable names; a relative one would depend on where a step runs.
pub(super) fn absolute(env: &Env, name: &str) -> Option<PathBuf> {
    env.var_os(name).map(PathBuf::from).filter(|path| path.is_absolute())
}

/// Refuses a relative `DAYPASS_CACHE_DIR`: it would name another folder in every step.
pub(super) fn check(env: &Env) -> Result<(), Error> {
    match env.var_os(NAMED).map(Path::new) {
        Some(path) if !path.is_absolute() && !path.as_os_str().is_empty() => {
            let shown = printable(&path.to_string_lossy());
            Err(Error::new(Code::StoreFailed, format!("{NAMED} is not an absolute path: {shown}"))
                .with_hint(format!("each step may run elsewhere: {NAMED}=$PWD/{shown}")))
        }
        _ => Ok(()),
    }
}

/// A folder that was asked for by name cannot be used.
pub(super) fn unusable(path: &Path, said: Option<&Keep>, error: &StoreError) -> Error {
    let code = match error {
        StoreError::Unsafe(_) => Code::StoreUnsafe,
        _ => Code::StoreFailed,
    };
    let path = printable(&path.to_string_lossy());
    let by = if said.is_some() { "`store`" } else { NAMED };
    Error::new(code, format!("{by} {path} cannot be used: {error}"))
        .with_hint("name a folder that only you can read and write, such as one under $HOME")
}

/// The default folder cannot be used.
pub(super) fn degraded(error: &StoreError) -> String {
    format!("tokens are kept in memory only, every step will ask the issuer: {error}")
}

/// There is no folder to use.
pub(super) fn homeless() -> String {
    "tokens are kept in memory only, every step will ask the issuer: HOME is not set; set \
     DAYPASS_CACHE_DIR"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(pairs: &[(&str, &str)]) -> StorePlace {
        choose(&Env::from_pairs(pairs.iter().copied()), None)
    }

    #[test]
    fn the_most_specific_folder_is_chosen() {
        let home = ("HOME", "/home/u");
        let default = |path: &str| StorePlace::Default(path.into());
        assert_eq!(chosen(&[home]), default("/home/u/.cache/daypass"));
        assert_eq!(chosen(&[home, ("XDG_CACHE_HOME", "/c")]), default("/c/daypass"));
        let job = [home, ("CI", "true"), ("RUNNER_TEMP", "/t")];
        assert_eq!(chosen(&job), default("/t/daypass"));
        assert_eq!(chosen(&job[..2]), default("/home/u/.cache/daypass"));
        assert_eq!(chosen(&[job[0], job[2]]), default("/home/u/.cache/daypass"));
        let named = [home, job[1], job[2], ("DAYPASS_CACHE_DIR", "/d")];
        assert_eq!(chosen(&named), StorePlace::Named("/d".into()));
        assert_eq!(chosen(&[]), StorePlace::Memory);
        assert_eq!(chosen(&[("HOME", "relative")]), StorePlace::Memory);
        let env = Env::from_pairs(named);
        assert_eq!(choose(&env, Some(&Keep::Memory)), StorePlace::Memory);
        let own = Keep::Folder("/own".into());
        assert_eq!(choose(&env, Some(&own)), StorePlace::Named("/own".into()));
    }
}
