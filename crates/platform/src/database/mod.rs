//! PostgreSQL: a pool, queries that are bounded in time, migrations under a lock.
//!
//! Every query waits at most [`QUERY_LIMIT`] in all, connection included, even for a server that is stopped and
//! answers nothing. A connection that broke costs one 503 and is replaced. No query text
//! is made from input; no error text of the database reaches a client.

mod connect;
mod migrations;

use std::{error::Error, time::Duration};

use diesel::{QueryResult, result::DatabaseErrorKind};
use diesel_async::{
    AnsiTransactionManager, AsyncPgConnection, RunQueryDsl, TransactionManager,
    pooled_connection::{
        AsyncDieselConnectionManager, ManagerConfig, PoolableConnection, RecyclingMethod, bb8,
    },
};
use futures_util::{FutureExt, future::BoxFuture};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_postgres::NoTls;

use crate::problem::Problem;

pub use connect::{ConnectError, Settings};
pub use migrations::{migrate, migrate_when_ready};

/// The longest that a query may take, from asking for a connection to its last row.
pub const QUERY_LIMIT: Duration = Duration::from_millis(1_500);

/// How long a connection may be waited for; shorter than [`QUERY_LIMIT`].
const CONNECTION_LIMIT: Duration = Duration::from_secs(1);

/// A query was not answered, or the database said no.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// No connection could be had in time.
    #[error("no database connection")]
    Unavailable(#[source] bb8::RunError),
    /// No answer within the limit.
    #[error("no answer from the database within {0:?}")]
    Late(Duration),
    /// The database answered with an error.
    #[error("the database refused a query")]
    Query(#[source] diesel::result::Error),
    /// The database cannot be reached to migrate it.
    #[error(transparent)]
    Connect(ConnectError),
    /// A migration failed.
    #[error("the database could not be migrated")]
    Migration(#[source] Box<dyn Error + Send + Sync>),
}

/// A handle to the pool; clones share it.
#[derive(Clone)]
pub struct Database {
    pool: bb8::Pool<AsyncPgConnection>,
}

impl Database {
    /// A pool of at most `size` connections, opened when they are needed.
    #[must_use]
    pub fn new(settings: &Settings, size: u32) -> Self {
        let mut config = ManagerConfig::<AsyncPgConnection>::default();
        config.recycling_method = RecyclingMethod::CustomFunction(Box::new(still_open));
        let settings = settings.clone();
        config.custom_setup = Box::new(move |_| settings.clone().establish().boxed());
        // Our own setup has the settings: the URL is for the default one.
        let manager = AsyncDieselConnectionManager::new_with_config("", config);
        let builder = bb8::Pool::builder()
            .max_size(size)
            .connection_timeout(CONNECTION_LIMIT);
        Self {
            pool: builder.build_unchecked(manager),
        }
    }

    /// Runs one query, or one transaction, within [`QUERY_LIMIT`].
    ///
    /// # Errors
    /// [`DatabaseError`]; what the database refused is in [`DatabaseError::Query`].
    pub async fn run<T: Send>(
        &self,
        query: impl for<'c> FnOnce(&'c mut AsyncPgConnection) -> BoxFuture<'c, QueryResult<T>> + Send,
    ) -> Result<T, DatabaseError> {
        self.run_within(QUERY_LIMIT, query).await
    }

    /// [`Self::run`] for a query that has a reason to take longer.
    ///
    /// # Errors
    /// [`DatabaseError`], as [`Self::run`].
    pub async fn run_within<T: Send>(
        &self,
        limit: Duration,
        query: impl for<'c> FnOnce(&'c mut AsyncPgConnection) -> BoxFuture<'c, QueryResult<T>> + Send,
    ) -> Result<T, DatabaseError> {
        let end = Instant::now() + limit;
        let connection = self.pool.get().await.map_err(DatabaseError::Unavailable)?;
        let mut lease = Lease {
            connection,
            answered: false,
        };
        let result = timeout_at(end, query(&mut lease.connection)).await;
        lease.answered = result.is_ok();
        let result = result.map_err(|_| DatabaseError::Late(limit))?;
        let result = result.map_err(DatabaseError::Query);
        if result.as_ref().is_err_and(DatabaseError::is_transient) {
            // The session itself may be the reason: read-only since a failover, or with a plan that is out of date.
            discard(&mut lease.connection);
        }
        result
    }

    /// Asks for one row.
    ///
    /// # Errors
    /// [`DatabaseError`] when there is no answer.
    pub async fn ping(&self) -> Result<(), DatabaseError> {
        self.run(|connection| diesel::sql_query("SELECT 1").execute(connection).boxed())
            .await?;
        Ok(())
    }

    /// [`Self::ping`] for `/health/ready`; the error is a short reason without addresses.
    pub fn checker(&self) -> impl Fn() -> BoxFuture<'static, Result<(), String>> + use<> {
        let database = self.clone();
        move || {
            let database = database.clone();
            async move { database.ping().await.map_err(|error| error.to_string()) }.boxed()
        }
    }
}

/// A connection while a query runs on it. However the query is left (late, or dropped with a client that has hung up),
/// a connection without an answer is given up.
struct Lease<'a> {
    connection: bb8::PooledConnection<'a, AsyncPgConnection>,
    answered: bool,
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if !self.answered {
            give_up(&mut self.connection);
        }
    }
}

impl DatabaseError {
    /// Whether the same query may succeed later: the database was absent, late or busy, and the query not wrong.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        use diesel::result::Error::{BrokenTransactionManager, DatabaseError as Refused};
        match self {
            Self::Unavailable(_) | Self::Late(_) | Self::Query(BrokenTransactionManager) => true,
            Self::Query(Refused(kind, _)) => !matches!(
                kind,
                DatabaseErrorKind::UniqueViolation
                    | DatabaseErrorKind::ForeignKeyViolation
                    | DatabaseErrorKind::NotNullViolation
                    | DatabaseErrorKind::CheckViolation
                    | DatabaseErrorKind::RestrictViolation
                    | DatabaseErrorKind::ExclusionViolation
            ),
            Self::Query(_) | Self::Connect(_) | Self::Migration(_) => false,
        }
    }
}

/// Absent, late or busy is a 503. What is left is our own mistake: a slice turns constraints into client errors.
impl From<DatabaseError> for Problem {
    fn from(error: DatabaseError) -> Self {
        let problem = if error.is_transient() {
            Problem::unavailable("the database does not answer; try again in a moment")
        } else {
            Problem::new(
                axum::http::StatusCode::INTERNAL_SERVER_ERROR,
                "the request could not be carried out",
            )
        };
        problem.because(error)
    }
}

/// A connection whose query is late must not be used again: the next one would wait behind it, or behind a server
/// that fell silent. The pool drops it, and the server is told to stop working on it.
fn give_up(connection: &mut AsyncPgConnection) {
    discard(connection);
    let cancel = connection.cancel_token();
    // It ends by itself; the caller has its answer already.
    tokio::spawn(timeout(CONNECTION_LIMIT, async move {
        cancel.cancel_query(NoTls).await
    }));
}

/// The pool drops it instead of giving it to the next.
fn discard(connection: &mut AsyncPgConnection) {
    AnsiTransactionManager::transaction_manager_status_mut(connection).set_in_error();
}

/// A closed connection is found without a round trip: asking the server on every checkout would cost one.
fn still_open(connection: &mut AsyncPgConnection) -> BoxFuture<'_, QueryResult<()>> {
    let open = if connection.is_broken() {
        Err(diesel::result::Error::BrokenTransactionManager)
    } else {
        Ok(())
    };
    std::future::ready(open).boxed()
}
