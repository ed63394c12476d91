//! Migrations: applied by the process that starts first, while the others wait.

use std::time::Duration;

use diesel_async::{AsyncMigrationHarness, AsyncPgConnection, SimpleAsyncConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness};
use tokio::time::Instant;

use super::{DatabaseError, Settings};
use crate::error::chain;

/// How long migrations may wait for the lock, and run.
const LIMIT: Duration = Duration::from_secs(60);

/// The pause between two tries to reach a database that is still starting.
const PAUSE: Duration = Duration::from_millis(500);

/// Takes the lock (any number that no other program uses: "crud" in ASCII), however long the others hold it. It is the
/// session's: it goes with the connection, however this ends. What migrates waits for no table's lock for long.
const LOCK: &str = "SET statement_timeout = 0; SET lock_timeout = 0; \
                    SELECT pg_advisory_lock(x'63727564'::bigint); SET lock_timeout = 2000";

/// Applies what is missing. One process at a time: the others wait for the lock, then find nothing to do.
///
/// # Errors
/// [`DatabaseError`], when the database is not there, the lock is not free in time, or a migration fails.
pub async fn migrate(
    settings: &Settings,
    migrations: EmbeddedMigrations,
) -> Result<(), DatabaseError> {
    let bounded = tokio::time::timeout(LIMIT, apply(settings, migrations));
    bounded.await.unwrap_or(Err(DatabaseError::Late(LIMIT)))
}

async fn apply(settings: &Settings, migrations: EmbeddedMigrations) -> Result<(), DatabaseError> {
    let connected = settings.connect().await.map_err(DatabaseError::Connect)?;
    let mut connection = connected.into_inner();
    let locked = connection.batch_execute(LOCK).await;
    locked.map_err(|source| DatabaseError::Query { source, code: None })?;
    let applied = tokio::task::spawn_blocking(move || run_pending(connection, migrations)).await;
    let applied = applied
        .map_err(|error| DatabaseError::Migration(Box::new(error)))?
        .map_err(DatabaseError::Migration)?;
    if applied > 0 {
        tracing::info!(
            applied,
            database = settings.name,
            "the database was migrated"
        );
    }
    Ok(())
}

/// diesel's migrations are blocking code over our connection, so they have a thread of their own.
fn run_pending(
    connection: AsyncPgConnection,
    migrations: EmbeddedMigrations,
) -> diesel::migration::Result<usize> {
    let mut harness = AsyncMigrationHarness::new(connection);
    Ok(harness.run_pending_migrations(migrations)?.len())
}

/// [`migrate`], tried again while the database is not there yet, for as long as `limit`.
///
/// # Errors
/// The last [`DatabaseError`] once `limit` is over; at once when the settings or a migration are wrong.
pub async fn migrate_when_ready(
    settings: &Settings,
    migrations: fn() -> EmbeddedMigrations,
    limit: Duration,
) -> Result<(), DatabaseError> {
    let deadline = Instant::now() + limit;
    let mut told = String::new();
    loop {
        match migrate(settings, migrations()).await {
            Err(DatabaseError::Connect(error)) if error.may_pass() && Instant::now() < deadline => {
                let error = chain(&error);
                if error != told {
                    tracing::warn!(database = settings.name, error, "waiting for the database");
                    told = error;
                }
                tokio::time::sleep(PAUSE).await;
            }
            other => return other,
        }
    }
}
