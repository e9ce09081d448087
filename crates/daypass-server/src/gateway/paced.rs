//! The shell around `pace`: whose budget a request is taken from, and waiting for it.

use std::sync::{Arc, Mutex, PoisonError};

use daypass::{AccessToken, Clock, Ticks};
use tokio::time::sleep;

use super::counts::{Counts, Event};
use super::pace::{Budget, Told};

/// The budgets of all tokens in the pool.
pub(super) struct Paced {
    budgets: Box<[Mutex<Budgeted>]>,
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct Budgeted {
    token: Option<AccessToken>,
    budget: Budget,
}

/// A request that was taken from a budget, until its answer is there.
pub(super) struct Permit<'a> {
    paced: &'a Paced,
    slot: usize,
    told: Option<Told>,
}

impl Paced {
    pub(super) fn new(slots: usize, clock: Arc<dyn Clock>) -> Self {
        Self { budgets: (0..slots).map(|_| Mutex::default()).collect(), clock }
    }

    /// Takes a request from the budget of the slot whose turn it is, or else of another one; waits
    /// until one has something left.
    pub(super) async fn take(&self, turn: usize, counts: &Counts) -> Permit<'_> {
        let mut waited = false;
        loop {
            let now = self.clock.ticks();
            match self.try_take(turn, now) {
                Ok(slot) => return Permit { paced: self, slot, told: None },
                Err(until) => {
                    if !std::mem::replace(&mut waited, true) {
                        counts.count(Event::Paced);
                    }
                    sleep(now.until(until)).await;
                }
            }
        }
    }

    fn try_take(&self, turn: usize, now: Ticks) -> Result<usize, Ticks> {
        let mut soonest = None;
        for offset in 0..self.budgets.len() {
            let slot = (turn + offset) % self.budgets.len();
            let Some(budgeted) = self.budgets.get(slot) else { continue };
            let mut budgeted = budgeted.lock().unwrap_or_else(PoisonError::into_inner);
            match budgeted.budget.take(now) {
                Ok(()) => return Ok(slot),
                Err(until) => {
                    soonest = Some(soonest.map_or(until, |soonest: Ticks| soonest.min(until)))
                }
            }
        }
        soonest.map_or(Ok(turn), Err)
    }

    fn with<T>(&self, slot: usize, act: impl FnOnce(&mut Budgeted) -> T) -> Option<T> {
        let budgeted = self.budgets.get(slot)?;
        Some(act(&mut budgeted.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Permit<'_> {
    pub(super) fn slot(&self) -> usize {
        self.slot
    }

    /// The request goes out with this token.
    pub(super) fn with(&self, token: &AccessToken) {
        self.paced.with(self.slot, |budgeted| {
            let same = |known: &AccessToken| known.secret() == token.secret();
            if !budgeted.token.as_ref().is_some_and(same) {
                budgeted.token = Some(token.clone());
                budgeted.budget.forget();
            }
        });
    }

    /// The answer has these fields.
    pub(super) fn answered(&mut self, headers: &http::HeaderMap) {
        self.told = Told::read(headers);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let (now, told) = (self.paced.clock.ticks(), self.told);
        self.paced.with(self.slot, |budgeted| budgeted.budget.done(told, now));
    }
}
