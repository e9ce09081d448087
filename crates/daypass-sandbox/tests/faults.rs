//! Each fault on the core: what is answered, how the connection behaves, whether a token was issued.

use std::time::Duration;

use daypass_sandbox::{
    Ending, Endpoint, ExpiresIn, Fault, Flavour, RetryAfter, Sandbox, TokenText,
};
use serde_json::{Value, json};

use crate::support::*;

/// A sandbox whose next token request meets the fault.
fn with(fault: Fault) -> Sandbox {
    let sandbox = sandbox();
    sandbox.script(Endpoint::Token, [fault]);
    sandbox
}

/// The answer to a token request that meets the fault.
fn met(fault: Fault) -> Answer {
    send(&with(fault), ask())
}

/// Delay and ending of a token request that meets the fault, and how many tokens it cost.
fn behaviour(fault: Fault) -> (Duration, Ending, u64) {
    let sandbox = with(fault);
    let reply = sandbox.handle(ask());
    (reply.delay, reply.ending, sandbox.tokens_issued())
}

fn field(fault: Fault, name: &str) -> Value {
    met(fault).json()[name].take()
}

#[test]
fn a_delayed_answer_is_complete_and_delays_add_up() {
    let second = Duration::from_secs(1);
    assert_eq!(behaviour(Fault::Delay(second)), (second, Ending::Complete, 1));
    let sandbox = with(Fault::Delay(second));
    sandbox.stand(Endpoint::Token, Fault::Delay(second));
    assert_eq!(sandbox.handle(ask()).delay, 2 * second);
    assert_eq!(sandbox.handle(ask()).delay, second);
}

#[test]
fn a_stalled_request_costs_no_token_and_a_stalled_body_does() {
    let zero = Duration::ZERO;
    assert_eq!(behaviour(Fault::Stall), (zero, Ending::Stall { headers: false }, 0));
    assert_eq!(behaviour(Fault::StallBody), (zero, Ending::Stall { headers: true }, 1));
}

#[test]
fn a_slow_answer_has_its_pace_and_never_stands_still() {
    let every = Duration::from_millis(30);
    let ending = |chunk| behaviour(Fault::Slow { chunk, every }).1;
    assert_eq!(ending(4), Ending::Slow { chunk: 4, every });
    assert_eq!(ending(0), Ending::Slow { chunk: 1, every });
}

#[test]
fn a_truncated_answer_costs_a_token_and_a_reset_does_not() {
    let zero = Duration::ZERO;
    assert_eq!(behaviour(Fault::Truncated { after: 5 }), (zero, Ending::Truncated { after: 5 }, 1));
    assert_eq!(behaviour(Fault::Reset), (zero, Ending::Reset, 0));
}

#[test]
fn a_request_that_is_never_answered_has_no_status_in_the_log() {
    for (fault, status) in
        [(Fault::Stall, None), (Fault::Reset, None), (Fault::StallBody, Some(200))]
    {
        let sandbox = with(fault);
        sandbox.handle(ask());
        assert_eq!(sandbox.log()[0].status, status);
    }
}

#[test]
fn a_status_is_answered_as_told_and_nonsense_is_500() {
    for (told, status) in
        [(503, 503), (204, 204), (599, 599), (100, 500), (0, 500), (u16::MAX, 500)]
    {
        let sandbox = with(Fault::Status(told));
        assert_eq!(send(&sandbox, ask()).status(), status, "{told}");
        assert_eq!(sandbox.tokens_issued(), 0);
    }
}

#[test]
fn an_oauth_error_has_its_code_description_and_usual_status() {
    let error = |error: &str, status| Fault::OauthError {
        error: error.into(),
        description: Some("so it is".into()),
        status,
    };
    assert_eq!(met(error("invalid_client", None)).status(), 401);
    assert_eq!(met(error("invalid_client", Some(403))).status(), 403);
    let answer = met(error("made_up", None));
    assert_eq!(answer.status(), 400);
    assert_eq!(answer.json(), json!({"error": "made_up", "error_description": "so it is"}));
    let genesys = builder().flavour(Flavour::Genesys).build();
    genesys.stand(Endpoint::Token, error("invalid_client", None));
    let answer = send(&genesys, ask());
    assert_eq!((answer.status(), answer.text("description")), (400, "so it is".into()));
}

#[test]
fn a_throttle_says_when_to_come_back_in_every_form() {
    for (status, retry_after, header) in [
        (429, Some(RetryAfter::Seconds(7)), Some("7")),
        (503, Some(RetryAfter::Date(60)), Some("Sun, 09 Sep 2001 01:47:40 GMT")),
        (503, Some(RetryAfter::Date(-60)), Some("Sun, 09 Sep 2001 01:45:40 GMT")),
        (429, Some(RetryAfter::Date(i64::MAX)), Some("Fri, 31 Dec 9999 23:59:59 GMT")),
        (429, Some(RetryAfter::Raw("soon".into())), Some("soon")),
        (429, Some(RetryAfter::Raw("a\nb".into())), None),
        (429, None, None),
    ] {
        let answer = met(Fault::Throttle { status, retry_after });
        assert_eq!((answer.status(), answer.header("retry-after")), (status, header));
    }
}

#[test]
fn a_date_to_come_back_follows_the_sandboxs_clock() {
    let sandbox = with(Fault::Throttle { status: 429, retry_after: Some(RetryAfter::Date(0)) });
    sandbox.advance(Duration::from_secs(20));
    let answer = send(&sandbox, ask());
    assert_eq!(answer.header("retry-after"), Some("Sun, 09 Sep 2001 01:47:00 GMT"));
}

#[test]
fn a_rate_limit_is_400_in_every_flavour() {
    let answer = met(Fault::RateLimited);
    assert_eq!(answer.refusal(), (400, "invalid_request".into()));
    assert!(answer.text("description").starts_with("rate limit exceeded"));
}

#[test]
fn a_redirect_names_its_target() {
    let answer = met(Fault::Redirect("https://elsewhere.example/".into()));
    assert_eq!(
        (answer.status(), answer.header("location")),
        (302, Some("https://elsewhere.example/"))
    );
    assert_eq!(met(Fault::Redirect("\n".into())).header("location"), None);
}

#[test]
fn a_body_can_be_empty() {
    let answer = met(Fault::EmptyBody);
    assert_eq!((answer.status(), answer.body().len()), (200, 0));
}

#[test]
fn a_body_can_be_garbage_that_is_called_json() {
    let answer = met(Fault::GarbageBody);
    assert_eq!((answer.status(), answer.header("content-type")), (200, Some("application/json")));
    assert!(std::str::from_utf8(answer.0.body()).is_err());
}

#[test]
fn a_body_can_be_html() {
    let answer = met(Fault::HtmlBody);
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(answer.status() == 200 && answer.body().contains("<html>"));
}

#[test]
fn a_body_can_be_json_and_no_object() {
    assert!(met(Fault::NotAnObject).json().is_array());
}

#[test]
fn a_body_can_be_huge_and_would_be_a_token() {
    let answer = met(Fault::HugeBody);
    assert_eq!(answer.0.body().len(), 2 * 1024 * 1024);
    assert_eq!(answer.json()["expires_in"], 3600);
}

#[test]
fn a_description_can_be_hostile() {
    let text = met(Fault::HostileDescription).text("error_description");
    for part in ["\n::error::", "\n::add-mask::", "\u{1b}[2J", "\0", "\u{202e}"] {
        assert!(text.contains(part), "{part:?}");
    }
}

#[test]
fn expires_in_can_be_anything() {
    for (kind, text) in [
        (ExpiresIn::Null, "null"),
        (ExpiresIn::Text, "\"3600\""),
        (ExpiresIn::Float, "3600.5"),
        (ExpiresIn::Zero, "0"),
        (ExpiresIn::Negative, "-3600"),
        (ExpiresIn::Huge, "1e300"),
        (ExpiresIn::HugeInteger, "1234567890123456789012345678901234567890"),
        (ExpiresIn::Raw("{\"a\":[]}".into()), "{\"a\":[]}"),
    ] {
        let sandbox = with(Fault::ExpiresIn(kind));
        let body = send(&sandbox, ask()).body();
        assert!(body.ends_with(&format!("\"expires_in\":{text}}}")), "{body}");
        assert_eq!(sandbox.tokens_issued(), 1);
    }
    let answer = met(Fault::ExpiresIn(ExpiresIn::Absent));
    assert!(answer.json().get("expires_in").is_none() && !answer.text("access_token").is_empty());
}

#[test]
fn a_token_text_can_be_hostile() {
    for (kind, part) in [
        (TokenText::Newline, "\n"),
        (TokenText::Quote, "\""),
        (TokenText::Dollar, "$"),
        (TokenText::Backtick, "`"),
        (TokenText::Space, " "),
        (TokenText::AddMask, "\n::add-mask::"),
        (TokenText::Control, "\u{1b}"),
        (TokenText::NonAscii, "\u{fc}"),
        (TokenText::Custom("%0a".into()), "%0a"),
    ] {
        let text = met(Fault::TokenText(kind)).text("access_token");
        assert!(text.contains(part), "{text:?}");
    }
    assert_eq!(met(Fault::TokenText(TokenText::Long)).text("access_token").len(), 70 * 1024);
    assert_eq!(field(Fault::TokenText(TokenText::Empty), "access_token"), json!(""));
    assert_eq!(field(Fault::TokenText(TokenText::NotAString), "access_token"), json!(12345));
}

#[test]
fn a_token_type_can_be_wrong_or_missing() {
    assert_eq!(field(Fault::TokenType("mac".into()), "token_type"), json!("mac"));
    assert_eq!(met(Fault::NoTokenType).json().get("token_type"), None);
}

#[test]
fn an_edited_answer_is_edited_only_if_there_is_a_token() {
    let sandbox = with(Fault::NoTokenType);
    let wrong = form("/token", &basic("sandbox", "wrong"), &[("grant_type", "client_credentials")]);
    assert_eq!(send(&sandbox, wrong).refusal().1, "invalid_client");
}

#[test]
fn several_faults_can_meet_in_one_request() {
    let sandbox = sandbox();
    sandbox.stand(Endpoint::Token, Fault::Delay(Duration::from_secs(2)));
    sandbox.stand(Endpoint::Token, Fault::NoTokenType);
    sandbox.script(Endpoint::Token, [Fault::ExpiresIn(ExpiresIn::Zero), Fault::Status(502)]);
    let reply = sandbox.handle(ask());
    let json: Value = serde_json::from_slice(reply.response.body()).unwrap();
    assert_eq!(reply.delay, Duration::from_secs(2));
    assert_eq!((json.get("token_type"), &json["expires_in"]), (None, &json!(0)));
    assert_eq!(send(&sandbox, ask()).status(), 502);
    assert_eq!(sandbox.log()[1].faults, ["delay_ms", "no_token_type", "status"]);
}

#[test]
fn a_standing_fault_stands_until_it_is_cleared_and_none_lets_one_request_pass() {
    let sandbox = sandbox();
    sandbox.stand(Endpoint::Token, Fault::Status(500));
    sandbox.script(Endpoint::Token, [Fault::Status(503), Fault::None]);
    let statuses: Vec<_> = (0..4).map(|_| send(&sandbox, ask()).status()).collect();
    assert_eq!(statuses, [503, 200, 500, 500]);
    sandbox.clear_faults();
    assert_eq!(send(&sandbox, ask()).status(), 200);
}

#[test]
fn the_next_api_calls_can_be_rejected() {
    let sandbox = sandbox();
    let token = token(&sandbox);
    sandbox.plan("api:unauthorized*2".parse().unwrap());
    let answers: Vec<_> =
        (0..3).map(|_| send(&sandbox, call("GET", "/api/echo", &token))).collect();
    assert_eq!(answers.iter().map(Answer::status).collect::<Vec<_>>(), [401, 401, 200]);
    let challenge = answers[0].header("www-authenticate").unwrap();
    assert!(challenge.contains("error=\"invalid_token\""));
    assert_eq!(sandbox.unauthorized(), 2);
}

#[test]
fn an_api_call_can_lack_scope() {
    let sandbox = sandbox();
    let token = token(&sandbox);
    sandbox.script(Endpoint::Api, [Fault::InsufficientScope]);
    let answer = send(&sandbox, call("GET", "/api/echo", &token));
    assert_eq!(answer.refusal(), (403, "insufficient_scope".into()));
}

#[test]
fn all_tokens_can_be_revoked_at_once_or_when_a_request_arrives() {
    let sandbox = sandbox();
    let echo = |token: &str| send(&sandbox, call("GET", "/api/echo", token)).status();
    let pair = [token(&sandbox), token(&sandbox)];
    sandbox.revoke_all();
    assert_eq!(pair.map(|token| echo(&token)), [401, 401]);
    let third = token(&sandbox);
    sandbox.script(Endpoint::Api, [Fault::RevokeAll]);
    assert_eq!(echo(&third), 401);
    sandbox.script(Endpoint::Token, [Fault::RevokeAll]);
    assert_eq!(echo(&token(&sandbox)), 200);
}

#[test]
fn faults_at_the_api_leave_the_token_endpoint_alone() {
    let sandbox = sandbox();
    sandbox.stand(Endpoint::Api, Fault::Status(500));
    let token = token(&sandbox);
    assert_eq!(send(&sandbox, call("GET", "/api/echo", &token)).status(), 500);
}
