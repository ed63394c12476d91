//! A database that is not there: a 503 in time, and back by itself.

use std::time::{Duration, Instant};

use inventory_app::MIGRATIONS;
use platform::{config::Parts, database::migrate_when_ready, runtime::Runtime};
use testing::{Relay, TestDatabase, relay::Protocol, until};
use tokio::net::TcpListener;

use crate::helpers::{Inventory, config};

/// An inventory whose database can be taken away, and the port where the database is for it.
async fn behind_a_relay() -> (Inventory, Relay, u16) {
    let database = TestDatabase::create().await;
    let relay = Relay::start(Protocol::Other, &database.host, database.port);
    let port = relay.port;
    let changes = [("movies-db-port", &*port.to_string())];
    let inventory = Inventory::start_with(database, &changes).await;
    (inventory, relay, port)
}

async fn expect_503_within_two_seconds(inventory: &Inventory) {
    let started = Instant::now();
    let answer = inventory.client.get("/api/movies").await;
    answer.problem(503);
    assert_eq!(answer.header("retry-after"), "1");
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn no_database_is_a_503_within_two_seconds() {
    let (inventory, relay, _) = behind_a_relay().await;
    drop(relay);
    expect_503_within_two_seconds(&inventory).await;
}

#[tokio::test]
async fn a_database_that_accepts_and_says_nothing_is_a_503_within_two_seconds() {
    let (inventory, relay, port) = behind_a_relay().await;
    drop(relay);
    let _silent = listen_at(port).await;
    expect_503_within_two_seconds(&inventory).await;
}

/// The relay needs a moment to leave its port.
async fn listen_at(port: u16) -> TcpListener {
    let limit = Instant::now() + Duration::from_secs(5);
    loop {
        match TcpListener::bind(("127.0.0.1", port)).await {
            Ok(listener) => return listener,
            Err(error) => assert!(Instant::now() < limit, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn closed_connections_are_replaced_without_a_restart() {
    let inventory = Inventory::start().await;
    inventory.add("x").await;
    let sessions = "SELECT count(*) FROM pg_stat_activity \
                    WHERE datname = current_database() AND pid <> pg_backend_pid()";
    for _ in 0..5 {
        inventory.database.end_sessions().await;
        let none = async || inventory.database.value(sessions).await == "0";
        until(none, "the sessions have ended").await;
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
    let config = config(&database, &[]);
    let replicas = (0..4).map(|_| {
        let settings = config.database.clone();
        let limit = Duration::from_secs(30);
        tokio::spawn(async move { migrate_when_ready(&settings, || MIGRATIONS, limit).await })
    });
    for replica in replicas.collect::<Vec<_>>() {
        replica.await.unwrap().unwrap();
    }
    assert_eq!(
        database
            .value("SELECT count(*) FROM __diesel_schema_migrations")
            .await,
        "4"
    );
}

#[tokio::test]
async fn a_start_gives_up_waiting_for_a_database_that_never_comes() {
    let database = TestDatabase::create().await;
    let config = config(&database, &[("movies-db-port", "1")]);
    let limit = Duration::from_millis(700);
    let waited = migrate_when_ready(&config.database, || MIGRATIONS, limit).await;
    assert_eq!(
        waited.unwrap_err().to_string(),
        "no connection to the database"
    );
}

#[tokio::test]
async fn a_start_with_wrong_settings_fails_at_once_and_names_the_variables() {
    let database = TestDatabase::create().await;
    let role = format!(
        "the role {}: check MOVIES_DB_USER and MOVIES_DB_PASSWORD",
        database.user
    );
    for (change, what) in [
        (("movies-db-password", "wrong"), role),
        (
            ("movies-db-name", "nowhere"),
            "the name nowhere: check MOVIES_DB_NAME".into(),
        ),
    ] {
        let started = Instant::now();
        let config = config(&database, &[change]);
        let runtime = Runtime::embedded().unwrap();
        let start = inventory_app::start(&config, &Parts::default(), runtime).await;
        assert_eq!(
            start.err().unwrap().to_string(),
            format!("the database refuses {what}")
        );
        assert!(started.elapsed() < Duration::from_secs(5));
    }
}
