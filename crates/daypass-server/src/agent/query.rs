//! What a request asks for, from its query: pure. What is not known is an error, so that nobody
//! relies on something that is not heard.

use std::time::Duration;

use daypass::{Code, Error, MinTtl, Timestamp, Want, parse_duration, printable};

/// How long a caller waits who does not say.
const USUAL_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest that a caller may wait.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(300);

/// A query of any request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) profile: Option<String>,
    pub(super) min_ttl: Option<Duration>,
    pub(super) preferred_ttl: Option<Duration>,
    pub(super) received_since: Option<i64>,
    pub(super) timeout: Option<Duration>,
    pub(super) worked: bool,
}

impl Query {
    /// Reads a query; only these names may stand in it, each once.
    pub(super) fn parse(query: Option<&str>, allowed: &[&str]) -> Result<Self, Error> {
        let mut parsed = Self::default();
        let mut seen: Vec<String> = Vec::new();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            let known = allowed.contains(&&*name);
            if !known || seen.iter().any(|seen| **seen == *name) {
                let what = if known { "stands twice" } else { "means nothing" };
                return Err(wrong(&name, what));
            }
            let duration =
                || parse_duration(&value).map_err(|error| wrong(&name, &error.to_string()));
            match &*name {
                "profile" => parsed.profile = Some(value.clone().into_owned()),
                "min_ttl" => parsed.min_ttl = Some(duration()?),
                "preferred_ttl" => parsed.preferred_ttl = Some(duration()?),
                "timeout" => parsed.timeout = Some(duration()?.min(LONGEST_TIMEOUT)),
                "received_since" => {
                    let millis = value.parse();
                    parsed.received_since =
                        Some(millis.map_err(|_| wrong(&name, "is no number of milliseconds"))?);
                }
                "worked" => {
                    parsed.worked =
                        value.parse().map_err(|_| wrong(&name, "is neither true nor false"))?;
                }
                _ => {}
            }
            seen.push(name.into_owned());
        }
        Ok(parsed)
    }

    /// What this means for a source, and since when a forced token must have come. `own` is the
    /// profile's word.
    pub(super) fn want(&self, own: Option<Duration>, now: Timestamp) -> (Want, Timestamp) {
        let preferred = self.preferred_ttl.map_or(MinTtl::TOKEN, MinTtl::Preferred);
        let min_ttl = self.min_ttl.or(own).map_or(preferred, MinTtl::Required);
        // Nothing comes from the future; who asks for that would have every answer thrown away.
        let since = self.received_since.map(Timestamp::from_millis).map(|since| since.min(now));
        let timeout = self.timeout.unwrap_or(USUAL_TIMEOUT);
        (Want { min_ttl, timeout, force: since.is_some() }, since.unwrap_or(now))
    }
}

fn wrong(name: &str, what: &str) -> Error {
    Error::new(Code::Usage, format!("in the query, \"{}\" {what}", printable(name)))
        .with_hint("docs/agent.md lists what may stand there")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &[&str] =
        &["profile", "min_ttl", "preferred_ttl", "received_since", "timeout", "worked"];

    #[test]
    fn a_query_says_what_is_wanted() {
        let s = Duration::from_secs;
        let now = Timestamp::from_millis(5_000);
        let (required, preferred) = (MinTtl::Required, MinTtl::Preferred);
        for (query, own, min_ttl, force, since, timeout) in [
            ("", None, MinTtl::TOKEN, false, 5_000, 30),
            ("", Some(s(90)), required(s(90)), false, 5_000, 30),
            ("preferred_ttl=300", None, preferred(s(300)), false, 5_000, 30),
            ("preferred_ttl=300", Some(s(90)), required(s(90)), false, 5_000, 30),
            ("min_ttl=10m&timeout=2", Some(s(90)), required(s(600)), false, 5_000, 2),
            ("received_since=4000&timeout=1d", None, MinTtl::TOKEN, true, 4_000, 300),
            ("received_since=9999999", None, MinTtl::TOKEN, true, 5_000, 30),
        ] {
            let (want, from) = Query::parse(Some(query), ALL).unwrap().want(own, now);
            assert_eq!((want.min_ttl, want.force, want.timeout), (min_ttl, force, s(timeout)));
            assert_eq!(from.as_millis(), since, "{query}");
        }
        let query = Query::parse(Some("profile=a+b%26%C3%A4"), ALL).unwrap();
        assert_eq!(query.profile.as_deref(), Some("a b&\u{e4}"));
        assert_eq!(Query::parse(None, ALL).unwrap(), Query::default());
        assert!(Query::parse(Some("worked=true"), ALL).unwrap().worked);
        assert!(!Query::parse(Some("worked=false"), ALL).unwrap().worked);
    }

    #[test]
    fn what_is_not_understood_is_not_passed_by() {
        for query in [
            "min_ttl=soon",
            "min_ttl=-1",
            "min_ttl=1&min_ttl=2",
            "minttl=1",
            "config=%2Fetc%2Fpasswd",
            "received_since=1.5",
            "timeout=",
            "worked=1",
            "token_url=http://evil",
        ] {
            let error = Query::parse(Some(query), ALL).unwrap_err();
            assert_eq!(error.code(), Code::Usage, "{query}");
        }
        assert!(Query::parse(Some("min_ttl=1"), &["profile"]).is_err());
        let error = Query::parse(Some("a%0A%1b=1"), ALL).unwrap_err();
        assert!(error.message().contains("a\\n\\u{1b}"), "{error}");
    }
}
