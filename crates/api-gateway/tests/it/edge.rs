//! What is ambiguous is refused with 400 and reaches nobody.

use std::time::Duration;

use platform::http::Limits;
use tokio::{io::AsyncWriteExt, net::TcpStream, time::Instant};

use crate::{
    helpers::{Served, Setup, before, raw, rest, serve, status},
    stub::Stub,
};

/// Each is refused with `expected`, its connection is closed, and the inventory hears nothing.
async fn refused(expected: u16, requests: &[&str]) {
    let stub = Stub::json("[]").await;
    let gateway = before(stub.port).await;
    for request in requests {
        let follower = "GET /api/movies HTTP/1.1\r\nHost: follower\r\nConnection: close\r\n\r\n";
        let answer = raw(&gateway, format!("{request}{follower}")).await;
        assert_eq!(status(&answer), expected, "{request:?} gave {answer:?}");
        assert_eq!(
            answer.matches("HTTP/1.1 ").count(),
            1,
            "{request:?} left the connection open: {answer:?}"
        );
    }
    assert!(stub.seen().is_empty(), "{:?}", stub.seen());
}

#[tokio::test]
async fn two_lengths_are_refused_in_any_order() {
    refused(400, &[
        "POST /api/movies HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /api/movies HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        "POST /api/movies HTTP/1.1\r\nHost: h\r\ncontent-length: 0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /api/movies HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        "POST /api/movies HTTP/1.1\r\nHost: h\r\nContent-Length: +5\r\n\r\nabcde",
        "POST /api/movies HTTP/1.1\r\nHost: h\r\nContent-Length: 5, 5\r\n\r\nabcde",
        "POST /api/movies HTTP/1.1\r\nHost: h\r\nContent-Length : 5\r\n\r\nabcde",
    ]).await;
}

#[tokio::test]
async fn two_lengths_are_refused_when_the_head_comes_in_pieces() {
    let stub = Stub::json("[]").await;
    let gateway = before(stub.port).await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    for piece in [
        "POST /api/movies HTTP/1.1\r\nHost: h\r\nTransfer-Enc",
        "oding: chunked\r\nConte",
        "nt-Length: 5\r\n\r\n0\r\n\r\n",
    ] {
        stream.write_all(piece.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    assert_eq!(status(&rest(&mut stream).await), 400);
    assert!(stub.seen().is_empty());
}

/// What such a head said first has been forgotten when its end arrives, so nothing is believed of it.
#[tokio::test]
async fn two_lengths_are_refused_in_a_head_that_is_too_long_to_be_seen_whole() {
    let pad = "a".repeat(90_000);
    let request = format!(
        "POST /api/movies HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nX-Pad: {pad}\r\nTransfer-Encoding: chunked\r\n\r\n\
         2\r\n{{}}\r\n0\r\n\r\n"
    );
    let stub = Stub::json("[]").await;
    let gateway = before(stub.port).await;
    let answer = raw(&gateway, &request).await;
    assert!(matches!(status(&answer), 400 | 431), "{answer}");
    assert!(stub.seen().is_empty());
}

#[tokio::test]
async fn codings_other_than_chunked_are_refused() {
    refused(400, &[
        "POST /api/movies HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "POST /api/movies HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /api/movies HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /api/movies HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "POST /api/movies HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "POST /api/movies HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ]).await;
}

#[tokio::test]
async fn a_request_has_one_host() {
    refused(
        400,
        &[
            "GET /api/movies HTTP/1.1\r\n\r\n",
            "GET /api/movies HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
            "GET /api/movies HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            "GET /api/movies HTTP/1.1\r\nHost: a b\r\n\r\n",
            "GET /api/movies HTTP/1.1\r\nHost: a/b\r\n\r\n",
            "GET /api/movies HTTP/1.1\r\nHost: user@a\r\n\r\n",
            "GET http://b/api/movies HTTP/1.1\r\nHost: a\r\n\r\n",
        ],
    )
    .await;
}

#[tokio::test]
async fn a_request_is_no_tunnel_and_has_a_plain_path() {
    refused(
        400,
        &[
            "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n",
            "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /api/movies/%00 HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /api/movies/%0d%0a HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /api/movies/a%2Fb HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /api/movies/a%5cb HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /api/movies/a\\b HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /api/movies/../billing HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /api/movies/%2e%2E HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /api/movies/.%2e/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /nothing/./here HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /api/movies/\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /api/movies/%zz HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /api/movies HTTP/1.1\r\nHost: a\r\nX-A: b\x00c\r\n\r\n",
            "GET /api/movies HTTP/1.1\r\nHost: a\r\n folded: x\r\n\r\n",
        ],
    )
    .await;
}

#[tokio::test]
async fn a_refusal_is_a_problem_and_says_that_the_connection_ends() {
    let gateway = before(1).await;
    let answer = raw(&gateway, "GET /api/movies/%00 HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(
        answer.contains("content-type: application/problem+json"),
        "{answer}"
    );
    assert!(answer.contains("connection: close"), "{answer}");
    assert!(answer.contains("control character"), "{answer}");
}

#[tokio::test]
async fn what_is_plain_passes() {
    let stub = Stub::json("[]").await;
    let gateway = before(stub.port).await;
    for request in [
        "GET /api/movies HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "GET /api/movies/ HTTP/1.1\r\nHost: a:3000\r\nConnection: close\r\n\r\n",
        "GET /api/movies?title=%00%2F.. HTTP/1.1\r\nHost: [::1]:3000\r\nConnection: close\r\n\r\n",
        "GET http://A:3000/api/movies HTTP/1.1\r\nHost: a:3000\r\nConnection: close\r\n\r\n",
        "GET /api/movies HTTP/1.0\r\n\r\n",
        "POST /api/movies HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\nConnection: close\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    ] {
        let answer = raw(&gateway, request).await;
        assert_eq!(status(&answer), 200, "{request:?} gave {answer:?}");
    }
    let lines: Vec<_> = stub
        .seen()
        .iter()
        .map(|seen| seen.line().to_owned())
        .collect();
    let expected = [
        "GET /api/movies HTTP/1.1",
        "GET /api/movies HTTP/1.1",
        "GET /api/movies?title=%00%2F.. HTTP/1.1",
        "GET /api/movies HTTP/1.1",
        "GET /api/movies HTTP/1.1",
        "POST /api/movies HTTP/1.1",
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn half_a_head_is_not_waited_for() {
    let limits = Limits {
        header: Duration::from_millis(300),
        ..api_gateway::LIMITS
    };
    let gateway: Served = serve(Setup {
        limits,
        ..Setup::default()
    })
    .await;
    let begin = Instant::now();
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    stream
        .write_all(b"GET /api/movies HTTP/1.1\r\nHost: a")
        .await
        .unwrap();
    rest(&mut stream).await;
    assert!(
        begin.elapsed() < Duration::from_secs(2),
        "{:?}",
        begin.elapsed()
    );
}

#[tokio::test]
async fn two_lengths_are_refused_behind_another_request_too() {
    let stub = Stub::json("[]").await;
    let gateway = before(stub.port).await;
    let get = "GET /api/movies HTTP/1.1\r\nHost: a\r\n\r\n";
    let post = "POST /api/movies HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    for split in [0, 60, post.len()] {
        let mut stream = TcpStream::connect(gateway.address).await.unwrap();
        let (now, later) = post.split_at(split);
        stream
            .write_all(format!("{get}{now}").as_bytes())
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        stream.write_all(later.as_bytes()).await.unwrap();
        let answer = rest(&mut stream).await;
        assert!(
            answer.contains("HTTP/1.1 400"),
            "split at {split}: {answer}"
        );
    }
    assert!(
        stub.seen()
            .iter()
            .all(|seen| seen.line().starts_with("GET"))
    );
}
