//! The database or the broker goes away and comes back: nothing is lost, nothing refused, nothing twice.

use std::time::{Duration, Instant};

use crate::helpers::{DEAD, Ground, QUEUE, until};

/// Nobody may connect, and whoever is connected is thrown out: what a stopped server looks like from here.
const CLOSE: &str = "ALTER DATABASE \"{name}\" ALLOW_CONNECTIONS false";
const OPEN: &str = "ALTER DATABASE \"{name}\" ALLOW_CONNECTIONS true";
const THROW_OUT: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                         WHERE datname = '{name}' AND pid <> pg_backend_pid()";

async fn at_the_server(ground: &Ground, sql: &str) {
    ground
        .database
        .at_the_server(&sql.replace("{name}", &ground.database.name))
        .await;
}

#[tokio::test]
async fn payments_wait_for_a_database_that_is_away_and_are_recorded_when_it_is_back() {
    let ground = Ground::prepare().await;
    let billing = ground.start().await;
    ground.queue("before").await;
    ground.until_orders(1).await;

    at_the_server(&ground, CLOSE).await;
    at_the_server(&ground, THROW_OUT).await;
    for number in 0..50 {
        ground.queue(&number.to_string()).await;
    }
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    billing.client.get("/api/billing").await.problem(503);
    at_the_server(&ground, OPEN).await;

    let back = Instant::now();
    ground.until_orders(51).await;
    assert!(
        back.elapsed() < Duration::from_secs(2),
        "{:?}",
        back.elapsed()
    );
    billing.client.get("/api/billing").await.json(200);
    billing.stop().await;
    assert!(ground.broker.drain(QUEUE).await.is_empty());
    assert!(ground.broker.drain(DEAD).await.is_empty());
}

#[tokio::test]
async fn a_stop_while_the_database_is_away_leaves_the_payments_on_the_queue() {
    let ground = Ground::prepare().await;
    let billing = ground.start().await;
    at_the_server(&ground, CLOSE).await;
    at_the_server(&ground, THROW_OUT).await;
    for number in 0..10 {
        ground.queue(&number.to_string()).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    billing.stop().await;
    at_the_server(&ground, OPEN).await;
    let _billing = ground.start().await;
    ground.until_orders(10).await;
}

#[tokio::test]
async fn closed_broker_connections_cost_nothing() {
    let ground = Ground::prepare().await;
    let billing = ground.start().await;
    for round in 0..5 {
        for number in 0..40 {
            ground.queue(&format!("{round}-{number}")).await;
        }
        ground.broker.close_connections().await;
    }
    ground.until_orders(200).await;
    billing.stop().await;
    assert!(ground.broker.drain(QUEUE).await.is_empty());
    assert!(ground.broker.drain(DEAD).await.is_empty());
}

#[tokio::test]
async fn a_deleted_queue_comes_back_and_is_consumed() {
    let ground = Ground::prepare().await;
    let _billing = ground.start().await;
    ground.queue("before").await;
    ground.until_orders(1).await;
    ground.broker.delete_queue(QUEUE).await;
    until(
        async || !ground.broker.queue(QUEUE).await.is_null(),
        "the queue is declared again",
    )
    .await;
    ground.queue("after").await;
    ground.until_orders(2).await;
}
