//! A query that is left in any way takes its connection with it, and the next ones are answered.

use std::time::Duration;

use diesel::{
    QueryableByName, sql_query,
    sql_types::{BigInt, Integer},
};
use platform::database::{Connection, Database, DatabaseError, statement};
use testing::{
    Relay, TestDatabase,
    relay::{Ending, Protocol},
};
use tokio::time::Instant;

use crate::helpers::{execute, pool, pool_at, session, until_none_sleeps, until_sleeping};

const LIMIT: Duration = Duration::from_secs(1);

async fn pause(database: &Database, seconds: f64) -> Result<usize, DatabaseError> {
    let query = sql_query(format!("SELECT pg_sleep({seconds})"));
    database
        .run_within(LIMIT, async move |c: &mut Connection| {
            c.execute(query).await
        })
        .await
}

/// The session that answers next, which must be there at once.
async fn next_session(database: &Database) -> i32 {
    let begin = Instant::now();
    let next = session(database).await;
    assert!(begin.elapsed() < LIMIT, "{:?}", begin.elapsed());
    next
}

#[tokio::test]
async fn a_late_query_is_cancelled_and_its_connection_not_used_again() {
    let server = TestDatabase::create().await;
    let database = pool(&server);
    for _ in 0..3 {
        let before = session(&database).await;
        let late = pause(&database, 30.0).await;
        assert!(matches!(late, Err(DatabaseError::Late(_))), "{late:?}");
        assert_ne!(next_session(&database).await, before);
        until_none_sleeps(&server).await;
    }
}

#[tokio::test]
async fn a_query_whose_caller_has_gone_is_cancelled_and_its_connection_not_used_again() {
    let server = TestDatabase::create().await;
    let database = pool(&server);
    for _ in 0..3 {
        let before = session(&database).await;
        tokio::select! {
            answer = pause(&database, 30.0) => panic!("{answer:?}"),
            () = until_sleeping(&server) => {}
        }
        assert_ne!(next_session(&database).await, before);
        until_none_sleeps(&server).await;
    }
}

#[tokio::test]
async fn an_answered_query_gives_its_connection_back() {
    let server = TestDatabase::create().await;
    let database = pool(&server);
    let before = session(&database).await;
    execute(&database, "SELECT 1").await.unwrap();
    execute(&database, "SELECT 1 / 0").await.unwrap_err();
    assert_eq!(session(&database).await, before);
}

#[tokio::test]
async fn a_connection_that_falls_silent_in_a_statement_costs_one_query() {
    let server = TestDatabase::create().await;
    let relay = Relay::start(Protocol::Other, &server.host, server.port);
    let database = pool_at(&server, relay.port);
    database.ping().await.unwrap();
    let silence = async {
        until_sleeping(&server).await;
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
    let database = pool(&server);
    server.execute("CREATE TABLE t (id int)").await;
    let insert = "INSERT INTO t VALUES (1)";
    let read_only = "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY";
    execute(&database, read_only).await.unwrap();
    let refused = execute(&database, insert).await.unwrap_err();
    assert!(refused.is_transient(), "{refused:?}");
    execute(&database, insert).await.unwrap();
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// How many statements that add the number 7 the next session has prepared.
async fn prepared(database: &Database) -> i64 {
    let query = sql_query(
        "SELECT count(*) AS count FROM pg_prepared_statements WHERE statement LIKE 'SELECT 7 +%'",
    );
    let count = async move |c: &mut Connection| c.one::<Count, _>(query).await;
    let count: Result<_, DatabaseError> = database.run(count).await;
    count.unwrap().count
}

#[tokio::test]
async fn a_statement_is_prepared_once_for_a_connection() {
    let server = TestDatabase::create().await;
    let database = pool(&server);
    for number in 0..3 {
        let add = async move |c: &mut Connection| {
            let sum = statement("SELECT 7 + $1::bigint AS count").bind::<BigInt, _>(number);
            c.one::<Count, _>(sum).await
        };
        let sum: Result<_, DatabaseError> = database.run(add).await;
        assert_eq!(sum.unwrap().count, 7 + number);
        assert_eq!(prepared(&database).await, 1);
    }
    let other = async |c: &mut Connection| {
        let sum = statement("SELECT 7 + $1::int::bigint AS count").bind::<Integer, _>(1);
        c.one::<Count, _>(sum).await
    };
    let sum: Result<_, DatabaseError> = database.run(other).await;
    assert_eq!(sum.unwrap().count, 8);
    assert_eq!(prepared(&database).await, 2);
}
