//! One payment, one row: whatever is sent, delivered or restarted twice.

use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use serde_json::json;
use testing::until;
use uuid::Uuid;

use crate::helpers::{DEAD, QUEUE, Servers, payment};

#[tokio::test]
async fn a_payment_that_waited_is_recorded_when_the_billing_comes() {
    let servers = Servers::prepare().await;
    let id = servers.queue("22").await;
    assert_eq!(servers.count("true").await, 0);
    let _billing = servers.start().await;
    servers.until_orders(1).await;
    let row = "SELECT (user_id, number_of_items, total_amount, message_id)::text FROM orders";
    assert_eq!(
        servers.database.value(row).await,
        format!("(22,5,180.00,{id})")
    );
}

#[tokio::test]
async fn many_payments_are_recorded_in_their_order_each_once() {
    let servers = Servers::prepare().await;
    let sent: Vec<String> = (0..1_200).map(|number| number.to_string()).collect();
    let _billing = servers.start().await;
    for user in &sent {
        servers.queue(user).await;
    }
    servers.until_orders(1_200).await;
    let rows = servers
        .database
        .rows("SELECT user_id FROM orders ORDER BY id")
        .await;
    let recorded: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(recorded, sent);
}

#[tokio::test]
async fn one_id_is_one_row_and_the_first_body_stays() {
    let servers = Servers::prepare().await;
    let id = Uuid::new_v4().to_string();
    for user in ["first", "second", "third"] {
        servers.queue_body(&id, &payment(user)).await;
    }
    let billing = servers.start().await;
    servers.until_orders(1).await;
    servers.queue_body(&id, &payment("fourth")).await;
    servers.queue("last").await;
    servers.until_orders(2).await;
    assert_eq!(servers.count("user_id = 'first'").await, 1);
    servers.until_dead(3).await;
    billing.stop().await;
    assert!(servers.broker.drain(QUEUE).await.is_empty());
    assert_eq!(servers.broker.drain(DEAD).await.len(), 3);
}

#[tokio::test]
async fn an_id_that_is_no_uuid_still_counts_once_and_no_id_is_recorded_too() {
    let servers = Servers::prepare().await;
    let long = "x".repeat(255);
    for id in ["mine", "mine", long.as_str(), long.as_str()] {
        servers.queue_body(id, &payment(&id[..4])).await;
    }
    assert!(
        servers
            .broker
            .publish(QUEUE, json!({}), &payment("anonymous"))
            .await
    );
    let _billing = servers.start().await;
    servers.until_orders(3).await;
}

#[tokio::test]
async fn a_stop_finishes_what_it_holds_and_leaves_nothing_half_done() {
    let servers = Servers::prepare().await;
    for number in 0..300 {
        servers.queue(&number.to_string()).await;
    }
    let billing = servers.start().await;
    until(async || servers.count("true").await > 0, "it has begun").await;
    billing.stop().await;
    let recorded = servers.count("true").await;
    let left = servers.broker.drain(QUEUE).await.len();
    assert_eq!(
        recorded + i64::try_from(left).unwrap(),
        300,
        "recorded {recorded}, left {left}"
    );
}

/// What passes the door fits the table: a decoded payment never meets a data exception of PostgreSQL.
#[tokio::test]
async fn whatever_is_a_payment_can_be_recorded() {
    let servers = Servers::prepare().await;
    let _billing = servers.start().await;
    let strategy = (r"[^\p{Cc}]{1,64}", 1..=i32::MAX, 0..=99_999_999_999_999_i64);
    let mut runner = TestRunner::deterministic();
    for _ in 0..200 {
        let (user, items, cents) = strategy.new_tree(&mut runner).unwrap().current();
        let amount = format!("{}.{:02}", cents / 100, cents % 100);
        let body = json!({ "user_id": user, "number_of_items": items, "total_amount": amount });
        servers
            .queue_body(&Uuid::new_v4().to_string(), &body.to_string())
            .await;
    }
    servers.until_orders(200).await;
}
