//! The whole conversation, as an order has it: asked once, it hears the end once.

use std::time::{Duration, Instant};

use messages::{
    Message,
    customers::CustomerRequest,
    orders::OrderCreate,
    shippings::{Outcome, ShippingUpdate},
};
use serde_json::json;
use testing::until;
use uuid::Uuid;

use crate::{
    conversation_helpers::{PARTS, order, patient, short},
    helpers::Servers,
};

#[tokio::test]
async fn an_order_of_a_customer_is_shipped_within_a_second() {
    let servers = Servers::prepare_shop().await;
    let parts = format!("--only=http,{PARTS}");
    let billing = servers.start_parts(&[&parts]).await.unwrap();
    let body = json!({ "email": "ann@example.org", "address": "1 Mill Lane" });
    let customer = billing.client.post("/api/customers", &body).await.json(201);
    let customer: Uuid = customer["id"].as_str().unwrap().parse().unwrap();

    // One of some tries: the machine of a test may be busy with others.
    let mut fastest = Duration::MAX;
    for _ in 0..5 {
        let (order, begin) = (order(customer), Instant::now());
        servers.send_order(&order).await;
        let (_, update) = servers.take::<ShippingUpdate>(1).await.remove(0);
        fastest = fastest.min(begin.elapsed());
        assert_eq!(update.order_id, order.order_id);
        assert_eq!(update.status, Outcome::Success);
        let path = format!("/api/shippings/{}", update.shipping_id);
        let shipping = billing.client.get(&path).await.json(200);
        assert_eq!(shipping["status"], "SUCCESS");
        assert_eq!(shipping["email"], "ann@example.org");
        assert_eq!(shipping["address"], "1 Mill Lane");
    }
    assert!(fastest < Duration::from_secs(1), "{fastest:?}");
}

#[tokio::test]
async fn an_order_of_an_unknown_customer_fails() {
    let servers = Servers::prepare_shop().await;
    let only = ["--only", PARTS];
    let _billing = servers.start_parts(&only).await.unwrap();
    let order = order(Uuid::new_v4());
    servers.send_order(&order).await;
    let (_, update) = servers.take::<ShippingUpdate>(1).await.remove(0);
    assert_eq!(update.status, Outcome::Fail);
    assert_eq!(servers.shipping(&order).await.1, "FAIL");
}

#[tokio::test]
async fn every_step_keeps_the_trace_of_its_order() {
    let servers = Servers::prepare_shop().await;
    let only = ["--only", PARTS];
    let _billing = servers.start_parts(&only).await.unwrap();
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for customer in [servers.add_customer().await, Uuid::nil()] {
        let order = order(customer);
        let headers = json!({ "x-request-id": "r-1", "traceparent": trace });
        let properties = json!({ "message_id": order.message_id(1), "headers": headers });
        let body = String::from_utf8(order.encode()).unwrap();
        let queue = "orders_create";
        assert!(servers.broker.publish(queue, properties, &body).await);
        let queue = "shippings_update";
        until(
            async || !servers.broker.peek(queue).await.is_empty(),
            "the end is said",
        )
        .await;
        let said = servers.broker.drain(queue).await.remove(0);
        assert_eq!(said.header("x-request-id"), Some("r-1"));
        assert_eq!(said.header("traceparent"), Some(trace));
    }
}

#[tokio::test]
async fn each_part_may_be_a_process_of_its_own() {
    let servers = Servers::prepare_shop().await;
    let order = order(servers.add_customer().await);
    // Sent before anybody is there.
    servers.send_order(&order).await;
    let mut processes = Vec::new();
    for part in PARTS.split(',') {
        let process = servers.start_parts(&["--only", part]).await.unwrap();
        let ready = async || process.client.get("/health/ready").await.status == 200;
        until(ready, "the part is ready").await;
        let health = process.client.get("/health/ready").await.json(200);
        let mut checks: Vec<_> = health["checks"].as_object().unwrap().keys().collect();
        checks.retain(|check| !["broker", "database", "listener"].contains(&check.as_str()));
        assert_eq!(checks, [part]);
        processes.push(process);
    }
    let (_, update) = servers.take::<ShippingUpdate>(1).await.remove(0);
    assert_eq!(update.status, Outcome::Success);
    for process in processes {
        process.stop().await;
    }
}

#[tokio::test]
async fn two_billings_end_each_shipping_once() {
    let servers = Servers::prepare_shop().await;
    let customer = servers.add_customer().await;
    let orders: Vec<_> = (0..200)
        .map(|number| {
            order(if number % 4 == 0 {
                Uuid::nil()
            } else {
                customer
            })
        })
        .collect();
    for order in orders.iter().chain(&orders) {
        servers.send_order(order).await;
    }
    let only = ["--only", PARTS];
    let billings = [
        servers.start_within(&only, &patient()).await.unwrap(),
        servers.start_within(&only, &patient()).await.unwrap(),
    ];
    for order in &orders {
        servers.send(order, order.message_id(2)).await;
    }
    servers.until_shippings("SUCCESS", 150).await;
    servers.until_shippings("FAIL", 50).await;
    for billing in billings {
        billing.stop().await;
    }
    let _billing = servers.start_parts(&only).await.unwrap();
    servers
        .until_settled(&["orders_create", "customers_request", "customers_detail"])
        .await;
    let told = servers.told().await;
    for order in &orders {
        let ends = &told[&order.order_id];
        assert!(ends.iter().all(|end| *end == ends[0]), "{ends:?}");
        let known = order.customer_id == customer;
        assert_eq!(ends[0] == Outcome::Success, known);
    }
    assert_eq!(told.len(), orders.len());
    assert_eq!(servers.count_shippings("true").await, 200);
    for queue in ["orders_create", "customers_request", "customers_detail"] {
        assert_eq!(servers.dead_letters(queue).await, [], "{queue}");
    }
}

/// Shippings that wait, and that nobody has answered for long.
async fn overdue(servers: &Servers, count: i32) -> Vec<OrderCreate> {
    let orders: Vec<_> = (0..count).map(|_| order(Uuid::new_v4())).collect();
    for OrderCreate { order_id, .. } in &orders {
        let insert = format!(
            "INSERT INTO shippings.shippings (id, order_id, customer_id, status, beers, asks, ask_again_at) \
             VALUES (gen_random_uuid(), '{order_id}', gen_random_uuid(), 'PROCESSING', '[]', 1, now() - interval '1 hour')"
        );
        servers.database.execute(&insert).await;
    }
    orders
}

#[tokio::test]
async fn a_question_that_is_not_answered_is_repeated_and_fails_in_the_end() {
    let servers = Servers::prepare_shop().await;
    let customer = servers.add_customer().await;
    let only = [
        "--only",
        "outbox,shippings,shippings-detail,shippings-timer",
    ];
    let billing = servers.start_within(&only, &short()).await.unwrap();
    let order = order(customer);
    servers.send_order(&order).await;
    let (_, update) = servers.take::<ShippingUpdate>(1).await.remove(0);
    assert_eq!(update.status, Outcome::Fail);
    let (id, status, asks) = servers.shipping(&order).await;
    assert_eq!((status.as_str(), asks), ("FAIL", 3));
    assert_eq!(update.shipping_id, id);

    // The questions wait for the customers; answers that are late change nothing.
    let all = ["--only", "customers,outbox"];
    let _customers = servers.start_parts(&all).await.unwrap();
    servers
        .until_settled(&["customers_request", "customers_detail"])
        .await;
    assert_eq!(servers.shipping(&order).await.1, "FAIL");
    assert_eq!(servers.take_all::<ShippingUpdate>().await, []);
    drop(billing);
}

#[tokio::test]
async fn a_question_that_is_answered_after_some_time_is_enough() {
    let servers = Servers::prepare_shop().await;
    let order = order(servers.add_customer().await);
    let only = [
        "--only",
        "outbox,shippings,shippings-detail,shippings-timer",
    ];
    let _billing = servers.start_within(&only, &patient()).await.unwrap();
    servers.send_order(&order).await;
    let asked_again = async || servers.count_shippings("asks = 2").await == 1;
    until(asked_again, "the question is repeated").await;
    let only = ["--only", "customers,outbox"];
    let _customers = servers.start_parts(&only).await.unwrap();
    let (_, update) = servers.take::<ShippingUpdate>(1).await.remove(0);
    assert_eq!(update.status, Outcome::Success);
}

#[tokio::test]
async fn two_timers_ask_as_often_as_one() {
    let servers = Servers::prepare_shop().await;
    let orders = overdue(&servers, 100).await;
    let only = ["--only", "outbox,shippings-timer"];
    let _billings = [
        servers.start_within(&only, &short()).await.unwrap(),
        servers.start_within(&only, &short()).await.unwrap(),
    ];
    servers.until_shippings("FAIL", 100).await;
    let told = async || servers.database.value("SELECT count(*) FROM outbox").await == "0";
    until(told, "the outbox is empty").await;
    let told = servers.told().await;
    for order in &orders {
        assert_eq!(told[&order.order_id], [Outcome::Fail]);
    }
    // The first question was asked before; two more came from the timers.
    let asked = servers.take_all::<CustomerRequest>().await;
    let mut ids: Vec<_> = asked.iter().map(|(id, _)| *id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((asked.len(), ids.len()), (200, 200));
}
