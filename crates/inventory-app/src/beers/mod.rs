//! Beers: a sku that names them, a name, a price and, if there is one, an image.
//!
//! A sku is unique, never changes and can always stand in a path. A price is exact: it is read from the text of the
//! request and never becomes a float. Nothing here knows who may write: the gateway decides that.

mod http;
mod model;
mod price;
mod rules;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::App;

pub(crate) use model::Beer;

/// The routes under `/api/beers`.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(http::list, http::create))
        .routes(routes!(http::get, http::update, http::delete))
}
