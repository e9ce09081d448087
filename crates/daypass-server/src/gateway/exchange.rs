//! One request on its way: admitted, given a token, sent, and sent again after a 401.
//!
//! The order is the contract: nothing is sent without a token, and a token that the API refused
//! is told to the source before another is used. What each step decides is elsewhere: `admit`,
//! `headers`, `challenge`, `suspicion`, `throttled`, `pace`.

use std::hash::RandomState;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use daypass::{AccessToken, Clock};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::time::{Instant, sleep};

use super::admit::{Admitted, admit};
use super::answer::{Fault, no_token};
use super::body::{AnswerBody, BodyError, RequestBody, Streamed};
use super::counts::{Counts, Event};
use super::guard::Authorities;
use super::headers::{self, Unfit};
use super::local::LocalCredentials;
use super::login;
use super::outgoing::Outgoing;
use super::paced::{Paced, Permit};
use super::replay::Budget;
use super::suspicion::{Good, Suspicions};
use super::throttled;
use super::tokens::{Slot, Tokens};
use super::upstream::{SendError, Upstream, why};

/// What all requests of a gateway share.
pub(super) struct Exchange {
    pub(super) upstream: Upstream,
    pub(super) tokens: Tokens,
    pub(super) local: Vec<LocalCredentials>,
    pub(super) budget: Arc<Budget>,
    pub(super) counts: Counts,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) paced: Option<Paced>,
    pub(super) retry_throttled: Option<Duration>,
    pub(super) suspicions: Mutex<Suspicions>,
    pub(super) suspecting: AtomicBool,
    pub(super) good: Good,
    pub(super) paths: RandomState,
}

/// The answer of the gateway itself, in place of the API's.
pub(super) type Instead = Box<Response<AnswerBody>>;

impl Exchange {
    /// Answers a request that came in at a port.
    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
        authorities: &Authorities,
        open: bool,
    ) -> Response<AnswerBody> {
        self.counts.count(Event::Request);
        let (mut head, body) = request.into_parts();
        match admit(&head, open, authorities, &self.local) {
            Ok(Admitted::AsItIs) => {}
            Ok(Admitted::To(target)) => head.uri = target.into(),
            Ok(Admitted::Login) => {
                self.counts.count(Event::Login);
                return Box::pin(login::answer(&self.local, &head, body)).await;
            }
            Err(fault) => return self.turn_away(fault),
        }
        let outgoing = Outgoing::new(head, body, self.upstream.host(), &self.budget);
        let (outgoing, body) = match outgoing {
            Ok(outgoing) => outgoing,
            Err(Unfit::Connection) => return self.turn_away(Fault::Headers),
            Err(Unfit::Expect) => return self.turn_away(Fault::Expect),
            Err(Unfit::Coding) => return self.turn_away(Fault::Coding),
        };
        match self.pass_on(&outgoing, body).await {
            Ok(mut answer) => {
                headers::to_client(answer.headers_mut(), outgoing.takes_trailers());
                if let Some(known) = answer.extensions_mut().remove::<Fault>() {
                    known.mark(&mut answer);
                }
                answer.map(AnswerBody::Upstream)
            }
            Err(instead) => *instead,
        }
    }

    fn turn_away(&self, fault: Fault) -> Response<AnswerBody> {
        self.counts.count(Event::TurnedAway);
        fault.answer()
    }

    async fn pass_on(
        &self,
        outgoing: &Outgoing,
        body: RequestBody,
    ) -> Result<Response<Streamed>, Instead> {
        let turn = self.tokens.turn();
        let mut permit = match &self.paced {
            Some(paced) => Some(Box::pin(paced.take(turn, &self.counts)).await),
            None => None,
        };
        let slot = self.slot(permit.as_ref().map_or(turn, Permit::slot))?;
        let token = match slot.at_hand() {
            Some(token) => token,
            None => Box::pin(slot.token()).await.map_err(|error| {
                self.counts.count(Event::WithoutToken);
                Box::new(no_token(&error))
            })?,
        };
        if let Some(permit) = &permit {
            permit.with(&token);
        }
        let sent = self.upstream.send(outgoing.request(body, &token), false).await;
        let mut answer = match sent {
            Ok(answer) => answer,
            Err(error) => Box::pin(self.once_more(outgoing, &token, error)).await?,
        };
        if let Some(permit) = &mut permit {
            permit.answered(answer.headers());
        }
        drop(permit);
        if answer.status() == StatusCode::UNAUTHORIZED {
            return Box::pin(self.refused(slot, outgoing, token, answer)).await;
        }
        if let Some(patience) = self.retry_throttled
            && is_throttled(answer.status())
        {
            answer = Box::pin(self.after_a_pause(slot, outgoing, answer, patience)).await?;
        }
        self.accepted(slot, outgoing, &token, answer.status());
        Ok(answer)
    }

    fn slot(&self, number: usize) -> Result<&Slot, Instead> {
        self.tokens.slot(number).ok_or_else(|| Box::new(Fault::Upstream.answer()))
    }

    /// A kept connection broke before an answer came. The API may have closed it in the moment
    /// in which the request was sent: what may be done twice is sent again, on a new one.
    pub(super) async fn once_more(
        &self,
        outgoing: &Outgoing,
        token: &AccessToken,
        error: SendError,
    ) -> Result<Response<Streamed>, Instead> {
        let reused = matches!(error, SendError::Broken { reused: true, .. });
        if reused
            && outgoing.method.is_idempotent()
            && body_error(&error).is_none()
            && let Some(request) = outgoing.again(token)
        {
            return self.upstream.send(request, true).await.map_err(|error| self.failed(&error));
        }
        Err(self.failed(&error))
    }

    fn failed(&self, error: &SendError) -> Instead {
        let of_client = match body_error(error) {
            Some(BodyError::Stalled) => Some(Fault::Stalled),
            Some(BodyError::Client(_)) => Some(Fault::Body),
            Some(BodyError::Superseded) | None => None,
        };
        if let Some(fault) = of_client {
            return Box::new(self.turn_away(fault));
        }
        self.counts.count(match error {
            SendError::Exhausted => Event::TurnedAway,
            _ => Event::UpstreamFailed,
        });
        Box::new(match error {
            SendError::Connect(why) => Fault::Upstream.answer_because(why),
            SendError::Broken { why: error, .. } if error.is_parse_too_large() => Fault::Broken
                .answer_because("its answer has more than 100 fields, or too long ones"),
            SendError::Broken { why: error, .. } => Fault::Broken.answer_because(&why(error)),
            SendError::Unfit(why) => Fault::Broken.answer_because(why),
            SendError::Exhausted => Fault::Descriptors.answer(),
            SendError::Timeout => Fault::Timeout.answer(),
        })
    }

    /// The API asks to wait.
    async fn after_a_pause(
        &self,
        slot: &Slot,
        outgoing: &Outgoing,
        mut answer: Response<Streamed>,
        patience: Duration,
    ) -> Result<Response<Streamed>, Instead> {
        let until = Instant::now() + patience;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let (status, now) = (answer.status(), self.clock.now());
            let pause = throttled::wait(&outgoing.method, status, answer.headers(), left, now);
            let Some(pause) = pause else { return Ok(answer) };
            sleep(pause).await;
            let token = match slot.at_hand() {
                Some(token) => token,
                None => match slot.token().await {
                    Ok(token) => token,
                    Err(_) => return Ok(answer),
                },
            };
            let Some(request) = outgoing.again(&token) else { return Ok(answer) };
            self.counts.count(Event::Throttled);
            answer.into_body().let_go();
            answer = match self.upstream.send(request, false).await {
                Ok(answer) => answer,
                Err(error) => self.once_more(outgoing, &token, error).await?,
            };
            if answer.status() == StatusCode::UNAUTHORIZED {
                return self.refused(slot, outgoing, token, answer).await;
            }
        }
    }
}

fn is_throttled(status: StatusCode) -> bool {
    matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
}

/// What was wrong with the client's body, if that is why there is no answer.
fn body_error(error: &SendError) -> Option<&BodyError> {
    let SendError::Broken { why, .. } = error else { return None };
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(why);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}
