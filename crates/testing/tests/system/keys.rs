//! One `Idempotency-Key` for two bodies, and a gateway that does not remember the first.

use serde_json::json;
use testing::{Answer, send};
use uuid::Uuid;

use crate::{
    parts::{gateway, psql, service, until, until_all_ready},
    report::Explain,
};

async fn pay(key: &str, amount: &str) -> Answer {
    let body = json!({ "user_id": key, "number_of_items": "1", "total_amount": amount });
    let gateway = gateway();
    let request = gateway.request("POST", "/api/billing");
    send(request.header("idempotency-key", key).json(&body)).await
}

#[tokio::test]
async fn a_second_body_under_a_key_becomes_a_dead_letter_and_never_a_row() {
    let _explain = Explain;
    let key = Uuid::new_v4().to_string();
    let first = pay(&key, "1.00").await.json(200);
    let id = first["id"].as_str().unwrap();
    let row = format!("SELECT total_amount FROM orders WHERE message_id = '{id}'");
    until(async || psql("billing", &row).await == "1.00", "the first").await;

    service("restart", "api-gateway").await;
    until_all_ready().await;
    let second = pay(&key, "2.00").await.json(200);
    assert_eq!(second["id"], id);

    let reason = format!("SELECT reason FROM rejections WHERE message_id = '{id}'");
    let refused = "its id was used for another payment";
    until(
        async || psql("billing", &reason).await == refused,
        "the second is refused with its reason",
    )
    .await;
    assert_eq!(psql("billing", &row).await, "1.00");
}
