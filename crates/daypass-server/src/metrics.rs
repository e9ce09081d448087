//! Counts for Prometheus: numbers, names of profiles and error codes, never a token.

use std::sync::Arc;

use daypass::{Code, Granted, Timestamp};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::agent::Part;

/// What an agent counts.
pub(crate) struct Metrics {
    registry: Registry,
    tokens: Family<Served, Counter>,
    errors: Family<Failed, Counter>,
    rejected: Family<OfProfile, Counter>,
    expires: Family<OfProfile, Gauge>,
    turned_away: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Served {
    profile: String,
    source: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Failed {
    profile: String,
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfProfile {
    profile: String,
}

impl Metrics {
    pub(crate) fn new(started: Timestamp, parts: &[Arc<dyn Part>]) -> Self {
        let mut registry = Registry::with_prefix("daypass");
        let (tokens, errors, rejected) = (Family::default(), Family::default(), Family::default());
        let (expires, turned_away) = (Family::default(), Counter::default());
        let start: Gauge = Gauge::default();
        start.set(started.as_millis() / 1000);
        let agent = registry.sub_registry_with_prefix("agent");
        agent.register(
            "tokens",
            "Tokens handed out, by where they came from",
            Family::clone(&tokens),
        );
        agent.register("errors", "Requests that brought an error, by code", Family::clone(&errors));
        agent.register(
            "rejected",
            "Tokens that an API was said to have refused",
            Family::clone(&rejected),
        );
        agent.register(
            "token_expires_seconds",
            "When the token last handed out ends, in Unix time",
            Family::clone(&expires),
        );
        agent.register("turned_away", "Connections of other users", Counter::clone(&turned_away));
        agent.register("start_seconds", "When the agent started, in Unix time", start);
        parts.iter().for_each(|part| part.register(&mut registry));
        Self { registry, tokens, errors, rejected, expires, turned_away }
    }

    pub(crate) fn served(&self, profile: &str, granted: &Granted) {
        let (profile, source) = (profile.to_owned(), granted.source.as_str());
        let of_profile = OfProfile { profile: profile.clone() };
        self.tokens.get_or_create(&Served { profile, source }).inc();
        let ends = granted.token.expires_at().as_millis() / 1000;
        self.expires.get_or_create(&of_profile).set(ends);
    }

    pub(crate) fn failed(&self, profile: &str, code: Code) {
        let failed = Failed { profile: profile.to_owned(), code: code.as_str() };
        self.errors.get_or_create(&failed).inc();
    }

    pub(crate) fn rejected(&self, profile: &str) {
        self.rejected.get_or_create(&OfProfile { profile: profile.to_owned() }).inc();
    }

    pub(crate) fn turned_away(&self) {
        self.turned_away.inc();
    }

    /// Returns all of it in the OpenMetrics text format.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a text cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
