//! `serve --only`: some parts of the billing in a process of their own.

use serde_json::json;

use crate::helpers::{QUEUE, Servers};

#[tokio::test]
async fn without_a_choice_all_parts_run() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    let checks = billing.client.checks_when_ready().await;
    assert_eq!(
        checks,
        [
            "accounts-timer",
            "broker",
            "customers",
            "database",
            "listener",
            "orders",
            "orders-timer",
            "outbox",
            "payments",
            "refunds",
            "shippings",
            "shippings-detail",
            "shippings-timer",
        ]
    );
}

#[tokio::test]
async fn the_outbox_may_run_alone() {
    let servers = Servers::prepare().await;
    let relay = servers.start_parts(&["--only", "outbox"]).await.unwrap();
    let checks = relay.client.checks_when_ready().await;
    assert_eq!(checks, ["broker", "database", "listener", "outbox"]);
}

#[tokio::test]
async fn the_http_part_answers_and_consumes_nothing() {
    let servers = Servers::prepare().await;
    let http = servers.start_parts(&["--only", "http"]).await.unwrap();
    let checks = http.client.checks_when_ready().await;
    assert_eq!(checks, ["broker", "database", "listener"]);
    servers.queue("3").await;
    let payments = http.client.get("/api/billing").await.json(200);
    assert_eq!(payments, json!([]));
    let waiting = servers.broker.peek(QUEUE).await;
    assert_eq!(waiting.len(), 1);
    assert!(!waiting[0].redelivered, "it was delivered to a consumer");

    let _consumer = servers.start_parts(&["--only", "payments"]).await.unwrap();
    servers.until_orders(1).await;
    let payments = http.client.get("/api/billing").await.json(200);
    assert_eq!(payments[0]["user_id"], "3");
}

#[tokio::test]
async fn a_consumer_alone_records_and_answers_for_its_health_only() {
    let servers = Servers::prepare().await;
    let consumer = servers.start_parts(&["--only=payments"]).await.unwrap();
    servers.queue("3").await;
    servers.until_orders(1).await;
    let checks = consumer.client.checks_when_ready().await;
    assert_eq!(checks, ["broker", "database", "listener", "payments"]);
    consumer.client.get("/health/live").await.json(200);
    assert_eq!(consumer.client.get("/metrics").await.status, 200);
    for path in ["/api/billing", "/api/billing/x"] {
        consumer.client.get(path).await.problem(404);
    }
}

#[tokio::test]
async fn several_parts_may_be_named() {
    let servers = Servers::prepare().await;
    let both = ["--only", "http,payments"];
    let billing = servers.start_parts(&both).await.unwrap();
    servers.queue("3").await;
    servers.until_orders(1).await;
    billing.client.get("/api/billing").await.json(200);
}

#[tokio::test]
async fn an_unknown_part_is_an_error_that_names_the_parts() {
    let servers = Servers::prepare().await;
    let started = servers.start_parts(&["--only", "http,paiments"]).await;
    assert_eq!(
        started.err().unwrap().to_string(),
        "--only: there is no part 'paiments'; the parts are: http, payments, refunds, customers, orders, \
         shippings, shippings-detail, outbox, orders-timer, shippings-timer, accounts-timer"
    );
}
