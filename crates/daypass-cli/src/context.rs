//! What every command is given: the captured environment and the global flags.

use std::path::{Path, PathBuf};

use daypass::{Env, Error, Opened, Opening, Style};

use crate::report;

/// The captured world of one run.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) env: Env,
    /// The working directory, if there is one.
    pub(crate) directory: Option<PathBuf>,
    /// `--config`.
    pub(crate) config: Option<PathBuf>,
    pub(crate) loudness: Loudness,
}

/// How much is told on stderr.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Loudness {
    /// Errors only.
    Quiet,
    /// Warnings too, and on CI what was done.
    #[default]
    Normal,
    /// What was done.
    Verbose,
    /// Everything.
    Debug,
}

impl Context {
    /// A context without flags, as the hit path has it.
    pub(crate) fn bare(env: &Env) -> Self {
        Self {
            env: env.clone(),
            directory: std::env::current_dir().ok(),
            config: None,
            loudness: Loudness::Normal,
        }
    }

    /// The same, but for the environment: that is empty.
    pub(crate) fn like(&self) -> Self {
        let (directory, config) = (self.directory.clone(), self.config.clone());
        Self { env: Env::default(), directory, config, loudness: self.loudness }
    }

    /// Opens a profile and tells its warnings.
    pub(crate) fn open(&self, profile: Option<&str>) -> Result<Opened, Error> {
        self.told(self.opening(profile).open()?)
    }

    /// As [`Context::open`], for whoever changes nothing.
    pub(crate) fn look(&self, profile: Option<&str>) -> Result<Opened, Error> {
        self.told(self.opening(profile).look()?)
    }

    fn told(&self, opened: Opened) -> Result<Opened, Error> {
        self.warn(&opened.warnings);
        Ok(opened)
    }

    /// Opens a profile for a process that stays, and tells its warnings.
    pub(crate) fn open_to_stay(&self, profile: Option<&str>) -> Result<Opened, Error> {
        let opened = Opening { style: Style::LongLived, ..self.opening(profile) }.open()?;
        self.warn(&opened.warnings);
        Ok(opened)
    }

    /// How to open a profile once more, in a process that stays.
    pub(crate) fn reopen(&self, profile: Option<&str>) -> daypass_server::Reopen {
        let context = Self { env: self.env.clone(), ..self.like() };
        let profile = profile.map(str::to_owned);
        std::sync::Arc::new(move || {
            let opening = context.opening(profile.as_deref());
            Opening { style: Style::LongLived, ..opening }.open()
        })
    }

    /// Tells warnings, unless nothing is to be said.
    pub(crate) fn warn(&self, warnings: &[String]) {
        if self.loudness > Loudness::Quiet {
            warnings.iter().for_each(|warning| report::warning(warning));
        }
    }

    pub(crate) fn opening<'a>(&'a self, profile: Option<&'a str>) -> Opening<'a> {
        Opening {
            env: &self.env,
            directory: self.directory.as_deref(),
            config: self.config.as_deref().map(Path::new),
            profile,
            style: Style::OneShot,
        }
    }

    /// Whether this runs on a CI system.
    pub(crate) fn on_ci(&self) -> bool {
        self.is_set("CI") || self.on_github()
    }

    /// Whether GitHub Actions reads what is printed here.
    pub(crate) fn on_github(&self) -> bool {
        self.env.var("GITHUB_ACTIONS") == Some("true")
    }

    /// Whether to say what was done.
    pub(crate) fn tells(&self) -> bool {
        match self.loudness {
            Loudness::Quiet => false,
            Loudness::Normal => self.on_ci(),
            Loudness::Verbose | Loudness::Debug => true,
        }
    }

    fn is_set(&self, name: &str) -> bool {
        self.env.var(name).is_some_and(|value| !value.is_empty() && value != "false")
    }
}

/// Whether a person reads stdout.
pub(crate) fn on_terminal() -> bool {
    rustix::termios::isatty(rustix::stdio::stdout())
}
