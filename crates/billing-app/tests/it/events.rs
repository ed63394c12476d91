//! Events: one by one and as arrays; how they are kept, found, listed and removed.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::helpers::{Billing, Servers};

/// An event with this value for one of its fields.
pub(crate) fn event_with(field: &str, value: impl Into<Value>) -> Value {
    let mut event = json!({
        "timestamp": "2026-11-22T10:15:00Z", "client": 42, "client_group": 7, "device_type": "phone",
        "category": "purchase", "valid": true, "value": "12.5",
    });
    event[field] = value.into();
    event
}

pub(crate) fn event() -> Value {
    event_with("valid", true)
}

pub(crate) async fn add(billing: &Billing, event: &Value) -> Value {
    billing.client.post("/api/events", event).await.json(201)
}

pub(crate) async fn partitions(servers: &Servers) -> Vec<String> {
    let sql = "SELECT relname::text FROM pg_inherits JOIN pg_class ON oid = inhrelid \
               WHERE inhparent = 'events.events'::regclass ORDER BY 1";
    let rows = servers.database.rows(sql).await;
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn an_event_is_made_found_listed_and_removed() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    let made = billing.client.post("/api/events/", &event()).await;
    let event = made.json(201);
    let path = made.header("location");
    let id = event["id"].as_str().unwrap();
    assert_eq!(path, format!("/api/events/{id}"));
    let expected = json!({
        "id": id, "timestamp": "2026-11-22T10:15:00.000000Z", "client": 42, "client_group": 7,
        "device_type": "phone", "category": "purchase", "valid": true, "value": "12.500000",
    });
    assert_eq!(event, expected);
    assert_eq!(billing.client.get(path).await.json(200), expected);
    let listed = billing.client.get("/api/events").await.json(200);
    assert_eq!(listed, json!([expected]));
    assert_eq!(billing.client.delete(path).await.status, 204);
    billing.client.delete(path).await.problem(404);
    billing.client.get(path).await.problem(404);
    let listed = billing.client.get("/api/events").await.json(200);
    assert_eq!(listed, json!([]));
}

#[tokio::test]
async fn an_event_of_any_year_is_kept_and_found() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    for (time, kept) in [
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"),
        ("1849-12-31T23:59:59Z", "1849-12-31T23:59:59.000000Z"),
        ("2010-01-01T00:30:00+01:00", "2009-12-31T23:30:00.000000Z"),
        ("2010-01-01T00:00:00Z", "2010-01-01T00:00:00.000000Z"),
        (
            "2024-02-29T23:59:59.9999999-00:00",
            "2024-02-29T23:59:59.999999Z",
        ),
        ("2039-12-31T23:59:59.999999Z", "2039-12-31T23:59:59.999999Z"),
        ("2039-12-31T23:30:00-01:00", "2040-01-01T00:30:00.000000Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
    ] {
        let made = add(&billing, &event_with("timestamp", time)).await;
        assert_eq!(made["timestamp"], kept);
        let path = format!("/api/events/{}", made["id"].as_str().unwrap());
        assert_eq!(billing.client.get(&path).await.json(200), made);
        assert_eq!(billing.client.delete(&path).await.status, 204, "{time}");
    }
    let expected = [
        "events_2010_01",
        "events_2024_02",
        "events_2039_12",
        "events_after",
        "events_before",
    ];
    assert_eq!(partitions(&servers).await, expected);
}

#[tokio::test]
async fn an_array_is_kept_as_a_whole() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    let mut events = vec![event(); 1_000];
    let created = billing.client.post("/api/events", &json!(events)).await;
    assert_eq!(created.json(201), json!({ "created": 1_000 }));
    events[7]["value"] = json!("1e3");
    events[7]["category"] = json!("");
    let refused = billing.client.post("/api/events", &json!(events)).await;
    assert_eq!(refused.problem(422)["errors"][0]["pointer"], "/7/value");
    events[7] = event_with("category", "");
    events[999] = event_with("device_type", "x".repeat(101));
    let refused = billing.client.post("/api/events", &json!(events)).await;
    let errors = refused.problem(422)["errors"].clone();
    let pointers: Vec<_> = errors
        .as_array()
        .unwrap()
        .iter()
        .map(|error| &error["pointer"])
        .collect();
    assert_eq!(pointers, ["/7/category", "/999/device_type"]);
    let more = json!(vec![event(); 1_001]);
    billing.client.post("/api/events", &more).await.problem(422);
    billing
        .client
        .post("/api/events", &json!([]))
        .await
        .problem(422);
    let count = servers
        .database
        .value("SELECT count(*) FROM events.events")
        .await;
    assert_eq!(count, "1000");
}

#[tokio::test]
async fn the_longest_array_is_taken_and_a_larger_body_is_not() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    // Each character is written as an escape of a surrogate pair: twelve bytes.
    let mut text = event().to_string();
    for short in ["phone", "purchase"] {
        text = text.replace(short, &r"\ud83d\ude00".repeat(100));
    }
    let events = format!("[{}]", vec![text; 1_000].join(","));
    let created = billing.client.post_text("/api/events", events).await;
    assert_eq!(created.json(201), json!({ "created": 1_000 }));
    let huge = format!("[{}]", " ".repeat(5 * 1_024 * 1_024));
    billing
        .client
        .post_text("/api/events", huge)
        .await
        .problem(413);
}

#[tokio::test]
async fn wrong_fields_are_named_and_never_a_500() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    for (field, value) in [
        ("timestamp", json!("2026-11-22T10:15:00")),
        ("timestamp", json!(1_795_342_500)),
        ("timestamp", json!("0000-01-01T00:00:00Z")),
        ("client", json!("42")),
        ("client", json!(1.5)),
        ("client", json!(9_223_372_036_854_775_808_u64)),
        ("client_group", Value::Null),
        ("device_type", json!("")),
        ("device_type", json!("x\0")),
        ("category", json!("é".repeat(101))),
        ("valid", json!("true")),
        ("value", json!(1e21)),
        ("value", json!("0.0000001")),
        ("value", json!([])),
    ] {
        let event = event_with(field, value);
        let problem = billing
            .client
            .post("/api/events", &event)
            .await
            .problem(422);
        let pointer = format!("/{field}");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{event}");
    }
    let written = |value: &str| event().to_string().replace("\"12.5\"", value);
    for value in ["1e400", "-1e-400", "12345678901234567890"] {
        billing
            .client
            .post_text("/api/events", written(value))
            .await
            .problem(422);
    }
    for malformed in ["", "{", "NaN", &written("NaN"), &written("01")] {
        billing
            .client
            .post_text("/api/events", malformed.to_owned())
            .await
            .problem(400);
    }
    let twice = event().to_string().replace('{', "{\"client\":1,");
    billing
        .client
        .post_text("/api/events", twice)
        .await
        .problem(400);
    let plain = billing
        .client
        .request("POST", "/api/events")
        .body(event().to_string());
    let refused = testing::send(plain).await.problem(415);
    assert_eq!(
        refused["detail"],
        "the content type must be application/json or application/x-ndjson"
    );
}

#[tokio::test]
async fn values_at_the_bounds_are_exact() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    for (value, kept) in [
        ("99999999999999.999999", "99999999999999.999999"),
        ("-99999999999999.999999", "-99999999999999.999999"),
        ("0.1", "0.100000"),
        ("-0", "0.000000"),
        ("1152921504606.846977", "1152921504606.846977"),
    ] {
        let text = event().to_string().replace("\"12.5\"", value);
        let made = billing
            .client
            .post_text("/api/events", text)
            .await
            .json(201);
        assert_eq!(made["value"], kept);
    }
}

#[tokio::test]
async fn an_unknown_event_is_a_404_and_no_uuid_is_a_400() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    for id in [Uuid::new_v4(), Uuid::nil(), Uuid::max(), Uuid::now_v7()] {
        let path = format!("/api/events/{id}");
        billing.client.get(&path).await.problem(404);
        billing.client.delete(&path).await.problem(404);
    }
    billing.client.get("/api/events/7").await.problem(404);
}
