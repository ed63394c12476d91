//! The live feed: where bikes are now, to every listener, as server-sent events.
//!
//! One task of the process reads each change of a position once and sends it to all listeners through a bounded ring. A
//! listener gets every change once and in order. A listener that sends `Last-Event-ID` first gets the later changes from
//! the table, and an event `gap` before them when the oldest are not kept any more. A listener that falls behind the ring
//! is cut off and resumes. A stop of the process ends all streams at once.
//!
//! # Layout
//!
//! - `reader`: the task that reads the changes.
//! - `listener`: the events of one client.
//! - `http`: the route.

mod http;
mod listener;
mod reader;

use std::{sync::Arc, time::Duration};

use axum::response::sse;
use platform::database::Database;
use serde::Serialize;
use time::OffsetDateTime;
use tokio::sync::{Semaphore, broadcast};
use tokio_util::sync::CancellationToken;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::model::Change;
use crate::{App, place::Place};

pub use reader::Reader;

/// The metrics of the feed, `(name, what it counts)`; a test holds docs/operations.md to it.
pub const METRICS: &[(&str, &str)] = &[(LISTENERS, "open streams of `GET /api/bikes/stream`")];

const LISTENERS: &str = "bikes_stream_listeners";

/// Connections to the database that read changes for all listeners; requests do not wait for them.
const POOL: u32 = 1;

/// How the feed is bounded. These are constants of the program; tests change them.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most listeners of one process.
    pub listeners: usize,
    /// From the last event to a comment that says that the stream is alive.
    pub heartbeat: Duration,
    /// How many events a listener may be behind the newest.
    pub behind: usize,
    /// The most rows that are read at once, for all listeners or for one that resumes.
    pub page: u16,
    /// How often the reader looks when it is not notified.
    pub poll: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            listeners: 1_000,
            heartbeat: Duration::from_secs(15),
            behind: 4_096,
            page: 500,
            poll: Duration::from_secs(1),
        }
    }
}

/// The feed of a process; clones share it.
#[derive(Clone)]
pub struct Feed(Arc<Shared>);

struct Shared {
    /// For what one listener asks.
    database: Database,
    limits: Limits,
    events: broadcast::Sender<Event>,
    places: Arc<Semaphore>,
    stop: CancellationToken,
}

/// What a listener gets.
#[derive(Debug, Clone)]
struct Event {
    /// `None`: a gap.
    sequence: Option<i64>,
    text: sse::Event,
}

/// The data of an event.
#[derive(Serialize)]
struct Data<'a> {
    bike_id: &'a str,
    location: Place,
    #[serde(with = "platform::timestamp")]
    recorded_at: OffsetDateTime,
}

/// The route of the feed.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(http::stream))
}

impl Feed {
    /// A feed that ends with `stop`, and has no [`Self::reader`] yet.
    #[must_use]
    pub fn new(database: &Database, limits: Limits, stop: CancellationToken) -> Self {
        Self(Arc::new(Shared {
            database: database.clone(),
            limits,
            events: broadcast::Sender::new(limits.behind),
            places: Arc::new(Semaphore::new(limits.listeners)),
            stop,
        }))
    }

    /// Finds where to begin, again and again until the database answers. No listener may come before: it could miss a change
    /// that was made before the reader began.
    pub async fn reader(&self) -> Reader {
        Reader::begin(self.clone(), self.0.database.another_pool(POOL)).await
    }
}

impl Event {
    fn gap() -> Self {
        Self {
            sequence: None,
            text: sse::Event::default().event("gap").data("{}"),
        }
    }
}

impl From<Change> for Event {
    fn from(change: Change) -> Self {
        let data = Data {
            bike_id: &change.bike_id,
            location: change.place,
            recorded_at: change.recorded_at,
        };
        let event = sse::Event::default().id(change.sequence.to_string());
        let text = event.event("position").json_data(data);
        Self {
            sequence: Some(change.sequence),
            // A time before year 0 has no text: the listener is told that something is missing.
            text: text.unwrap_or_else(|_| Self::gap().text),
        }
    }
}
