//! Whose token it is: asked of the billing, and remembered for a moment.
//!
//! A token that was logged out through this gateway is dead here at once. One that was logged out elsewhere is dead here
//! within `MEMORY` and the time of `LIMITS`, which is 3 s. An unknown token is never remembered, and neither is a failure; so the
//! questions of one client are limited, or its unknown tokens would take all places. While the billing is away no
//! user is known: a token is a 503 then, never the anonymous caller and never a 401.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::http::{Extensions, HeaderValue, StatusCode, uri::InvalidUri};
use metrics::counter;
use moka::future::Cache;
use platform::{
    config::prefixed::Endpoint,
    http::{
        caller::Caller,
        client::{AskError, JsonClient, Limits},
    },
    problem::Problem,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    metrics::TOKEN_CHECKS,
    rates::{Rate, Rates, TooMany},
};

/// What the billing is asked.
const CHECK: &str = "/api/users/check_token";

/// How long a known token is remembered.
const MEMORY: Duration = Duration::from_secs(2);

/// The bounds of the questions.
const LIMITS: Limits = Limits {
    time: Duration::from_secs(1),
    bytes: 64 * 1_024,
    in_flight: 64,
};

/// Tokens that are remembered.
const REMEMBERED: u64 = 10_000;

/// Knows users by their tokens.
pub struct Users {
    billing: JsonClient,
    rates: Arc<Rates>,
    known: Cache<Question, Caller>,
    /// Moves on with each logout that may have ended a session. A question that began before cannot answer one that comes after.
    generation: AtomicU64,
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
    #[error("the billing did not say whose token it is")]
    Failed(#[source] AskError),
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
    ///
    /// # Errors
    /// When the host of `billing` is no host.
    pub fn new(billing: &Endpoint, rates: Arc<Rates>) -> Result<Self, InvalidUri> {
        let known = Cache::builder()
            .max_capacity(REMEMBERED)
            .time_to_live(MEMORY)
            .build();
        Ok(Self {
            billing: JsonClient::new("billing-app", billing, LIMITS)?,
            rates,
            known,
            generation: AtomicU64::new(0),
        })
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
        // The question belongs to the request that needs its answer.
        let (question, context) = (Check { token }, extensions.get());
        match self.billing.post(CHECK, &question, context).await {
            Ok(Checked { id, session_id }) => Ok(Caller::User {
                id,
                session: session_id,
            }),
            Err(AskError::Status(StatusCode::NOT_FOUND)) => Err(Refusal::Unknown),
            Err(error) => Err(Refusal::Failed(error)),
        }
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

fn refused(refusal: Arc<Refusal>) -> Problem {
    match *refusal {
        Refusal::Unknown => Problem::unauthorized("the token is unknown"),
        Refusal::TooMany(too_many) => too_many.into(),
        Refusal::Failed(_) => {
            let detail = "the token cannot be checked now; try again in a moment";
            Problem::unavailable(detail).because(refusal)
        }
    }
}
