//! What cannot be processed never blocks the queue and never vanishes.

use std::collections::BTreeSet;

use serde_json::json;
use uuid::Uuid;

use crate::helpers::{DEAD, QUEUE, Servers, outcome, payment};

#[tokio::test]
async fn a_poison_message_among_199_good_ones_is_the_only_one_that_is_refused() {
    let servers = Servers::prepare().await;
    let poison = Uuid::new_v4().to_string();
    for number in 0..200 {
        if number == 77 {
            servers.queue_body(&poison, "{\"user_id\":\"3\"}").await;
        } else {
            servers.queue(&number.to_string()).await;
        }
    }
    let billing = servers.start().await;
    servers.until_orders(199).await;
    let dead = servers.until_dead(1).await;
    assert_eq!(dead.len(), 1);
    let (id, reason, body) = &dead[0];
    assert_eq!((id, body.as_str()), (&poison, "{\"user_id\":\"3\"}"));
    assert!(reason.contains("/number_of_items is required"), "{reason}");
    let told = outcome(&billing, &poison).await;
    assert_eq!(
        (&told["status"], &told["reason"]),
        (&json!("rejected"), &json!(reason))
    );
    billing.stop().await;
    assert!(servers.broker.drain(QUEUE).await.is_empty());
}

/// The table says no to a row that the parser let through: bisection finds it among the others.
#[tokio::test]
async fn what_the_database_refuses_for_good_is_refused_alone() {
    let servers = Servers::prepare().await;
    servers
        .database
        .execute("ALTER TABLE orders ADD CONSTRAINT no_13 CHECK (user_id NOT LIKE '13%')")
        .await;
    for number in 0..200 {
        servers.queue(&number.to_string()).await;
    }
    let _billing = servers.start().await;
    servers.until_orders(189).await;
    let dead = servers.until_dead(11).await;
    assert_eq!(dead.len(), 11);
    assert!(
        dead.iter().all(|(_, reason, _)| reason.contains("no_13")),
        "{dead:?}"
    );
}

#[tokio::test]
async fn every_malformed_body_becomes_a_dead_letter_with_a_reason() {
    let servers = Servers::prepare().await;
    let deep = "[".repeat(100_000);
    let bodies = [
        "",
        "nonsense",
        "[]",
        "null",
        "{",
        "\"\\ud800\"",
        &deep,
        r#"{"user_id":"a","number_of_items":0,"total_amount":1}"#,
        r#"{"user_id":"a","number_of_items":1,"total_amount":"1e400"}"#,
        r#"{"user_id":"a\u0000","number_of_items":1,"total_amount":1}"#,
    ];
    let _billing = servers.start().await;
    for body in bodies {
        servers.queue_body(&Uuid::new_v4().to_string(), body).await;
    }
    servers.queue("good").await;
    servers.until_orders(1).await;
    let dead = servers.until_dead(bodies.len()).await;
    let kept: BTreeSet<&str> = dead.iter().map(|letter| letter.2.as_str()).collect();
    assert!(kept == BTreeSet::from(bodies), "another body than was sent");
    assert!(dead.iter().all(|(_, reason, _)| !reason.is_empty()));
}

#[tokio::test]
async fn a_refused_message_without_an_id_is_kept_too() {
    let servers = Servers::prepare().await;
    assert!(servers.broker.publish(QUEUE, json!({}), "nonsense").await);
    let _billing = servers.start().await;
    let dead = servers.until_dead(1).await;
    assert_eq!(dead[0].2, "nonsense");
    assert_eq!(
        servers
            .database
            .value("SELECT count(*) FROM rejections")
            .await,
        "0"
    );
}

#[tokio::test]
async fn a_dead_letter_tells_where_from_and_when_and_keeps_its_trace() {
    let servers = Servers::prepare().await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let properties = json!({ "message_id": "7", "headers": { "traceparent": trace } });
    assert!(servers.broker.publish(QUEUE, properties, "{}").await);
    let _billing = servers.start().await;
    servers.until_dead(1).await;
    let letter = servers.broker.peek(DEAD).await.remove(0);
    assert_eq!(letter.header("traceparent"), Some(trace));
    assert_eq!(letter.header("x-source-queue"), Some(QUEUE));
    assert!(letter.header("x-refused-at").unwrap().ends_with('Z'));
    assert_eq!(letter.properties["delivery_mode"], 2);
}

#[tokio::test]
async fn a_payment_that_was_refused_and_then_recorded_is_processed() {
    let servers = Servers::prepare().await;
    let id = Uuid::new_v4().to_string();
    let billing = servers.start().await;
    servers.queue_body(&id, "{}").await;
    assert_eq!(outcome(&billing, &id).await["status"], "rejected");
    servers.queue_body(&id, &payment("9")).await;
    servers.until_orders(1).await;
    assert_eq!(outcome(&billing, &id).await["status"], "processed");
}
