//! The profiles of an agent: opened once, never changed, never taken away.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use daypass::{
    AccessToken, Cached, Code, Error, Fingerprint, Granted, MinTtl, Opened, Profile, StorePlace,
    Timestamp, TokenSource, printable, short_client_id,
};

/// How many profiles an agent has at most: whoever joins more than that does so by mistake.
const MOST: usize = 256;

/// A profile that the agent has.
pub(super) struct Held {
    pub(super) source: Cached,
    pub(super) profile: Profile,
    pub(super) client_id: String,
    pub(super) store: StorePlace,
    /// The token that an API refused last.
    refused: Mutex<Option<Fingerprint>>,
}

impl Held {
    /// The client identifier as messages show it.
    pub(super) fn client(&self) -> String {
        short_client_id(&self.client_id)
    }

    /// Tells that an API refused a token.
    pub(super) async fn reject(&self, token: &AccessToken) -> Result<(), Error> {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.fingerprint());
        self.source.reject(token).await
    }

    /// Returns what whoever gets this token should know: that an API refused it already, or that it
    /// does not live as long as they would like.
    pub(super) async fn warning(
        &self,
        granted: &Granted,
        min_ttl: MinTtl,
        now: Timestamp,
    ) -> Option<String> {
        let token = &granted.token;
        let refused = *self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused == Some(token.fingerprint()) {
            let record = self.source.record().await.ok().flatten();
            let mark = record.and_then(|record| record.rejected)?;
            return (mark.fingerprint == token.fingerprint()).then(|| {
                format!(
                    "{} tokens in a row were refused by the API: the credential or its \
                     permissions are the problem; no new token is fetched for {} s",
                    mark.times,
                    now.until(mark.until).as_secs().max(1)
                )
            });
        }
        let left = token.remaining(now);
        let short = left < min_ttl.for_lifetime(token.lifetime());
        // What a moment's work takes of a required time is no news.
        (short && matches!(min_ttl, MinTtl::Preferred(_))).then(|| {
            let left = left.as_secs();
            format!("the cached token lives {left} s more; no other can be had right now")
        })
    }
}

#[derive(Default)]
pub(super) struct Profiles(RwLock<Vec<Arc<Held>>>);

impl Profiles {
    /// Takes a profile in. The secret stays within its source.
    pub(super) fn hold(&self, opened: Opened) -> Result<String, Error> {
        let Opened { source, profile, client_id, place, .. } = opened;
        let name = profile.name.clone();
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(there) = all.iter().find(|held| held.profile.name == name) {
            if there.source.key() == source.key() {
                return Ok(name);
            }
            let shown = printable(&name);
            return Err(Error::new(
                Code::ConfigAmbiguous,
                format!("the agent has another profile {shown}: one with another client, secret or endpoint"),
            )
            .with_hint(
                "give this one another name, or daypass agent --stop and start the agent anew",
            ));
        }
        if all.len() >= MOST {
            return Err(Error::new(Code::Usage, format!("the agent has {MOST} profiles already"))
                .with_hint("start another one: daypass agent --socket PATH"));
        }
        let refused = Mutex::new(None);
        all.push(Arc::new(Held { source, profile, client_id, store: place, refused }));
        Ok(name)
    }

    /// Returns the profile of this name, or the first.
    pub(super) fn find(&self, name: Option<&str>) -> Result<Arc<Held>, Error> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let found = match name {
            Some(name) => all.iter().find(|held| held.profile.name == name),
            None => all.first(),
        };
        found.cloned().ok_or_else(|| {
            let names: Vec<_> = all.iter().map(|held| printable(&held.profile.name)).collect();
            let names = names.join(", ");
            match name {
                Some(name) => Error::new(
                    Code::ConfigUnknownProfile,
                    format!("the agent has no profile \"{}\"", printable(name)),
                )
                .with_hint(format!("it has: {names}; daypass agent PROFILE adds one")),
                None => Error::new(Code::ConfigNoProfile, "the agent has no profile")
                    .with_hint("daypass agent PROFILE adds one"),
            }
        })
    }

    pub(super) fn all(&self) -> Vec<Arc<Held>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.all().iter().map(|held| held.profile.name.clone()).collect()
    }
}
