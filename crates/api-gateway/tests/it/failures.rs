//! What lies behind is broken, absent or late: the client is told the truth, soon, and nothing is done twice.

use std::time::Duration;

use api_gateway::{proxy::Waits, table::LimitClass};
use testing::send;
use tokio::{io::AsyncWriteExt, net::TcpStream, time::Instant};

use crate::{
    helpers::{NOBODY, Served, Setup, before, raw, rest, serve, status},
    stub::{Behavior, Stub, ok},
};

const SHORT: Waits = Waits {
    upload: Duration::from_millis(400),
    answer: Duration::from_millis(400),
    silence: Duration::from_millis(400),
    report: Duration::from_millis(1_200),
    heartbeat: Duration::from_millis(400),
};

async fn impatient(inventory: u16) -> Served {
    serve(Setup {
        inventory,
        waits: SHORT,
        ..Setup::default()
    })
    .await
}

#[tokio::test]
async fn an_absent_service_is_a_503_within_a_second() {
    let gateway = before(NOBODY).await;
    for method in ["GET", "POST"] {
        let begin = Instant::now();
        let answer = send(
            gateway
                .client
                .request(method, "/api/movies")
                .body(if method == "GET" { "" } else { "{}" }),
        )
        .await;
        assert_eq!(answer.problem(503)["detail"], "inventory-app is not there");
        assert_eq!(answer.header("retry-after"), "1");
        assert!(
            begin.elapsed() < Duration::from_secs(1),
            "{:?}",
            begin.elapsed()
        );
    }
}

#[tokio::test]
async fn a_service_that_cannot_be_reached_is_a_503_within_a_second() {
    // 192.0.2.0/24 is for documentation (RFC 5737): packets to it get no answer, or an error at once.
    let nowhere = api_gateway::proxy::Upstream::new("inventory-app", "192.0.2.1", 80).unwrap();
    let request = axum::extract::Request::new(axum::body::Body::empty());
    let begin = Instant::now();
    let refused = nowhere
        .forward(
            request,
            platform::http::caller::Caller::Anonymous,
            LimitClass::Small,
        )
        .await;
    assert_eq!(refused.unwrap_err().status(), 503);
    assert!(
        begin.elapsed() < Duration::from_secs(1),
        "{:?}",
        begin.elapsed()
    );
}

#[tokio::test]
async fn a_late_answer_is_a_504_and_is_not_asked_for_again() {
    let stub = Stub::always(Behavior::SayAndStare(Vec::new())).await;
    let gateway = impatient(stub.port).await;
    gateway.client.get("/api/movies").await.problem(504);
    assert_eq!(stub.seen().len(), 1);
    assert!(
        stub.hung_up().await,
        "the service was left working for nobody"
    );
    gateway
        .client
        .post_text("/api/movies", "{}")
        .await
        .problem(504);
    assert_eq!(stub.seen().len(), 2);
}

/// What a service can send before it breaks off: nothing, a part of a head, or something other than HTTP.
const BROKEN_HEADS: [&str; 5] = [
    "",
    "H",
    "HTTP/1.1 200 OK\r\ncontent-le",
    "HTTP/9.9 nonsense\r\n\r\n",
    "SSH-2.0-x\r\n",
];

#[tokio::test]
async fn a_get_or_head_is_sent_once_more_after_a_failure_before_the_head_of_the_answer() {
    for broken in BROKEN_HEADS {
        for method in ["GET", "HEAD"] {
            let stub = Stub::start(move |number| match number {
                0 => Behavior::SayAndClose(broken.into()),
                _ => Behavior::Say(ok("[1]")),
            })
            .await;
            let gateway = before(stub.port).await;
            let answer = send(gateway.client.request(method, "/api/movies")).await;
            assert_eq!(answer.status, 200, "{method} after {broken:?}");
            assert_eq!(stub.seen().len(), 2, "{method} after {broken:?}");
        }
    }
}

#[tokio::test]
async fn a_get_is_sent_twice_at_most() {
    let closing = BROKEN_HEADS.map(|broken| Behavior::SayAndClose(broken.into()));
    for behavior in closing
        .into_iter()
        .chain([Behavior::SayAndReset(Vec::new())])
    {
        let stub = Stub::always(behavior.clone()).await;
        let gateway = before(stub.port).await;
        gateway.client.get("/api/movies").await.problem(502);
        assert_eq!(stub.seen().len(), 2, "{behavior:?}");
    }
}

#[tokio::test]
async fn a_write_is_never_sent_twice() {
    let cases = [("POST", "{}"), ("DELETE", "{}"), ("PUT", "{}")];
    let bodiless = [("POST", ""), ("DELETE", ""), ("PUT", "")];
    for (method, body) in cases.into_iter().chain(bodiless) {
        let stub = Stub::start(|number| match number {
            0 => Behavior::Say(ok("{}")),
            _ => Behavior::SayAndClose(Vec::new()),
        })
        .await;
        let gateway = before(stub.port).await;
        let path = if method == "PUT" {
            "/api/movies/1"
        } else {
            "/api/movies"
        };
        // The second request goes over the connection of the first: a pooled one must not tempt to a retry either.
        for expected in [200, 502] {
            let answer = send(gateway.client.request(method, path).body(body)).await;
            assert_eq!(answer.status, expected, "{method} {body}");
        }
        assert_eq!(stub.seen().len(), 2, "{method} {body}");
    }
}

#[tokio::test]
async fn a_get_with_a_body_is_not_sent_twice() {
    let stub = Stub::always(Behavior::SayAndClose(Vec::new())).await;
    let gateway = before(stub.port).await;
    send(gateway.client.request("GET", "/api/movies").body("x"))
        .await
        .problem(502);
    assert_eq!(stub.seen().len(), 1);
}

#[tokio::test]
async fn a_body_that_breaks_off_has_no_clean_end() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n[1,2,\r\n";
    let counted = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n[1,2,";
    for part in [chunked, counted] {
        for behavior in [
            Behavior::SayAndClose(part.into()),
            Behavior::SayAndReset(part.into()),
            Behavior::SayAndStare(part.into()),
        ] {
            let stub = Stub::always(behavior.clone()).await;
            let gateway = impatient(stub.port).await;
            let answer = raw(&gateway, "GET /api/movies HTTP/1.1\r\nHost: a\r\n\r\n").await;
            assert_eq!(status(&answer), 200, "{answer}");
            assert!(answer.contains("[1,2,"), "{answer}");
            assert!(
                !answer.ends_with("0\r\n\r\n"),
                "{behavior:?} ended cleanly: {answer}"
            );
            let read = gateway
                .client
                .request("GET", "/api/movies")
                .send()
                .await
                .unwrap()
                .bytes()
                .await;
            assert!(read.is_err(), "{behavior:?} was taken for whole: {read:?}");
        }
    }
}

#[tokio::test]
async fn a_client_that_goes_away_ends_the_request_behind() {
    let stub = Stub::always(Behavior::SayAndStare(Vec::new())).await;
    let gateway = before(stub.port).await;
    let mut client = TcpStream::connect(gateway.address).await.unwrap();
    client
        .write_all(b"GET /api/movies HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    while stub.seen().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    drop(client);
    assert!(
        stub.hung_up().await,
        "the service was left working for nobody"
    );
}

#[tokio::test]
async fn two_answers_to_one_request_do_not_reach_the_next_client() {
    let stub = Stub::start(|number| match number {
        0 => Behavior::Say([ok("\"mine\""), ok("\"smuggled\"")].concat()),
        _ => Behavior::Say(ok("\"yours\"")),
    })
    .await;
    let gateway = before(stub.port).await;
    assert_eq!(gateway.client.get("/api/movies").await.json(200), "mine");
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(gateway.client.get("/api/movies").await.json(200), "yours");
}

#[tokio::test]
async fn the_head_of_an_answer_is_bounded() {
    for (length, expected) in [(32 * 1_024, 200), (256 * 1_024, 502)] {
        let padding = "x".repeat(length);
        let head = format!("HTTP/1.1 200 OK\r\nx-long: {padding}\r\ncontent-length: 2\r\n\r\n{{}}");
        let stub = Stub::always(Behavior::Say(head.into_bytes())).await;
        let gateway = before(stub.port).await;
        let answer = gateway.client.get("/api/movies").await;
        assert_eq!(answer.status, expected, "{length}");
    }
}

#[tokio::test]
async fn a_switch_of_protocols_that_nobody_asked_for_is_a_502() {
    let stub = Stub::always(Behavior::Say(
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n".to_vec(),
    ))
    .await;
    before(stub.port)
        .await
        .client
        .get("/api/movies")
        .await
        .problem(502);
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_a_408() {
    let stub = Stub::json("{}").await;
    let gateway = impatient(stub.port).await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    stream
        .write_all(b"POST /api/movies HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{")
        .await
        .unwrap();
    let answer = rest(&mut stream).await;
    assert_eq!(status(&answer), 408, "{answer}");
    assert!(stub.seen().is_empty(), "half a request was taken for whole");
}

#[tokio::test]
async fn the_services_time_begins_when_the_body_is_sent() {
    let pause = Duration::from_millis(250);
    let stub = Stub::always(Behavior::SayLater(pause, ok("{}"))).await;
    let gateway = impatient(stub.port).await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    stream
        .write_all(b"POST /api/movies HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{")
        .await
        .unwrap();
    tokio::time::sleep(pause).await;
    stream.write_all(b"}").await.unwrap();
    assert_eq!(status(&rest(&mut stream).await), 200);
}
