//! Shippings: each order that wants to be shipped has one, and it ends once, as `SUCCESS` or as `FAIL`.
//!
//! The conversation: `orders_create` makes a shipping `PROCESSING`, which asks `customers_request`. The answer on
//! `customers_detail` ends it: with a customer as `SUCCESS`, without one as `FAIL`; so does a question that was not answered
//! after some time and some repetitions. The end is said on `shippings_update`. An order that is cancelled makes its shipping
//! `FAIL`, whatever it was, and nothing is said: the order knows.
//!
//! Each step is one transaction: the change of state and the messages that it causes. A change names the state that it
//! leaves, so a message that comes twice, late or in another order changes nothing. Only one repetition has an answer:
//! an order that asks again for a shipping that has ended did not hear its end, and is told it again.

mod consumer;
mod http;
mod model;
mod timer;

use std::time::Duration;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::App;

pub use consumer::{Conclude, Open};
pub use timer::AskAgain;

/// How long a shipping waits for its customer.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// From one question to the next.
    pub answer: Duration,
    /// How often a question is repeated before the shipping fails.
    pub repetitions: i32,
    /// The most shippings of one transaction of the timer.
    pub batch: u16,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(10),
            repetitions: 5,
            batch: 100,
        }
    }
}

/// The routes under `/api/shippings`.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(http::list))
        .routes(routes!(http::get))
}
