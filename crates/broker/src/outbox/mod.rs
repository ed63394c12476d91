//! Outbox: a message is written in the caller's transaction, and published once that is committed.
//!
//! Promises: a message of a committed transaction is published at least once, one of a transaction that was rolled back
//! never. It is deleted only after the broker has confirmed it, so what is sent twice (a crash in between) has the same id,
//! and its consumers drop what they have seen. A broker that is away is no error for those who write. A message that the
//! broker does not take stays in the table with its reason, is tried again with growing pauses, and does not stop the others.
//!
//! Messages are taken in the order of their age, batch after batch; within a batch, and beside a second relay, the order
//! may differ. Several processes may relay one table: each skips the rows that another one holds. The relay never uses a
//! cursor over ids or ages: transactions do not commit in their order.
//!
//! # Layout
//!
//! - [`add`], [`add_all`], [`start`]: for services; [`TABLE`]: what their migrations create.
//! - `row`: the table's rows and queries.
//! - `relay`: batch after batch; `listener`: what wakes it.
//! - `gauge`: depth and age, for metrics and health.

mod gauge;
mod listener;
mod relay;
mod row;

use std::{future::ready, sync::Arc, time::Duration};

use platform::{
    database::{Connection, Database, DatabaseError},
    health::Health,
    runtime::Tasks,
};
use tokio::sync::{Notify, watch};

use crate::{Outgoing, Publisher};
use gauge::{Depth, Gauge};
use listener::Listener;
use relay::Relay;

/// The name of this part of a service, for `--only` and health.
pub const NAME: &str = "outbox";

/// The table. A service that uses the outbox has a migration with this text.
pub const TABLE: &str = include_str!("table.sql");

/// How much at once, and how long.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most messages of a batch. With the longest bodies that the table takes they still fit into the publisher.
    pub batch: u16,
    /// How long a batch may wait for its confirms. Its rows are locked for that time: it is shorter than the server's limit
    /// for an idle transaction, and than the time that a stop has.
    pub confirm: Duration,
    /// From one look at the table to the next, when no notification comes.
    pub poll: Duration,
    /// From one look at depth and age to the next.
    pub measure: Duration,
    /// How old the oldest message may be before the outbox counts as not ready.
    pub stall: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            batch: 100,
            confirm: Duration::from_secs(4),
            poll: Duration::from_secs(1),
            measure: Duration::from_secs(2),
            stall: Duration::from_secs(15),
        }
    }
}

/// Writes a message in the transaction of `connection`; it is published after the commit. An id that is there already is
/// the same message, and changes nothing.
///
/// # Errors
/// [`DatabaseError`], also for a body above 256 KiB.
pub async fn add(connection: &mut Connection, message: &Outgoing) -> Result<(), DatabaseError> {
    row::insert(connection, std::slice::from_ref(message)).await
}

/// [`add`] for many messages in one statement; none of them is no statement.
///
/// # Errors
/// As [`add`].
pub async fn add_all(
    connection: &mut Connection,
    messages: &[Outgoing],
) -> Result<(), DatabaseError> {
    if messages.is_empty() {
        return Ok(());
    }
    row::insert(connection, messages).await
}

/// Whether a message has waited in the table for longer than `limit`, also one that the broker did not take.
///
/// # Errors
/// [`DatabaseError`]
pub async fn is_behind(
    connection: &mut Connection,
    limit: Duration,
) -> Result<bool, DatabaseError> {
    row::is_behind(connection, limit).await
}

/// A handle to a relay that runs; for health.
#[derive(Debug, Clone)]
pub struct Relaying {
    depth: watch::Receiver<Option<Depth>>,
    stall: Duration,
}

impl Relaying {
    /// Adds the check of the outbox, by its name.
    #[must_use]
    pub fn health(self, health: Health) -> Health {
        health.with(NAME, move || ready(self.ready()))
    }

    /// Whether what waits is being published; the error is a short reason. A message that the broker does not take counts
    /// for the metrics and not here: an operator has to act, and the others pass.
    ///
    /// # Errors
    /// When it is not, or when it is unknown.
    pub fn ready(&self) -> Result<(), String> {
        let depth = *self.depth.borrow();
        let depth = depth.ok_or("the outbox cannot be read")?;
        if depth.age < self.stall.as_secs_f64() {
            return Ok(());
        }
        let Depth { waiting, age, .. } = depth;
        Err(format!(
            "{waiting} messages wait in the outbox, the oldest for {age:.0} s"
        ))
    }
}

/// Starts the relay of the outbox as some of `tasks`, which end before those of `publisher` do.
///
/// It never fails to start. When `tasks.stop` is cancelled it finishes the batch in hand and ends; what is left waits in
/// the table.
#[must_use]
pub fn start(
    database: &Database,
    publisher: &Publisher,
    limits: Limits,
    tasks: &Tasks,
) -> Relaying {
    let wake = Arc::new(Notify::new());
    let (gauge, depth) = Gauge::new(database.clone(), limits.measure);
    let listener = Listener::new(database.clone(), Arc::clone(&wake));
    let relay = Relay::new(database.clone(), publisher.clone(), limits, wake);
    let stop = &tasks.stop;
    tasks.spawn("the gauge of the outbox", gauge.run(stop.clone()));
    tasks.spawn("the listener of the outbox", listener.run(stop.clone()));
    tasks.spawn("the relay of the outbox", relay.run(stop.clone()));
    Relaying {
        depth,
        stall: limits.stall,
    }
}
