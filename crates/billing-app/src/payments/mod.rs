//! Payments: from `billing_queue` into `orders`, each exactly once.
//!
//! A payment that is sent while the billing sleeps waits in the durable queue. One that is sent or delivered twice has
//! one id and makes one row. One that is malformed goes to `billing_queue.dead` with its reason, and those behind it
//! go on. An acknowledgement is given after the commit and never before.

mod consumer;
pub mod dead_letters;
mod http;
mod model;

use broker::{
    Consuming, Monitor, Publisher, Settings,
    consumer::{Limits, start},
};
use messages::{
    Message,
    payments::{DEAD_LETTER_QUEUE, Payment},
};
use platform::{database::Database, runtime::Tasks};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::App;

use consumer::PaymentConsumer;

/// The routes under `/api/billing` that read.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(http::list))
        .routes(routes!(http::get))
}

/// What recording lives from; for health.
pub struct Recording {
    monitor: Monitor,
    dead_letters: Publisher,
    consuming: Consuming,
}

/// Starts to record what is on `billing_queue`.
///
/// Consuming is one of `intake`; what it cannot process it publishes as one of `output`, which must end later.
pub fn record(
    database: Database,
    settings: &Settings,
    intake: &Tasks,
    output: &Tasks,
) -> Recording {
    let queues = [Payment::QUEUE, DEAD_LETTER_QUEUE];
    let monitor = Monitor::start(settings.clone(), &queues, intake);
    let dead_letters = Publisher::start(settings.clone(), &[DEAD_LETTER_QUEUE], output);
    let consuming = start(
        PaymentConsumer { database },
        settings.clone(),
        dead_letters.clone(),
        monitor.clone(),
        Limits::default(),
        intake,
    );
    Recording {
        monitor,
        dead_letters,
        consuming,
    }
}

impl Recording {
    /// Whether the broker answers, delivers, and takes dead letters; the error is a short reason.
    ///
    /// # Errors
    /// When one of the three is missing.
    pub fn broker(&self) -> Result<(), String> {
        self.monitor.ready()?;
        self.consuming.ready()?;
        self.dead_letters.state().borrow().ready()
    }

    /// Whether what waits is being recorded; the error says for how long nothing was, and how much waits.
    ///
    /// # Errors
    /// When nothing was recorded for 15 s while payments waited.
    pub fn progress(&self) -> Result<(), String> {
        self.consuming.progress().map_err(|unsettled| {
            let seconds = unsettled.time.as_secs();
            let waiting = unsettled
                .waiting
                .map_or("an unknown number".into(), |waiting| waiting.to_string());
            format!("no payment recorded for {seconds} s, {waiting} waiting")
        })
    }
}
