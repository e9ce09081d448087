//! One request on its way through the core: what every endpoint may look at and change.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use http::Request;
use http::header::AUTHORIZATION;

use crate::builder::Flavour;
use crate::client::Client;
use crate::clock::Now;
use crate::fault::Fault;
use crate::fault::script::Script;
use crate::form::decode;
use crate::log::{Entry, Log};
use crate::token::{Noise, TokenShape, Tokens};

/// What the builder decided.
pub(crate) struct Settings {
    pub(crate) flavour: Flavour,
    pub(crate) shape: TokenShape,
    pub(crate) drop_unknown_scopes: bool,
    pub(crate) control: bool,
    pub(crate) issuer: Option<String>,
    /// API calls a token may make in a minute, in the Genesys flavour.
    pub(crate) api_rate_limit: Option<u32>,
    /// How many users the Genesys API lists.
    pub(crate) users: u64,
    pub(crate) noise: Noise,
}

/// What changes. Has no `Debug`: it holds secrets and tokens.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) clients: BTreeMap<String, Client>,
    /// Of all clients that ever were registered.
    secrets: BTreeSet<String>,
    pub(crate) tokens: Tokens,
    pub(crate) script: Script,
    pub(crate) log: Log,
    pub(crate) offset_ms: i64,
}

impl State {
    /// Registers a client. Its secret stays hidden from the log even when another replaces it.
    pub(crate) fn register(&mut self, client: Client) {
        self.secrets.insert(client.secret.clone());
        self.clients.insert(client.id.clone(), client);
    }

    /// The text without tokens and client secrets: words that are one, encoded or not, and long secrets anywhere.
    pub(crate) fn hide(&self, text: &str) -> String {
        const HIDDEN: &str = "[hidden]";
        /// Bytes from which a secret can't be part of an innocent word.
        const LONG: usize = 8;

        let is_secret = |word: &str| {
            let word = decode(word);
            !word.is_empty() && (self.tokens.knows(&word) || self.secrets.contains(&word))
        };
        if is_secret(text) {
            return HIDDEN.to_owned();
        }
        let is_separator = |c| matches!(c, '/' | ' ' | '?' | '&' | '=');
        let words = text.split_inclusive(is_separator).map(|piece| {
            let word = piece.trim_end_matches(is_separator);
            if is_secret(word) { piece.replace(word, HIDDEN) } else { piece.to_owned() }
        });
        let long = self.secrets.iter().filter(|secret| secret.len() >= LONG);
        long.fold(words.collect(), |text: String, secret| text.replace(secret, HIDDEN))
    }
}

/// A request with its surroundings.
pub(crate) struct Call<'a> {
    pub(crate) request: &'a Request<Bytes>,
    pub(crate) now: Now,
    pub(crate) settings: &'a Settings,
    pub(crate) state: &'a mut State,
    pub(crate) entry: &'a mut Entry,
    pub(crate) faults: &'a [Fault],
}

impl Call<'_> {
    pub(crate) fn path(&self) -> &str {
        self.request.uri().path()
    }

    /// The token in `Authorization: Bearer` (RFC 6750 2.1).
    pub(crate) fn bearer(&self) -> Option<&str> {
        let header = self.request.headers().get(AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = header.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }

    /// The value of `Host`, or the authority of an absolute target.
    pub(crate) fn authority(&self) -> Option<&str> {
        let absolute = self.request.uri().authority().map(http::uri::Authority::as_str);
        absolute.or_else(|| self.request.headers().get(http::header::HOST)?.to_str().ok())
    }
}
