//! Opens the store: the folder that is named or usual, else the memory of this process.

use std::sync::Arc;

use super::place::{self, StorePlace};
use crate::store::{FileStore, MemoryStore, Sealer, StoreError, TokenStore};
use crate::{Clock, Env, Error, Keep};

/// A store that is open, and where that is.
pub struct OpenStore {
    /// Where tokens are kept.
    pub place: StorePlace,
    /// Keeps them.
    pub store: Arc<dyn TokenStore>,
    /// What a person should know.
    pub warning: Option<String>,
}

impl OpenStore {
    /// Opens the store that this environment has: what a profile's tokens are kept in, and what
    /// an embedder's own [`Issuer`](crate::Issuer) can share.
    ///
    /// # Errors
    ///
    /// `store.unsafe` and `store.failed` when a folder was named that cannot be used.
    pub fn open(env: &Env, clock: &Arc<dyn Clock>, sealer: Sealer) -> Result<Self, Error> {
        place::check(env)?;
        Self::said(env, None, clock, sealer, true)
    }

    /// The same, unless a profile says where; `said` is what it says. A folder that is not there is
    /// made only if `makes`, and else is like an empty one.
    pub(super) fn said(
        env: &Env,
        said: Option<&Keep>,
        clock: &Arc<dyn Clock>,
        sealer: Sealer,
        makes: bool,
    ) -> Result<Self, Error> {
        let empty = || Arc::new(MemoryStore::new(Arc::clone(clock)));
        let open = |path: &_| -> Result<Arc<dyn TokenStore>, StoreError> {
            if !makes && !FileStore::is_there(path) {
                return Ok(empty());
            }
            Ok(Arc::new(FileStore::open(path, Arc::clone(clock), sealer)?))
        };
        let memory = |warning| Self { place: StorePlace::Memory, store: empty(), warning };
        let place = place::choose(env, said);
        let opened = match &place {
            StorePlace::Named(path) => {
                Ok(open(path).map_err(|error| place::unusable(path, said, &error))?)
            }
            StorePlace::Default(path) => open(path),
            StorePlace::Memory => return Ok(memory(said.is_none().then(place::homeless))),
        };
        Ok(match opened {
            Ok(store) => Self { place, store, warning: None },
            Err(error) => memory(Some(place::degraded(&error))),
        })
    }
}
