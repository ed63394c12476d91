//! Movies: a title and, if there is one, a description.
//!
//! Titles are kept trimmed; a search matches any part of them, whatever the case. Nothing here knows who may write:
//! the gateway decides that.

mod http;
mod model;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::App;

pub(crate) use model::Movie;

/// The routes under `/api/movies`.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(http::list, http::create, http::delete_all))
        .routes(routes!(http::get, http::update, http::delete))
}
