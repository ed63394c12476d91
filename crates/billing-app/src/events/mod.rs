//! Events: what devices of clients report, each with a time, some dimensions and an exact value.
//!
//! An event never changes. They come one by one, as an array, or as a stream of lines of any length (NDJSON), which is kept a
//! thousand at a time with constant memory. The table has a partition for each month, which the writer makes when it is
//! missing; an event of any year from 1 to 9999 is kept.
//!
//! - `body`: an event as it is posted; `value`: its decimal.
//! - `http`: the routes; `ingest`: a stream of lines, `lines`: where each ends, `summary`: what became of them.
//! - `writer`: writes batches, and makes partitions; `id`: an id tells the partition; `model`: the rows.
//! - `generate`: believable events for a measurement.

mod body;
mod generate;
mod http;
mod id;
mod ingest;
mod lines;
mod model;
mod summary;
mod value;
mod writer;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::App;

pub use generate::{Command, generate};
pub use writer::Writer;

/// The table of all events, for the queries of reports; no other context names it.
pub(crate) const TABLE: &str = "events.events";

/// The routes under `/api/events`.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(http::list, http::create))
        .routes(routes!(http::get, http::delete))
}
