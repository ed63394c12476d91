//! An inventory that is away, late or answers nonsense: a 503 in time, and nothing half done.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use testing::Answer;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{
    helpers::{Billing, Servers},
    shop::{Shop, User, start_http},
};

fn assert_unavailable(answer: &Answer) {
    answer.problem(503);
    assert_eq!(answer.header("retry-after"), "1");
}

#[tokio::test]
async fn without_the_inventory_nothing_is_half_done_and_the_rest_works() {
    let Shop {
        billing,
        servers,
        inventory,
    } = Shop::open_http().await;
    let user = User::of(&billing);
    let id = user.order().await;
    user.add("stout", 1).await;
    let written =
        "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM orders.order_history)";
    let before = servers.database.value(written).await;
    inventory.stop().await;
    let began = Instant::now();
    assert_unavailable(&user.check_out().await);
    assert!(began.elapsed() < Duration::from_secs(2));
    assert_unavailable(&user.get("/api/orders/current").await);
    assert_unavailable(&user.put("ipa", json!(1)).await);
    assert_eq!(servers.database.value(written).await, before);

    user.get(&format!("/api/orders/{id}")).await.json(200);
    assert_unavailable(&user.get("/api/orders").await);
    assert_eq!(user.remove("stout").await.status, 204);
    assert_eq!(user.current().await["beers"], json!([]));
    let orders = user.get("/api/orders").await.json(200);
    assert_eq!(orders.as_array().unwrap().len(), 2);
}

/// An inventory that answers each request with the same bytes, which may be changed; at first with nothing.
#[derive(Clone, Default)]
struct Stub(Arc<Mutex<String>>);

impl Stub {
    /// A billing that asks it, and a user there.
    async fn start(&self) -> (Billing, Servers, User) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut servers = Servers::without_queues().await;
        servers.inventory_port = listener.local_addr().unwrap().port();
        let stub = self.clone();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(stub.clone().serve(connection));
            }
        });
        let billing = start_http(&servers).await;
        let user = User::of(&billing);
        (billing, servers, user)
    }

    fn answer_with(&self, bytes: String) {
        *self.0.lock().unwrap() = bytes;
    }

    async fn serve(self, mut connection: TcpStream) {
        let mut head = [0; 4_096];
        while let Ok(1..) = connection.read(&mut head).await {
            let answer = self.0.lock().unwrap().clone();
            // The client may have gone.
            let _ = connection.write_all(answer.as_bytes()).await;
        }
    }
}

fn http(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn beer(name: &str, price: &Value) -> String {
    let beers = json!([{ "sku": "ipa", "name": name, "price": price }]);
    http("200 OK", &beers.to_string())
}

#[tokio::test]
async fn an_answer_that_can_be_used_is() {
    let stub = Stub::default();
    let (_billing, _servers, user) = stub.start().await;
    stub.answer_with(http("200 OK", "[]"));
    user.put("ipa", json!(1)).await.problem(404);
    stub.answer_with(beer("x", &json!("1.00")));
    user.put("ipa", json!(1)).await.json(201);
}

#[tokio::test]
async fn a_silent_inventory_is_a_503_in_time() {
    let (_billing, _servers, user) = Stub::default().start().await;
    let began = Instant::now();
    assert_unavailable(&user.put("ipa", json!(1)).await);
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn nonsense_is_a_503() {
    let stub = Stub::default();
    let (_billing, servers, user) = stub.start().await;
    for nonsense in [
        "nonsense".to_owned(),
        http("500 Internal Server Error", "{}"),
        http("404 Not Found", "{}"),
        http("200 OK", "{}"),
        http("200 OK", "[{\"sku\":\"ipa\"}]"),
        beer("x", &json!("-1")),
        beer("x", &json!("1.001")),
        beer("x", &json!("1e400")),
        beer("", &json!("1.00")),
        beer("a\0", &json!("1.00")),
        beer(&"x".repeat(256), &json!("1.00")),
        beer(&"x".repeat(1_100_000), &json!("1.00")),
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n[".to_owned(),
    ] {
        stub.answer_with(nonsense.clone());
        let answer = user.put("ipa", json!(1)).await;
        let shown = &nonsense[..nonsense.len().min(200)];
        assert_eq!(answer.status, 503, "{shown}");
        assert_eq!(answer.header("retry-after"), "1");
    }
    let lines = "SELECT count(*) FROM orders.order_lines";
    assert_eq!(servers.database.value(lines).await, "0");
}

/// A GET may be sent again: the first connection is closed without an answer.
#[tokio::test]
async fn a_connection_that_breaks_before_its_answer_is_tried_once_more() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut servers = Servers::without_queues().await;
    servers.inventory_port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut first, _) = listener.accept().await.unwrap();
        let _ = first.read(&mut [0; 4_096]).await;
        drop(first);
        let (second, _) = listener.accept().await.unwrap();
        let stub = Stub::default();
        stub.answer_with(beer("x", &json!("1.00")));
        stub.serve(second).await;
    });
    let billing = start_http(&servers).await;
    User::of(&billing).put("ipa", json!(1)).await.json(201);
}
