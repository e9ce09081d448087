//! What a source needs from outside: the clocks, HTTP and randomness for spreading load.

use std::fmt;
use std::sync::Arc;

use crate::{Clock, HttpClient};

/// The effects of the library, given once by `main` or by a test.
#[derive(Clone)]
pub struct Effects {
    /// The two clocks.
    pub clock: Arc<dyn Clock>,
    /// Sends one HTTP request.
    pub http: Arc<dyn HttpClient>,
    /// Returns a number in `0.0..1.0`, to spread refreshes and retries. Not a secret.
    pub jitter: fn() -> f64,
}

impl fmt::Debug for Effects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Effects").finish_non_exhaustive()
    }
}
