//! An answer that goes on and on: it is bounded by its heartbeats, and nobody waits for its end.

use std::time::Duration;

use api_gateway::{open_streams::STREAMS_OF_CLIENT, proxy::Waits};
use testing::until;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    helpers::{Served, Setup, before, rest, serve},
    stub::{Behavior, Stub},
};

/// The head of a stream and its first event.
const BEGUN: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n4\r\n:hi\n\r\n";

async fn begun() -> Stub {
    Stub::always(Behavior::SayAndStare(BEGUN.into())).await
}

/// A client that has had the first event.
async fn listening(gateway: &Served) -> TcpStream {
    let mut client = TcpStream::connect(gateway.address).await.unwrap();
    let request = b"GET /api/bikes/stream HTTP/1.1\r\nhost: x\r\nlast-event-id: 7\r\n\r\n";
    client.write_all(request).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b":hi\n\r\n") {
        let read = timeout(Duration::from_secs(10), client.read_buf(&mut head)).await;
        assert!(read.unwrap().unwrap() > 0, "closed");
    }
    client
}

#[tokio::test]
async fn a_stream_without_a_heartbeat_is_cut_off() {
    let stub = begun().await;
    let waits = Waits {
        heartbeat: Duration::from_millis(300),
        ..Waits::default()
    };
    let gateway = serve(Setup {
        inventory: stub.port,
        waits,
        ..Setup::default()
    })
    .await;
    let mut client = listening(&gateway).await;
    assert_eq!(rest(&mut client).await, "", "it looks complete");
    assert!(stub.hung_up().await);
    assert_eq!(stub.only().all("last-event-id"), ["7"]);
}

/// The limit for other answers is shorter: the gateway stops before it has been reached twice.
#[tokio::test]
async fn a_stream_has_time_until_its_heartbeat() {
    let silence = Duration::from_millis(100);
    let stub = begun().await;
    let waits = Waits {
        silence,
        ..Waits::default()
    };
    let gateway = serve(Setup {
        inventory: stub.port,
        waits,
        ..Setup::default()
    })
    .await;
    let mut client = listening(&gateway).await;
    let more = timeout(silence * 4, client.read_u8()).await;
    assert!(more.is_err(), "{more:?}");
}

#[tokio::test]
async fn a_client_that_leaves_frees_the_service_at_once() {
    let stub = begun().await;
    let gateway = before(stub.port).await;
    drop(listening(&gateway).await);
    assert!(stub.hung_up().await);
}

#[tokio::test]
async fn a_stop_ends_a_stream_in_order() {
    let stub = begun().await;
    let gateway = before(stub.port).await;
    let mut client = listening(&gateway).await;
    let (stopped, end) = tokio::join!(gateway.running.stop(), rest(&mut client));
    stopped.unwrap();
    assert_eq!(end, "0\r\n\r\n");
}

#[tokio::test]
async fn one_client_may_not_have_all_streams() {
    let stub = begun().await;
    let gateway = before(stub.port).await;
    let mut open = Vec::new();
    for _ in 0..STREAMS_OF_CLIENT {
        open.push(listening(&gateway).await);
    }
    let refused = gateway.client.get("/api/bikes/stream").await;
    refused.problem(429);
    assert_eq!(refused.header("retry-after"), "5");
    gateway.client.get("/health/live").await.json(200);
    open.pop();
    let free = async || {
        let mut client = TcpStream::connect(gateway.address).await.unwrap();
        let request = b"GET /api/bikes/stream HTTP/1.1\r\nhost: x\r\n\r\n";
        client.write_all(request).await.unwrap();
        let mut head = [0; 12];
        client.read_exact(&mut head).await.unwrap();
        head == *b"HTTP/1.1 200"
    };
    until(free, "the place of a client that has left is free").await;
}
