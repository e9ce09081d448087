//! The process's environment: captured when something is opened, and noticed when it changes.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;

use daypass::{AgentAddress, Env, Preset};
use pyo3::prelude::*;

/// The process's environment now. Python changes it with the GIL held only, which is held here.
#[expect(clippy::disallowed_methods, reason = "the one place where the environment is captured")]
pub(crate) fn captured() -> Env {
    Env::from_os(std::env::vars_os())
}

/// The API of the profile, as the agent of this environment tells it.
pub(crate) fn agent_api(env: &Env, profile: Option<&str>) -> Option<String> {
    let status = AgentAddress::from_env(env).ok()??.status().ok()?;
    let profiles = status.get("profiles")?.as_array()?;
    let found = match profile {
        Some(name) => profiles.iter().find(|row| row.get("profile").is_some_and(|it| it == name)),
        None => profiles.first(),
    };
    Some(found?.get("api_url")?.as_str()?.to_owned())
}

/// The API of the Genesys Cloud region that the environment names: where the agent does not tell
/// it, that is all that is left of the profile here.
pub(crate) fn genesys_api(env: &Env) -> Option<String> {
    let genesys = Preset::named("genesys-cloud")?;
    let typed = genesys.variables("region").find_map(|name| env.var(name))?;
    Some(format!("https://api.{}", genesys.region(typed)?.domain))
}

/// A number that changes when the environment or the working directory does.
#[pyfunction]
pub(crate) fn environment_id() -> u64 {
    static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    let mut hasher = SEED.build_hasher();
    for (name, value) in captured().iter() {
        for part in [name, value] {
            hasher.write_usize(part.len());
            hasher.write(part.as_encoded_bytes());
        }
    }
    if let Ok(directory) = std::env::current_dir() {
        hasher.write(directory.as_os_str().as_encoded_bytes());
    }
    hasher.finish()
}
