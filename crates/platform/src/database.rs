//! PostgreSQL: a pool, queries that are bounded in time, migrations under a lock.
//!
//! Every query waits at most [`QUERY_LIMIT`] in all, connection included, even for a server that is stopped and
//! answers nothing. A connection that broke is replaced without a word to the client but one 503. No query text
//! is made from input; no error text of the database reaches a client.

use std::{fmt::Write, time::Duration};

use diesel::{QueryResult, result::DatabaseErrorKind};
use diesel_async::{
    AsyncConnection, AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection,
    pooled_connection::{
        AsyncDieselConnectionManager, ManagerConfig, PoolableConnection, RecyclingMethod, bb8,
    },
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness};
use futures_util::{FutureExt, future::BoxFuture};
use secrecy::{ExposeSecret, SecretString};

use crate::problem::Problem;

/// The longest that a query may take, from asking for a connection to its last row.
pub const QUERY_LIMIT: Duration = Duration::from_millis(1_500);

/// How long a connection may be waited for; shorter than [`QUERY_LIMIT`].
const CONNECTION_LIMIT: Duration = Duration::from_secs(1);

/// How long migrations may wait for the lock, and run.
const MIGRATION_LIMIT: Duration = Duration::from_secs(60);

/// The advisory lock that migrations hold: any number that nobody else uses ("crud" in ASCII).
const MIGRATION_LOCK: i64 = 0x6372_7564;

/// Where a database is. `Debug` shows no password.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Name of the database.
    pub name: String,
    /// Role.
    pub user: String,
    /// The role's password.
    pub password: SecretString,
}

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
    /// A migration failed.
    #[error("the database could not be migrated: {0}")]
    Migration(Box<dyn std::error::Error + Send + Sync>),
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
        let manager = AsyncDieselConnectionManager::new_with_config(settings.url(), config);
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
        let bounded = tokio::time::timeout(limit, async {
            let mut connection = self.pool.get().await.map_err(DatabaseError::Unavailable)?;
            query(&mut connection).await.map_err(DatabaseError::Query)
        });
        bounded.await.unwrap_or(Err(DatabaseError::Late(limit)))
    }

    /// Asks the database for one row; for `/health/ready`.
    ///
    /// # Errors
    /// A short reason, without addresses.
    pub async fn check(&self) -> Result<(), String> {
        let one = self.run(|connection| {
            async { diesel::sql_query("SELECT 1").execute(connection).await }.boxed()
        });
        one.await.map(|_| ()).map_err(|error| error.to_string())
    }
}

/// Applies what is missing. One process at a time: the others wait for the lock, then find nothing to do.
///
/// # Errors
/// [`DatabaseError`], when the database is not there, the lock is not free in time, or a migration fails.
pub async fn migrate(
    settings: &Settings,
    migrations: EmbeddedMigrations,
) -> Result<(), DatabaseError> {
    let bounded = tokio::time::timeout(MIGRATION_LIMIT, async {
        let mut connection = AsyncPgConnection::establish(&settings.url())
            .await
            .map_err(|error| DatabaseError::Migration(Box::new(error)))?;
        // The lock is the session's: it goes with the connection, however this ends.
        let lock = format!("SET statement_timeout = 0; SELECT pg_advisory_lock({MIGRATION_LOCK})");
        connection
            .batch_execute(&lock)
            .await
            .map_err(DatabaseError::Query)?;
        let applied = tokio::task::spawn_blocking(move || run_pending(connection, migrations)).await;
        let applied = applied
            .map_err(|error| DatabaseError::Migration(Box::new(error)))?
            .map_err(DatabaseError::Migration)?;
        if applied > 0 {
            tracing::info!(applied, database = settings.name, "the database was migrated");
        }
        Ok(())
    });
    bounded
        .await
        .unwrap_or(Err(DatabaseError::Late(MIGRATION_LIMIT)))
}

/// diesel's migrations are blocking code over our connection, so they have a thread of their own.
fn run_pending(
    connection: AsyncPgConnection,
    migrations: EmbeddedMigrations,
) -> diesel::migration::Result<usize> {
    let mut harness = AsyncMigrationHarness::new(connection);
    Ok(harness.run_pending_migrations(migrations)?.len())
}

/// [`migrate`], tried again while the database is not there yet, for as long as `patience`.
///
/// # Errors
/// The last [`DatabaseError`] once patience has run out; at once when a migration itself is wrong.
pub async fn migrate_when_ready(
    settings: &Settings,
    migrations: fn() -> EmbeddedMigrations,
    patience: Duration,
) -> Result<(), DatabaseError> {
    let deadline = tokio::time::Instant::now() + patience;
    loop {
        match migrate(settings, migrations()).await {
            Err(DatabaseError::Migration(error)) if error.is::<diesel::ConnectionError>() => {
                if tokio::time::Instant::now() >= deadline {
                    return Err(DatabaseError::Migration(error));
                }
                tracing::warn!(database = settings.name, %error, "waiting for the database");
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            other => return other,
        }
    }
}

impl Settings {
    /// The URL for the driver. It holds the password: it is never logged.
    ///
    /// The server's own limits stand behind ours: a query that we gave up must not go on for ever.
    fn url(&self) -> String {
        let [user, password, name] =
            [&self.user, self.password.expose_secret(), &self.name].map(percent_encode);
        let options = percent_encode(
            "-c statement_timeout=5000 -c lock_timeout=2000 -c idle_in_transaction_session_timeout=10000 \
             -c timezone=UTC",
        );
        format!(
            "postgres://{user}:{password}@{host}:{port}/{name}?connect_timeout=1&options={options}",
            host = self.host,
            port = self.port,
        )
    }
}

impl DatabaseError {
    /// The error and its causes as one line: for a log, or for the reason of a refusal.
    #[must_use]
    pub fn chain(&self) -> String {
        let chain = std::iter::successors(Some(self as &dyn std::error::Error), |error| error.source());
        chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
    }

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
            Self::Query(_) | Self::Migration(_) => false,
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

/// A closed connection is found without a round trip: asking the server on every checkout would cost one.
fn still_open(connection: &mut AsyncPgConnection) -> BoxFuture<'_, QueryResult<()>> {
    let open = if connection.is_broken() {
        Err(diesel::result::Error::BrokenTransactionManager)
    } else {
        Ok(())
    };
    std::future::ready(open).boxed()
}

/// RFC 3986, section 2.1: whatever is not unreserved.
fn percent_encode(text: impl AsRef<str>) -> String {
    text.as_ref()
        .bytes()
        .fold(String::new(), |mut encoded, byte| {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                encoded.push(char::from(byte));
            } else {
                // Writing to a String cannot fail.
                let _ = write!(encoded, "%{byte:02X}");
            }
            encoded
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_of_any_characters_fits_into_the_url_and_never_prints() {
        let settings = Settings {
            host: "db".into(),
            port: 1,
            name: "a/b".into(),
            user: "u".into(),
            password: "p@:/?#é".into(),
        };
        assert!(
            settings
                .url()
                .starts_with("postgres://u:p%40%3A%2F%3F%23%C3%A9@db:1/a%2Fb?"),
            "{}",
            settings.url()
        );
        assert!(!format!("{settings:?}").contains("p@"));
    }
}
