//! The profiles of an agent: opened once, never changed, never taken away.

use std::sync::{Arc, PoisonError, RwLock};

use daypass::{Code, Error, Opened, printable};

use super::held::{Held, Reopen};

/// How many profiles an agent has at most: whoever joins more than that does so by mistake.
const MOST: usize = 256;

#[derive(Default)]
pub(super) struct Profiles(RwLock<Vec<Arc<Held>>>);

impl Profiles {
    /// Takes a profile in.
    pub(super) fn hold(&self, opened: Opened, reopen: Option<Reopen>) -> Result<String, Error> {
        let name = opened.profile.name.clone();
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(there) = all.iter().find(|held| held.profile.name == name) {
            if there.source().key() == opened.source.key() {
                return Ok(name);
            }
            let shown = printable(&name);
            return Err(Error::new(
                Code::ConfigAmbiguous,
                format!("the agent has another profile {shown}: one with another client, secret or endpoint"),
            )
            .with_hint(
                "give this one another name, or daypass agent --stop and start the agent anew",
            ));
        }
        if all.len() >= MOST {
            return Err(Error::new(Code::Usage, format!("the agent has {MOST} profiles already"))
                .with_hint("start another one: daypass agent --socket PATH"));
        }
        all.push(Arc::new(Held::new(opened, reopen)));
        Ok(name)
    }

    /// Returns the profile of this name, or the first.
    pub(super) fn find(&self, name: Option<&str>) -> Result<Arc<Held>, Error> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let found = match name {
            Some(name) => all.iter().find(|held| held.profile.name == name),
            None => all.first(),
        };
        found.cloned().ok_or_else(|| {
            let names: Vec<_> = all.iter().map(|held| printable(&held.profile.name)).collect();
            let names = names.join(", ");
            match name {
                Some(name) => Error::new(
                    Code::ConfigUnknownProfile,
                    format!("the agent has no profile \"{}\"", printable(name)),
                )
                .with_hint(format!("it has: {names}; daypass agent PROFILE adds one")),
                None => Error::new(Code::ConfigNoProfile, "the agent has no profile")
                    .with_hint("daypass agent PROFILE adds one"),
            }
        })
    }

    pub(super) fn all(&self) -> Vec<Arc<Held>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.all().iter().map(|held| held.profile.name.clone()).collect()
    }
}
