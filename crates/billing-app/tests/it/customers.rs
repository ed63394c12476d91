//! Customers: their routes, and what a shipping is told of them.

use messages::{
    Message,
    customers::{Customer, CustomerDetail, CustomerRequest},
};
use serde_json::{Value, json};
use testing::send;
use uuid::Uuid;

use crate::helpers::{Billing, Servers};

async fn add(billing: &Billing, email: &str) -> Value {
    let body = json!({ "email": email, "address": "1 Mill Lane" });
    billing.client.post("/api/customers", &body).await.json(201)
}

#[tokio::test]
async fn a_customer_is_made_found_and_listed() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    let body = json!({ "email": " ann@example.org ", "address": "1 Mill Lane\nOxford ", "x": 1 });
    let made = billing.client.post("/api/customers/", &body).await;
    let customer = made.json(201);
    let id: Uuid = customer["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(made.header("location"), format!("/api/customers/{id}"));
    let expected =
        json!({ "id": id, "email": "ann@example.org", "address": "1 Mill Lane\nOxford" });
    assert_eq!(customer, expected);
    let found = billing.client.get(made.header("location")).await.json(200);
    assert_eq!(found, expected);
    let listed = billing.client.get("/api/customers").await.json(200);
    assert_eq!(listed, json!([expected]));
}

#[tokio::test]
async fn two_customers_may_have_one_email() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    let first = add(&billing, "ann@example.org").await;
    let second = add(&billing, "ann@example.org").await;
    assert_ne!(first["id"], second["id"]);
}

#[tokio::test]
async fn wrong_fields_are_named() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    let long = format!("{}@example.org", "a".repeat(65));
    for (email, address, pointers) in [
        (json!("ann"), json!("x"), &["/email"][..]),
        (
            json!("ann@example.org\r\nbcc: eve@example.org"),
            json!("x"),
            &["/email"],
        ),
        (json!(long), json!("x"), &["/email"]),
        (json!(7), json!("x"), &["/email"]),
        (json!("a@b"), json!("  "), &["/address"]),
        (json!("a@b"), json!("x".repeat(501)), &["/address"]),
        (json!("a@b"), json!("x\0"), &["/address"]),
        (json!(""), json!(""), &["/address", "/email"]),
    ] {
        let body = json!({ "email": email, "address": address });
        let problem = billing
            .client
            .post("/api/customers", &body)
            .await
            .problem(422);
        let errors = problem["errors"].as_array().unwrap();
        let mut named: Vec<_> = errors
            .iter()
            .map(|e| e["pointer"].as_str().unwrap())
            .collect();
        named.sort_unstable();
        assert_eq!(named, pointers, "{body}");
    }
    let missing = json!({ "email": "a@b" });
    billing
        .client
        .post("/api/customers", &missing)
        .await
        .problem(422);
    billing
        .client
        .post_text("/api/customers", "{")
        .await
        .problem(400);
    let listed = billing.client.get("/api/customers").await.json(200);
    assert_eq!(listed, json!([]));
}

#[tokio::test]
async fn what_looks_like_sql_is_text() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    let address = "'); DROP TABLE customers.customers; --";
    let body = json!({ "email": "o'hara@example.org", "address": address });
    let made = billing.client.post("/api/customers", &body).await.json(201);
    assert_eq!(made["address"], address);
    let listed = billing.client.get("/api/customers").await.json(200);
    assert_eq!(listed[0]["email"], "o'hara@example.org");
}

#[tokio::test]
async fn pages_follow_their_links_to_the_end() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    let mut made = Vec::new();
    for number in 0..5 {
        made.push(add(&billing, &format!("{number}@example.org")).await);
    }
    let seen = billing
        .client
        .pages("/api/customers?limit=2")
        .await
        .concat();
    assert_eq!(seen, made);
    let wrong = billing.client.get("/api/customers?limit=2&after=7").await;
    wrong.problem(400);
}

#[tokio::test]
async fn an_unknown_customer_is_a_404_and_so_is_no_uuid() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    let unknown = format!("/api/customers/{}", Uuid::new_v4());
    billing.client.get(&unknown).await.problem(404);
    for id in ["7", "x", "0198c0de-0000-7000-8000-00000000000g"] {
        let path = format!("/api/customers/{id}");
        billing.client.get(&path).await.problem(404);
    }
    let method = billing.client.request("DELETE", &unknown);
    send(method).await.problem(405);
}

#[tokio::test]
async fn each_question_is_answered_with_the_customer_or_none() {
    let servers = Servers::prepare_shop().await;
    let known = servers.add_customer().await;
    let ask = |customer_id| CustomerRequest {
        shipping_id: Uuid::new_v4(),
        customer_id,
    };
    let (first, second) = (ask(known), ask(Uuid::new_v4()));
    for question in [&first, &second] {
        // Delivered twice, as after a crash: the answers are the same.
        servers.send(question, question.message_id(1)).await;
        servers.send(question, question.message_id(1)).await;
    }
    let parts = ["--only", "customers,outbox"];
    let _billing = servers.start_parts(&parts).await.unwrap();
    let customer = Customer {
        email: "ann@example.org".into(),
        address: "1 Mill Lane".into(),
    };
    servers.until_settled(&["customers_request"]).await;
    for (id, answer) in servers.take_all::<CustomerDetail>().await {
        let question = if answer.customer.is_some() {
            &first
        } else {
            &second
        };
        assert_eq!(id, CustomerDetail::message_id(question.message_id(1)));
        assert_eq!(answer.shipping_id, question.shipping_id);
        let expected = (question == &first).then(|| customer.clone());
        assert_eq!(answer.customer, expected);
    }
}

#[tokio::test]
async fn what_is_no_question_is_a_dead_letter() {
    let servers = Servers::prepare_shop().await;
    let question = CustomerRequest {
        shipping_id: Uuid::new_v4(),
        customer_id: Uuid::new_v4(),
    };
    let queue = "customers_request";
    for (id, body) in [("a", "nonsense"), ("b", "{}"), ("c", "[]")] {
        servers.publish(queue, id, body).await;
    }
    servers.send(&question, question.message_id(1)).await;
    let parts = ["--only", "customers,outbox"];
    let _billing = servers.start_parts(&parts).await.unwrap();
    servers.take::<CustomerDetail>(1).await;
    let dead = servers.until_dead_in("customers_request.dead", 3).await;
    assert_eq!(
        dead.iter().map(|(id, ..)| id.as_str()).collect::<Vec<_>>(),
        ["a", "b", "c"]
    );
    assert!(dead[0].1.starts_with("malformed JSON"), "{dead:?}");
    assert!(dead[1].1.contains("shipping_id"), "{dead:?}");
    assert_eq!(dead[2].1, "must be a JSON object");
}

/// The largest customer that the table can hold from our routes is one that a shipping can read.
#[test]
fn the_longest_customer_is_a_message() {
    let detail = CustomerDetail {
        shipping_id: Uuid::nil(),
        customer: Some(Customer {
            email: "x".repeat(254),
            address: "\u{10ffff}".repeat(500),
        }),
    };
    assert_eq!(CustomerDetail::parse(&detail.encode()), Ok(detail));
}
