//! A query that is left in any way takes its connection with it, and the next ones are answered.

use std::time::Duration;

use diesel::sql_query;
use diesel_async::RunQueryDsl;
use futures_util::FutureExt;
use platform::database::{Database, DatabaseError, Settings};
use testing::{
    Relay, TestDatabase,
    relay::{Ending, Protocol},
};
use tokio::time::{Instant, sleep, timeout};

const LIMIT: Duration = Duration::from_secs(1);

/// How many statements of these tests the server works on.
const RUNNING: &str = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' \
                       AND state = 'active' AND datname = current_database()";

/// A pool of one connection: whoever spoils it spoils it for the next.
fn pool(database: &TestDatabase, port: u16) -> Database {
    let settings = Settings {
        variables: "TEST_DB",
        host: "127.0.0.1".into(),
        port,
        name: database.name.clone(),
        user: database.user.clone(),
        password: database.password.clone().into(),
    };
    Database::new(&settings, 1)
}

async fn pause(database: &Database, seconds: f64) -> Result<usize, DatabaseError> {
    let query = sql_query(format!("SELECT pg_sleep({seconds})"));
    database
        .run_within(LIMIT, |connection| query.execute(connection).boxed())
        .await
}

/// Nothing of ours works on at the server.
async fn nothing_runs(database: &TestDatabase) {
    let ended = async {
        while database.value(RUNNING).await != "0" {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(3), ended)
        .await
        .expect("the server was told to stop");
}

#[tokio::test]
async fn a_late_query_is_cancelled_and_its_connection_not_used_again() {
    let server = TestDatabase::create().await;
    let database = pool(&server, server.port);
    for _ in 0..3 {
        let late = pause(&database, 30.0).await;
        assert!(matches!(late, Err(DatabaseError::Late(_))), "{late:?}");
        let begin = Instant::now();
        database.ping().await.unwrap();
        assert!(
            begin.elapsed() < Duration::from_secs(1),
            "{:?}",
            begin.elapsed()
        );
        nothing_runs(&server).await;
    }
}

#[tokio::test]
async fn a_query_whose_caller_has_gone_is_cancelled_and_its_connection_not_used_again() {
    let server = TestDatabase::create().await;
    let database = pool(&server, server.port);
    for _ in 0..3 {
        let gone = timeout(Duration::from_millis(100), pause(&database, 30.0)).await;
        assert!(gone.is_err(), "{gone:?}");
        let begin = Instant::now();
        database.ping().await.unwrap();
        assert!(
            begin.elapsed() < Duration::from_secs(1),
            "{:?}",
            begin.elapsed()
        );
        nothing_runs(&server).await;
    }
}

#[tokio::test]
async fn a_connection_that_falls_silent_in_a_statement_costs_one_query() {
    let server = TestDatabase::create().await;
    let relay = Relay::start(Protocol::Other, &server.host, server.port);
    let database = pool(&server, relay.port);
    database.ping().await.unwrap();
    let silence = async {
        while server.value(RUNNING).await == "0" {
            sleep(Duration::from_millis(5)).await;
        }
        relay.end(Ending::Silence);
    };
    let begin = Instant::now();
    let (late, ()) = tokio::join!(pause(&database, 0.5), silence);
    assert!(matches!(late, Err(DatabaseError::Late(_))), "{late:?}");
    assert!(
        begin.elapsed() < LIMIT + Duration::from_secs(1),
        "{:?}",
        begin.elapsed()
    );
    database.ping().await.unwrap();
}

/// A session that became read-only stays so; the next one may not be.
#[tokio::test]
async fn a_session_that_fails_without_the_data_being_at_fault_is_not_used_again() {
    let server = TestDatabase::create().await;
    let database = pool(&server, server.port);
    TestDatabase::execute(&server, "CREATE TABLE t (id int)").await;
    let insert = async || {
        let query = sql_query("INSERT INTO t VALUES (1)");
        database
            .run(|connection| query.execute(connection).boxed())
            .await
    };
    let read_only = sql_query("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY");
    database
        .run(|connection| read_only.execute(connection).boxed())
        .await
        .unwrap();
    assert!(insert().await.unwrap_err().is_transient());
    insert().await.unwrap();
}

#[tokio::test]
async fn what_the_data_are_to_blame_for_is_not_tried_again() {
    let server = TestDatabase::create().await;
    let database = pool(&server, server.port);
    let table = "CREATE TABLE t (id int PRIMARY KEY, parent int REFERENCES t, n int NOT NULL CHECK (n > 0)); \
                 INSERT INTO t VALUES (1, NULL, 1)";
    TestDatabase::execute(&server, table).await;
    for values in ["1, NULL, 1", "2, 9, 1", "2, NULL, NULL", "2, NULL, 0"] {
        let query = sql_query(format!("INSERT INTO t VALUES ({values})"));
        let refused = database
            .run(|connection| query.execute(connection).boxed())
            .await;
        assert!(!refused.unwrap_err().is_transient(), "{values}");
    }
}
