//! Batch after batch: lock the next rows, publish them all, delete what was confirmed, commit.
//!
//! The rows stay locked while they are published, so that a second relay does not send them, too. A process that ends, or
//! a connection that is lost, rolls back: the rows are sent again under the same ids. While the broker is away no
//! transaction is open.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use platform::{
    database::{Connection, Database, DatabaseError},
    error::chain,
};
use tokio::{sync::Notify, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{
    Limits,
    row::{self, Row},
};
use crate::{BrokerState, PublishError, Publisher, backoff::Backoff};

/// What a batch needs of the database beside the wait for its confirms; with it a batch ends well before a stop does.
const DATABASE_LIMIT: Duration = Duration::from_millis(1_500);

/// Publishes what is in the table.
pub(super) struct Relay {
    database: Database,
    publisher: Publisher,
    limits: Limits,
    wake: Arc<Notify>,
    /// The error of the last batch, which was logged.
    failure: Option<String>,
}

/// A batch whose transaction was committed.
struct Batch {
    rows: Vec<(Row, Outcome)>,
}

/// What became of a row.
enum Outcome {
    /// Confirmed, and deleted.
    Published,
    /// Not taken, for a reason of its own; put off.
    Failed(String),
    /// The publisher did not get an answer; the row is as it was.
    Unknown(PublishError),
}

/// Why there was no progress.
#[derive(Debug, thiserror::Error)]
enum RelayError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Publish(#[from] PublishError),
}

impl Relay {
    pub(super) fn new(
        database: Database,
        publisher: Publisher,
        limits: Limits,
        wake: Arc<Notify>,
    ) -> Self {
        Self {
            database,
            publisher,
            limits,
            wake,
            failure: None,
        }
    }

    /// Until `stop`; the batch in hand is finished.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let mut backoff = Backoff::new();
        while stop
            .run_until_cancelled(self.broker_usable())
            .await
            .is_some()
        {
            let batch = self.relay_batch().await;
            self.log(batch.as_ref().err());
            match batch {
                Ok(is_full) => {
                    backoff = Backoff::new();
                    if !is_full {
                        stop.run_until_cancelled(self.next_wake()).await;
                    }
                }
                // Notifications do not shorten this pause: under load they would come at once.
                Err(_) => drop(stop.run_until_cancelled(sleep(backoff.next())).await),
            }
        }
    }

    /// Waits until the publisher has a connection that takes messages.
    async fn broker_usable(&self) {
        let mut state = self.publisher.state();
        let usable =
            |state: &BrokerState| matches!(state, BrokerState::Connected | BrokerState::Unproven);
        if state.wait_for(usable).await.is_err() {
            // The publisher has ended: there is nothing to do until the stop.
            std::future::pending::<()>().await;
        }
    }

    async fn next_wake(&self) {
        tokio::select! {
            () = self.wake.notified() => {}
            () = sleep(self.limits.poll) => {}
        }
    }

    /// One transaction; tells whether more may wait.
    async fn relay_batch(&self) -> Result<bool, RelayError> {
        let (publisher, limits) = (&self.publisher, self.limits);
        let work = async |transaction: &mut Connection| {
            let rows = Row::lock_next(transaction, limits.batch).await?;
            let batch = Batch::publish(rows, publisher, limits.confirm).await;
            batch.settle(transaction).await?;
            Ok::<_, DatabaseError>(batch)
        };
        let limit = limits.confirm + DATABASE_LIMIT;
        let batch = self.database.transaction_within(limit, work).await?;
        batch.log();
        batch.unknown()?;
        Ok(batch.rows.len() == usize::from(limits.batch))
    }

    /// One line when it fails, or fails for another reason, and one when it works again.
    fn log(&mut self, error: Option<&RelayError>) {
        let error = error.map(|error| chain(error));
        match (&self.failure, &error) {
            (before, Some(error)) if before.as_ref() != Some(error) => {
                tracing::warn!(error, "the outbox is not published; trying again");
            }
            (Some(_), None) => tracing::info!("the outbox is published again"),
            _ => {}
        }
        self.failure = error;
    }
}

impl Batch {
    /// Ends within `limit`. What has failed before comes after the others: the publisher sends a batch one by one when
    /// one of it is not taken.
    async fn publish(rows: Vec<Row>, publisher: &Publisher, limit: Duration) -> Self {
        let deadline = Instant::now() + limit;
        let (fresh, failed): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.attempts == 0);
        let mut rows = publish_all(fresh, publisher, deadline).await;
        rows.extend(publish_all(failed, publisher, deadline).await);
        Self { rows }
    }

    /// Deletes what was confirmed, and puts off what was not taken.
    async fn settle(&self, transaction: &mut Connection) -> Result<(), DatabaseError> {
        let (mut published, mut failed) = (Vec::new(), Vec::new());
        for (row, outcome) in &self.rows {
            match outcome {
                Outcome::Published => published.push(row.id),
                Outcome::Failed(error) => failed.push((row.id, error.clone())),
                Outcome::Unknown(_) => {}
            }
        }
        if !published.is_empty() {
            row::delete(transaction, published).await?;
        }
        if !failed.is_empty() {
            row::put_off(transaction, failed).await?;
        }
        Ok(())
    }

    /// One line when a message fails, or fails for another reason, and one when it was taken after that.
    fn log(&self) {
        for (row, outcome) in &self.rows {
            let Row {
                id,
                route,
                attempts,
                ..
            } = row;
            match outcome {
                Outcome::Failed(error) if row.last_error.as_ref() != Some(error) => {
                    tracing::warn!(%id, route, error, "a message of the outbox is not taken; it stays there and is tried again");
                }
                Outcome::Published if *attempts > 0 => {
                    tracing::info!(%id, route, attempts, "a message of the outbox was taken after it had failed");
                }
                _ => {}
            }
        }
    }

    /// The first error that was not of a row.
    fn unknown(&self) -> Result<(), PublishError> {
        let unknown = self.rows.iter().find_map(|(_, outcome)| match outcome {
            Outcome::Unknown(error) => Some(*error),
            _ => None,
        });
        unknown.map_or(Ok(()), Err)
    }
}

/// Publishes all of `rows` at the same time.
async fn publish_all(
    rows: Vec<Row>,
    publisher: &Publisher,
    deadline: Instant,
) -> Vec<(Row, Outcome)> {
    let limit = deadline.saturating_duration_since(Instant::now());
    let publishing = rows.into_iter().map(async |row| {
        let outcome = match row.message() {
            Some(message) => publisher.publish(message, limit).await.into(),
            None => Outcome::Failed("its route cannot be read".into()),
        };
        (row, outcome)
    });
    join_all(publishing).await
}

impl From<Result<(), PublishError>> for Outcome {
    fn from(result: Result<(), PublishError>) -> Self {
        use PublishError::{Overloaded, Refused, Stopped, Unconfirmed, Undeclared, Unroutable};
        match result {
            Ok(()) => Self::Published,
            Err(error @ (Undeclared | Unroutable | Refused)) => Self::Failed(error.to_string()),
            Err(error @ (Overloaded | Stopped | Unconfirmed)) => Self::Unknown(error),
        }
    }
}
