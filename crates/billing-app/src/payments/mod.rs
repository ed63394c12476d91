//! Payments: from `billing_queue` into `orders`, each exactly once.
//!
//! A payment that is sent while the billing sleeps waits in the durable queue. One that is sent or delivered twice has
//! one id and makes one row. One that is malformed goes to `billing_queue.dead` with its reason, and those behind it
//! go on. An acknowledgement is given after the commit and never before.
//!
//! A payment that a checkout sent has the id of its order. When that order is cancelled its refund is recorded, once; the
//! payment stays as it is.

mod consumer;
mod http;
mod model;
mod refunds;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::App;

pub use consumer::Record;
pub use refunds::Refunds;

/// The routes under `/api/billing` that read.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(http::list))
        .routes(routes!(http::get))
}
