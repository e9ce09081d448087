//! The forms in which a token is handed out. Every form quotes, although a token has no
//! character that needs it.

use clap::ValueEnum;
use daypass::{Granted, Timestamp};
use serde_json::json;
use zeroize::Zeroizing;

/// How `daypass token` writes a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// The token and one line feed
    #[default]
    Token,
    /// One JSON object with the token, its end, where it came from and why it was fetched
    Json,
    /// An HTTP header: `Authorization: Bearer ...`
    Header,
    /// For `curl --config -`
    Curl,
    /// For a shell: `export ACCESS_TOKEN='...'`
    Env,
    /// For a .env file: `ACCESS_TOKEN="..."`
    Dotenv,
    /// Mask it, then add `token` to $GITHUB_OUTPUT
    Github,
    /// Mask it, then add ACCESS_TOKEN to $GITHUB_ENV for all later steps
    GithubEnv,
    /// A Kubernetes ExecCredential (client.authentication.k8s.io/v1)
    ExecCredential,
}

/// Writes a token as `format`; `variable` is the name of the variable that holds it. The GitHub
/// formats have a writer of their own.
pub(crate) fn format(
    format: Format,
    granted: &Granted,
    variable: &str,
    now: Timestamp,
) -> Zeroizing<String> {
    let token = granted.token.access_token().secret();
    Zeroizing::new(match format {
        Format::Token | Format::Github | Format::GithubEnv => format!("{token}\n"),
        Format::Header => format!("Authorization: Bearer {token}\n"),
        Format::Curl => format!("header = \"Authorization: Bearer {token}\"\n"),
        Format::Env => format!("export {variable}='{token}'\n"),
        Format::Dotenv => format!("{variable}=\"{token}\"\n"),
        Format::Json => {
            let scope = granted.token.scope().map(ToString::to_string);
            let object = json!({
                "access_token": token,
                "token_type": "Bearer",
                "expires_at": granted.token.expires_at().to_string(),
                "expires_in": granted.token.remaining(now).as_secs(),
                "scope": scope,
                "source": granted.source.as_str(),
                "reason": granted.reason.as_str(),
            });
            format!("{object}\n")
        }
        Format::ExecCredential => {
            let object = json!({
                "apiVersion": "client.authentication.k8s.io/v1",
                "kind": "ExecCredential",
                "status": {
                    "token": token,
                    "expirationTimestamp": granted.token.expires_at().to_string(),
                },
            });
            format!("{object}\n")
        }
    })
}

/// One entry of a GITHUB_OUTPUT or GITHUB_ENV file, with a delimiter that nobody can foresee.
pub(crate) fn github_entry(name: &str, value: &str, delimiter: &str) -> Zeroizing<String> {
    Zeroizing::new(format!("{name}<<{delimiter}\n{value}\n{delimiter}\n"))
}

#[cfg(test)]
mod tests {
    use daypass::{AccessToken, Reason, ScopeSet, Source, Token};

    use super::*;

    fn shown(as_format: Format) -> String {
        let at = Timestamp::from_millis;
        let access_token = AccessToken::new("abc.DEF").unwrap();
        let scope = Some(ScopeSet::parse("b a"));
        let token = Token::new(access_token, scope, at(0), at(5), at(3_600_000));
        let granted = Granted { token, source: Source::Store, reason: Reason::Cold };
        format(as_format, &granted, "ACCESS_TOKEN", at(600_000)).to_string()
    }

    #[test]
    fn every_format() {
        assert_eq!(shown(Format::Token), "abc.DEF\n");
        assert_eq!(shown(Format::Header), "Authorization: Bearer abc.DEF\n");
        assert_eq!(shown(Format::Curl), "header = \"Authorization: Bearer abc.DEF\"\n");
        assert_eq!(shown(Format::Env), "export ACCESS_TOKEN='abc.DEF'\n");
        assert_eq!(shown(Format::Dotenv), "ACCESS_TOKEN=\"abc.DEF\"\n");
        assert_eq!(
            shown(Format::Json),
            "{\"access_token\":\"abc.DEF\",\"expires_at\":\"1970-01-01T01:00:00Z\",\
             \"expires_in\":3000,\"reason\":\"cold\",\"scope\":\"a b\",\"source\":\"store\",\
             \"token_type\":\"Bearer\"}\n"
        );
        assert_eq!(
            shown(Format::ExecCredential),
            "{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\
             \"status\":{\"expirationTimestamp\":\"1970-01-01T01:00:00Z\",\"token\":\"abc.DEF\"}}\n"
        );
    }

    #[test]
    fn a_github_entry_ends_with_its_delimiter() {
        assert_eq!(*github_entry("token", "abc", "d1"), "token<<d1\nabc\nd1\n");
    }
}
