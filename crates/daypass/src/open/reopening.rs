//! The source of a process that stays: what its profile keeps in files and commands is read again
//! when the issuer refuses the client or its certificate, since whoever rotates a secret or a root
//! changes a file and restarts nobody. A changed credential is another key: it finds no refusal that
//! is remembered, and no token of the one before.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use tokio::sync::Mutex;

use super::{Opened, Opening};
use crate::{
    AccessToken, Cached, Code, Env, Error, Fresh, Granted, MinTtl, Style, TokenSource, Want,
};

/// An [`Opening`] that outlives what it was made of.
struct Kept {
    env: Env,
    directory: Option<PathBuf>,
    config: Option<PathBuf>,
    profile: Option<String>,
    style: Style,
}

impl Kept {
    fn open(&self) -> Result<Opened, Error> {
        let Self { env, directory, config, profile, style } = self;
        let (directory, config, profile) =
            (directory.as_deref(), config.as_deref(), profile.as_deref());
        Opening { env, directory, config, profile, style: *style }.open()
    }
}

/// A source that opens its profile anew when what the profile names has changed.
pub(super) struct Reopening {
    opening: Arc<Kept>,
    current: ArcSwap<Cached>,
    /// Held by whoever reads the files again: the others take what that brings.
    turn: Mutex<()>,
}

impl Reopening {
    pub(super) fn new(opening: &Opening<'_>, source: Cached) -> Self {
        let opening = Kept {
            env: opening.env.clone(),
            directory: opening.directory.map(PathBuf::from),
            config: opening.config.map(PathBuf::from),
            profile: opening.profile.map(str::to_owned),
            style: opening.style,
        };
        let current = ArcSwap::from_pointee(source);
        Self { opening: Arc::new(opening), current, turn: Mutex::default() }
    }

    /// Returns the source that follows `failed`, if there is another one by now.
    async fn follower(&self, failed: &Arc<Cached>, error: &Error) -> Option<Arc<Cached>> {
        if !matches!(error.code(), Code::IssuerRejected | Code::ConfigTls) {
            return None;
        }
        let _turn = self.turn.lock().await;
        let current = self.current.load_full();
        if !Arc::ptr_eq(&current, failed) {
            return Some(current);
        }
        let opening = Arc::clone(&self.opening);
        // It reads files, and may run a command.
        let opened = tokio::task::spawn_blocking(move || opening.open()).await.ok()?.ok()?;
        if opened.source.key() == failed.key() {
            return None;
        }
        tracing::info!("\"{}\" has changed and was opened anew", opened.profile.name);
        let follower = Arc::new(opened.source);
        self.current.store(Arc::clone(&follower));
        Some(follower)
    }
}

#[async_trait]
impl TokenSource for Reopening {
    fn cached(&self, min_ttl: MinTtl) -> Fresh {
        self.current.load().cached(min_ttl)
    }

    async fn token(&self, want: Want) -> Result<Granted, Error> {
        let source = self.current.load_full();
        match source.token(want).await {
            Err(error) => match self.follower(&source, &error).await {
                Some(follower) => follower.token(want).await,
                None => Err(error),
            },
            granted => granted,
        }
    }

    async fn reject(&self, token: &AccessToken) -> Result<(), Error> {
        self.current.load_full().reject(token).await
    }

    async fn reject_worked(&self, token: &AccessToken) -> Result<(), Error> {
        self.current.load_full().reject_worked(token).await
    }
}
