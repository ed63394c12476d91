//! `/health/live`, `/health/ready` and `/metrics`, on each service's own port.
//!
//! Live: the process turns. Ready: every dependency, by name, has just answered, and no stop was asked for.
//! A check is bounded by [`CHECK_LIMIT`]; no check changes anything.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{Json, Router, http::StatusCode, response::IntoResponse, routing::get};
use futures_util::future::{BoxFuture, join_all};
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

/// How long a dependency may take to answer.
pub const CHECK_LIMIT: Duration = Duration::from_millis(1_500);

/// Asks one dependency; the error is a short reason for the operator.
pub type Check = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// The dependencies of a service, by name.
#[derive(Clone, Default)]
pub struct Health {
    checks: Vec<(&'static str, Check)>,
}

#[derive(Serialize)]
struct Readiness {
    status: &'static str,
    checks: BTreeMap<&'static str, Answer>,
}

#[derive(Serialize)]
struct Answer {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl Health {
    /// Adds a dependency.
    #[must_use]
    pub fn with<F>(
        mut self,
        name: &'static str,
        check: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.checks
            .push((name, Arc::new(move || Box::pin(check()))));
        self
    }

    async fn ask(&self) -> BTreeMap<&'static str, Answer> {
        let answers = self.checks.iter().map(async |(name, check)| {
            let answer = tokio::time::timeout(CHECK_LIMIT, check()).await;
            (
                *name,
                answer
                    .unwrap_or_else(|_| Err("no answer in time".into()))
                    .into(),
            )
        });
        join_all(answers).await.into_iter().collect()
    }
}

impl From<Result<(), String>> for Answer {
    fn from(result: Result<(), String>) -> Self {
        match result {
            Ok(()) => Self {
                status: "up",
                detail: None,
            },
            Err(detail) => Self {
                status: "down",
                detail: Some(detail),
            },
        }
    }
}

/// The three routes; from the moment that `stop` is cancelled the service is not ready.
pub fn router(health: Health, metrics: PrometheusHandle, stop: CancellationToken) -> Router {
    Router::new()
        .route(
            "/health/live",
            get(async || Json(serde_json::json!({ "status": "live" }))),
        )
        .route(
            "/health/ready",
            get(async move || ready(&health, &stop).await),
        )
        .route("/metrics", get(async move || metrics.render()))
}

async fn ready(health: &Health, stop: &CancellationToken) -> impl IntoResponse + use<> {
    let checks = health.ask().await;
    let (code, status) = if stop.is_cancelled() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping")
    } else if checks.values().all(|answer| answer.status == "up") {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready")
    };
    (code, Json(Readiness { status, checks }))
}
