//! The database or the broker goes away and comes back: nothing is lost, nothing refused, nothing twice.

use std::time::{Duration, Instant};

use testing::until;

use crate::helpers::{DEAD, QUEUE, Servers};

/// No session can be opened, and those that are open end: what a stopped server looks like from here.
const CLOSE: &str = "ALTER DATABASE \"{name}\" ALLOW_CONNECTIONS false";
const OPEN: &str = "ALTER DATABASE \"{name}\" ALLOW_CONNECTIONS true";

async fn at_the_server(servers: &Servers, sql: &str) {
    servers
        .database
        .at_the_server(&sql.replace("{name}", &servers.database.name))
        .await;
}

#[tokio::test]
async fn payments_wait_for_a_database_that_is_away_and_are_recorded_when_it_is_back() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    servers.queue("before").await;
    servers.until_orders(1).await;

    at_the_server(&servers, CLOSE).await;
    servers.database.end_sessions().await;
    for number in 0..50 {
        servers.queue(&number.to_string()).await;
    }
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    billing.client.get("/api/billing").await.problem(503);
    at_the_server(&servers, OPEN).await;

    let back = Instant::now();
    servers.until_orders(51).await;
    assert!(
        back.elapsed() < Duration::from_secs(5),
        "{:?}",
        back.elapsed()
    );
    billing.client.get("/api/billing").await.json(200);
    billing.stop().await;
    assert!(servers.broker.drain(QUEUE).await.is_empty());
    assert!(servers.broker.drain(DEAD).await.is_empty());
}

#[tokio::test]
async fn a_stop_while_the_database_is_away_leaves_the_payments_on_the_queue() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    at_the_server(&servers, CLOSE).await;
    servers.database.end_sessions().await;
    for number in 0..10 {
        servers.queue(&number.to_string()).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    billing.stop().await;
    at_the_server(&servers, OPEN).await;
    let _billing = servers.start().await;
    servers.until_orders(10).await;
}

#[tokio::test]
async fn closed_broker_connections_cost_nothing() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    for round in 0..5 {
        for number in 0..40 {
            servers.queue(&format!("{round}-{number}")).await;
        }
        servers.broker.close_connections().await;
    }
    servers.until_orders(200).await;
    billing.stop().await;
    assert!(servers.broker.drain(QUEUE).await.is_empty());
    assert!(servers.broker.drain(DEAD).await.is_empty());
}

#[tokio::test]
async fn a_deleted_queue_comes_back_and_is_consumed() {
    let servers = Servers::prepare().await;
    let _billing = servers.start().await;
    servers.queue("before").await;
    servers.until_orders(1).await;
    servers.broker.delete_queue(QUEUE).await;
    until(
        async || !servers.broker.queue(QUEUE).await.is_null(),
        "the queue is declared again",
    )
    .await;
    servers.queue("after").await;
    servers.until_orders(2).await;
}
