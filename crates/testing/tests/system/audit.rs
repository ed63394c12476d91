//! The sequence of the exercise's audit, to the letter.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testing::Answer;

use crate::{
    parts::{gateway, psql, service, until, until_all_ready},
    report::Explain,
};

async fn pay(user_id: &str) -> Answer {
    let body = json!({ "user_id": user_id, "number_of_items": "99", "total_amount": "250" });
    gateway().post("/api/billing/", &body).await
}

async fn rows(user_id: &str) -> String {
    psql(
        "billing",
        &format!("SELECT count(*) FROM orders WHERE user_id = '{user_id}'"),
    )
    .await
}

/// The payment's row as the gateway shows it: a query takes a millisecond, a psql of its own fifty.
async fn recorded(answer: &Answer) -> bool {
    gateway().get(answer.header("location")).await.status == 200
}

#[tokio::test]
async fn movies_are_added_listed_and_in_the_table() {
    let _explain = Explain;
    let gateway = gateway();
    gateway.delete("/api/movies/").await.json(200);
    let body = json!({ "title": "A new movie", "description": "Very short description" });
    let movie = gateway.post("/api/movies/", &body).await.json(200);
    let listed = gateway.get("/api/movies/").await;
    assert_eq!(listed.header("content-type"), "application/json");
    assert_eq!(listed.json(200), Value::Array(vec![movie.clone()]));
    assert_eq!(
        psql("inventory", "TABLE movies").await,
        format!("{}|A new movie|Very short description", movie["id"])
    );

    let path = format!("/api/movies/{}", movie["id"]);
    let changed = gateway
        .put(&path, &json!({ "title": "Changed" }))
        .await
        .json(200);
    assert_eq!(gateway.get(&path).await.json(200), changed);
    assert_eq!(
        gateway.get("/api/movies?title=HANG").await.json(200),
        json!([changed])
    );
    assert_eq!(
        gateway.delete(&path).await.json(200),
        json!({ "deleted": 1 })
    );
    gateway.get(&path).await.problem(404);
    assert_eq!(psql("inventory", "TABLE movies").await, "");
}

#[tokio::test]
async fn payments_survive_a_stopped_billing_and_each_is_one_row() {
    let _explain = Explain;
    psql(
        "billing",
        "DELETE FROM orders WHERE user_id IN ('20', '22')",
    )
    .await;
    let twenty = pay("20").await;
    let posted = Instant::now();
    assert_eq!(twenty.json(200)["status"], "queued");
    until(
        async || recorded(&twenty).await,
        "the payment of user 20 is recorded",
    )
    .await;
    assert!(
        posted.elapsed() < Duration::from_secs(1),
        "{:?}",
        posted.elapsed()
    );
    assert_eq!(rows("20").await, "1");

    service("stop", "billing-app").await;
    let twenty_two = pay("22").await;
    assert_eq!(twenty_two.json(200)["status"], "queued");
    assert_eq!(rows("22").await, "0");
    gateway()
        .get(twenty_two.header("location"))
        .await
        .problem(503);

    service("start", "billing-app").await;
    let ready = Instant::now();
    until(
        async || recorded(&twenty_two).await,
        "the payment of user 22 is recorded",
    )
    .await;
    assert!(
        ready.elapsed() < Duration::from_secs(2),
        "{:?}",
        ready.elapsed()
    );
    assert_eq!(
        (rows("22").await, rows("20").await),
        ("1".into(), "1".into())
    );
    until_all_ready().await;
}

#[tokio::test]
async fn the_documentation_is_complete_while_the_services_behind_are_down() {
    let _explain = Explain;
    let gateway = gateway();
    for name in ["inventory-app", "billing-app"] {
        service("stop", name).await;
    }
    let document = gateway.get("/api-docs/openapi.json").await.json(200);
    assert_eq!(
        document["openapi"].as_str().map(|version| &version[..3]),
        Some("3.1")
    );
    for path in [
        "/api/movies",
        "/api/movies/{id}",
        "/api/billing",
        "/api/billing/{id}",
    ] {
        assert!(document["paths"][path].is_object(), "{path} is missing");
    }
    let page = gateway.get("/docs/").await;
    assert!(
        page.status == 200 && page.header("content-type").starts_with("text/html"),
        "{page:?}"
    );
    for name in ["inventory-app", "billing-app"] {
        service("start", name).await;
    }
    until_all_ready().await;
}
