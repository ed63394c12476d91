//! The routes that read payments.

use serde_json::json;
use testing::send;
use uuid::Uuid;

use crate::helpers::{Servers, outcome};

#[tokio::test]
async fn a_recorded_payment_is_answered_by_its_id() {
    let servers = Servers::prepare().await;
    let id = servers.queue("20").await.to_string();
    let billing = servers.start().await;
    let payment = json!({
        "id": id, "status": "processed", "user_id": "20", "number_of_items": 5, "total_amount": "180.00",
    });
    assert_eq!(outcome(&billing, &id).await, payment);
    assert_eq!(
        billing.client.get("/api/billing/").await.json(200),
        json!([payment])
    );
}

#[tokio::test]
async fn an_unknown_payment_is_a_404_that_says_when_to_ask_again() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    let answer = billing
        .client
        .get(&format!("/api/billing/{}", Uuid::new_v4()))
        .await;
    assert_eq!(answer.problem(404)["detail"], "not recorded (yet)");
    assert_eq!(answer.header("retry-after"), "1");
}

#[tokio::test]
async fn an_id_that_is_no_uuid_is_a_404_and_nul_a_400() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    for id in ["0", "-1", "text", "9223372036854775808", "018f-x"] {
        let answer = billing.client.get(&format!("/api/billing/{id}")).await;
        answer.problem(404);
        // It will never be recorded.
        assert_eq!(answer.header("retry-after"), "");
    }
    billing.client.get("/api/billing/%00").await.problem(400);
}

#[tokio::test]
async fn pages_follow_their_links_to_the_end() {
    let servers = Servers::prepare().await;
    for number in 0..5 {
        servers.queue(&number.to_string()).await;
    }
    let billing = servers.start().await;
    servers.until_orders(5).await;
    let seen = billing.client.pages("/api/billing?limit=2").await.concat();
    let users: Vec<_> = seen.iter().map(|payment| &payment["user_id"]).collect();
    assert_eq!(users, ["0", "1", "2", "3", "4"]);
    billing
        .client
        .get("/api/billing?limit=0")
        .await
        .problem(400);
}

#[tokio::test]
async fn what_only_the_gateway_takes_is_a_405_here() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    let answer = send(billing.client.request("POST", "/api/billing")).await;
    answer.problem(405);
    assert!(answer.header("allow").contains("GET"));
}
