//! A transaction is kept as a whole or not at all, however it is left.

use std::time::Duration;

use axum::http::StatusCode;
use diesel::sql_query;
use platform::{
    database::{Connection, Database, DatabaseError, on_violation},
    problem::Problem,
};
use testing::{TestDatabase, until};
use tokio::time::timeout;

use crate::helpers::{pool, session, until_none_sleeps, until_sleeping};

async fn with_table() -> (TestDatabase, Database) {
    let server = TestDatabase::create().await;
    server
        .execute("CREATE TABLE t (id int CONSTRAINT t_id_key UNIQUE)")
        .await;
    let database = pool(&server);
    (server, database)
}

async fn insert(connection: &mut Connection, id: i32) -> Result<(), DatabaseError> {
    let insert = sql_query(format!("INSERT INTO t VALUES ({id})"));
    connection.execute(insert).await.map(drop)
}

async fn sleep_long(connection: &mut Connection) -> Result<(), DatabaseError> {
    connection
        .execute(sql_query("SELECT pg_sleep(30)"))
        .await
        .map(drop)
}

async fn rows(server: &TestDatabase) -> String {
    server.value("SELECT count(*) FROM t").await
}

/// No session of the pool is inside a transaction any more.
async fn until_no_transaction_is_open(server: &TestDatabase) {
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                AND pid <> pg_backend_pid() AND xact_start IS NOT NULL";
    let none = async || server.value(open).await == "0";
    until(none, "no transaction is open").await;
}

#[tokio::test]
async fn what_is_answered_with_ok_is_committed() {
    let (server, database) = with_table().await;
    let both = async |c: &mut Connection| {
        insert(c, 1).await?;
        insert(c, 2).await?;
        Ok::<_, DatabaseError>("both")
    };
    assert_eq!(database.transaction(both).await.unwrap(), "both");
    assert_eq!(rows(&server).await, "2");
}

#[tokio::test]
async fn an_error_of_the_caller_rolls_back_and_is_returned() {
    let (server, database) = with_table().await;
    let before = session(&database).await;
    let refuse = async |c: &mut Connection| {
        insert(c, 1).await?;
        Err::<(), _>(Problem::conflict("not today"))
    };
    let problem = database.transaction(refuse).await.unwrap_err();
    assert_eq!(problem.status(), StatusCode::CONFLICT);
    assert_eq!(rows(&server).await, "0");
    assert_eq!(session(&database).await, before, "the connection is usable");
}

#[tokio::test]
async fn a_violated_constraint_is_a_client_error_and_takes_the_rest_with_it() {
    let (server, database) = with_table().await;
    let taken = || on_violation("t_id_key", || Problem::conflict("this id exists"));
    let twice = async move |c: &mut Connection| {
        insert(c, 1).await?;
        insert(c, 1).await.map_err(taken())
    };
    let problem: Problem = database.transaction(twice).await.unwrap_err();
    assert_eq!(problem.status(), StatusCode::CONFLICT);
    assert_eq!(rows(&server).await, "0");
}

/// The server answers a COMMIT of such a transaction with a rollback and no error.
#[tokio::test]
async fn a_failed_query_whose_error_is_ignored_is_no_success() {
    let (server, database) = with_table().await;
    let before = session(&database).await;
    let ignore = async |c: &mut Connection| {
        insert(c, 1).await?;
        let _ = insert(c, 1).await;
        Ok::<_, DatabaseError>(())
    };
    let error = database.transaction(ignore).await.unwrap_err();
    assert!(!error.is_transient(), "{error:?}");
    assert_eq!(rows(&server).await, "0");
    let good = async |c: &mut Connection| insert(c, 1).await;
    database.transaction(good).await.unwrap();
    assert_eq!(session(&database).await, before, "the connection is usable");
}

/// PostgreSQL says 25P02 to the second query, whose class is tried again; the first one says what is wrong.
#[tokio::test]
async fn a_query_after_a_failed_one_fails_for_the_reason_of_the_first() {
    let (_server, database) = with_table().await;
    let twice = async |c: &mut Connection| {
        insert(c, 1).await?;
        let _ = insert(c, 1).await;
        insert(c, 2).await
    };
    let error = database.transaction(twice).await.unwrap_err();
    assert!(!error.is_transient(), "{error:?}");
}

#[tokio::test]
async fn a_query_that_is_left_inside_the_work_is_cancelled_and_its_connection_not_used_again() {
    let (server, database) = with_table().await;
    let before = session(&database).await;
    let leave = async |c: &mut Connection| {
        let left = timeout(Duration::from_millis(300), sleep_long(c)).await;
        assert!(left.is_err(), "{left:?}");
        Ok::<_, DatabaseError>(())
    };
    database.run(leave).await.unwrap();
    until_none_sleeps(&server).await;
    assert_ne!(session(&database).await, before);
}

#[tokio::test]
async fn a_late_transaction_is_rolled_back() {
    let (server, database) = with_table().await;
    let limit = Duration::from_millis(300);
    let late = async |c: &mut Connection| {
        insert(c, 1).await?;
        sleep_long(c).await
    };
    let late = database.transaction_within(limit, late).await;
    assert!(matches!(late, Err(DatabaseError::Late(_))), "{late:?}");
    until_no_transaction_is_open(&server).await;
    assert_eq!(rows(&server).await, "0");
}

#[tokio::test]
async fn a_transaction_whose_caller_goes_in_a_statement_is_rolled_back() {
    let (server, database) = with_table().await;
    let before = session(&database).await;
    let long = async |c: &mut Connection| {
        insert(c, 1).await?;
        sleep_long(c).await
    };
    tokio::select! {
        answer = database.transaction(long) => panic!("{answer:?}"),
        () = until_sleeping(&server) => {}
    }
    until_none_sleeps(&server).await;
    until_no_transaction_is_open(&server).await;
    assert_eq!(rows(&server).await, "0");
    assert_ne!(session(&database).await, before);
}

#[tokio::test]
async fn a_transaction_whose_caller_goes_between_two_statements_is_rolled_back() {
    let (server, database) = with_table().await;
    let before = session(&database).await;
    let waiting = async |c: &mut Connection| {
        insert(c, 1).await?;
        std::future::pending::<Result<(), DatabaseError>>().await
    };
    let gone = timeout(Duration::from_millis(300), database.transaction(waiting)).await;
    assert!(gone.is_err(), "{gone:?}");
    until_no_transaction_is_open(&server).await;
    assert_eq!(rows(&server).await, "0");
    assert_ne!(session(&database).await, before);
}

#[tokio::test]
async fn who_listens_is_notified_of_what_is_committed_and_not_of_what_is_rolled_back() {
    let (_server, database) = with_table().await;
    let mut listener = database.listen("told").await.unwrap();
    let rolled_back = async |c: &mut Connection| {
        insert(c, 1).await?;
        c.notify_when_committed("told");
        insert(c, 1).await
    };
    database.transaction(rolled_back).await.unwrap_err();
    let another = async |c: &mut Connection| insert(c, 2).await;
    database.transaction(another).await.unwrap();
    let told = timeout(Duration::from_millis(300), listener.notified()).await;
    assert!(told.is_err(), "nothing was named since the rollback");
    let committed = async |c: &mut Connection| {
        c.notify_when_committed("told");
        insert(c, 3).await
    };
    database.transaction(committed).await.unwrap();
    let told = timeout(Duration::from_secs(10), listener.notified()).await;
    told.expect("in time").unwrap();
}
