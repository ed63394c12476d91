//! Reports: how many events there are of each kind, their sums and their means.
//!
//! A report groups the events by any of six dimensions, filters and orders them, and gives one page of the groups and the
//! number of all. It is one statement, so one consistent snapshot. Its text is made of enums, never of what the caller wrote;
//! values are bound. Nothing is remembered between two reports.
//!
//! A report may read every event, so few run at once, on connections of their own, and few wait: requests that are not
//! reports never wait for one.
//!
//! - `http`: the route; `query`: its parameters, `values`: what they may be.
//! - `sql`: the statement; `page`: the answer as JSON, `csv`: as CSV.

mod csv;
mod http;
mod page;
mod query;
mod sql;
mod values;

use std::{sync::Arc, time::Duration};

use platform::{database::Database, problem::Problem};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::App;

/// Reports that run at once.
const RUNNING: u32 = 2;

/// Reports that wait for one of these to end.
const WAITING: usize = 16;

/// How long one waits.
const WAIT: Duration = Duration::from_secs(5);

/// How long one may run. With [`WAIT`] it is less than the 30 s that the gateway gives a report.
const LIMIT: Duration = Duration::from_secs(20);

/// Runs the reports; clones share the limits.
#[derive(Clone)]
pub struct Reports {
    database: Database,
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Reports {
    /// With connections of their own.
    #[must_use]
    pub fn new(database: &Database) -> Self {
        Self {
            database: database.another_pool(RUNNING),
            running: Arc::new(Semaphore::new(RUNNING as usize)),
            waiting: Arc::new(Semaphore::new(RUNNING as usize + WAITING)),
        }
    }

    /// Waits until a report may run; it runs while both permits are held.
    async fn admit(&self) -> Result<[OwnedSemaphorePermit; 2], Problem> {
        let place = Arc::clone(&self.waiting).try_acquire_owned();
        let place = place.map_err(|_| too_many("too many reports wait"))?;
        let running = timeout(WAIT, Arc::clone(&self.running).acquire_owned()).await;
        match running {
            Ok(Ok(running)) => Ok([place, running]),
            _ => Err(too_many("other reports take too long")),
        }
    }
}

fn too_many(why: &str) -> Problem {
    Problem::unavailable(format!("{why}; try again in a moment"))
}

/// The route `/api/reports`.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(http::report))
}
