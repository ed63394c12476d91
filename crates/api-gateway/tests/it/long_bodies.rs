//! Bodies of any length, and answers that take as long as a report.

use std::time::Duration;

use api_gateway::proxy::Waits;
use tokio::{io::AsyncWriteExt, net::TcpStream, time::sleep};

use crate::{
    helpers::{Served, Setup, rest, serve, status},
    stub::{Behavior, Stub, ok},
};

const MIB: usize = 1_024 * 1_024;

/// A body may take 300 ms elsewhere, and an answer as long; a stream may stand still for ten times the
/// pause of the slowest client here.
const WAITS: Waits = Waits {
    upload: Duration::from_millis(300),
    answer: Duration::from_millis(300),
    silence: Duration::from_secs(2),
    report: Duration::from_secs(20),
    heartbeat: Duration::from_secs(45),
};

async fn before(billing: u16) -> Served {
    let limits = platform::http::Limits {
        answer: Duration::from_secs(2),
        ..api_gateway::LIMITS
    };
    serve(Setup {
        billing,
        waits: WAITS,
        limits,
        ..Setup::default()
    })
    .await
}

async fn begin(gateway: &Served) -> TcpStream {
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    let head = "POST /api/events HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
                Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn a_stream_has_no_limit_in_size() {
    let stub = Stub::json("{}").await;
    let gateway = before(stub.port).await;
    let request = gateway.client.request("POST", "/api/events");
    let answer = testing::send(request.body(vec![b'x'; 20 * MIB])).await;
    assert_eq!(answer.status, 200);
    assert_eq!(stub.only().body.len(), 20 * MIB);
}

#[tokio::test]
async fn a_stream_has_no_limit_in_time_while_it_moves() {
    let stub = Stub::json("{}").await;
    let gateway = before(stub.port).await;
    let mut stream = begin(&gateway).await;
    // Longer in all than any other body and any other answer may take.
    for _ in 0..15 {
        stream.write_all(b"1\r\nx\r\n").await.unwrap();
        sleep(Duration::from_millis(200)).await;
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    assert_eq!(status(&rest(&mut stream).await), 200);
}

#[tokio::test]
async fn a_client_that_stops_in_the_middle_of_a_stream_is_told_so() {
    let stub = Stub::json("{}").await;
    let gateway = before(stub.port).await;
    let mut stream = begin(&gateway).await;
    stream.write_all(b"1\r\nx\r\n").await.unwrap();
    assert_eq!(status(&rest(&mut stream).await), 408);
    assert!(stub.seen().is_empty(), "a cut body was taken for whole");
}

#[tokio::test]
async fn a_service_that_does_not_read_a_stream_is_late() {
    // Accepts connections, as the kernel does, and reads nothing.
    let deaf = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = before(deaf.local_addr().unwrap().port()).await;
    let mut stream = begin(&gateway).await;
    let (mut reader, mut writer) = stream.split();
    let chunk = [b"10000\r\n".as_slice(), &[b'x'; 65_536], b"\r\n"].concat();
    let writing = async {
        while writer.write_all(&chunk).await.is_ok() {}
        std::future::pending::<()>().await;
    };
    let mut answer = Vec::new();
    let reading = tokio::io::AsyncReadExt::read_to_end(&mut reader, &mut answer);
    let answered = async { tokio::time::timeout(Duration::from_secs(20), reading).await };
    tokio::select! {
        _ = answered => {}
        () = writing => {}
    }
    assert_eq!(status(&String::from_utf8_lossy(&answer)), 504);
}

#[tokio::test]
async fn a_report_may_take_longer_than_other_answers() {
    let stub = Stub::always(Behavior::SayLater(Duration::from_secs(3), ok("{}"))).await;
    let gateway = before(stub.port).await;
    gateway.client.get("/api/reports").await.json(200);
    gateway.client.get("/api/events").await.problem(504);
}
