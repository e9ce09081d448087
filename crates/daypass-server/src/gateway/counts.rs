//! What a gateway has done so far, as numbers: for the agent's status and its metrics.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

use crate::agent::Part;
use crate::crowd::Crowd;

/// Counts of one gateway. Copies share them.
#[derive(Clone, Debug, Default)]
pub struct Counts(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    requests: Counter,
    logins: Counter,
    turned_away: Counter,
    strangers: Counter,
    refused: Counter,
    replayed: Counter,
    held: Counter,
    passed_on: Counter,
    without_token: Counter,
    upstream_failed: Counter,
    throttled: Counter,
    paced: Counter,
    /// The ports that are counted, and who is connected.
    ports: Mutex<Vec<u16>>,
    crowds: Mutex<Vec<Arc<Crowd>>>,
}

/// [`Counts`] at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct CountsNow {
    /// Requests that arrived.
    pub requests: u64,
    /// Logins with the local credential.
    pub logins: u64,
    /// Requests that the gateway refused by itself.
    pub turned_away: u64,
    /// Connections of another user, which were closed.
    pub strangers: u64,
    /// 401 answers of the API.
    pub refused: u64,
    /// Requests that were sent again with another token.
    pub replayed: u64,
    /// Requests that waited while fetching was damped.
    pub held: u64,
    /// 401 answers that were passed on.
    pub passed_on: u64,
    /// Requests for which there was no token.
    pub without_token: u64,
    /// Requests that the API gave no answer to.
    pub upstream_failed: u64,
    /// 429 and 503 answers after which a request was sent again.
    pub throttled: u64,
    /// Requests that were held back before they would have met the API's limit.
    pub paced: u64,
}

/// Something that is counted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    Request,
    Login,
    TurnedAway,
    Stranger,
    Refused,
    Replayed,
    Held,
    PassedOn,
    WithoutToken,
    UpstreamFailed,
    Throttled,
    Paced,
}

impl Counts {
    pub(super) fn count(&self, event: Event) {
        let counters = &self.0;
        let counter = match event {
            Event::Request => &counters.requests,
            Event::Login => &counters.logins,
            Event::TurnedAway => &counters.turned_away,
            Event::Stranger => &counters.strangers,
            Event::Refused => &counters.refused,
            Event::Replayed => &counters.replayed,
            Event::Held => &counters.held,
            Event::PassedOn => &counters.passed_on,
            Event::WithoutToken => &counters.without_token,
            Event::UpstreamFailed => &counters.upstream_failed,
            Event::Throttled => &counters.throttled,
            Event::Paced => &counters.paced,
        };
        counter.inc();
    }

    /// A gateway that counts here listens on this port.
    pub(super) fn is_at(&self, port: u16) {
        self.0.ports.lock().unwrap_or_else(PoisonError::into_inner).push(port);
    }

    /// The connections of one more port.
    pub(super) fn crowd(&self, most: usize) -> Arc<Crowd> {
        let crowd = Crowd::new(most);
        let mut crowds = self.0.crowds.lock().unwrap_or_else(PoisonError::into_inner);
        crowds.push(Arc::clone(&crowd));
        crowd
    }

    /// Returns all counts.
    pub fn now(&self) -> CountsNow {
        let Counters {
            requests,
            logins,
            turned_away,
            strangers,
            refused,
            replayed,
            held,
            passed_on,
            without_token,
            upstream_failed,
            throttled,
            paced,
            ports: _,
            crowds: _,
        } = &*self.0;
        CountsNow {
            requests: requests.get(),
            logins: logins.get(),
            turned_away: turned_away.get(),
            strangers: strangers.get(),
            refused: refused.get(),
            replayed: replayed.get(),
            held: held.get(),
            passed_on: passed_on.get(),
            without_token: without_token.get(),
            upstream_failed: upstream_failed.get(),
            throttled: throttled.get(),
            paced: paced.get(),
        }
    }
}

impl Part for Counts {
    fn name(&self) -> &'static str {
        "gateway"
    }

    fn status(&self) -> serde_json::Value {
        let ports = self.0.ports.lock().unwrap_or_else(PoisonError::into_inner);
        let urls: Vec<_> = ports.iter().map(|port| format!("http://127.0.0.1:{port}")).collect();
        let mut status = serde_json::to_value(self.now()).unwrap_or_default();
        if let Some(status) = status.as_object_mut() {
            status.insert("urls".to_owned(), urls.into());
        }
        status
    }

    fn used(&self) -> u64 {
        let now = self.now();
        now.requests.wrapping_add(now.logins)
    }

    fn is_busy(&self) -> bool {
        let crowds = self.0.crowds.lock().unwrap_or_else(PoisonError::into_inner);
        crowds.iter().any(|crowd| crowd.is_busy())
    }

    fn register(&self, registry: &mut Registry) {
        let all = &*self.0;
        let gateway = registry.sub_registry_with_prefix("gateway");
        for (name, help, counter) in [
            ("requests", "Requests that arrived", &all.requests),
            ("logins", "Logins with the local credential", &all.logins),
            ("turned_away", "Requests that the gateway refused by itself", &all.turned_away),
            ("strangers", "Connections of another user, which were closed", &all.strangers),
            ("refused", "401 answers of the API", &all.refused),
            ("replayed", "Requests that were sent again with another token", &all.replayed),
            ("held", "Requests that waited while fetching was damped", &all.held),
            ("passed_on", "401 answers that were passed on", &all.passed_on),
            ("without_token", "Requests for which there was no token", &all.without_token),
            ("upstream_failed", "Requests that the API gave no answer to", &all.upstream_failed),
            ("throttled", "Throttled requests that were sent again", &all.throttled),
            ("paced", "Requests that were held back", &all.paced),
        ] {
            gateway.register(name, help, counter.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_in_the_status_and_in_the_metrics() {
        let counts = Counts::default();
        counts.clone().count(Event::Replayed);
        assert_eq!(counts.now(), CountsNow { replayed: 1, ..CountsNow::default() });
        assert_eq!((counts.name(), &counts.status()["replayed"]), ("gateway", &1.into()));
        let mut registry = Registry::with_prefix("daypass");
        counts.register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        assert!(text.contains("\ndaypass_gateway_replayed_total 1\n"), "{text}");
        assert!(text.contains("\ndaypass_gateway_requests_total 0\n"), "{text}");
    }
}
