//! Streams of events: what is kept of them, what is told, and what they cost.

use std::time::Duration;

use billing_app::Limits;
use serde_json::{Value, json};
use testing::{Answer, Process, send, until};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    crash::program,
    events::{event, event_with},
    helpers::{Billing, Servers, start},
};

async fn post(billing: &Billing, body: impl Into<Vec<u8>>) -> Answer {
    let request = billing.client.request("POST", "/api/events");
    let request = request.header("content-type", "application/x-ndjson; charset=utf-8");
    send(request.body(body.into())).await
}

async fn kept(servers: &Servers) -> u64 {
    let count = servers
        .database
        .value("SELECT count(*) FROM events.events")
        .await;
    count.parse().unwrap()
}

/// So many good lines.
fn lines(count: usize) -> Vec<String> {
    let line = event().to_string();
    (0..count).map(|_| line.clone()).collect()
}

/// A chunked request that the test sends in parts.
struct Upload(TcpStream);

impl Upload {
    async fn begin(address: &str) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = "POST /api/events HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
                    Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        Self(stream)
    }

    async fn send(&mut self, part: &str) {
        let chunk = format!("{:x}\r\n{part}\r\n", part.len());
        self.0.write_all(chunk.as_bytes()).await.unwrap();
    }

    /// Ends the body; the status and the body of the answer.
    async fn end(mut self) -> (u16, String) {
        self.0.write_all(b"0\r\n\r\n").await.unwrap();
        self.answer().await
    }

    async fn answer(&mut self) -> (u16, String) {
        let mut answer = String::new();
        let reading = self.0.read_to_string(&mut answer);
        let limit = Duration::from_secs(60);
        timeout(limit, reading).await.unwrap().unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }
}

#[tokio::test]
async fn lines_are_events_and_blank_ones_are_not() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    let good = lines(2_500);
    let (first, rest) = (good[..100].join("\r\n\r\n"), good[100..].join("\n"));
    let answer = post(&billing, format!("\n \n{first}\r\n\t\n{rest}")).await;
    let expected = json!({ "created": 2_500, "failed": 0, "errors": [], "not_kept": [] });
    assert_eq!(answer.json(200), expected);
    assert_eq!(kept(&servers).await, 2_500);
    let answer = post(&billing, "").await;
    assert_eq!(answer.json(200)["created"], 0);
}

#[tokio::test]
async fn a_thousand_with_a_wrong_line_is_not_kept_and_the_others_are() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    let mut body = lines(3_500);
    body[1_016] = event_with("value", "x").to_string();
    body[1_999] = "{".into();
    body[3_400] = format!("[{}]", body[0]);
    let summary = post(&billing, body.join("\n") + "\n").await.json(200);
    assert_eq!(summary["created"], 2_000);
    assert_eq!(summary["failed"], 1_500);
    let expected = json!([{ "first": 1_001, "last": 2_000 }, { "first": 3_001, "last": 3_500 }]);
    assert_eq!(summary["not_kept"], expected);
    let errors = summary["errors"].as_array().unwrap();
    let told: Vec<_> = errors
        .iter()
        .map(|error| error["line"].as_u64().unwrap())
        .collect();
    assert_eq!(told, [1_017, 2_000, 3_401]);
    let details: Vec<_> = errors
        .iter()
        .map(|error| error["detail"].as_str().unwrap())
        .collect();
    assert!(details[0].starts_with("/value must be"), "{details:?}");
    assert!(
        details[1].starts_with("the body is not JSON"),
        "{details:?}"
    );
    assert_eq!(details[2], "must be a JSON object");
    assert_eq!(kept(&servers).await, 2_000);
}

#[tokio::test]
async fn no_bytes_are_a_500_and_the_first_hundred_errors_are_told() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    let mut body = b"\xff\xfe\n{\"value\":1e400}\nnull\n".to_vec();
    body.extend(event_with("category", "a\0b").to_string().bytes());
    body.extend(
        b"\n{\"x\":\""
            .iter()
            .chain(&vec![b'y'; 70_000])
            .chain(b"\"}\n"),
    );
    body.extend(b"x\n".repeat(200));
    let summary = post(&billing, body).await.json(200);
    let errors = summary["errors"].as_array().unwrap();
    assert_eq!((errors.len(), &summary["failed"]), (100, &json!(205)));
    assert_eq!(errors[3]["detail"], "/category must not contain NUL");
    assert_eq!(errors[4]["detail"], "must have at most 65536 bytes");
    assert_eq!(summary["not_kept"], json!([{ "first": 1, "last": 205 }]));
}

#[tokio::test]
async fn what_was_kept_before_a_client_breaks_off_stays() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    let mut upload = Upload::begin(&billing.address()).await;
    upload.send(&(lines(1_500).join("\n") + "\n")).await;
    let thousand = async || kept(&servers).await == 1_000;
    until(thousand, "the first thousand is kept").await;
    drop(upload);
    let one = billing.client.post("/api/events", &event()).await;
    one.json(201);
    assert_eq!(kept(&servers).await, 1_001);
}

#[tokio::test]
async fn a_slow_client_holds_no_connection_and_has_no_limit_in_all() {
    let servers = Servers::prepare().await;
    let one = servers.config_with("orders-db-pool", "1", &["serve"]);
    let billing = start(&one, &Limits::default()).await.unwrap();
    let mut upload = Upload::begin(&billing.address()).await;
    // Longer in all than any other answer may take.
    for _ in 0..12 {
        upload.send(&(lines(100).join("\n") + "\n")).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        billing.client.post("/api/events", &event()).await.json(201);
    }
    let (status, body) = upload.end().await;
    let summary: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, &summary["created"]),
        (200, &json!(1_200)),
        "{body}"
    );
    assert_eq!(kept(&servers).await, 1_212);
}

#[tokio::test]
async fn a_database_that_does_not_answer_ends_a_stream_that_can_be_sent_again() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    let mut upload = Upload::begin(&billing.address()).await;
    upload
        .send(&("\n".to_owned() + &lines(1_000).join("\n") + "\n\n"))
        .await;
    until(
        async || kept(&servers).await == 1_000,
        "the first thousand is kept",
    )
    .await;
    let holder = servers.database.connect().await;
    let lock = "BEGIN; LOCK TABLE events.events IN SHARE MODE";
    holder.batch_execute(lock).await.unwrap();
    upload.send(&(lines(1_000).join("\n") + "\n")).await;
    let (status, body) = upload.answer().await;
    holder.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(status, 503, "{body}");
    let told =
        "before line 1003, 1000 events were kept and 0 lines were not; send again from line 1003";
    assert!(body.contains(told), "{body}");
    let again = post(&billing, lines(1_000).join("\n")).await.json(200);
    assert_eq!(again["created"], 1_000);
    assert_eq!(kept(&servers).await, 2_000);
}

#[tokio::test]
async fn two_hundred_megabytes_pass_in_constant_memory() {
    let servers = Servers::prepare().await;
    let billing = Process::start(|port| program(&servers, servers.broker.port, port)).await;
    let before = billing.peak_kib();
    let line = event_with("note", "x".repeat(49_000)).to_string() + "\n";
    let mut upload = Upload::begin(&format!("127.0.0.1:{}", billing.port)).await;
    for _ in 0..200 {
        upload.send(&line.repeat(20)).await;
    }
    let (status, body) = upload.end().await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(kept(&servers).await, 4_000);
    let grown = billing.peak_kib() - before;
    assert!(grown < 32 * 1_024, "{grown} KiB");
}
