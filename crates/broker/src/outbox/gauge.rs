//! Depth and age of the outbox: for the metrics, and for health. It looks by itself, so that it tells of a relay that is
//! stuck, too.

use std::time::Duration;

use metrics::gauge;
use platform::database::{Connection, Database};
use tokio::{sync::watch, time::sleep};
use tokio_util::sync::CancellationToken;

use super::row;
use crate::metrics as names;

/// What waits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Depth {
    /// Messages in the table.
    pub(super) waiting: i64,
    /// Those of them that the broker did not take.
    pub(super) failed: i64,
    /// Seconds since the oldest of the others was written; 0 when there is none.
    pub(super) age: f64,
}

/// Looks now and then.
pub(super) struct Gauge {
    database: Database,
    interval: Duration,
    last: watch::Sender<Option<Depth>>,
}

impl Gauge {
    /// The receiver follows it; `None` while the depth is unknown.
    pub(super) fn new(
        database: Database,
        interval: Duration,
    ) -> (Self, watch::Receiver<Option<Depth>>) {
        let (last, receiver) = watch::channel(None);
        let gauge = Self {
            database,
            interval,
            last,
        };
        (gauge, receiver)
    }

    pub(super) async fn run(self, stop: CancellationToken) {
        stop.run_until_cancelled(self.measure_repeatedly()).await;
    }

    async fn measure_repeatedly(&self) {
        let measure = async |connection: &mut Connection| row::measure(connection).await;
        loop {
            // The pool has logged why the database does not answer.
            let depth = self.database.run(measure).await;
            let depth =
                depth.inspect_err(|error| tracing::debug!(%error, "no depth of the outbox"));
            self.record(depth.ok());
            sleep(self.interval).await;
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a metric is a float")]
    fn record(&self, depth: Option<Depth>) {
        let value = |read: fn(Depth) -> f64| depth.map_or(f64::NAN, read);
        gauge!(names::OUTBOX_DEPTH).set(value(|depth| depth.waiting as f64));
        gauge!(names::OUTBOX_FAILED).set(value(|depth| depth.failed as f64));
        gauge!(names::OUTBOX_OLDEST_AGE).set(value(|depth| depth.age));
        self.last.send_replace(depth);
    }
}
