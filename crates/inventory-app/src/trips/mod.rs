//! Trips: a user, or the operator, takes a bike, rides it and gives it back.
//!
//! A trip takes its bike in the transaction that opens it, and releases it in the one that ends it: of many starts at once
//! one wins, and a bike has one running trip at most. A user sees their own trips, the operator all. The track of a trip
//! comes from location events.

mod http;
mod model;
mod track;
mod track_model;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::App;

pub use track::Track;

/// The routes under `/api/trips`.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(http::list, http::start))
        .routes(routes!(http::get))
        .routes(routes!(http::end))
}
