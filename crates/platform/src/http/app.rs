//! A request's way to its route, and its answer's way back: what every route has, in one place.
//!
//! The steps are calls of one another, not layers: a layer costs a box for its future and one for the service behind it,
//! for each request. Each answer is given within [`Limits::answer`], a panic is a 500, and a trailing slash means the same
//! path.

use std::{any::Any, panic::AssertUnwindSafe, sync::Arc};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::{HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use futures_util::{
    FutureExt,
    future::{BoxFuture, Either, Ready},
};
use tower::{Layer, ServiceExt, util::MapRequestLayer};
use tower_http::normalize_path::{NormalizePath, NormalizePathLayer};

use super::{Limits, context};
use crate::problem::Problem;

/// What a guard says of a request, mostly at once.
pub type Guarded =
    Either<Ready<Result<Request, Problem>>, BoxFuture<'static, Result<Request, Problem>>>;

/// Checks each request before routing, with the path as it was sent, and may add extensions to it. A refusal is the
/// answer; a 400 also closes the connection.
pub type Guard = Arc<dyn Fn(Request) -> Guarded + Send + Sync>;

/// How routes are served.
#[derive(Clone, Default)]
pub struct Options {
    /// The bounds.
    pub limits: Limits,
    /// Checks each request; without one, every request is routed.
    pub guard: Option<Guard>,
}

/// The routes with all that every route has; clones share them.
#[derive(Clone)]
pub struct App {
    routes: NormalizePath<Router>,
    options: Options,
}

impl App {
    /// Serves `routes` as `options` say.
    #[must_use]
    pub fn new(routes: Router, options: Options) -> Self {
        let routes = routes
            .route_layer(MapRequestLayer::new(context::note_route))
            .fallback(async |uri: Uri| Problem::not_found(format!("there is no {}", uri.path())))
            .method_not_allowed_fallback(method_not_allowed);
        Self {
            routes: NormalizePathLayer::trim_trailing_slash().layer(routes),
            options,
        }
    }

    /// The answer to `request`, whatever happens.
    pub(super) async fn answer(self, request: Request) -> Response {
        let limit = self.options.limits.answer;
        context::handle(limit, request, |request| self.guarded(request)).await
    }

    /// A panic is a bug: the client gets a 500 without details, the log gets the message.
    async fn guarded(self, request: Request) -> Response {
        let answer = AssertUnwindSafe(self.admitted(request)).catch_unwind();
        answer.await.unwrap_or_else(|panic| panicked(&*panic))
    }

    /// Runs the guard. A 400 closes the connection: after a malformed request, the start of the next one is unknown.
    async fn admitted(self, request: Request) -> Response {
        let admitted = match &self.options.guard {
            Some(guard) => guard(request).await,
            None => Ok(request),
        };
        match admitted {
            Ok(request) => self.routed(request).await,
            Err(problem) if problem.status() == StatusCode::BAD_REQUEST => {
                let close = [(header::CONNECTION, HeaderValue::from_static("close"))];
                (close, problem).into_response()
            }
            Err(problem) => problem.into_response(),
        }
    }

    async fn routed(self, mut request: Request) -> Response {
        DefaultBodyLimit::max(self.options.limits.body).apply(&mut request);
        match self.routes.oneshot(request).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        }
    }
}

async fn method_not_allowed() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "this path does not take this method; `Allow` lists those it takes",
    )
}

fn panicked(panic: &(dyn Any + Send)) -> Response {
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
