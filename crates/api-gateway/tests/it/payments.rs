//! `POST /api/billing` against a real RabbitMQ, and without one.

use std::time::Duration;

use serde_json::{Value, json};
use testing::{Answer, TestBroker, send};
use tokio::time::Instant;
use uuid::Uuid;

use crate::helpers::{Served, Setup, before, broker_arguments, publishing_to, serve};

pub(crate) const QUEUE: &str = "billing_queue";

pub(crate) fn payment() -> Value {
    json!({ "user_id": "3", "number_of_items": "5", "total_amount": "180" })
}

/// Posts until the publisher is connected; the first payments may meet a 503. A broker whose disk is slow takes seconds to
/// make a quorum queue, so it is a matter of time and not of tries.
pub(crate) async fn pay(gateway: &Served, body: &Value) -> Answer {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(30) {
        let answer = gateway.client.post("/api/billing", body).await;
        if answer.status != 503 {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the publisher does not connect");
}

#[tokio::test]
async fn a_payment_lies_on_the_queue_as_it_was_posted() {
    let broker = TestBroker::create().await;
    let gateway = publishing_to(&broker).await;
    let text = "\t{\"user_id\" : 3,\n \"number_of_items\":\"5\", \"total_amount\":180.00,  \"note\":\"\\u00e9 é\", \"more\":{\"a\":[1]}} ";
    pay(&gateway, &payment()).await;
    let answer = send(
        gateway
            .client
            .request("POST", "/api/billing/")
            .header("content-type", "application/json; charset=utf-8")
            .header("x-request-id", "my-id")
            .header(
                "traceparent",
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            )
            .body(text),
    )
    .await;
    let queued = answer.json(200);
    let id = queued["id"].as_str().unwrap();
    assert_eq!(queued, json!({ "id": id, "status": "queued" }));
    assert_eq!(answer.header("location"), format!("/api/billing/{id}"));
    let message = broker.drain(QUEUE).await.pop().unwrap();
    assert_eq!(message.body, text);
    assert_eq!(message.id(), Some(id));
    assert_eq!(message.properties["delivery_mode"], 2);
    assert_eq!(message.properties["content_type"], "application/json");
    assert_eq!(message.header("x-request-id"), Some("my-id"));
    let trace = message.header("traceparent").unwrap();
    assert!(
        trace.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"),
        "{trace}"
    );
}

#[tokio::test]
async fn each_payment_without_a_key_is_another() {
    let broker = TestBroker::create().await;
    let gateway = publishing_to(&broker).await;
    let first = pay(&gateway, &payment()).await.json(200);
    let second = pay(&gateway, &payment()).await.json(200);
    assert_ne!(first["id"], second["id"]);
    assert_eq!(broker.drain(QUEUE).await.len(), 2);
}

#[tokio::test]
async fn without_a_broker_it_is_a_503_within_two_seconds() {
    let gateway = before(1).await;
    let begin = Instant::now();
    let answer = gateway.client.post("/api/billing", &payment()).await;
    answer.problem(503);
    assert_eq!(answer.header("retry-after"), "1");
    // It gives up after 1.9 s; a busy machine takes its time.
    assert!(
        begin.elapsed() < Duration::from_secs(4),
        "{:?}",
        begin.elapsed()
    );
}

#[tokio::test]
async fn the_rights_of_the_topology_are_enough() {
    let broker = TestBroker::create().await;
    let definitions = messages::topology::definitions();
    let permissions = definitions["permissions"].as_array().unwrap().iter();
    let own = |rights: &&Value| rights["user"] == "@GATEWAY_AMQP_USER@";
    let rights = permissions.clone().find(own).unwrap();
    let [configure, write, read] =
        ["configure", "write", "read"].map(|right| rights[right].as_str().unwrap());
    let user = broker.add_user("gateway", configure, write, read).await;
    let gateway = serve(Setup {
        broker: broker_arguments(&broker.host, broker.port, &broker.vhost, &user, &user),
        ..Setup::default()
    })
    .await;
    pay(&gateway, &payment()).await.json(200);
    assert_eq!(broker.drain(QUEUE).await.len(), 1);
}

/// What the rules refuse: 422 that points at the field.
#[tokio::test]
async fn a_payment_against_the_rules_is_a_422_that_points_at_the_field() {
    let gateway = before(1).await;
    let long = "x".repeat(65);
    for (pointer, field, value) in [
        ("/user_id", "user_id", json!("")),
        ("/user_id", "user_id", json!(long)),
        ("/user_id", "user_id", json!("a\0b")),
        ("/user_id", "user_id", Value::Null),
        ("/user_id", "user_id", json!([1])),
        ("/user_id", "user_id", json!(true)),
        ("/number_of_items", "number_of_items", json!(0)),
        ("/number_of_items", "number_of_items", json!("-1")),
        ("/number_of_items", "number_of_items", json!(1.5)),
        (
            "/number_of_items",
            "number_of_items",
            json!(2_147_483_648_u64),
        ),
        (
            "/number_of_items",
            "number_of_items",
            json!("9223372036854775808"),
        ),
        ("/number_of_items", "number_of_items", json!("five")),
        ("/total_amount", "total_amount", json!("-1")),
        ("/total_amount", "total_amount", json!("1.005")),
        ("/total_amount", "total_amount", json!("1e400")),
        ("/total_amount", "total_amount", json!("NaN")),
        ("/total_amount", "total_amount", json!("")),
        ("/total_amount", "total_amount", Value::Null),
        ("/total_amount", "total_amount", json!([])),
        ("/total_amount", "total_amount", json!({})),
    ] {
        let mut body = payment();
        body[field] = value.clone();
        let problem = gateway
            .client
            .post("/api/billing", &body)
            .await
            .problem(422);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{field}: {value}");
        assert!(problem["errors"][0]["detail"].is_string());
    }
    let problem = gateway
        .client
        .post_text("/api/billing", "{}")
        .await
        .problem(422);
    assert_eq!(problem["errors"].as_array().unwrap().len(), 3);
    for body in ["[]", "null", "7", "\"x\"", r#"["3","5","180"]"#] {
        gateway
            .client
            .post_text("/api/billing", body)
            .await
            .problem(422);
    }
    let number = r#"{"user_id":"3","number_of_items":"5","total_amount":1e400}"#;
    gateway
        .client
        .post_text("/api/billing", number)
        .await
        .problem(422);
}

#[tokio::test]
async fn a_malformed_payment_is_a_400() {
    let gateway = before(1).await;
    for body in [
        "",
        " ",
        "{",
        "nonsense",
        "{}{}",
        "NaN",
        r#"{"user_id":"3",}"#,
        r#"{"user_id":"3","user_id":"4","number_of_items":"5","total_amount":"180"}"#,
        r#"{"user_id":"\ud800","number_of_items":"5","total_amount":"180"}"#,
        r#"{"user_id":"3","number_of_items":"5","total_amount":NaN}"#,
    ] {
        gateway
            .client
            .post_text("/api/billing", body.to_owned())
            .await
            .problem(400);
    }
    gateway
        .client
        .post_text("/api/billing", &b"{\"user_id\":\"\xff\"}"[..])
        .await
        .problem(400);
}

#[tokio::test]
async fn a_body_of_another_type_is_a_415_and_one_too_large_a_413() {
    let gateway = before(1).await;
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonx",
        "",
    ] {
        let request = gateway
            .client
            .request("POST", "/api/billing")
            .header("content-type", content_type);
        send(request.body(payment().to_string())).await.problem(415);
    }
    let padded = |length: usize| {
        format!(
            "{}{}",
            payment(),
            " ".repeat(length - payment().to_string().len())
        )
    };
    gateway
        .client
        .post_text("/api/billing", padded(65_537))
        .await
        .problem(413);
    // The largest that is taken: the broker is absent, so 503 says that it passed.
    gateway
        .client
        .post_text("/api/billing", padded(65_536))
        .await
        .problem(503);
}

#[tokio::test]
async fn a_payment_accepted_while_the_connection_breaks_is_there() {
    let broker = TestBroker::create().await;
    let gateway = publishing_to(&broker).await;
    let mut accepted = vec![pay(&gateway, &payment()).await.json(200)];
    broker.close_connections().await;
    for _ in 0..20 {
        accepted.push(pay(&gateway, &payment()).await.json(200));
    }
    let kept: Vec<_> = broker
        .drain(QUEUE)
        .await
        .into_iter()
        .map(|message| message.id().unwrap().to_owned())
        .collect();
    for answer in accepted {
        let id: Uuid = answer["id"].as_str().unwrap().parse().unwrap();
        assert!(
            kept.contains(&id.to_string()),
            "{id} was accepted and is lost"
        );
    }
}

#[tokio::test]
async fn deep_nesting_overflows_nothing() {
    let broker = TestBroker::create().await;
    let gateway = publishing_to(&broker).await;
    pay(&gateway, &payment()).await;
    broker.drain(QUEUE).await;
    let (open, close) = ("[".repeat(10_000), "]".repeat(10_000));
    let with = |name: &str, value: &str| {
        payment()
            .to_string()
            .replacen('{', &format!("{{\"{name}\":{value},"), 1)
    };
    let unknown = with("x", &format!("{open}{close}"));
    gateway
        .client
        .post_text("/api/billing", unknown.clone())
        .await
        .json(200);
    assert_eq!(broker.drain(QUEUE).await[0].body, unknown);
    gateway
        .client
        .post_text("/api/billing", with("x", &open))
        .await
        .problem(400);
    let known =
        format!(r#"{{"user_id":{open}{close},"number_of_items":"5","total_amount":"180"}}"#);
    gateway
        .client
        .post_text("/api/billing", known)
        .await
        .problem(422);
}
