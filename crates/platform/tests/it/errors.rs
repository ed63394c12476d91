//! Which errors of a real server pass by themselves, and which the data or the query are to blame for.

use std::time::Duration;

use axum::http::StatusCode;
use diesel::{sql_query, sql_types::Text};
use platform::{
    database::{Connection, DatabaseError, on_violation},
    problem::Problem,
};
use testing::TestDatabase;
use tokio::sync::Barrier;

use crate::helpers::{execute, pool, pool_at, pool_of, until_sleeping};

/// What the server called it.
fn code(error: &DatabaseError) -> &str {
    match error {
        DatabaseError::Query {
            code: Some(code), ..
        } => code.code(),
        other => panic!("no answer of the server: {other:?}"),
    }
}

#[tokio::test]
async fn a_number_out_of_range_and_an_unknown_table_are_permanent() {
    let server = TestDatabase::create().await;
    let database = pool(&server);
    for (query, expected) in [
        ("SELECT 2147483647::int + 1", "22003"),
        ("SELECT * FROM nowhere", "42P01"),
    ] {
        let error = execute(&database, query).await.unwrap_err();
        assert_eq!((code(&error), error.is_transient()), (expected, false));
    }
}

#[tokio::test]
async fn a_nul_in_a_text_is_permanent() {
    let server = TestDatabase::create().await;
    let query = sql_query("SELECT $1").bind::<Text, _>("a\0b");
    let asked: Result<usize, DatabaseError> = pool(&server)
        .run(async move |c: &mut Connection| c.execute(query).await)
        .await;
    let error = asked.unwrap_err();
    assert_eq!((code(&error), error.is_transient()), ("22021", false));
}

#[tokio::test]
async fn a_violated_constraint_is_permanent() {
    let server = TestDatabase::create().await;
    let database = pool(&server);
    let table = "CREATE TABLE t (id int PRIMARY KEY, parent int REFERENCES t, n int NOT NULL CHECK (n > 0)); \
                 INSERT INTO t VALUES (1, NULL, 1)";
    server.execute(table).await;
    for values in ["1, NULL, 1", "2, 9, 1", "2, NULL, NULL", "2, NULL, 0"] {
        let refused = execute(&database, &format!("INSERT INTO t VALUES ({values})")).await;
        assert!(!refused.unwrap_err().is_transient(), "{values}");
    }
}

#[tokio::test]
async fn a_session_that_an_operator_ends_is_transient_and_replaced() {
    let server = TestDatabase::create().await;
    let database = pool(&server);
    let end = async {
        until_sleeping(&server).await;
        server.end_sessions().await;
    };
    let (ended, ()) = tokio::join!(execute(&database, "SELECT pg_sleep(30)"), end);
    let error = ended.unwrap_err();
    assert_eq!((code(&error), error.is_transient()), ("57P01", true));
    database.ping().await.unwrap();
}

#[tokio::test]
async fn a_deadlock_is_transient() {
    let server = TestDatabase::create().await;
    server
        .execute("CREATE TABLE t (id int, n int); INSERT INTO t VALUES (1, 0), (2, 0)")
        .await;
    let database = pool_of(&server, 2);
    let both_have_one = Barrier::new(2);
    let update = async |rows: [i32; 2]| {
        let met = &both_have_one;
        let update = async move |c: &mut Connection| {
            add_one(c, rows[0]).await?;
            met.wait().await;
            add_one(c, rows[1]).await
        };
        database
            .transaction_within(Duration::from_secs(5), update)
            .await
    };
    let (first, second) = tokio::join!(update([1, 2]), update([2, 1]));
    let error = match (first, second) {
        (Ok(()), Err(error)) | (Err(error), Ok(())) => error,
        both => panic!("one should have been chosen: {both:?}"),
    };
    assert_eq!((code(&error), error.is_transient()), ("40P01", true));
    let kept = server.value("SELECT sum(n) FROM t").await;
    assert_eq!(kept, "2", "the other one was committed as a whole");
}

async fn add_one(connection: &mut Connection, id: i32) -> Result<(), DatabaseError> {
    let update = sql_query(format!("UPDATE t SET n = n + 1 WHERE id = {id}"));
    connection.execute(update).await.map(drop)
}

#[tokio::test]
async fn only_the_named_constraint_becomes_a_client_error() {
    let server = TestDatabase::create().await;
    let database = pool(&server);
    let table = "CREATE TABLE t (id int CONSTRAINT t_id_key UNIQUE, n int CONSTRAINT t_n_small CHECK (n < 9)); \
                 INSERT INTO t VALUES (1, 1)";
    server.execute(table).await;
    let our_mistake = StatusCode::INTERNAL_SERVER_ERROR;
    for (statement, constraint, status) in [
        (
            "INSERT INTO t VALUES (1, 1)",
            "t_id_key",
            StatusCode::CONFLICT,
        ),
        (
            "INSERT INTO t VALUES (2, 9)",
            "t_n_small",
            StatusCode::CONFLICT,
        ),
        ("INSERT INTO t VALUES (2, 9)", "t_id_key", our_mistake),
        ("INSERT INTO t VALUES (1, 1)", "t_id", our_mistake),
        ("INSERT INTO nowhere VALUES (1)", "t_id_key", our_mistake),
    ] {
        let mapped = on_violation(constraint, || Problem::conflict("it exists"));
        let problem = execute(&database, statement).await.map_err(mapped);
        let status_seen = problem.unwrap_err().status();
        assert_eq!(status_seen, status, "{statement}, {constraint}");
    }
}

#[tokio::test]
async fn an_absent_database_is_a_503_whatever_constraint_is_named() {
    let server = TestDatabase::create().await;
    let database = pool_at(&server, 1);
    let mapped = on_violation("t_id_key", || Problem::conflict("it exists"));
    let problem = execute(&database, "SELECT 1").await.map_err(mapped);
    let status = problem.unwrap_err().status();
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
}
