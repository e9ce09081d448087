//! One valid OAuth 2.0 access token for every task, process and machine.
//!
//! A token request goes one way and a token comes back:
//!
//! ```text
//! TokenRequest -> TokenSource -> TokenStore -> Issuer -> Token
//!                 (slot, one     (sealed       (one attempt at
//!                  flight)        records)      a token endpoint)
//! ```
//!
//! Consumers hold an `Arc<dyn` [`TokenSource`]`>` that is bound to one request. Effects (clock,
//! HTTP, randomness) enter through [`Effects`]. The library starts no server, reads no terminal and never looks at the environment
//! by itself.

#![forbid(unsafe_code)]

mod address;
mod agent;
mod client;
mod clock;
mod config;
mod crypto;
mod decodings;
mod effects;
mod error;
mod forms;
mod http;
mod issuer;
mod open;
mod printable;
mod provider;
mod request;
mod source;
mod store;
#[cfg(test)]
mod testing;
mod token;
mod words;

pub use agent::{
    AgentAddress, AgentClient, AgentLabel, AgentMinTtl, AgentToken, AgentWant, Join, Joined, Peer,
    Problem, Revoked, field as agent_field, peer_of,
};
pub use client::{ASSUME_TTL, ClientAuthMethod, Dialect, Revocation};
pub use clock::{Clock, SystemClock, Ticks, Timestamp};
pub use config::{
    ConfigFile, Env, External, FileFacts, InvalidDuration, Keep, MAX_FOUND_FILE, NotText, Origin,
    Profile, SecretText, TrustList, Value, parse_duration, profile_names, resolve, trust_id,
};
pub use decodings::{Decoded, decodings};
pub use effects::Effects;
pub use error::{Class, Code, Error};
pub use forms::secret_forms;
pub use http::{
    CONNECT_TIMEOUT, CaFile, EXCHANGE_TIMEOUT, HttpClient, HttpError, MAX_BODY, ProxyConfig,
    ReqwestClient, TrustConfig,
};
pub use issuer::{
    ClientCredentials, ClientCredentialsParts, Issuer, IssuerError, IssuerErrorClass,
};
pub use open::{
    Imported, LOCAL_PREFIX, OpenStore, Opened, Opening, Prepared, Share, StorePlace, job_folder,
    trust_file,
};
pub use printable::{may_be_secret, printable, short_client_id};
pub use provider::{Preset, Region, credential_variables};
pub use request::{CacheKey, CredentialId, Endpoint, GrantType, ScopeSet, TokenRequest};
pub use source::{Cached, CachedParts, Fresh, Labels, MinTtl, Style, TokenRef, TokenSource, Want};
pub use store::{
    Event, EventKind, Fence, FileStore, Lease, MAX_RECORD, MemoryStore, Peek, Record, Refusal,
    Rejected, Retry, Sealer, StoreError, Tally, TokenStore, private_folder,
};
pub use token::{
    AccessToken, Fingerprint, Granted, InvalidAccessToken, MAX_ACCESS_TOKEN, Reason, Source, Token,
};
pub use words::{span, why};
