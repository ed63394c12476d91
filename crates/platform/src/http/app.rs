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
use futures_util::{FutureExt, future::BoxFuture};
use tower::{Layer, ServiceExt, util::MapRequestLayer};
use tower_http::normalize_path::{NormalizePath, NormalizePathLayer};

use super::{Limits, context};
use crate::{error::panic_text, problem::Problem};

/// What a front does with a request that it does not refuse.
pub enum Fronted {
    /// It has answered.
    Answered(Response),
    /// The routes are to answer.
    Routed(Request),
}

/// Sees each request before the routes do, with the path as it was sent: refuses it, answers it, or lets it be routed. A
/// refusal with 400 also closes the connection.
pub type Front = Arc<dyn Fn(Request) -> BoxFuture<'static, Result<Fronted, Problem>> + Send + Sync>;

/// How routes are served.
#[derive(Clone, Default)]
pub struct Options {
    /// The bounds.
    pub limits: Limits,
    /// Sees each request first; without one, every request is routed.
    pub front: Option<Front>,
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
            .method_not_allowed_fallback(async || Problem::method_not_allowed());
        Self {
            routes: NormalizePathLayer::trim_trailing_slash().layer(routes),
            options,
        }
    }

    /// The answer to `request`, whatever happens.
    pub(super) async fn answer(self, request: Request) -> Response {
        let limit = self.options.limits.answer;
        context::handle(limit, request, |request| self.caught(request)).await
    }

    /// A panic is a bug: the client gets a 500 without details, the log gets the message.
    async fn caught(self, request: Request) -> Response {
        let answer = AssertUnwindSafe(self.fronted(request)).catch_unwind();
        answer.await.unwrap_or_else(|panic| panicked(&*panic))
    }

    /// A 400 closes the connection: after a malformed request, the start of the next one is unknown.
    async fn fronted(self, request: Request) -> Response {
        let fronted = match &self.options.front {
            Some(front) => front(request).await,
            None => Ok(Fronted::Routed(request)),
        };
        match fronted {
            Ok(Fronted::Answered(answer)) => answer,
            Ok(Fronted::Routed(request)) => self.routed(request).await,
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

fn panicked(panic: &(dyn Any + Send)) -> Response {
    tracing::error!(panic = panic_text(panic), "a handler panicked");
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "the request could not be carried out",
    )
    .into_response()
}
