//! Payments: from `billing_queue` into `orders`, each exactly once.
//!
//! A payment that is sent while the billing sleeps waits in the durable queue. One that is sent or delivered twice has
//! one id and makes one row. One that is malformed goes to `billing_queue.dead` with its reason, and those behind it
//! go on. An acknowledgement is given after the commit and never before.

mod consumer;
pub mod dead_letters;
mod http;
mod model;

use broker::{BrokerState, Publisher};
use messages::payments::DEAD_LETTER_QUEUE;
use platform::{database::Database, runtime::Tasks};
use tokio::sync::watch;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::App;

use consumer::PaymentConsumer;

/// The routes under `/api/billing` that read.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(http::list))
        .routes(routes!(http::get))
}

/// Starts to record what is on `billing_queue`; the receiver tells whether the broker can be used.
///
/// Consuming is one of `intake`; what it cannot process it publishes as one of `output`, which must end later.
pub fn consume(
    database: Database,
    settings: &broker::Settings,
    intake: &Tasks,
    output: &Tasks,
) -> watch::Receiver<BrokerState> {
    let dead_letters = Publisher::start(settings.clone(), &[DEAD_LETTER_QUEUE], output);
    let limits = broker::consumer::Limits::default();
    broker::consumer::start(
        PaymentConsumer { database },
        settings.clone(),
        dead_letters,
        limits,
        intake,
    )
}
