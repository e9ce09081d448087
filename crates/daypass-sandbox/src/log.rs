//! What the sandbox saw: one entry a request, and the counts. Never a secret or a token.

use std::collections::VecDeque;

use serde::Serialize;

use crate::client::AuthMethod;
use crate::fault::Endpoint;

/// Entries that are kept; the oldest go first.
const KEPT: usize = 10_000;
/// Characters of outside text that an entry keeps.
const LONGEST: usize = 200;

/// One request, as the sandbox saw it. Outside text is cut after 200 characters; a known secret or token in it
/// is replaced by `[hidden]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Entry {
    /// Counts from 1.
    pub n: u64,
    /// The sandbox's time of arrival, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// Where the request went.
    pub endpoint: Endpoint,
    /// The HTTP method.
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// The client that asked, or whose token was shown.
    pub client_id: Option<String>,
    /// `grant_type` as asked for.
    pub grant_type: Option<String>,
    /// `scope` as asked for.
    pub scope: Option<String>,
    /// The first `audience` or `resource` as asked for.
    pub audience: Option<String>,
    /// How the client authenticated, or tried to.
    pub auth: Option<AuthMethod>,
    /// The status of the answer; none when the fault lets no status through.
    pub status: Option<u16>,
    /// The number of the token that was issued or shown, counted from 1.
    pub token: Option<u64>,
    /// The names of the faults that this request met.
    pub faults: Vec<&'static str>,
}

impl Entry {
    pub(crate) fn new(at_ms: i64, endpoint: Endpoint, method: &http::Method, path: &str) -> Self {
        Self {
            n: 0,
            at_ms,
            endpoint,
            method: method.to_string(),
            path: path.to_owned(),
            client_id: None,
            grant_type: None,
            scope: None,
            audience: None,
            auth: None,
            status: None,
            token: None,
            faults: Vec::new(),
        }
    }

    /// Passes every text that came from outside through `hide` and cuts it.
    pub(crate) fn clean(&mut self, hide: impl Fn(&str) -> String) {
        let texts = [&mut self.client_id, &mut self.grant_type, &mut self.scope];
        let texts = texts.into_iter().chain([&mut self.audience]).flatten();
        for text in texts.chain([&mut self.method, &mut self.path]) {
            *text = hide(text).chars().take(LONGEST).collect();
        }
    }
}

/// The log and its counts.
#[derive(Debug, Default)]
pub(crate) struct Log {
    entries: VecDeque<Entry>,
    seen: u64,
    pub(crate) token_requests: u64,
    pub(crate) api_calls: u64,
    pub(crate) unauthorized: u64,
}

impl Log {
    pub(crate) fn push(&mut self, mut entry: Entry) {
        self.seen += 1;
        entry.n = self.seen;
        match entry.endpoint {
            Endpoint::Token => self.token_requests += 1,
            Endpoint::Api => {
                self.api_calls += 1;
                self.unauthorized += u64::from(entry.status == Some(401));
            }
            _ => {}
        }
        if self.entries.len() == KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.entries.iter().cloned().collect()
    }
}
