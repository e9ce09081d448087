//! How a profile's source is opened, again in each forked child, and what is known of it.

use std::path::PathBuf;
use std::sync::Arc;

use daypass::{Env, Error, MinTtl, Opening, Style, TokenSource};

use crate::environment;

/// What to open: enough to do it again in a forked child.
pub(crate) struct Recipe {
    pub(crate) env: Env,
    pub(crate) directory: Option<PathBuf>,
    pub(crate) config: Option<PathBuf>,
    pub(crate) profile: Option<String>,
}

/// What is known of the profile without its credentials.
pub(crate) struct Facts {
    pub(crate) name: String,
    pub(crate) place: String,
    pub(crate) api_url: Option<String>,
    pub(crate) hosts: Vec<String>,
    pub(crate) min_ttl: MinTtl,
}

impl Recipe {
    fn opening(&self) -> Opening<'_> {
        Opening {
            env: &self.env,
            directory: self.directory.as_deref(),
            config: self.config.as_deref(),
            profile: self.profile.as_deref(),
            style: Style::LongLived,
        }
    }

    pub(crate) fn open(&self) -> Result<Opened, Error> {
        let source = self.opening().source()?;
        // Under an agent there may be no profile here: it has the configuration.
        let facts = match self.opening().profile() {
            Ok(profile) => Facts {
                place: profile.place(),
                api_url: profile.api_url(),
                hosts: profile.hosts(),
                min_ttl: profile.min_ttl.map_or(MinTtl::TOKEN, MinTtl::Required),
                name: profile.name,
            },
            Err(_) => Facts {
                name: self.profile.clone().unwrap_or_else(|| "default".to_owned()),
                place: "an agent".to_owned(),
                api_url: environment::genesys_api(&self.env),
                hosts: Vec::new(),
                min_ttl: MinTtl::TOKEN,
            },
        };
        Ok(Opened { source, facts })
    }
}

pub(crate) struct Opened {
    pub(crate) source: Arc<dyn TokenSource>,
    pub(crate) facts: Facts,
}
