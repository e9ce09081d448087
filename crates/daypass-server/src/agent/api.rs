//! What may be asked: `docs/agent.md` in code. A request names a profile and how long its token
//! must live, and nothing that decides where a secret goes; but for a profile that joins, which
//! brings its own secret and may not take another's place.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode};
use axum::middleware::{self, Next};
use axum::routing::{get, post};
use daypass::{
    AccessToken, Code, Env, Error, Join, Joined, Opened, Opening, Revoked, Source, Style, printable,
};
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use super::Agent;
use super::held::Held;
use super::query::Query;
use super::reply::{empty, json_answer, problem, respond, token_json, token_text, wants_text};
use crate::status::Row;

/// The longest refused token.
const MAX_REFUSED: usize = 128 * 1024;
/// The longest environment that joins.
const MAX_JOIN: usize = 4 * 1024 * 1024;
/// How long a body may take.
const BODY: Duration = Duration::from_secs(10);
/// How long the issuer has to revoke a token.
const REVOKING: Duration = Duration::from_secs(15);

const TOKEN: &[&str] = &["profile", "min_ttl", "preferred_ttl", "received_since", "timeout"];
const REJECT: &[&str] = &["profile", "worked"];
const REVOKE: &[&str] = &["profile"];

/// All that the socket answers.
pub(super) fn router(agent: &Agent) -> Router {
    let used = Router::new()
        .route("/v1/token", get(token))
        .route("/v1/reject", post(reject))
        .route("/v1/revoke", post(revoke))
        .route("/v1/profiles", post(join))
        .layer(middleware::from_fn_with_state(agent.clone(), in_use));
    Router::new()
        .merge(used)
        .route("/v1/status", get(status))
        .route("/v1/stop", post(stop))
        .merge(watching())
        .fallback(nothing)
        .method_not_allowed_fallback(nothing)
        .with_state(agent.clone())
}

/// What is for those who watch.
pub(super) fn watching() -> Router<Agent> {
    Router::new().route("/healthz", get(healthz)).route("/metrics", get(metrics))
}

/// An agent that is asked for something is not idle.
async fn in_use(State(agent): State<Agent>, request: Request, next: Next) -> Response<Body> {
    let _busy = agent.inner.life.busy(&agent.inner.clock);
    next.run(request).await
}

type Answered = Result<Response<Body>, Error>;

/// An error as an answer, counted.
fn told(agent: &Agent, held: Option<&Held>, answered: Answered) -> Response<Body> {
    answered.unwrap_or_else(|error| {
        // A name that is none of ours could be any.
        let profile = held.map(|held| held.profile.name.as_str()).unwrap_or_default();
        agent.inner.metrics.failed(profile, error.code());
        problem(&error)
    })
}

async fn token(State(agent): State<Agent>, request: Request) -> Response<Body> {
    let found = Query::parse(request.uri().query(), TOKEN)
        .and_then(|query| Ok((agent.inner.profiles.find(query.profile.as_deref())?, query)));
    let (held, query) = match found {
        Ok(found) => found,
        Err(error) => return told(&agent, None, Err(error)),
    };
    let (want, since) = query.want(held.profile.min_ttl, agent.inner.clock.now());
    let granted = match held.token(want, since).await {
        Ok(granted) => granted,
        Err(error) => return told(&agent, Some(&held), Err(error)),
    };
    if matches!(granted.source, Source::Memory | Source::Waited) {
        // All others were counted where they came from.
        held.source().count(Source::Agent);
    }
    agent.inner.metrics.served(&held.profile.name, &granted);
    let now = agent.inner.clock.now();
    let warning = held.warning(&granted, want.min_ttl, now).await;
    if wants_text(request.headers()) {
        token_text(&held, &granted, warning)
    } else {
        token_json(&held, &granted, warning, now)
    }
}

async fn reject(State(agent): State<Agent>, request: Request) -> Response<Body> {
    let query = request.uri().query().map(str::to_owned);
    let answered = async {
        let query = Query::parse(query.as_deref(), REJECT)?;
        let held = agent.inner.profiles.find(query.profile.as_deref())?;
        let body = body(request, MAX_REFUSED).await?;
        let text = std::str::from_utf8(&body).unwrap_or_default().trim();
        let refused = AccessToken::new(text).map_err(|error| {
            Error::new(Code::Usage, format!("in the body: {error}"))
                .with_hint("the body is the token that the API refused, and nothing else")
        })?;
        held.reject(&refused, query.worked).await?;
        agent.inner.metrics.rejected(&held.profile.name);
        Ok(empty(StatusCode::NO_CONTENT))
    };
    told(&agent, None, answered.await)
}

async fn revoke(State(agent): State<Agent>, request: Request) -> Response<Body> {
    let query = request.uri().query().map(str::to_owned);
    let answered = async {
        let query = Query::parse(query.as_deref(), REVOKE)?;
        let held = agent.inner.profiles.find(query.profile.as_deref())?;
        if !agent.inner.settings.allow_revoke {
            return Err(Error::new(Code::AgentRefused, "this agent revokes no token")
                .with_hint("start it with daypass agent --allow-revoke, or revoke without it"));
        }
        let revoked = held.revoke(REVOKING).await?;
        let profile = held.profile.name.clone();
        let host = held.source().issuer_host().to_owned();
        Ok(json_answer(StatusCode::OK, &Revoked { profile, revoked, host }))
    };
    told(&agent, None, answered.await)
}

async fn join(State(agent): State<Agent>, request: Request) -> Response<Body> {
    let answered = async {
        Query::parse(request.uri().query(), &[])?;
        let body = body(request, MAX_JOIN).await?;
        let join: Join = serde_json::from_slice(&body).map_err(|_| {
            Error::new(Code::Usage, "the body is no JSON object with profile and environment")
                .with_hint("docs/agent.md says what joins; daypass agent PROFILE sends it")
        })?;
        let opening = agent.clone();
        let opened = tokio::task::spawn_blocking(move || open(&opening, join)).await;
        let joined = opened.map_err(|error| {
            Error::new(Code::Internal, format!("opening failed: {}", printable(&error.to_string())))
        })??;
        tracing::info!("the profile {} joined", printable(&joined.profile));
        Ok(json_answer(StatusCode::OK, &joined))
    };
    told(&agent, None, answered.await)
}

/// Opens a profile exactly as the sender would.
fn open(agent: &Agent, join: Join) -> Result<Joined, Error> {
    let join = Arc::new(join);
    let opened = opened_by(&join)?;
    let warnings = opened.warnings.clone();
    let reopen = Arc::new(move || opened_by(&join));
    let profile = agent.hold(opened, Some(reopen))?;
    Ok(Joined { profile, profiles: agent.profiles(), pid: std::process::id(), warnings })
}

fn opened_by(join: &Join) -> Result<Opened, Error> {
    let env = Env::from_pairs(join.env.iter().map(|(name, value)| (name, value)));
    Opening {
        env: &env,
        directory: join.directory.as_deref().map(Path::new),
        config: join.config.as_deref().map(Path::new),
        profile: join.profile.as_deref(),
        style: Style::LongLived,
    }
    .open()
}

async fn status(State(agent): State<Agent>, request: Request) -> Response<Body> {
    if let Err(error) = Query::parse(request.uri().query(), &[]) {
        return told(&agent, None, Err(error));
    }
    let inner = &agent.inner;
    let now = inner.clock.now();
    let mut rows = Vec::new();
    for held in inner.profiles.all() {
        let record = held.record().await;
        rows.push(Row::of(&held.profile, &held.client_id, &held.store, record, now));
    }
    let left = inner.life.left(&*inner.clock);
    let seconds = |left: Option<Duration>| left.map(|left| left.as_secs());
    let parts = inner.parts.iter().map(|part| (part.name().to_owned(), part.status()));
    let object = json!({
        "agent": {
            "pid": std::process::id(),
            "version": env!("CARGO_PKG_VERSION"),
            "started_at": inner.started.to_string(),
            "idle_left": seconds(left.idle),
            "lifetime_left": seconds(left.lifetime),
            "allow_revoke": inner.settings.allow_revoke,
            "metrics": agent.metrics_url(),
        },
        "profiles": rows,
        "parts": Value::Object(parts.collect::<Map<_, _>>()),
    });
    json_answer(StatusCode::OK, &object)
}

async fn stop(State(agent): State<Agent>) -> Response<Body> {
    if agent.inner.settings.bound {
        let error =
            Error::new(Code::AgentRefused, "this agent ends with the command that it serves")
                .with_hint("it is one of daypass exec; there is nothing to stop");
        return told(&agent, None, Err(error));
    }
    agent.inner.stop.notify_one();
    empty(StatusCode::ACCEPTED)
}

async fn healthz() -> Response<Body> {
    respond(StatusCode::OK, "text/plain; charset=us-ascii", Body::from("ok\n"))
}

async fn metrics(State(agent): State<Agent>) -> Response<Body> {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    respond(StatusCode::OK, kind, Body::from(agent.inner.metrics.text()))
}

async fn nothing(request: Request) -> Response<Body> {
    let (method, path) = (request.method().as_str(), request.uri().path());
    problem(
        &Error::new(
            Code::Usage,
            format!("the agent has nothing for {} {}", printable(method), printable(path)),
        )
        .with_hint("docs/agent.md lists what it has; a newer daypass may know more"),
    )
}

async fn body(request: Request, most: usize) -> Result<axum::body::Bytes, Error> {
    let read = timeout(BODY, to_bytes(request.into_body(), most)).await;
    read.ok().and_then(Result::ok).ok_or_else(|| {
        Error::new(Code::Usage, format!("the body is over {most} bytes, or does not end"))
            .with_hint("docs/agent.md says what is expected")
    })
}
