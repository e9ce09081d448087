//! The tokens that were replaced before their end, for whoever wants to revoke all that they got. Nobody
//! else keeps one longer than it is of use.

use std::sync::{Mutex, PoisonError};

use crate::Token;

/// Whoever gets more than these at once has lost control of them anyway.
const MOST: usize = 256;

/// `None` until somebody wants them.
#[derive(Default)]
pub(super) struct Replaced(Mutex<Option<Vec<Token>>>);

impl Replaced {
    /// Remembers tokens from now on.
    pub(super) fn keep(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default();
    }

    /// Takes a token in, and drops those that do not live any more.
    pub(super) fn add(&self, token: Token, lives: impl Fn(&Token) -> bool) {
        if let Some(tokens) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            tokens.retain(lives);
            if tokens.len() < MOST {
                tokens.push(token);
            }
        }
    }

    /// Gives all of them away.
    pub(super) fn take(&self) -> Vec<Token> {
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.as_mut().map(std::mem::take).unwrap_or_default()
    }
}
