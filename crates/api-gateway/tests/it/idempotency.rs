//! The same `Idempotency-Key` is the same payment, through any gateway.

use std::collections::BTreeSet;

use serde_json::json;
use testing::{Answer, TestBroker, send};

use crate::{
    helpers::{Served, Setup, TOKEN, before, publishing_to, serve, settings},
    payments::{QUEUE, pay, payment},
};

async fn keyed(gateway: &Served, key: &str, body: &str) -> Answer {
    let request = gateway
        .client
        .request("POST", "/api/billing")
        .header("content-type", "application/json");
    send(request.header("idempotency-key", key).body(body.to_owned())).await
}

async fn connected(broker: &TestBroker) -> Served {
    let gateway = publishing_to(broker).await;
    pay(&gateway, &payment()).await;
    broker.drain(QUEUE).await;
    gateway
}

#[tokio::test]
async fn a_retry_gives_the_same_id_and_no_second_message() {
    let broker = TestBroker::create().await;
    let gateway = connected(&broker).await;
    let body = payment().to_string();
    let first = keyed(&gateway, "order-7", &body).await.json(200);
    let again = keyed(&gateway, "order-7", &body).await.json(200);
    assert_eq!(first, again);
    assert_eq!(first["id"], "75b7eb2a-5287-8c2c-b1b1-2bed8fbc186b");
    assert_eq!(broker.drain(QUEUE).await.len(), 1);
}

#[tokio::test]
async fn another_gateway_gives_the_same_id() {
    let broker = TestBroker::create().await;
    let body = payment().to_string();
    let one = keyed(&connected(&broker).await, "k", &body).await.json(200);
    let other = keyed(&connected(&broker).await, "k", &body).await.json(200);
    assert_eq!(one["id"], other["id"]);
}

#[tokio::test]
async fn another_body_under_the_same_key_is_a_422_that_names_the_header() {
    let broker = TestBroker::create().await;
    let gateway = connected(&broker).await;
    keyed(&gateway, "k", &payment().to_string()).await.json(200);
    let other = json!({ "user_id": "3", "number_of_items": "5", "total_amount": "181" });
    let problem = keyed(&gateway, "k", &other.to_string()).await.problem(422);
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("Idempotency-Key"),
        "{problem}"
    );
    let same_but_spaced = format!(" {}", payment());
    keyed(&gateway, "k", &same_but_spaced).await.problem(422);
    assert_eq!(broker.drain(QUEUE).await.len(), 1);
}

#[tokio::test]
async fn concurrent_requests_agree() {
    let broker = TestBroker::create().await;
    let gateway = connected(&broker).await;
    let bodies: Vec<_> = (0..40)
        .map(|number| {
            json!({ "user_id": format!("{}", number % 2), "number_of_items": 1, "total_amount": 1 })
                .to_string()
        })
        .collect();
    let answers =
        futures_util::future::join_all(bodies.iter().map(|body| keyed(&gateway, "race", body)))
            .await;
    let accepted: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status == 200)
        .collect();
    let refused = answers.iter().filter(|answer| answer.status == 422).count();
    assert_eq!((accepted.len(), refused), (20, 20));
    let kept: BTreeSet<_> = broker
        .drain(QUEUE)
        .await
        .into_iter()
        .map(|message| (message.id().unwrap().to_owned(), message.body))
        .collect();
    assert_eq!(kept.len(), 1, "one key, {} payments", kept.len());
}

#[tokio::test]
async fn an_unconfirmed_payment_is_never_answered_from_memory() {
    let gateway = before(1).await;
    for _ in 0..2 {
        keyed(&gateway, "k", &payment().to_string())
            .await
            .problem(503);
    }
}

#[tokio::test]
async fn a_corrected_body_may_follow_one_that_was_not_taken() {
    let gateway = before(1).await;
    for amount in ["180", "181"] {
        let body = json!({ "user_id": "3", "number_of_items": "5", "total_amount": amount });
        keyed(&gateway, "k", &body.to_string()).await.problem(503);
    }
}

#[tokio::test]
async fn a_gateway_with_another_secret_gives_another_id() {
    let broker = TestBroker::create().await;
    let gateway = serve(Setup {
        secret: "another",
        broker: settings(&broker),
        ..Setup::default()
    })
    .await;
    pay(&gateway, &payment()).await;
    let body = payment().to_string();
    let other = keyed(&gateway, "k", &body).await.json(200);
    let one = keyed(&connected(&broker).await, "k", &body).await.json(200);
    assert_ne!(one["id"], other["id"]);
}

#[tokio::test]
async fn callers_do_not_share_keys() {
    let broker = TestBroker::create().await;
    connected(&broker).await;
    let gateway = serve(Setup {
        token: TOKEN,
        broker: settings(&broker),
        ..Setup::default()
    })
    .await;
    pay(&gateway, &payment()).await;
    let anyones = keyed(&gateway, "k", &payment().to_string()).await.json(200);
    let request = gateway
        .client
        .request("POST", "/api/billing")
        .header("authorization", TOKEN);
    let operators = send(request.header("idempotency-key", "k").json(&payment()))
        .await
        .json(200);
    assert_ne!(anyones["id"], operators["id"]);
}

#[tokio::test]
async fn a_wrong_key_is_a_400() {
    let gateway = before(1).await;
    for key in ["", "a b", "a\tb", &"k".repeat(256)] {
        keyed(&gateway, key, &payment().to_string())
            .await
            .problem(400);
    }
}
