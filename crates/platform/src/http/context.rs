//! What every request has: an id, a trace, a log line, a metric, one error shape.
//!
//! `x-request-id` is taken over when it is 1 to 128 visible ASCII characters, else made; `traceparent` likewise. A
//! [`Problem`] gets its body here and is logged here, once. This module never reads a body.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderMap, HeaderValue, Method, StatusCode},
    response::{IntoResponse, Response},
};
use tracing::Instrument;
use uuid::{Uuid, fmt::Hyphenated};

use super::{answer_limit::AnswerLimit, meters};
use crate::{
    problem::Problem,
    trace_context::{REQUEST_ID_HEADER, TRACEPARENT_HEADER, TraceContext},
};

/// The identity of a request; handlers take it as an `Extension`.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// The value of `x-request-id`.
    pub id: HeaderValue,
    /// The place in the trace.
    pub trace: TraceContext,
    /// The route that matched, for the metrics: their labels must not grow with the paths that clients request.
    route: Arc<OnceLock<Route>>,
}

/// As the router or the service names it.
#[derive(Debug)]
enum Route {
    Matched(MatchedPath),
    Named(&'static str),
}

impl RequestContext {
    fn of(headers: &HeaderMap) -> Self {
        let id = headers
            .get(REQUEST_ID_HEADER)
            .filter(|id| is_valid_id(id))
            .cloned();
        let parent = headers
            .get(TRACEPARENT_HEADER)
            .and_then(|header| header.to_str().ok()?.parse().ok());
        Self {
            id: id.unwrap_or_else(new_id),
            trace: parent.map_or_else(TraceContext::start, TraceContext::child),
            route: Arc::default(),
        }
    }

    /// Notes the route that answers the request, where no router of axum has matched it.
    pub fn note_route(&self, route: &'static str) {
        self.set_route(Route::Named(route));
    }

    fn set_route(&self, route: Route) {
        // It is set once: a request has one route.
        let _ = self.route.set(route);
    }

    /// The id as text.
    #[must_use]
    pub fn id(&self) -> &str {
        self.id.to_str().unwrap_or_default()
    }
}

impl Route {
    fn as_str(&self) -> &str {
        match self {
            Self::Matched(path) => path.as_str(),
            Self::Named(name) => name,
        }
    }
}

fn is_valid_id(id: &HeaderValue) -> bool {
    (1..=128).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic)
}

fn new_id() -> HeaderValue {
    let mut text = [0; Hyphenated::LENGTH];
    let id = Uuid::now_v7().hyphenated().encode_lower(&mut text);
    HeaderValue::from_str(id).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
}

/// Gives the request its context, and its answer within the limit.
pub(super) async fn handle<F: Future<Output = Response>>(
    limit: Duration,
    mut request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let context = RequestContext::of(request.headers());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let limit = AnswerLimit::new(limit);
    request.extensions_mut().insert(context.clone());
    request.extensions_mut().insert(limit.clone());
    let span = tracing::info_span!(
        "request",
        request_id = context.id(),
        trace_id = %context.trace.trace_id()
    );
    async {
        let started = Instant::now();
        let answer = tokio::select! {
            biased;
            answer = next(request) => answer,
            () = limit.passed() => Problem::unavailable("no answer in time").into_response(),
        };
        let (mut answer, problem) = rendered(answer, &path, &context);
        answer
            .headers_mut()
            .insert(REQUEST_ID_HEADER, context.id.clone());
        let took = started.elapsed();
        record(&context, &method, &path, &answer, problem.as_ref(), took);
        answer
    }
    .instrument(span)
    .await
}

/// Gives a problem its body, and keeps the headers that other layers have set (`Allow`, for example).
fn rendered(answer: Response, path: &str, context: &RequestContext) -> (Response, Option<Problem>) {
    let Some(problem) = answer.extensions().get::<Problem>().cloned() else {
        return (answer, None);
    };
    let mut rendered = problem.render(path, context.id());
    for (name, value) in answer.headers() {
        if name != axum::http::header::CONTENT_LENGTH {
            rendered
                .headers_mut()
                .entry(name)
                .or_insert_with(|| value.clone());
        }
    }
    *rendered.extensions_mut() = answer.extensions().clone();
    (rendered, Some(problem))
}

/// Notes the route that matched, for [`handle`].
pub(super) fn note_route(request: Request) -> Request {
    let extensions = request.extensions();
    let (context, route) = (extensions.get::<RequestContext>(), extensions.get());
    if let (Some(context), Some(route)) = (context, route) {
        context.set_route(Route::Matched(MatchedPath::clone(route)));
    }
    request
}

fn record(
    context: &RequestContext,
    method: &Method,
    path: &str,
    answer: &Response,
    problem: Option<&Problem>,
    took: Duration,
) {
    let status = answer.status();
    let route = context.route.get().map_or("unmatched", Route::as_str);
    log(method, path, route, status, problem, took);
    meters::record(method, route, status, took);
}

fn log(
    method: &Method,
    path: &str,
    route: &str,
    status: StatusCode,
    problem: Option<&Problem>,
    took: Duration,
) {
    let (status, ms) = (status.as_u16(), took.as_millis());
    let causes = problem
        .map(Problem::causes)
        .filter(|causes| !causes.is_empty());
    if status == 500 {
        tracing::error!(%method, path, status, ms, causes, "answered");
    } else if status > 500 {
        tracing::warn!(%method, path, status, ms, causes, "answered");
    } else if matches!(route, "/health/live" | "/health/ready" | "/metrics") {
        tracing::debug!(%method, path, status, ms, "answered");
    } else {
        tracing::info!(%method, path, status, ms, causes, "answered");
    }
}
