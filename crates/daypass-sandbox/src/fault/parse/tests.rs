use std::num::NonZeroU32;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::fault::{ExpiresIn, RetryAfter, TokenText};

fn fault(text: &str) -> Fault {
    text.parse().unwrap()
}

fn refusal(text: &str) -> String {
    text.parse::<PlannedFault>().unwrap_err().to_string()
}

#[test]
fn every_name_is_a_fault_of_that_name_and_survives_json() {
    for name in Fault::NAMES {
        let fault = match *name {
            "redirect" => fault("redirect=https://elsewhere.example/"),
            name => fault(name),
        };
        assert_eq!(fault.name(), *name);
        let json = serde_json::to_string(&fault).unwrap();
        assert_eq!(json.parse::<Fault>().unwrap(), fault, "{json}");
    }
}

#[test]
fn no_fault_of_the_type_is_missing_from_the_names() {
    let message = serde_json::from_str::<Fault>("\"?\"").unwrap_err().to_string();
    let listed = message.split("expected one of").nth(1).unwrap().split('`');
    let listed: Vec<_> = listed.skip(1).step_by(2).collect();
    assert_eq!(listed, Fault::NAMES);
}

#[test]
fn the_shorthand_takes_values_as_json_or_bare() {
    for (text, expected) in [
        ("delay_ms=250", Fault::Delay(Duration::from_millis(250))),
        ("delay-ms", Fault::Delay(Duration::from_secs(1))),
        ("status=502", Fault::Status(502)),
        ("slow", Fault::Slow { chunk: 1, every: Duration::from_millis(100) }),
        (r#"slow={"chunk":7}"#, Fault::Slow { chunk: 7, every: Duration::from_millis(100) }),
        ("truncated={\"after\":3}", Fault::Truncated { after: 3 }),
        ("expires_in=huge", Fault::ExpiresIn(ExpiresIn::Huge)),
        ("expires_in=null", Fault::ExpiresIn(ExpiresIn::Null)),
        ("token_text=add_mask", Fault::TokenText(TokenText::AddMask)),
        ("token_type=DPoP", Fault::TokenType("DPoP".into())),
        ("redirect=http://a.example/?a=b", Fault::Redirect("http://a.example/?a=b".into())),
        (
            "oauth_error=invalid_scope",
            Fault::OauthError { error: "invalid_scope".into(), description: None, status: None },
        ),
        (
            r#"{"throttle":{"status":503,"retry_after":{"date":30}}}"#,
            Fault::Throttle { status: 503, retry_after: Some(RetryAfter::Date(30)) },
        ),
    ] {
        assert_eq!(fault(text), expected, "{text}");
    }
}

#[test]
fn a_planned_fault_says_where_and_how_often() {
    for (text, at, times, fault) in [
        ("stall", Endpoint::Token, None, Fault::Stall),
        ("api:unauthorized*2", Endpoint::Api, NonZeroU32::new(2), Fault::Unauthorized),
        ("metadata:status=500*3", Endpoint::Metadata, NonZeroU32::new(3), Fault::Status(500)),
        ("\"reset\"", Endpoint::Token, None, Fault::Reset),
        (r#"{"status":500}"#, Endpoint::Token, None, Fault::Status(500)),
        (
            r#"{"at":"api","times":1,"fault":"reset"}"#,
            Endpoint::Api,
            NonZeroU32::new(1),
            Fault::Reset,
        ),
        (
            "redirect=http://a.example/*",
            Endpoint::Token,
            None,
            Fault::Redirect("http://a.example/*".into()),
        ),
    ] {
        assert_eq!(text.parse(), Ok(PlannedFault { at, times, fault }), "{text}");
    }
}

#[test]
fn a_refusal_says_what_is_allowed() {
    for (text, expected) in [
        ("stal", "no fault is called `stal`; there are: none, delay_ms, stall,"),
        ("redirect", "redirect needs a value, for example `redirect=https://example.com/`"),
        ("status=99", "status can't be that; write status=503"),
        ("status=999999", "write status=503"),
        ("status=x", "write status=503"),
        ("api:expires_in=zero", "expires_in is not met there; write expires_in=absent"),
        ("unauthorized", "unauthorized is not met there; write api:unauthorized"),
        ("stall*0", "`*TIMES` is a whole number from 1"),
        ("stall*x", "`*TIMES` is a whole number from 1"),
        ("stall=1", "stall can't be that"),
        ("expires_in=never", "write expires_in=absent"),
        (r#"{"stal":1}"#, "unknown variant `stal`, expected one of `none`"),
        (r#"{"slow":{"pace":1}}"#, "unknown field `pace`, expected `chunk` or `every_ms`"),
        (
            r#"{"at":"api","tims":1}"#,
            "unknown field `tims`, expected one of `at`, `times`, `fault`",
        ),
        (r#"{"at":"apy","fault":"reset"}"#, "unknown variant `apy`, expected one of `token`"),
        (r#"{"times":0,"fault":"reset"}"#, "expected a nonzero u32"),
        ("{}", "missing field `fault`"),
        ("{", "EOF while parsing"),
    ] {
        let message = refusal(text);
        assert!(message.contains(expected), "{text}: {message}");
    }
}

#[test]
fn a_refusal_can_be_printed_whatever_it_refuses() {
    for text in ["\u{1b}[2Ja\n::error::b", "\"\\u001b[2J\\n::error::\"", &"x".repeat(100_000)] {
        let message = refusal(text);
        assert!(!message.contains(|c: char| c.is_control()), "{message:?}");
        assert!(message.len() < 1200, "{}", message.len());
    }
}

proptest! {
    #[test]
    fn any_text_is_a_fault_or_an_error(text in ".*") {
        let _ = text.parse::<PlannedFault>();
        let _ = text.parse::<Fault>();
    }

    #[test]
    fn any_shorthand_is_a_fault_or_an_error(
        name in proptest::sample::select(Fault::NAMES), value in ".*", times in ".{0,3}",
    ) {
        let _ = format!("{name}={value}*{times}").parse::<PlannedFault>();
    }
}
