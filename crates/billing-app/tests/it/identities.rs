//! One id, one payment: the same body again is dropped, another body is a dead letter and changes nothing.

use uuid::Uuid;

use crate::helpers::{DEAD, QUEUE, Servers, outcome, payment};

const REASON: &str = "its id was used for another payment";

/// Every column of every row, in order.
const ROWS: &str = "SELECT string_agg(orders::text, ' ' ORDER BY id) FROM orders";

/// `(id, reason, body)` of the dead letters, in the order of their bodies.
async fn until_dead(servers: &Servers, count: usize) -> Vec<(String, String, String)> {
    let mut dead = servers.until_dead(count).await;
    dead.sort_by(|one, other| one.2.cmp(&other.2));
    dead
}

#[tokio::test]
async fn another_body_under_a_known_id_is_a_dead_letter_and_changes_nothing() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    let id = servers.queue("first").await.to_string();
    servers.until_orders(1).await;
    let row = servers.database.value(ROWS).await;
    servers.queue_body(&id, &payment("second")).await;
    let dead = until_dead(&servers, 1).await;
    assert_eq!(dead, [(id.clone(), REASON.into(), payment("second"))]);
    assert_eq!(servers.database.value(ROWS).await, row);
    assert_eq!(outcome(&billing, &id).await["user_id"], "first");
}

/// What follows was settled after it, so it was settled, too.
#[tokio::test]
async fn the_same_body_again_is_dropped() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    let id = servers.queue("first").await.to_string();
    servers.until_orders(1).await;
    for _ in 0..3 {
        servers.queue_body(&id, &payment("first")).await;
    }
    servers.queue("last").await;
    servers.until_orders(2).await;
    billing.stop().await;
    assert!(servers.broker.drain(QUEUE).await.is_empty());
    assert!(servers.broker.drain(DEAD).await.is_empty());
}

#[tokio::test]
async fn a_batch_with_both_refuses_the_other_bodies_alone() {
    let servers = Servers::prepare().await;
    let [new, known] = [(); 2].map(|()| Uuid::new_v4().to_string());
    let billing = servers.start().await;
    servers.queue_body(&known, &payment("known")).await;
    servers.until_orders(1).await;
    billing.stop().await;
    for (id, body) in [
        (&known, payment("known")),
        (&known, payment("other of known")),
        (&new, payment("new")),
        (&new, payment("other of new")),
        (&new, payment("new")),
        (&known, "{}".into()),
    ] {
        servers.queue_body(id, &body).await;
    }
    servers.queue("last").await;
    let billing = servers.start().await;
    servers.until_orders(3).await;
    let dead = until_dead(&servers, 3).await;
    billing.stop().await;
    let refused = |id: &str, user| (id.to_owned(), REASON.to_owned(), payment(user));
    assert!(
        dead.contains(&refused(&known, "other of known")),
        "{dead:?}"
    );
    assert!(dead.contains(&refused(&new, "other of new")), "{dead:?}");
    assert_eq!(servers.broker.drain(DEAD).await.len(), 3);
    assert!(servers.broker.drain(QUEUE).await.is_empty());
    let kept = "SELECT string_agg(user_id, ' ' ORDER BY id) FROM orders";
    assert_eq!(servers.database.value(kept).await, "known new last");
}

#[tokio::test]
async fn a_payment_from_before_there_were_fingerprints_is_known_by_its_values() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    let id = servers.queue("first").await.to_string();
    servers.until_orders(1).await;
    servers
        .database
        .execute("UPDATE orders SET fingerprint = NULL")
        .await;
    servers.queue_body(&id, &payment("first")).await;
    servers.queue_body(&id, &payment("second")).await;
    servers.queue("last").await;
    servers.until_orders(2).await;
    let dead = until_dead(&servers, 1).await;
    billing.stop().await;
    assert_eq!(dead, [(id, REASON.into(), payment("second"))]);
    assert_eq!(servers.count("user_id = 'first'").await, 1);
}
