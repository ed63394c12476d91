//! The end of an order: shipped, or cancelled with a refund; once, whatever is told and how often.

use serde_json::{Value, json};
use testing::until;
use uuid::Uuid;

use crate::shop::{Shop, UPDATE, text};

const REFUNDS: &str = "SELECT count(*) FROM refunds";

async fn until_refunded(shop: &Shop, order: &str) -> Value {
    let path = format!("/api/billing/{order}");
    let refunded = async || {
        let payment = shop.billing.client.get(&path).await;
        payment.status == 200 && payment.json(200)["refunded"] == true
    };
    until(refunded, "the refund is recorded").await;
    shop.billing.client.get(&path).await.json(200)
}

/// A later order of another user ends after all that was told before.
async fn settle(shop: &Shop) {
    let last = shop.user().order().await;
    shop.update(&last, "SUCCESS").await;
    shop.until_state(&last, "SHIPPED").await;
}

#[tokio::test]
async fn a_shipped_order_is_shipped_and_keeps_its_payment() {
    let shop = Shop::open().await;
    let id = shop.user().order().await;
    shop.update(&id, "SUCCESS").await;
    assert_eq!(
        shop.until_state(&id, "SHIPPED").await,
        ["OPEN", "PROCESSING", "SHIPPED"]
    );
    settle(&shop).await;
    assert_eq!(shop.number(REFUNDS).await, 0);
}

#[tokio::test]
async fn a_cancelled_order_is_refunded_once() {
    let shop = Shop::open().await;
    let user = shop.user();
    let id = user.order().await;
    for _ in 0..3 {
        shop.update(&id, "FAIL").await;
    }
    assert_eq!(
        shop.until_state(&id, "CANCELLED").await,
        ["OPEN", "PROCESSING", "CANCELLED"]
    );
    let payment = until_refunded(&shop, &id).await;
    assert_eq!(
        (&payment["status"], &payment["total_amount"]),
        (&json!("processed"), &json!("6.20"))
    );
    let payments = shop.as_operator("GET", "/api/billing", &Value::Null).await;
    assert_eq!(payments.json(200), json!([payment]));
    let row = "SELECT (order_id, user_id, total_amount)::text FROM refunds";
    assert_eq!(
        shop.servers.database.value(row).await,
        format!("({id},{},6.20)", user.id)
    );
    shop.update(&id, "FAIL").await;
    settle(&shop).await;
    assert_eq!(shop.number(REFUNDS).await, 1);
}

#[tokio::test]
async fn the_first_end_counts_whatever_is_told_later() {
    let shop = Shop::open().await;
    let (shipped, cancelled) = (shop.user().order().await, shop.user().order().await);
    for (order, end) in [
        (&shipped, "SUCCESS"),
        (&cancelled, "FAIL"),
        (&shipped, "FAIL"),
        (&cancelled, "SUCCESS"),
    ] {
        shop.update(order, end).await;
    }
    settle(&shop).await;
    shop.update(&shipped, "FAIL").await;
    shop.update(&cancelled, "SUCCESS").await;
    settle(&shop).await;
    assert_eq!(shop.until_state(&shipped, "SHIPPED").await.len(), 3);
    assert_eq!(shop.until_state(&cancelled, "CANCELLED").await.len(), 3);
    until_refunded(&shop, &cancelled).await;
    assert_eq!(shop.number(REFUNDS).await, 1);
}

#[tokio::test]
async fn an_update_of_no_order_or_of_an_open_one_is_a_dead_letter() {
    let shop = Shop::open().await;
    let user = shop.user();
    let open = text(&user.add("ipa", 1).await["id"]);
    let unknown = Uuid::new_v4().to_string();
    shop.update(&unknown, "SUCCESS").await;
    shop.update(&open, "SUCCESS").await;
    settle(&shop).await;
    let dead = format!("{UPDATE}.dead");
    let letters = async || shop.servers.broker.peek(&dead).await;
    until(async || letters().await.len() == 2, "both are dead letters").await;
    let letters = letters().await;
    let mut reasons: Vec<_> = letters
        .iter()
        .filter_map(|letter| letter.header("x-reason"))
        .collect();
    reasons.sort_unstable();
    assert_eq!(
        reasons,
        ["its order was not checked out", "no order has its order_id"]
    );
    assert_eq!(user.current().await["status"], "OPEN");
}

#[tokio::test]
async fn a_refund_that_contradicts_the_recorded_one_is_a_dead_letter() {
    let shop = Shop::open().await;
    let id = shop.user().order().await;
    shop.update(&id, "FAIL").await;
    until_refunded(&shop, &id).await;
    let refund = |amount: &str| {
        json!({ "order_id": id, "user_id": Uuid::nil(), "total_amount": amount }).to_string()
    };
    let properties = json!({ "message_id": Uuid::new_v4().to_string() });
    let broker = &shop.servers.broker;
    assert!(
        broker
            .publish("refunds_queue", properties, &refund("1000"))
            .await
    );
    let letters = async || broker.peek("refunds_queue.dead").await;
    until(async || letters().await.len() == 1, "it is a dead letter").await;
    let reason = "another refund of its order is recorded";
    assert_eq!(letters().await[0].header("x-reason"), Some(reason));
    let kept = "SELECT total_amount::text FROM refunds";
    assert_eq!(shop.servers.database.value(kept).await, "6.20");
}

#[tokio::test]
async fn an_order_of_the_operator_ends_without_payment_and_refund() {
    let shop = Shop::open().await;
    let body = json!({ "customer": Uuid::now_v7() });
    let answer = shop.as_operator("POST", "/api/orders", &body).await;
    let order = answer.json(201);
    let id = text(&order["id"]);
    assert_eq!(answer.header("location"), format!("/api/orders/{id}"));
    assert_eq!(
        (&order["status"], &order["beers"], &order["total"]),
        (&json!("PROCESSING"), &json!([]), &json!("0.00"))
    );
    until(
        async || shop.asked().await.len() == 1,
        "the shipping is asked for",
    )
    .await;
    let asked =
        json!({ "order_id": id, "customer_id": body["customer"], "beers": [], "cancelled": false });
    assert_eq!(shop.asked().await, [asked]);
    shop.update(&id, "FAIL").await;
    assert_eq!(
        shop.until_state(&id, "CANCELLED").await,
        ["PROCESSING", "CANCELLED"]
    );
    settle(&shop).await;
    assert_eq!(shop.number(REFUNDS).await, 0);
    assert_eq!(shop.number("SELECT count(*) FROM outbox").await, 0);
}
