//! How a router is served: limits, the request's context, one error shape, slashes.
//!
//! [`app`] wraps the routes of a service; [`server::serve`] runs them. What a handler takes and gives is in
//! [`extract`] and [`list`].

pub mod context;
pub mod extract;
pub mod list;
pub mod server;
mod wire;

use std::{any::Any, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderValue, StatusCode, Uri, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use tower::Layer;
use tower_http::{catch_panic::CatchPanicLayer, normalize_path::NormalizePathLayer};

use crate::problem::Problem;

/// The bounds of a server. Each has a reason; none is a knob that anybody should need.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Open connections; more wait in the kernel's backlog.
    pub connections: usize,
    /// From the first byte of a request's head to its last; also how long a connection may idle.
    pub header: Duration,
    /// From the request's head to the answer's head.
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

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4_096,
            header: Duration::from_secs(10),
            answer: Duration::from_secs(10),
            headers: 128,
            body: 256 * 1_024,
            write_stall: Duration::from_secs(30),
            drain: Duration::from_secs(5),
        }
    }
}

/// Looks at each request before it is routed; a refusal is its answer, and a 400 the connection's end.
pub type Guard = Arc<dyn Fn(&Request) -> Result<(), Problem> + Send + Sync>;

/// The routes with all that every route has. A trailing slash means the same path.
pub fn app(routes: Router, limits: Limits) -> Router {
    guarded_app(routes, limits, Arc::new(|_| Ok(())))
}

/// [`app`] behind a guard, which sees the path as it was sent.
pub fn guarded_app(routes: Router, limits: Limits, guard: Guard) -> Router {
    let routes = routes
        .route_layer(middleware::from_fn(context::note_route))
        .fallback(async |uri: Uri| Problem::not_found(format!("there is no {}", uri.path())))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(limits.body));
    Router::new()
        .fallback_service(NormalizePathLayer::trim_trailing_slash().layer(routes))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(guard, admit))
        .layer(middleware::from_fn_with_state(limits, context::handle))
}

/// After a malformed request it is unknown where the next one starts: so there is none on this connection.
async fn admit(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    match guard(&request) {
        Ok(()) => next.run(request).await,
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

/// A panic is our mistake: the client gets a plain 500, the log gets what was said.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature is tower-http's"
)]
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let said = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or(panic.downcast_ref::<&str>().copied());
    tracing::error!(panic = said.unwrap_or("something"), "a handler panicked");
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "the request could not be carried out",
    )
    .into_response()
}
