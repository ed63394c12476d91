//! How many connections there are, and why there is none.

use std::time::Duration;

use diesel::sql_query;
use platform::{
    database::{Connection, Database, DatabaseError},
    error::chain,
};
use testing::{TestDatabase, until};
use tokio::{net::TcpListener, task::JoinSet};

use crate::helpers::{pool, pool_at, pool_of};

#[tokio::test]
async fn a_pool_opens_no_more_connections_than_it_may_and_says_that_all_are_busy() {
    let server = TestDatabase::create().await;
    let database = pool_of(&server, 3);
    let mut holding = JoinSet::new();
    for _ in 0..5 {
        let database = database.clone();
        holding.spawn(async move { hold(&database).await });
    }
    let sleeping = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                    AND query LIKE 'SELECT pg_sleep%'";
    until(
        async || server.value(sleeping).await == "3",
        "three statements run",
    )
    .await;
    let error = database.ping().await.unwrap_err();
    assert!(matches!(error, DatabaseError::Busy(_)), "{error:?}");
    assert_eq!(server.value(sleeping).await, "3");
    holding.shutdown().await;
    database.ping().await.unwrap();
}

/// Holds a connection whenever there is one for it; on a busy machine the first may be late.
async fn hold(database: &Database) {
    loop {
        let query = sql_query("SELECT pg_sleep(30)");
        let hold = async move |c: &mut Connection| c.execute(query).await;
        let _: Result<_, DatabaseError> = database.run_within(Duration::from_secs(40), hold).await;
    }
}

#[tokio::test]
async fn a_password_that_was_changed_later_is_told_as_a_refused_login() {
    let mut server = TestDatabase::create().await;
    server.use_own_role().await;
    let database = pool(&server);
    database.ping().await.unwrap();
    server.set_password("second").await;
    database.ping().await.expect("open connections go on");

    server.end_sessions().await;
    let refused = until_unavailable(&database).await;
    let told = chain(&refused);
    assert!(
        told.contains("check TEST_DB_USER and TEST_DB_PASSWORD"),
        "{told}"
    );
    assert!(refused.is_transient(), "the password may be set back");
    let health = database.checker()().await;
    assert_eq!(health.unwrap_err(), "the database refuses the login");

    server.set_password("first").await;
    until(
        async || database.ping().await.is_ok(),
        "the database is back",
    )
    .await;
    assert_eq!(database.checker()().await, Ok(()));
}

/// The first error that is about connecting; those before it are about the session that was ended.
async fn until_unavailable(database: &Database) -> DatabaseError {
    for _ in 0..3 {
        match database.ping().await {
            Err(error @ DatabaseError::Unavailable(_)) => return error,
            Err(error) => assert!(error.is_transient(), "{error:?}"),
            Ok(()) => {}
        }
    }
    panic!("the database still answers")
}

#[tokio::test]
async fn a_server_that_says_nothing_is_told_as_silent_and_not_as_busy() {
    let server = TestDatabase::create().await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let database = pool_at(&server, silent.local_addr().unwrap().port());
    let error = database.ping().await.unwrap_err();
    let told = chain(&error);
    assert!(told.contains("the database says nothing within"), "{told}");
}
