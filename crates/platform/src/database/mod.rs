//! PostgreSQL: a pool, queries that are bounded in time, transactions, migrations under a lock.
//!
//! Promises: every query waits at most [`QUERY_LIMIT`] in all, connection included, even for a server that is stopped
//! and answers nothing; after a commit that others are notified of, up to half a second more. However a query is left (late,
//! or dropped with its request), it is cancelled at the server and its connection is not used again. A transaction is
//! committed or rolled back as a whole. No query text is made from input; no error text of the database reaches a client.
//!
//! # Layout
//!
//! - [`Connection`]: what queries run on; [`Statement`]: one that is written in SQL.
//! - [`BatchedReads`]: rows by their key, many in one query.
//! - `error`: why a query failed, and whether trying again may help; `sqlstate`: what the server called it.
//! - `pool`: the pool's connections; `manager`: how it makes them, `connect`: one connection; `settings`: where the database is.
//! - `listener`: notifications of the server.
//! - `migrations`: the schema's history.
//! - `text_column`: enums in columns.

mod batched_reads;
mod connect;
mod connection;
mod error;
mod listener;
mod manager;
mod migrations;
mod pool;
mod settings;
mod sqlstate;
mod statement;
mod text_column;

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::{
    runtime::Handle,
    time::{Instant, timeout, timeout_at},
};

use crate::http::workers;
use manager::LastFailure;
use pool::{Lent, Pools};

pub use batched_reads::{BatchedReads, ReadByKey};
pub use connect::ConnectError;
pub use connection::Connection;
pub use error::{DatabaseError, on_violation};
pub use listener::Listener;
pub use migrations::{migrate, migrate_when_ready};
pub use settings::Settings;
pub use sqlstate::SqlState;
pub use statement::{Statement, statement};

/// The longest that a query may take, from asking for a connection to its last row.
pub const QUERY_LIMIT: Duration = Duration::from_millis(1_500);

/// How long a connection may be waited for; shorter than [`QUERY_LIMIT`].
const CONNECTION_LIMIT: Duration = Duration::from_secs(1);

/// How long a notification may take after what it tells of is committed.
const NOTIFY_LIMIT: Duration = Duration::from_millis(500);

/// A handle to the pool; clones share it.
#[derive(Clone)]
pub struct Database {
    pools: Pools,
    settings: Arc<Settings>,
    last_failure: LastFailure,
}

/// What is done with a connection: an async closure whose future may move between threads.
///
/// It is a trait of its own because a bound on the future of an async closure cannot be written yet
/// (rust-lang/rust#109417); the bound `AsyncFnOnce` beside it tells the compiler what the closure takes.
pub trait Work<C, T>: AsyncFnOnce(C) -> T + FnOnce(C) -> <Self as Work<C, T>>::Future {
    /// What the closure returns.
    type Future: Future<Output = T>;
}

impl<F, C, Fut, T> Work<C, T> for F
where
    F: AsyncFnOnce(C) -> T + FnOnce(C) -> Fut,
    Fut: Future<Output = T>,
{
    type Future = Fut;
}

/// Queries on one connection that give `T` or `E`: what [`Database::run`] and [`Database::transaction`] take.
pub trait Queries<T, E>:
    for<'c> AsyncFnOnce(&'c mut Connection) -> Result<T, E>
    + for<'c> Work<&'c mut Connection, Result<T, E>, Future: Send>
    + Send
{
}

impl<F, T, E> Queries<T, E> for F where
    F: for<'c> AsyncFnOnce(&'c mut Connection) -> Result<T, E>
        + for<'c> Work<&'c mut Connection, Result<T, E>, Future: Send>
        + Send
{
}

impl Database {
    /// A pool; its connections are opened when they are needed. Each thread that serves requests has its part of it, and
    /// the use of those of the others when all of its own are lent.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        Self::with_parts(settings, workers::count(), LastFailure::default())
    }

    /// Another pool for the same database, at most as large as this one and as `most`. Neither waits for connections of the
    /// other. A failure to connect is logged once for both.
    #[must_use]
    pub fn another_pool(&self, most: u32) -> Self {
        let mut settings = Settings::clone(&self.settings);
        settings.pool = settings.pool.min(most);
        Self::with_parts(&settings, 1, self.last_failure.clone())
    }

    fn with_parts(settings: &Settings, parts: usize, last_failure: LastFailure) -> Self {
        Self {
            pools: Pools::new(settings, parts, &last_failure),
            settings: Arc::new(settings.clone()),
            last_failure,
        }
    }

    /// Runs queries on one connection, each committed by itself, within [`QUERY_LIMIT`] for all of them.
    ///
    /// # Errors
    /// [`DatabaseError`] as `E`, or what `work` gives.
    pub async fn run<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: Queries<T, E>,
        E: From<DatabaseError>,
    {
        self.run_within(QUERY_LIMIT, work).await
    }

    /// [`Self::run`] for queries that have a reason to take longer.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn run_within<T, E, F>(&self, limit: Duration, work: F) -> Result<T, E>
    where
        F: Queries<T, E>,
        E: From<DatabaseError>,
    {
        let end = Instant::now() + limit;
        let mut lease = self.lease().await?;
        let answer = timeout_at(end, work(&mut lease.lent.connection)).await;
        if let Ok(Ok(_)) = answer {
            lease.notify().await;
        }
        answer.unwrap_or_else(|_| Err(DatabaseError::Late(limit).into()))
    }

    /// Runs queries in one transaction, within [`QUERY_LIMIT`]: committed when `work` gives `Ok`, rolled back when it gives
    /// an error or is dropped.
    ///
    /// # Errors
    /// [`DatabaseError`] as `E`, or what `work` gives. PostgreSQL commits nothing after a query has failed, so `Ok` after an
    /// error that `work` has ignored is an error, too.
    pub async fn transaction<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: Queries<T, E>,
        E: From<DatabaseError>,
    {
        self.transaction_within(QUERY_LIMIT, work).await
    }

    /// [`Self::transaction`] for queries that have a reason to take longer.
    ///
    /// # Errors
    /// As [`Self::transaction`].
    pub async fn transaction_within<T, E, F>(&self, limit: Duration, work: F) -> Result<T, E>
    where
        F: Queries<T, E>,
        E: From<DatabaseError>,
    {
        let end = Instant::now() + limit;
        let mut lease = self.lease().await?;
        let answer = timeout_at(end, lease.lent.connection.transaction(work)).await;
        if let Ok(Ok(_)) = answer {
            lease.notify().await;
        }
        answer.unwrap_or_else(|_| Err(DatabaseError::Late(limit).into()))
    }

    /// Asks for one row.
    ///
    /// # Errors
    /// [`DatabaseError`] when there is no answer.
    pub async fn ping(&self) -> Result<(), DatabaseError> {
        let one = async |connection: &mut Connection| {
            connection.execute(diesel::sql_query("SELECT 1")).await
        };
        self.run(one).await.map(drop)
    }

    /// [`Self::ping`] for `/health/ready`; the error is a short reason without addresses.
    pub fn checker(&self) -> impl Fn() -> BoxFuture<'static, Result<(), String>> + use<> {
        let database = self.clone();
        move || {
            let database = database.clone();
            async move { database.ping().await.map_err(|error| error.summary()) }.boxed()
        }
    }

    async fn lease(&self) -> Result<Lease<'_>, DatabaseError> {
        let mut lent = self.pools.get().await.map_err(|error| match error {
            bb8::RunError::User(error) => DatabaseError::Unavailable(error),
            bb8::RunError::TimedOut => self.explain_timeout(),
        })?;
        lent.connection.clear_notifications();
        Ok(Lease {
            lent,
            settings: Arc::clone(&self.settings),
        })
    }

    /// Why there was no connection in time: none can be made, the server has not answered yet, or all are in use.
    fn explain_timeout(&self) -> DatabaseError {
        if let Some(failure) = self.last_failure.get() {
            DatabaseError::Unavailable(failure)
        } else if self.pools.are_empty() {
            DatabaseError::Unavailable(Arc::new(ConnectError::Silent(CONNECTION_LIMIT)))
        } else {
            DatabaseError::Busy(CONNECTION_LIMIT)
        }
    }
}

/// A connection while work is done on it. After a query that was left it is given up: the next one would wait behind the
/// statement that still runs, or behind a server that fell silent. With a transaction that was left open the pool drops it.
struct Lease<'a> {
    lent: Lent<'a>,
    settings: Arc<Settings>,
}

impl Lease<'_> {
    /// Bounded, as the caller waits: a lost notification costs only the next poll of those who listen.
    async fn notify(&mut self) {
        // One that is late is cancelled with its connection, as any query is.
        let _ = timeout(NOTIFY_LIMIT, self.lent.connection.notify()).await;
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let connection = &mut self.lent.connection;
        if !connection.was_left() {
            return;
        }
        connection.discard();
        let (token, settings) = (connection.cancel_token(), Arc::clone(&self.settings));
        // Bounded by itself; the caller has its answer already, or has gone. A runtime that is gone cuts the connection.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move { settings.cancel(&token).await });
        }
    }
}
