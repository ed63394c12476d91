//! A pool over a database of the test's own, and what the server knows of its sessions.

use std::time::Duration;

use diesel::{QueryableByName, sql_query, sql_types::Integer};
use platform::database::{Connection, Database, DatabaseError, Settings};
use testing::{TestDatabase, until};
use tokio::time::timeout;

/// How many statements of a test the server works on.
const RUNNING: &str = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' \
                       AND state = 'active' AND datname = current_database()";

/// After so long the server itself ends a statement.
const STATEMENT_LIMIT: Duration = Duration::from_secs(5);

#[derive(QueryableByName)]
struct Session {
    #[diesel(sql_type = Integer)]
    pid: i32,
}

fn settings(database: &TestDatabase) -> Settings {
    Settings {
        variables: "TEST_DB",
        host: database.host.clone(),
        port: database.port,
        name: database.name.clone(),
        user: database.user.clone(),
        password: database.password.clone().into(),
        pool: 1,
    }
}

/// A pool of one connection: what spoils it is seen by the next query.
pub(crate) fn pool(database: &TestDatabase) -> Database {
    pool_of(database, 1)
}

pub(crate) fn pool_of(database: &TestDatabase, pool: u32) -> Database {
    Database::new(&Settings {
        pool,
        ..settings(database)
    })
}

/// A pool whose database is at another port.
pub(crate) fn pool_at(database: &TestDatabase, port: u16) -> Database {
    Database::new(&Settings {
        port,
        ..settings(database)
    })
}

pub(crate) async fn execute(database: &Database, sql: &str) -> Result<usize, DatabaseError> {
    let query = sql_query(sql);
    database
        .run(async move |c: &mut Connection| c.execute(query).await)
        .await
}

/// The server's number for the session that answers next.
pub(crate) async fn session(database: &Database) -> i32 {
    let query = sql_query("SELECT pg_backend_pid() AS pid");
    let session = async move |c: &mut Connection| c.one::<Session, _>(query).await;
    let session: Result<_, DatabaseError> = database.run(session).await;
    session.unwrap().pid
}

/// Waits until the server works on a `SELECT pg_sleep`.
pub(crate) async fn until_sleeping(database: &TestDatabase) {
    let sleeps = async || database.value(RUNNING).await != "0";
    until(sleeps, "the statement runs").await;
}

/// Waits until the server works on none; it was told to stop, as its own limit for statements is longer.
pub(crate) async fn until_none_sleeps(database: &TestDatabase) {
    let none = async || database.value(RUNNING).await == "0";
    let ended = timeout(STATEMENT_LIMIT / 2, until(none, "none sleeps")).await;
    ended.expect("the server was told to stop");
}
