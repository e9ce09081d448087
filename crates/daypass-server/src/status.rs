//! What `daypass status` shows of a profile, as data: made from a record here or in an agent, and
//! shown by the command. All text in it is printable, but for the client id, which is as it is.

use daypass::{
    Error, Event, EventKind, Profile, Record, StoreError, StorePlace, Timestamp, printable, span,
};
use serde::{Deserialize, Serialize};

/// A profile: open, or with why it is not.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Row {
    /// What is known about it.
    Open(Box<ProfileStatus>),
    /// It could not be opened.
    Closed {
        /// The profile's name.
        profile: String,
        /// Why.
        error: ErrorStatus,
    },
}

/// An error, as JSON has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ErrorStatus {
    /// The code.
    pub code: String,
    /// What happened.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

/// What is cached for a profile, what it cost, and what happened last. Times left and ages are in
/// seconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProfileStatus {
    /// The profile's name.
    pub profile: String,
    /// The region or host.
    pub place: String,
    /// The API's base address, where it is known.
    #[serde(default)]
    pub api_url: Option<String>,
    /// The client identifier.
    pub client_id: String,
    /// The scopes that are asked for.
    pub scopes: Vec<String>,
    /// Where tokens are kept.
    pub store: String,
    /// The cached token.
    pub token: Option<TokenStatus>,
    /// How many tokens were handed out, by source.
    pub served: Served,
    /// The issuer's last refusal.
    pub refusal: Option<RefusalStatus>,
    /// What happened, oldest first.
    pub events: Vec<EventStatus>,
}

/// A cached token, without the token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TokenStatus {
    /// What tells it from others.
    pub fingerprint: String,
    /// When it was asked for.
    pub issued_at: String,
    /// When it ends.
    pub expires_at: String,
    /// How long it still lives.
    pub expires_in: u64,
    /// How long ago it was asked for.
    pub age: u64,
    /// How long it lives in all.
    pub lifetime: u64,
    /// The scopes that were granted, where the issuer named them.
    pub scope: Option<String>,
    /// Why it was fetched.
    pub reason: Option<String>,
    /// Whether an API refused it.
    pub rejected: bool,
}

/// How many tokens were handed out, by source.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of daypass::Source")]
pub struct Served {
    pub memory: u64,
    pub store: u64,
    pub agent: u64,
    pub issuer: u64,
    pub waited: u64,
}

/// An issuer's refusal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RefusalStatus {
    /// The error code, or the HTTP status.
    pub error: String,
    /// What the issuer said about it.
    pub description: Option<String>,
    /// The HTTP status.
    pub status: u16,
    /// When it came.
    pub at: String,
    /// How long ago that was.
    pub age: u64,
    /// How long the issuer is not asked again.
    pub remembered_for: u64,
}

/// Something that happened.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EventStatus {
    /// When.
    pub at: String,
    /// How long ago.
    pub age: u64,
    /// What.
    pub what: String,
}

impl Row {
    /// Tells why a profile is not open.
    pub fn closed(profile: &str, error: &Error) -> Self {
        let error = ErrorStatus {
            code: error.code().as_str().to_owned(),
            message: error.message().to_owned(),
            hint: error.hint().map(str::to_owned),
        };
        Self::Closed { profile: profile.to_owned(), error }
    }

    /// Tells what a profile's record says, or why it has none.
    pub fn of(
        profile: &Profile,
        client_id: &str,
        place: &StorePlace,
        record: Result<Option<Record>, StoreError>,
        now: Timestamp,
    ) -> Self {
        match record {
            Ok(record) => {
                let record = record.unwrap_or_default();
                let status = ProfileStatus::of(profile, client_id, place, &record, now);
                Self::Open(Box::new(status))
            }
            Err(error) => Self::closed(&profile.name, &unreadable(&error)),
        }
    }
}

/// The cache cannot be read.
pub(crate) fn unreadable(error: &StoreError) -> Error {
    Error::new(daypass::Code::StoreFailed, format!("the cache cannot be read: {error}"))
        .with_hint("set DAYPASS_CACHE_DIR to a folder that is yours")
}

impl ProfileStatus {
    /// Tells what a record says.
    pub fn of(
        profile: &Profile,
        client_id: &str,
        place: &StorePlace,
        record: &Record,
        now: Timestamp,
    ) -> Self {
        let tally = record.tally;
        Self {
            profile: profile.name.clone(),
            place: profile.place(),
            api_url: profile.api_url(),
            client_id: client_id.to_owned(),
            scopes: profile.scopes.iter().map(str::to_owned).collect(),
            store: store_line(place),
            token: token_status(record, now),
            served: Served {
                memory: tally.memory,
                store: tally.store,
                agent: tally.agent,
                issuer: tally.issuer,
                waited: tally.waited,
            },
            refusal: record.refusal.as_ref().map(|refusal| RefusalStatus {
                error: refusal.error.clone(),
                description: refusal.description.clone(),
                status: refusal.status,
                at: refusal.at.to_string(),
                age: refusal.at.until(now).as_secs(),
                remembered_for: now.until(refusal.until).as_secs(),
            }),
            events: record.events.iter().map(|event| event_status(event, now)).collect(),
        }
    }
}

fn token_status(record: &Record, now: Timestamp) -> Option<TokenStatus> {
    let token = record.token.as_ref()?;
    let fingerprint = token.fingerprint();
    Some(TokenStatus {
        fingerprint: fingerprint.to_string(),
        issued_at: token.sent_at().to_string(),
        expires_at: token.expires_at().to_string(),
        expires_in: token.remaining(now).as_secs(),
        age: token.sent_at().until(now).as_secs(),
        lifetime: token.lifetime().as_secs(),
        scope: token.scope().map(ToString::to_string),
        reason: record.reason.map(|reason| reason.as_str().to_owned()),
        rejected: record.rejected.is_some_and(|mark| mark.fingerprint == fingerprint),
    })
}

fn event_status(event: &Event, now: Timestamp) -> EventStatus {
    let age = event.at.until(now).as_secs();
    EventStatus { at: event.at.to_string(), age, what: told(event) }
}

/// Says where tokens are kept.
pub fn store_line(place: &StorePlace) -> String {
    match place {
        StorePlace::Named(path) | StorePlace::Default(path) => printable(&path.to_string_lossy()),
        _ => "memory only".to_owned(),
    }
}

fn told(event: &Event) -> String {
    match &event.kind {
        EventKind::Fetched { reason, fingerprint, lifetime, took } => format!(
            "fetched {fingerprint} ({}), lives {}, took {} ms",
            reason.as_str(),
            span(*lifetime),
            took.as_millis()
        ),
        EventKind::Failed(error) => format!("failed: {error}"),
        EventKind::Throttled(after) => format!("throttled for {}", span(*after)),
        EventKind::Rejected(fingerprint) => format!("the API refused {fingerprint}"),
        EventKind::Forgotten => "forgotten".to_owned(),
        EventKind::Revoked(fingerprint) => format!("revoked {fingerprint}"),
        _ => "something else".to_owned(),
    }
}
