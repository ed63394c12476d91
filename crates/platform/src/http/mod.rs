//! How a router is served: limits, the request's context, one error shape, slashes.
//!
//! [`app`] wraps the routes of a service; [`server::serve`] runs them. What a handler takes is in [`extract`], what it
//! gives in [`answer`] and [`list`]; what it asks of another service in [`client`].

pub mod answer;
pub mod answer_limit;
pub mod caller;
pub mod client;
mod client_stream;
pub mod context;
pub mod escape;
pub mod extract;
pub mod json;
pub mod list;
pub mod server;

use std::{any::Any, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderValue, StatusCode, Uri, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use futures_util::future::BoxFuture;
use tower::Layer;
use tower_http::{catch_panic::CatchPanicLayer, normalize_path::NormalizePathLayer};

use crate::problem::Problem;

/// The bounds of a server. They are constants of each service, not settings.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Open connections; more wait in the kernel's backlog.
    pub connections: usize,
    /// From the first byte of a request's head to its last; also how long a connection may idle.
    pub header: Duration,
    /// From the request's head to the answer's head; a handler may extend its own ([`answer_limit`]).
    pub answer: Duration,
    /// Headers of one request. The services take more than the gateway, which adds some of its own.
    pub headers: usize,
    /// Bytes of a body that an extractor reads.
    pub body: usize,
    /// How long one write may stall on a client that does not read.
    pub write_stall: Duration,
    /// How long open requests may go on after the stop signal.
    pub drain: Duration,
}

impl Limits {
    /// What fits a service.
    pub const DEFAULT: Self = Self {
        connections: 4_096,
        header: Duration::from_secs(10),
        answer: Duration::from_secs(10),
        headers: 128,
        body: 256 * 1_024,
        write_stall: Duration::from_secs(30),
        drain: Duration::from_secs(5),
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Checks each request before routing, with the path as it was sent, and may add extensions to it. A refusal is the
/// answer; a 400 also closes the connection.
pub type Guard = Arc<dyn Fn(Request) -> BoxFuture<'static, Result<Request, Problem>> + Send + Sync>;

/// How routes are served.
#[derive(Clone, Default)]
pub struct Options {
    /// The bounds.
    pub limits: Limits,
    /// Checks each request; without one, every request is routed.
    pub guard: Option<Guard>,
}

/// The routes with all that every route has. A trailing slash means the same path.
pub fn app(routes: Router, Options { limits, guard }: Options) -> Router {
    let routes = routes
        .route_layer(middleware::from_fn(context::attach_route))
        .fallback(async |uri: Uri| Problem::not_found(format!("there is no {}", uri.path())))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(limits.body));
    Router::new()
        .fallback_service(NormalizePathLayer::trim_trailing_slash().layer(routes))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(guard, admit))
        .layer(middleware::from_fn_with_state(limits, context::handle))
}

/// Runs the guard. A 400 closes the connection: after a malformed request, the start of the next one is unknown.
async fn admit(State(guard): State<Option<Guard>>, request: Request, next: Next) -> Response {
    let admitted = match guard {
        Some(guard) => guard(request).await,
        None => Ok(request),
    };
    match admitted {
        Ok(request) => next.run(request).await,
        Err(problem) if problem.status() == StatusCode::BAD_REQUEST => {
            let close = [(header::CONNECTION, HeaderValue::from_static("close"))];
            (close, problem).into_response()
        }
        Err(problem) => problem.into_response(),
    }
}

async fn method_not_allowed() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "this path does not take this method; `Allow` lists those it takes",
    )
}

/// A panic is a bug: the client gets a 500 without details, the log gets the message.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature is tower-http's"
)]
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or(panic.downcast_ref::<&str>().copied());
    tracing::error!(
        panic = message.unwrap_or("not a text"),
        "a handler panicked"
    );
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "the request could not be carried out",
    )
    .into_response()
}
