//! An order whose shipping does not answer asks again, and is cancelled in the end.

use std::time::Duration;

use billing_app::{Limits, orders, timer};
use serde_json::{Value, json};
use testing::until;

use crate::{
    helpers::outcome,
    shop::{PARTS, Shop},
};

/// An order that waits a moment, and asks three times in all.
fn impatient() -> Limits {
    Limits {
        orders: orders::Limits {
            answer: Duration::from_millis(300),
            again: 2,
            ..orders::Limits::default()
        },
        timers: timer::Limits {
            every: Duration::from_millis(20),
            ..timer::Limits::default()
        },
        ..Limits::default()
    }
}

#[tokio::test]
async fn an_order_that_is_not_answered_asks_again_and_is_cancelled_with_a_refund() {
    let shop = Shop::open_within(&impatient()).await;
    let id = shop.user().order().await;
    let states = shop.until_state(&id, "CANCELLED").await;
    assert_eq!(states, ["OPEN", "PROCESSING", "CANCELLED"]);
    until(async || shop.asked().await.len() == 4, "all is sent").await;
    let asked = shop.asked().await;
    let cancelled: Vec<_> = asked.iter().map(|message| &message["cancelled"]).collect();
    assert_eq!(cancelled, [false, false, false, true]);
    assert!(
        asked
            .iter()
            .all(|message| message["order_id"] == id.as_str())
    );
    let messages = shop.servers.broker.peek("orders_create").await;
    let mut ids: Vec<_> = messages.iter().filter_map(|message| message.id()).collect();
    ids.dedup();
    assert_eq!(ids.len(), 4);
    outcome(&shop.billing, &id).await;
    let refunds = async || shop.number("SELECT count(*) FROM refunds").await == 1;
    until(refunds, "the refund is recorded").await;
}

#[tokio::test]
async fn an_answer_that_comes_too_late_changes_nothing() {
    let shop = Shop::open_within(&impatient()).await;
    let id = shop.user().order().await;
    shop.until_state(&id, "CANCELLED").await;
    shop.update(&id, "SUCCESS").await;
    let body = json!({ "customer": shop.user().id });
    let last = shop
        .as_operator("POST", "/api/orders", &body)
        .await
        .json(201);
    shop.update(last["id"].as_str().unwrap(), "FAIL").await;
    shop.until_state(last["id"].as_str().unwrap(), "CANCELLED")
        .await;
    assert_eq!(shop.until_state(&id, "CANCELLED").await.len(), 3);
}

#[tokio::test]
async fn an_order_that_has_ended_asks_no_more() {
    let shop = Shop::open_within(&impatient()).await;
    let id = shop.user().order().await;
    shop.update(&id, "SUCCESS").await;
    shop.until_state(&id, "SHIPPED").await;
    // The outbox may still be on its way with the first.
    until(async || !shop.asked().await.is_empty(), "it has asked").await;
    let asked = shop.asked().await.len();
    // Longer than an order waits for its first and second answer.
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(shop.asked().await.len(), asked);
    assert_eq!(shop.number("SELECT count(*) FROM refunds").await, 0);
}

#[tokio::test]
async fn two_timers_ask_once_each_time() {
    let shop = Shop::open_within(&impatient()).await;
    let second = ["--only", PARTS];
    let second = shop
        .servers
        .start_within(&second, &impatient())
        .await
        .unwrap();
    let mut orders = Vec::new();
    for _ in 0..20 {
        orders.push(shop.user().order().await);
    }
    for order in &orders {
        shop.until_state(order, "CANCELLED").await;
    }
    until(async || shop.asked().await.len() >= 80, "all is sent").await;
    let refunds = async || shop.number("SELECT count(*) FROM refunds").await == 20;
    until(refunds, "the refunds are recorded").await;
    second.stop().await;
    let asked = shop.asked().await;
    let ends = asked
        .iter()
        .filter(|message| message["cancelled"] == Value::Bool(true));
    assert_eq!((asked.len(), ends.count()), (80, 20));
}
