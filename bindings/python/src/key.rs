//! The secret that `token_cache(key=)` seals with, which is never shown, and the place for what it
//! seals.

use std::sync::Arc;

use daypass::{
    Clock, Code, CredentialId, Error, MemoryStore, OpenStore, Sealer, StoreError, SystemClock,
    TokenStore,
};
use pyo3::prelude::*;
use pyo3::types::PyString;
use zeroize::Zeroizing;

use crate::{environment, error};

/// What records are sealed with, when processes share them.
#[pyclass(frozen, module = "daypass._daypass")]
pub(crate) struct Key {
    secret: Zeroizing<Vec<u8>>,
}

#[pymethods]
impl Key {
    #[new]
    fn new(secret: &Bound<'_, PyAny>) -> PyResult<Self> {
        let secret = match secret.cast::<PyString>() {
            Ok(text) => text.to_str()?.as_bytes().to_vec(),
            Err(_) => secret.extract::<Vec<u8>>()?,
        };
        Ok(Self { secret: Zeroizing::new(secret) })
    }

    fn __repr__(&self) -> &'static str {
        "<Key>"
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(error::not_to_be_pickled("Key", "give each process its own"))
    }
}

/// The place for records, and what requests with this key say of their credential. Without a key
/// it is this process's memory.
pub(crate) fn place(key: Option<&Key>) -> Result<(Arc<dyn TokenStore>, CredentialId), Error> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let env = environment::captured();
    let cache_key = env.var("DAYPASS_CACHE_KEY").filter(|key| !key.is_empty());
    let cache_key = cache_key.map(str::as_bytes);
    let failed = |error: StoreError| Error::new(Code::StoreFailed, error.to_string());
    let secret = key.map_or(&[][..], |key| key.secret.as_slice());
    let credential = Sealer::credential_id(cache_key, secret).map_err(failed)?;
    if key.is_none() {
        return Ok((Arc::new(MemoryStore::new(clock)), credential));
    }
    let sealer = Sealer::derive(cache_key, secret).map_err(failed)?;
    let opened = OpenStore::open(&env, &clock, sealer)?;
    opened.warning.iter().for_each(|warning| tracing::warn!("{warning}"));
    Ok((opened.store, credential))
}
