//! A request with two readings is refused with 400 and reaches no service, or reaches it with one reading.

use std::time::Duration;

use platform::http::Limits;
use tokio::{io::AsyncWriteExt, net::TcpStream, time::Instant};

use crate::{
    helpers::{Served, Setup, before, raw, rest, serve, status},
    stub::{Seen, Stub},
};

/// What another reading of the bytes before would take for the next request.
const FOLLOWER: &str = "GET /api/movies HTTP/1.1\r\nHost: follower\r\nConnection: close\r\n\r\n";

/// Each is refused with `expected`, its connection is closed, and no request reaches the inventory.
async fn refused(expected: u16, requests: &[&str]) {
    let stub = Stub::json("[]").await;
    let gateway = before(stub.port).await;
    for request in requests {
        let answer = raw(&gateway, format!("{request}{FOLLOWER}")).await;
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
async fn malformed_lengths_are_refused() {
    refused(400, &[
        "POST /api/movies HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        "POST /api/movies HTTP/1.1\r\nHost: h\r\nContent-Length: 5, 5\r\n\r\nabcde",
        "POST /api/movies HTTP/1.1\r\nHost: h\r\nContent-Length: +5\r\n\r\nabcde",
        "POST /api/movies HTTP/1.1\r\nHost: h\r\nContent-Length: -5\r\n\r\nabcde",
        "POST /api/movies HTTP/1.1\r\nHost: h\r\nContent-Length: 0 5\r\n\r\nabcde",
        "POST /api/movies HTTP/1.1\r\nHost: h\r\nContent-Length: 0x5\r\n\r\nabcde",
        "POST /api/movies HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\nabcde",
        "POST /api/movies HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551621\r\n\r\nabcde",
        "POST /api/movies HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ]).await;
}

#[tokio::test]
async fn header_lines_with_two_readings_are_refused() {
    refused(400, &[
        "POST /api/movies HTTP/1.1\r\nHost: h\r\nContent-Length : 5\r\n\r\nabcde",
        "POST /api/movies HTTP/1.1\r\nHost: h\r\nTransfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n",
        "POST /api/movies HTTP/1.1\r\nHost: h\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /api/movies HTTP/1.1\r\nHost: h\r\nX-A: b\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /api/movies HTTP/1.1\r\nHost: h\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
        "POST /api/movies HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
        "POST /api/movies HTTP/1.1\r\nHost: h\r\nX-A: b\rContent-Length: 5\r\n\r\nabcde",
    ]).await;
}

/// RFC 9112, 6.3: the coding overrides the length. The connection is closed, so that no byte after the body is read as a
/// request; to a sender that believes the length, such a byte belongs to the body.
#[tokio::test]
async fn beside_a_coding_a_length_is_dropped_and_the_connection_is_closed() {
    let padded = format!(
        "Content-Length: 3\r\nX-Pad: {}\r\nTransfer-Encoding: chunked\r\n",
        "a".repeat(30_000)
    );
    for lengths in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "content-length: 0\r\nTRANSFER-ENCODING: Chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: x\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\nContent-Length: 6\r\n",
        "Content-Length: 5\nTransfer-Encoding: chunked\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\nConnection: transfer-encoding\r\n",
        &padded,
    ] {
        let stub = Stub::json("{}").await;
        let gateway = before(stub.port).await;
        let first = "GET /api/movies/1 HTTP/1.1\r\nHost: h\r\n\r\n";
        let request = format!(
            "POST /api/movies HTTP/1.1\r\nHost: h\r\n{lengths}\r\n3\r\nabc\r\n0\r\n\r\n{FOLLOWER}"
        );
        let answers = raw(&gateway, format!("{first}{request}")).await;
        assert_eq!(answers.matches("HTTP/1.1 200").count(), 2, "{answers}");
        assert!(answers.contains("connection: close"), "{answers}");
        let seen = stub.seen();
        let lines: Vec<_> = seen.iter().map(Seen::line).collect();
        let expected = ["GET /api/movies/1 HTTP/1.1", "POST /api/movies HTTP/1.1"];
        assert_eq!(lines, expected, "{lengths}");
        assert_eq!(seen[1].all("transfer-encoding"), ["chunked"], "{lengths}");
        assert!(seen[1].all("content-length").is_empty(), "{lengths}");
        assert_eq!(seen[1].body, b"3\r\nabc\r\n0\r\n\r\n", "{lengths}");
    }
}

/// RFC 9112, 2.2 lets a server take a bare LF for the end of a line. The service gets the same reading, in CRLF.
#[tokio::test]
async fn a_bare_lf_ends_a_line_for_the_service_too() {
    let stub = Stub::json("{}").await;
    let gateway = before(stub.port).await;
    let length = FOLLOWER.len();
    let request = format!(
        "POST /api/movies HTTP/1.1\nHost: h\nConnection: close\r\nX-A: b\nContent-Length: {length}\n\n{FOLLOWER}"
    );
    assert_eq!(status(&raw(&gateway, request).await), 200);
    let seen = stub.only();
    assert_eq!(seen.all("x-a"), ["b"]);
    assert_eq!(seen.all("content-length"), [length.to_string()]);
    assert_eq!(seen.body, FOLLOWER.as_bytes());
    let lines = seen.head.matches('\n').count();
    assert_eq!(seen.head.matches("\r\n").count(), lines, "{}", seen.head);
}

#[tokio::test]
async fn codings_other_than_chunked_are_refused() {
    refused(400, &[
        "POST /api/movies HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "POST /api/movies HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /api/movies HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /api/movies HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        "POST /api/movies HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
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
