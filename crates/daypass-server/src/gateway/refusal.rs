//! What a 401 of the API leads to: another token and the same request once more, or the 401 with
//! what is known about it.
//!
//! The decisions are `challenge`'s (may another token help?) and `suspicion`'s (is the path to
//! blame?); here they are acted on, and what the API accepts is noted for them.

use std::hash::BuildHasher;
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};

use daypass::{AccessToken, Error};
use http::{Response, StatusCode};
use tokio::time::{Instant, sleep};

use super::answer::{Fault, field};
use super::body::Streamed;
use super::challenge::{self, Challenge};
use super::counts::Event;
use super::exchange::{Exchange, Instead};
use super::outgoing::Outgoing;
use super::suspicion::{LONGEST_HOLD, LOOK, Suspicions, hold, may_be_starved};
use super::tokens::Slot;

impl Exchange {
    /// The API answered 401. It did not act on the request then, whatever the method.
    pub(super) async fn refused(
        &self,
        slot: &Slot,
        outgoing: &Outgoing,
        mut token: AccessToken,
        mut answer: Response<Streamed>,
    ) -> Result<Response<Streamed>, Instead> {
        let mut repeats = 0;
        loop {
            self.counts.count(Event::Refused);
            if challenge::read(answer.headers()) == Challenge::Other {
                return Ok(self.passed_on(Fault::Scope, answer));
            }
            if repeats == 0 {
                if self.blames_path(outgoing, &token) {
                    return Ok(self.passed_on(Fault::PathRefused, answer));
                }
            } else {
                let (accepted, good) =
                    (slot.has_accepted(&token), self.good.has(self.path(outgoing)));
                if !may_be_starved(accepted, good, repeats) {
                    self.suspect(outgoing);
                    return Ok(self.passed_on(Fault::RefusedAgain, answer));
                }
            }
            repeats += 1;
            (token, answer) = match self.once_again(slot, outgoing, &token, answer).await? {
                ControlFlow::Continue((other, answer))
                    if answer.status() == StatusCode::UNAUTHORIZED =>
                {
                    (other, answer)
                }
                ControlFlow::Continue((other, answer)) => {
                    self.suspicions().replaced(true, self.clock.ticks());
                    self.accepted(slot, outgoing, &other, answer.status());
                    return Ok(answer);
                }
                ControlFlow::Break(answer) => return Ok(answer),
            };
        }
    }

    /// Sends a request again with another token, and returns both with the answer; or the refusal,
    /// where there is no other token.
    async fn once_again(
        &self,
        slot: &Slot,
        outgoing: &Outgoing,
        token: &AccessToken,
        answer: Response<Streamed>,
    ) -> Result<ControlFlow<Response<Streamed>, (AccessToken, Response<Streamed>)>, Instead> {
        let since = self.suspicions().moment();
        let fault = match self.another(slot, outgoing, token, since).await {
            Ok(other) if other.secret() != token.secret() => match outgoing.again(&other) {
                Some(request) => {
                    self.counts.count(Event::Replayed);
                    answer.into_body().let_go();
                    let answer = match self.upstream.send(request, false).await {
                        Ok(answer) => answer,
                        Err(error) => self.once_more(outgoing, &other, error).await?,
                    };
                    return Ok(ControlFlow::Continue((other, answer)));
                }
                None => Fault::BodyTooLarge,
            },
            Ok(_) if self.suspicions().accepted_since(token.fingerprint(), since) => {
                Fault::PathRefused
            }
            // Fetching is damped: one after the other was refused.
            Ok(_) => Fault::RefusedAgain,
            Err(error) => {
                tracing::warn!("the API refused the token, and no other could be had: {error}");
                let mut answer = self.passed_on(Fault::NotReplaced, answer);
                if let Some(after) = error.retry_after() {
                    let seconds = after.as_millis().div_ceil(1000).to_string();
                    field(&mut answer, http::header::RETRY_AFTER, &seconds);
                }
                return Ok(ControlFlow::Break(answer));
            }
        };
        Ok(ControlFlow::Break(self.passed_on(fault, answer)))
    }

    /// Another token, if there can be one; else the same. While fetching is damped, a request waits
    /// for the end of that, if it is near, if its token was accepted before and its path is not
    /// suspected.
    async fn another(
        &self,
        slot: &Slot,
        outgoing: &Outgoing,
        token: &AccessToken,
        since: u64,
    ) -> Result<AccessToken, Error> {
        let path = self.path(outgoing);
        let worked = slot.has_accepted(token) && !self.suspicions().suspects(path);
        let until = Instant::now() + LONGEST_HOLD;
        let mut held = false;
        loop {
            if let Some(other) = slot.at_hand().filter(|other| other.secret() != token.secret()) {
                return Ok(other);
            }
            let (doubt, accepted) = {
                let suspicions = self.suspicions();
                let accepted = suspicions.accepted_since(token.fingerprint(), since);
                (suspicions.doubts_for(self.clock.ticks()), accepted)
            };
            let waits = worked && !accepted && Instant::now() < until;
            let pause = match hold(doubt).filter(|_| waits) {
                // Nobody is told of the refusal yet: it would be held against the credential.
                Some(pause) => pause,
                None => {
                    let other = slot.instead_of(token, worked && doubt.is_zero()).await?;
                    if other.secret() != token.secret() || !waits || !doubt.is_zero() {
                        return Ok(other);
                    }
                    // Somebody else was told before, and the source has a pause of its own.
                    LOOK
                }
            };
            if !std::mem::replace(&mut held, true) {
                self.counts.count(Event::Held);
            }
            sleep(pause).await;
        }
    }

    /// What is known goes along until the API's own fields have been looked through.
    fn passed_on(&self, known: Fault, mut answer: Response<Streamed>) -> Response<Streamed> {
        self.counts.count(Event::PassedOn);
        answer.extensions_mut().insert(known);
        answer
    }

    fn path(&self, outgoing: &Outgoing) -> u64 {
        self.paths.hash_one((&outgoing.method, outgoing.uri.path()))
    }

    fn suspicions(&self) -> MutexGuard<'_, Suspicions> {
        self.suspicions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn blames_path(&self, outgoing: &Outgoing, token: &AccessToken) -> bool {
        if !self.suspecting.load(Ordering::Relaxed) {
            return false;
        }
        let path = self.path(outgoing);
        let mut suspicions = self.suspicions();
        suspicions.blames_path(path, token.fingerprint())
    }

    fn suspect(&self, outgoing: &Outgoing) {
        let path = self.path(outgoing);
        let mut suspicions = self.suspicions();
        suspicions.suspect(path);
        suspicions.replaced(false, self.clock.ticks());
        self.good.forget(path);
        self.suspecting.store(true, Ordering::Relaxed);
    }

    /// The API accepted a token. This is the hot path: it costs next to nothing while no path is
    /// suspected.
    pub(super) fn accepted(
        &self,
        slot: &Slot,
        outgoing: &Outgoing,
        token: &AccessToken,
        status: StatusCode,
    ) {
        if !(status.is_success() || status.is_redirection()) {
            return;
        }
        slot.accept(token);
        let path = self.path(outgoing);
        self.good.note(path);
        if !self.suspecting.load(Ordering::Relaxed) {
            return;
        }
        let mut suspicions = self.suspicions();
        suspicions.accept(path, token.fingerprint());
        self.suspecting.store(suspicions.any(), Ordering::Relaxed);
    }
}
