//! Orders: what a user collects, checks out and follows to its end.
//!
//! A user has one open order at most; the database sees to it. Its prices are those that the user was shown last, and a
//! checkout at other prices is refused. A checkout fixes prices and total, and writes in the same transaction what must be
//! sent: the payment, whose id is the order's, and the request for a shipping. The answer of the shipping ends the order
//! once: `SHIPPED`, or `CANCELLED` with a refund of what was paid. An order that is not answered asks again, and is
//! cancelled in the end. Nothing here changes an order that has ended.
//!
//! # Layout
//!
//! - `http`, `body`: routes, and what they take and answer.
//! - `open`: the open order of a user; `checkout`: its end as such; `total`: checked sums.
//! - `user_locks`: requests of one user wait for each other without a connection.
//! - `ending`: what ends an order; `consumer`: the shipping's answer; `timer`: the lack of one.
//! - `outgoing`: what an order says to others.
//! - `model`: rows and queries; `status`: the states; `schema`: the tables, by diesel.

mod body;
mod checkout;
mod consumer;
mod ending;
mod http;
mod model;
mod open;
mod outgoing;
mod schema;
mod status;
mod timer;
mod total;
mod user_locks;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::App;

pub use consumer::Updates;
pub use timer::{Limits, Overdue};
pub use user_locks::UserLocks;

/// The routes under `/api/orders`.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(http::list, http::create))
        .routes(routes!(http::current, http::add, http::remove))
        .routes(routes!(http::check_out))
        .routes(routes!(http::get))
}
