//! Whose token it is: asked of the billing, and remembered for a moment.
//!
//! A token that was logged out through this gateway is dead here at once. One that was logged out elsewhere is dead here
//! within `MEMORY` and `LIMIT`, which is 3 s. An unknown token is never remembered, and neither is a failure; so the
//! questions of one client are limited, or its unknown tokens would take all `QUESTIONS`. While the billing is away no
//! user is known: a token is a 503 then, never the anonymous caller and never a 401.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    body::Bytes,
    http::{Extensions, HeaderMap, HeaderValue, StatusCode},
};
use metrics::counter;
use moka::future::Cache;
use platform::{
    http::{caller::Caller, context::RequestContext},
    problem::Problem,
    trace_context::{TRACEPARENT, X_REQUEST_ID},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::{sync::Semaphore, time::timeout};
use uuid::Uuid;

use crate::{
    metrics::TOKEN_CHECKS,
    proxy::{AskError, Upstream},
    rates::{Rate, Rates, TooMany},
};

/// What the billing is asked.
const CHECK: &str = "/api/users/check_token";

/// How long a known token is remembered.
const MEMORY: Duration = Duration::from_secs(2);

/// How long a question may take, its wait for others included.
const LIMIT: Duration = Duration::from_secs(1);

/// Tokens that are remembered.
const REMEMBERED: u64 = 10_000;

/// Questions on their way at once.
const QUESTIONS: usize = 64;

/// Knows users by their tokens.
pub struct Users {
    billing: Upstream,
    rates: Arc<Rates>,
    known: Cache<Question, Caller>,
    /// Moves on with each logout that may have ended a session. A question that began before cannot answer one that comes after.
    generation: AtomicU64,
    asking: Semaphore,
}

/// The generation in which it is asked, and the SHA-256 of the token.
type Question = (u64, [u8; 32]);

/// Moves the generation on when it is dropped, unless the billing has said that no session has ended. A logout without an
/// answer, or with a 5xx, may have been done.
#[must_use]
pub struct Logout<'a> {
    users: &'a Users,
    is_void: bool,
}

/// Why a token has no user.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("the token is unknown")]
    Unknown,
    #[error(transparent)]
    TooMany(TooMany),
    #[error("the billing did not say in time whose token it is")]
    Late,
    #[error("the billing could not be asked whose token it is")]
    Failed(#[source] AskError),
    #[error("the billing answered {0} to the question whose token it is")]
    Status(StatusCode),
    #[error("the billing's answer is no user")]
    Malformed(#[source] serde_json::Error),
}

#[derive(Serialize)]
struct Check<'a> {
    token: &'a str,
}

/// What matters of the billing's answer.
#[derive(Deserialize)]
struct Checked {
    id: Uuid,
    session_id: Uuid,
}

impl Users {
    /// Asks this billing, over connections of its own, as often as `rates` admit.
    #[must_use]
    pub fn new(billing: Upstream, rates: Arc<Rates>) -> Self {
        let known = Cache::builder()
            .max_capacity(REMEMBERED)
            .time_to_live(MEMORY)
            .build();
        Self {
            billing,
            rates,
            known,
            generation: AtomicU64::new(0),
            asking: Semaphore::new(QUESTIONS),
        }
    }

    /// The user of `token`, which came in a request with these extensions. Concurrent questions for one token are one,
    /// and only a question counts for [`Rate::Questions`].
    ///
    /// # Errors
    /// 401 for an unknown token, 429 for a question too many, 503 when the billing does not say whose token it is.
    pub async fn identify(&self, token: &str, extensions: &Extensions) -> Result<Caller, Problem> {
        let generation = self.generation.load(Ordering::SeqCst);
        let question = (generation, Sha256::digest(token).into());
        let known = self
            .known
            .try_get_with(question, self.ask(token, extensions));
        known.await.map_err(refused)
    }

    /// A logout begins.
    pub fn logout(&self) -> Logout<'_> {
        Logout {
            users: self,
            is_void: false,
        }
    }

    async fn ask(&self, token: &str, extensions: &Extensions) -> Result<Caller, Refusal> {
        let answer = self.check(token, extensions).await;
        counter!(TOKEN_CHECKS, "result" => result(&answer)).increment(1);
        answer
    }

    async fn check(&self, token: &str, extensions: &Extensions) -> Result<Caller, Refusal> {
        let admitted = self.rates.admit(Rate::Questions, extensions);
        admitted.map_err(Refusal::TooMany)?;
        let body = serde_json::to_vec(&Check { token }).map_err(Refusal::Malformed)?;
        let asked = async {
            // The semaphore is never closed.
            let _permit = self.asking.acquire().await;
            let headers = headers(extensions.get());
            self.billing.ask(CHECK, headers, body.into()).await
        };
        let answer = timeout(LIMIT, asked).await.map_err(|_| Refusal::Late)?;
        let (status, body) = answer.map_err(Refusal::Failed)?;
        read(status, &body)
    }
}

impl Logout<'_> {
    /// The billing answered with this status, and said with a success how many sessions have ended. After a 4xx, or when
    /// there were none, every token stays remembered: a logout with a text that is no token costs no user a question.
    pub fn answered(mut self, status: StatusCode, ended: Option<&HeaderValue>) {
        let none = status.is_success() && ended.is_some_and(|ended| ended == "0");
        self.is_void = none || status.is_client_error();
    }
}

impl Drop for Logout<'_> {
    fn drop(&mut self) {
        if !self.is_void {
            self.users.generation.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// What a question came to, for the metrics.
fn result(answer: &Result<Caller, Refusal>) -> &'static str {
    match answer {
        Ok(_) => "known",
        Err(Refusal::Unknown) => "unknown",
        Err(Refusal::TooMany(_)) => "limited",
        Err(_) => "failed",
    }
}

fn read(status: StatusCode, body: &Bytes) -> Result<Caller, Refusal> {
    match status {
        StatusCode::OK => {
            let checked: Checked = serde_json::from_slice(body).map_err(Refusal::Malformed)?;
            Ok(Caller::User {
                id: checked.id,
                session: checked.session_id,
            })
        }
        StatusCode::NOT_FOUND => Err(Refusal::Unknown),
        status => Err(Refusal::Status(status)),
    }
}

/// The question belongs to the request that needs its answer.
fn headers(context: Option<&RequestContext>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(context) = context {
        headers.insert(X_REQUEST_ID, context.id.clone());
        if let Ok(trace) = HeaderValue::try_from(context.trace.child().to_string()) {
            headers.insert(TRACEPARENT, trace);
        }
    }
    headers
}

fn refused(refusal: Arc<Refusal>) -> Problem {
    match *refusal {
        Refusal::Unknown => Problem::unauthorized("the token is unknown"),
        Refusal::TooMany(too_many) => too_many.into(),
        Refusal::Late | Refusal::Failed(_) | Refusal::Status(_) | Refusal::Malformed(_) => {
            let detail = "the token cannot be checked now; try again in a moment";
            Problem::unavailable(detail).because(refusal)
        }
    }
}
