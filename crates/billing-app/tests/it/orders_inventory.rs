//! An inventory that is away, late or answers nonsense: a 503 in time, and nothing half done.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testing::Answer;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::{
    helpers::Servers,
    shop::{PARTS, Shop, User},
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
    } = Shop::open().await;
    let user = User::of(&billing);
    let id = user.order().await;
    user.add("stout", 1).await;
    let (outbox, history) = (
        "SELECT count(*) FROM outbox",
        "SELECT count(*) FROM orders.order_history",
    );
    let before = servers.database.value(history).await;
    inventory.stop().await;
    let began = Instant::now();
    assert_unavailable(&user.check_out().await);
    assert!(began.elapsed() < Duration::from_secs(2));
    assert_unavailable(&user.get("/api/orders/current").await);
    assert_unavailable(&user.put("ipa", json!(1)).await);
    assert_eq!(servers.database.value(history).await, before);
    testing::until(
        async || servers.database.value(outbox).await == "0",
        "the outbox is empty",
    )
    .await;
    assert_eq!(servers.count("true").await, 1);

    user.get(&format!("/api/orders/{id}")).await.json(200);
    let orders = user.get("/api/orders").await.json(200);
    assert_eq!(orders[1]["beers"][0]["quantity"], 1);
    assert_eq!(user.remove("stout").await.status, 204);
    assert_eq!(user.current().await["beers"], json!([]));
}

/// Answers each request on each connection with the same bytes; without any it answers nothing.
async fn stub(answer: String) -> (u16, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(serve(connection, answer.clone()));
        }
    });
    (port, serving)
}

async fn serve(mut connection: TcpStream, answer: String) {
    let mut head = [0; 4_096];
    while let Ok(1..) = connection.read(&mut head).await {
        // The client may have gone.
        let _ = connection.write_all(answer.as_bytes()).await;
    }
}

fn http(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// What becomes of a beer that is added while the inventory answers like this.
async fn added(answer: String) -> Answer {
    let (port, _serving) = stub(answer).await;
    let mut servers = Servers::prepare().await;
    servers.inventory_port = port;
    let billing = servers.start_parts(&["--only", PARTS]).await.unwrap();
    let began = Instant::now();
    let answer = User::of(&billing).put("ipa", json!(1)).await;
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    let lines = "SELECT count(*) FROM orders.order_lines";
    let kept = servers.database.value(lines).await == "1";
    assert_eq!(kept, answer.status == 201);
    answer
}

fn beer(name: &str, price: &Value) -> String {
    http(
        "200 OK",
        &json!([{ "sku": "ipa", "name": name, "price": price }]).to_string(),
    )
}

#[tokio::test]
async fn an_answer_that_can_be_used_is() {
    added(beer("x", &json!("1.00"))).await.json(201);
    added(http("200 OK", "[]")).await.problem(404);
}

#[tokio::test]
async fn a_silent_inventory_is_a_503_in_time() {
    assert_unavailable(&added(String::new()).await);
}

#[tokio::test]
async fn nonsense_is_a_503() {
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
        let answer = added(nonsense.clone()).await;
        assert_eq!(
            answer.status,
            503,
            "{}",
            &nonsense[..nonsense.len().min(200)]
        );
    }
}

/// A GET may be sent again: the first connection is closed without an answer.
#[tokio::test]
async fn a_connection_that_breaks_before_its_answer_is_tried_once_more() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut servers = Servers::prepare().await;
    servers.inventory_port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut first, _) = listener.accept().await.unwrap();
        let _ = first.read(&mut [0; 4_096]).await;
        drop(first);
        let (second, _) = listener.accept().await.unwrap();
        serve(second, beer("x", &json!("1.00"))).await;
    });
    let billing = servers.start_parts(&["--only", PARTS]).await.unwrap();
    User::of(&billing).put("ipa", json!(1)).await.json(201);
}
