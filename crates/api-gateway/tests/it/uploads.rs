//! Bodies on their way in: counted, and whole or not at all.

use std::time::Duration;

use testing::send;
use tokio::{io::AsyncWriteExt, net::TcpStream, time::Instant};

use crate::{
    helpers::{NOBODY, before, rest, status},
    stub::Stub,
};

const MIB: usize = 1_024 * 1_024;

#[tokio::test]
async fn a_body_up_to_the_limit_arrives_byte_for_byte() {
    let stub = Stub::json("{}").await;
    let body: Vec<u8> = (0..MIB).map(|index| (index % 251) as u8).collect();
    let gateway = before(stub.port).await;
    let answer = send(
        gateway
            .client
            .request("POST", "/api/movies")
            .body(body.clone()),
    )
    .await;
    assert_eq!(answer.status, 200);
    assert!(stub.only().body == body, "the body was changed on its way");
}

#[tokio::test]
async fn a_chunked_body_arrives_chunked() {
    let stub = Stub::json("{}").await;
    let gateway = before(stub.port).await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    stream.write_all(b"POST /api/movies HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nx-trailer: 1\r\n\r\n").await.unwrap();
    assert_eq!(status(&rest(&mut stream).await), 200);
    assert_eq!(stub.only().body, b"3\r\nabc\r\n0\r\n\r\n");
}

#[tokio::test]
async fn a_body_that_is_declared_too_large_is_refused_before_it_is_sent() {
    let stub = Stub::json("{}").await;
    let gateway = before(stub.port).await;
    let begin = Instant::now();
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    stream
        .write_all(
            format!(
                "POST /api/movies HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
                MIB + 1
            )
            .as_bytes(),
        )
        .await
        .unwrap();
    let answer = rest(&mut stream).await;
    assert_eq!(status(&answer), 413, "{answer}");
    assert!(answer.contains("application/problem+json"), "{answer}");
    assert!(
        begin.elapsed() < Duration::from_secs(2),
        "{:?}",
        begin.elapsed()
    );
    assert!(stub.seen().is_empty());
}

#[tokio::test]
async fn ten_megabytes_meet_a_413_that_arrives() {
    let stub = Stub::json("{}").await;
    let gateway = before(stub.port).await;
    for path in ["/api/movies", "/api/billing"] {
        for _ in 0..5 {
            gateway
                .client
                .post_text(path, vec![b'x'; 10 * MIB])
                .await
                .problem(413);
        }
    }
    assert!(stub.seen().is_empty(), "a cut body was taken for whole");
}

#[tokio::test]
async fn a_client_that_writes_all_before_it_reads_can_do_so() {
    let gateway = before(NOBODY).await;
    for path in ["/api/movies", "/api/billing"] {
        let mut stream = TcpStream::connect(gateway.address).await.unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            10 * MIB
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        // In pieces: the connection must not be reset between two of them.
        for _ in 0..10 {
            stream.write_all(&vec![b'x'; MIB]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(status(&rest(&mut stream).await), 413, "{path}");
    }
}

#[tokio::test]
async fn a_chunked_body_is_counted_while_it_streams() {
    let stub = Stub::json("{}").await;
    let gateway = before(stub.port).await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    stream
        .write_all(b"POST /api/movies HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await
        .unwrap();
    let chunk = [b"10000\r\n".as_slice(), &[b'x'; 65_536], b"\r\n"].concat();
    for _ in 0..160 {
        // The gateway may have closed its half already; what it said is read below.
        if stream.write_all(&chunk).await.is_err() {
            break;
        }
    }
    let answer = rest(&mut stream).await;
    assert_eq!(status(&answer), 413, "{answer}");
    assert!(stub.seen().is_empty(), "a cut body was taken for whole");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_never_complete_behind() {
    let stub = Stub::json("{}").await;
    let gateway = before(stub.port).await;
    for body in [
        "Content-Length: 10\r\n\r\n{",
        "Transfer-Encoding: chunked\r\n\r\n5\r\n{",
    ] {
        let mut stream = TcpStream::connect(gateway.address).await.unwrap();
        stream
            .write_all(format!("POST /api/movies HTTP/1.1\r\nHost: a\r\n{body}").as_bytes())
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        drop(stream);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(stub.seen().is_empty(), "half a request was taken for whole");
}

#[tokio::test]
async fn broken_chunks_are_a_400_and_never_complete_behind() {
    let stub = Stub::json("{}").await;
    let gateway = before(stub.port).await;
    for chunks in [
        "zz\r\nabc\r\n0\r\n\r\n",
        "-3\r\nabc\r\n0\r\n\r\n",
        "3\r\nabcX0\r\n\r\n",
        "fffffffffffffffff\r\nabc\r\n0\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(gateway.address).await.unwrap();
        stream.write_all(format!("POST /api/movies HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}").as_bytes()).await.unwrap();
        let answer = rest(&mut stream).await;
        assert_eq!(status(&answer), 400, "{chunks:?} gave {answer:?}");
    }
    assert!(stub.seen().is_empty(), "{:?}", stub.seen());
}
