//! A database that is not there: a 503 in time, and back by itself.

use std::time::{Duration, Instant};

use inventory_app::MIGRATIONS;
use platform::database::{migrate, migrate_when_ready};
use testing::TestDatabase;
use tokio::net::TcpListener;

use crate::helpers::{Inventory, serve, settings};

#[tokio::test]
async fn no_database_is_a_503_within_two_seconds() {
    let database = TestDatabase::create().await;
    let mut settings = settings(&database);
    settings.port = closed_port().await;
    let (client, _stop) = serve(&settings).await;
    let started = Instant::now();
    let answer = client.get("/api/movies").await;
    answer.problem(503);
    assert_eq!(answer.header("retry-after"), "1");
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn a_database_that_accepts_and_says_nothing_is_a_503_within_two_seconds() {
    let database = TestDatabase::create().await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = settings(&database);
    settings.port = silent.local_addr().unwrap().port();
    let (client, _stop) = serve(&settings).await;
    let started = Instant::now();
    client.get("/api/movies").await.problem(503);
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn closed_connections_are_replaced_without_a_restart() {
    let inventory = Inventory::start().await;
    inventory.add("x").await;
    let all = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    for _ in 0..5 {
        inventory.database.rows(all).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(inventory.titles("/api/movies").await, ["x"]);
    }
}

#[tokio::test]
async fn a_locked_table_is_a_503_and_does_not_outlive_its_lock() {
    let inventory = Inventory::start().await;
    inventory.add("x").await;
    let session = inventory.database.connect().await;
    session
        .batch_execute("BEGIN; LOCK TABLE movies")
        .await
        .unwrap();
    inventory.client.get("/api/movies").await.problem(503);
    session.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(inventory.titles("/api/movies").await, ["x"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_replicas_may_migrate_at_once() {
    let database = TestDatabase::create().await;
    let settings = settings(&database);
    let replicas = (0..4).map(|_| {
        let settings = settings.clone();
        tokio::spawn(async move { migrate(&settings, MIGRATIONS).await })
    });
    for replica in replicas.collect::<Vec<_>>() {
        replica.await.unwrap().unwrap();
    }
    assert_eq!(
        database
            .value("SELECT count(*) FROM __diesel_schema_migrations")
            .await,
        "1"
    );
}

#[tokio::test]
async fn a_start_gives_up_waiting_for_a_database_that_never_comes() {
    let database = TestDatabase::create().await;
    let mut settings = settings(&database);
    settings.port = closed_port().await;
    let waited = migrate_when_ready(&settings, || MIGRATIONS, Duration::from_millis(700)).await;
    assert_eq!(
        waited.unwrap_err().to_string(),
        "no connection to the database"
    );
}

#[tokio::test]
async fn a_start_with_wrong_settings_fails_at_once_and_names_the_variables() {
    let database = TestDatabase::create().await;
    let mut wrong_password = settings(&database);
    wrong_password.password = "wrong".into();
    let mut wrong_name = settings(&database);
    wrong_name.name = "nowhere".into();
    let role = format!(
        "the role {}: check MOVIES_DB_USER and MOVIES_DB_PASSWORD",
        database.user
    );
    for (settings, what) in [
        (wrong_password, role),
        (wrong_name, "the name nowhere: check MOVIES_DB_NAME".into()),
    ] {
        let started = Instant::now();
        let error = migrate_when_ready(&settings, || MIGRATIONS, Duration::from_secs(30)).await;
        assert_eq!(
            error.unwrap_err().to_string(),
            format!("the database refuses {what}")
        );
        assert!(started.elapsed() < Duration::from_secs(5));
    }
}

/// A port that was free a moment ago, so that connecting to it is refused.
async fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}
