//! The exact answer comes back, and the exact request goes on, but for what belongs to one connection.

use testing::send;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::{
    helpers::{Setup, TOKEN, before, raw, rest, serve, status},
    stub::{Behavior, Stub, ok},
};

#[tokio::test]
async fn status_headers_and_body_come_back_as_they_were() {
    let body: Vec<u8> = (0..=255).collect();
    let mut answer = b"HTTP/1.1 418 Short And Stout\r\ncontent-type: text/x-odd\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n\
        x-odd: \xff\xfe\r\nlink: </api/movies?limit=1&after=1>; rel=\"next\"\r\netag: \"x\"\r\nlocation: /api/movies/1\r\n\
        date: Thu, 01 Jan 1970 00:00:00 GMT\r\ncontent-length: 256\r\n\r\n".to_vec();
    answer.extend(&body);
    let stub = Stub::always(Behavior::Say(answer)).await;
    let gateway = before(stub.port).await;
    let got = gateway.client.get("/api/movies").await;
    assert_eq!(got.status, 418);
    assert_eq!(got.body, body);
    let cookies: Vec<_> = got.headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
    assert_eq!(got.headers["x-odd"].as_bytes(), b"\xff\xfe");
    for (name, value) in [
        ("content-type", "text/x-odd"),
        ("link", "</api/movies?limit=1&after=1>; rel=\"next\""),
        ("etag", "\"x\""),
        ("location", "/api/movies/1"),
        ("date", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ("content-length", "256"),
    ] {
        assert_eq!(got.header(name), value, "{name}");
    }
    let raw = raw(
        &gateway,
        "GET /api/movies HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(raw.starts_with("HTTP/1.1 418 Short And Stout\r\n"), "{raw}");
}

#[tokio::test]
async fn every_status_comes_back() {
    for code in [
        200, 201, 204, 206, 301, 304, 307, 400, 404, 409, 410, 422, 429, 500, 503,
    ] {
        let stub = Stub::always(Behavior::Say(
            format!("HTTP/1.1 {code} X\r\ncontent-length: 0\r\nretry-after: 7\r\n\r\n")
                .into_bytes(),
        ))
        .await;
        let answer = before(stub.port).await.client.get("/api/movies/1").await;
        assert_eq!((answer.status, answer.header("retry-after")), (code, "7"));
    }
}

#[tokio::test]
async fn what_belongs_to_the_services_connection_stays_there() {
    let stub = Stub::always(Behavior::SayAndClose(
        b"HTTP/1.1 200 OK\r\nconnection: close, x-hop\r\nx-hop: 1\r\nkeep-alive: timeout=1\r\nproxy-authenticate: x\r\n\
        trailer: x-t\r\nupgrade: h2c\r\nx-end: 1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".to_vec(),
    )).await;
    let answer = before(stub.port).await.client.get("/api/movies").await;
    for name in [
        "connection",
        "x-hop",
        "keep-alive",
        "proxy-authenticate",
        "trailer",
        "upgrade",
    ] {
        assert_eq!(answer.header(name), "", "{name}");
    }
    assert_eq!(answer.header("x-end"), "1");
    assert_eq!(answer.body, "abc");
}

#[tokio::test]
async fn what_belongs_to_the_clients_connection_stays_there() {
    let stub = Stub::json("[]").await;
    let gateway = serve(Setup {
        inventory: stub.port,
        token: TOKEN,
        ..Setup::default()
    })
    .await;
    let request = "GET /api/movies HTTP/1.1\r\nHost: public.example\r\nConnection: close, X-Hop, Host, X-Request-Id, traceparent, x-caller, x-forwarded-for, via\r\n\
        X-Hop: 1\r\nKeep-Alive: timeout=1\r\nTE: trailers\r\nTrailer: x\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\nProxy-Authorization: secret\r\n\
        Proxy-Connection: keep-alive\r\nX-Caller: operator\r\nX-User-Id: 7\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Host: evil\r\nForwarded: for=6.6.6.6\r\n\
        X-Request-Id: my-id\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\nAccept: a\r\nAccept: b\r\nX-Mine: 1\r\n\r\n";
    let answer = raw(&gateway, request).await;
    assert_eq!(status(&answer), 200, "{answer}");
    assert!(answer.contains("x-request-id: my-id"), "{answer}");
    let seen = stub.only();
    for name in [
        "connection",
        "x-hop",
        "keep-alive",
        "te",
        "trailer",
        "upgrade",
        "http2-settings",
        "proxy-authorization",
        "proxy-connection",
        "x-user-id",
        "forwarded",
        "authorization",
        "transfer-encoding",
        "content-length",
    ] {
        assert!(seen.all(name).is_empty(), "{name} in {}", seen.head);
    }
    let host = format!("127.0.0.1:{}", stub.port);
    for (name, values) in [
        ("host", &[host.as_str()][..]),
        ("x-request-id", &["my-id"]),
        ("x-caller", &["anonymous"]),
        ("x-forwarded-for", &["127.0.0.1"]),
        ("x-forwarded-host", &["public.example"]),
        ("x-forwarded-proto", &["http"]),
        ("via", &["1.1 api-gateway"]),
        ("accept", &["a", "b"]),
        ("x-mine", &["1"]),
    ] {
        assert_eq!(seen.all(name), values, "{name}");
    }
    let trace = seen.all("traceparent")[0];
    assert!(
        trace.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-") && trace.ends_with("-01"),
        "{trace}"
    );
    assert!(
        !trace.contains("00f067aa0ba902b7"),
        "{trace} is not a child"
    );
}

#[tokio::test]
async fn a_nominated_content_length_does_not_change_the_body() {
    let stub = Stub::json("{}").await;
    let gateway = before(stub.port).await;
    raw(&gateway, "POST /api/movies HTTP/1.1\r\nHost: a\r\nConnection: close, content-length\r\nContent-Length: 5\r\n\r\n12345").await;
    assert_eq!(stub.only().body, b"12345");
}

#[tokio::test]
async fn path_and_query_go_on_as_they_were_routed() {
    let stub = Stub::json("[]").await;
    let gateway = before(stub.port).await;
    for (asked, expected) in [
        (
            "/api/movies?title=%25_%5C&x=a+b&x=",
            "/api/movies?title=%25_%5C&x=a+b&x=",
        ),
        ("/api/movies/?limit=1", "/api/movies?limit=1"),
        ("/api/movies/a%20b%C3%A9", "/api/movies/a%20b%C3%A9"),
    ] {
        gateway.client.get(asked).await;
        assert_eq!(
            stub.seen().last().unwrap().line(),
            format!("GET {expected} HTTP/1.1")
        );
    }
}

#[tokio::test]
async fn head_is_forwarded_as_head_and_keeps_its_length() {
    let stub = Stub::start(|number| {
        Behavior::Say(if number == 0 {
            b"HTTP/1.1 200 OK\r\ncontent-length: 1234\r\n\r\n".to_vec()
        } else {
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec()
        })
    })
    .await;
    let gateway = before(stub.port).await;
    let request = "HEAD /api/movies HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let known = raw(&gateway, request).await;
    assert!(known.contains("content-length: 1234"), "{known}");
    assert!(stub.only().line().starts_with("HEAD "), "{:?}", stub.only());
    let kept = "HEAD /api/movies HTTP/1.1\r\nHost: a\r\n\r\n";
    let unknown = raw(&gateway, format!("{kept}{request}")).await;
    assert!(
        !unknown.contains("content-length"),
        "a length was made up: {unknown}"
    );
    assert_eq!(unknown.matches("HTTP/1.1 200").count(), 2, "{unknown}");
}

#[tokio::test]
async fn bodies_stream_before_they_are_complete() {
    let stub = Stub::always(Behavior::SayAndStare(
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n".to_vec(),
    ))
    .await;
    let gateway = before(stub.port).await;
    let mut answer = gateway
        .client
        .request("GET", "/api/movies")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.chunk().await.unwrap().unwrap(), "first");
    drop(answer);
    assert!(
        stub.hung_up().await,
        "the service was left working for nobody"
    );
}

#[tokio::test]
async fn expect_100_continue_is_answered_by_the_gateway() {
    let stub = Stub::json("{}").await;
    let gateway = before(stub.port).await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    stream.write_all(b"POST /api/movies HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n").await.unwrap();
    stream.readable().await.unwrap();
    stream.write_all(b"{}").await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(
        answer.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK"),
        "{answer}"
    );
    assert!(stub.only().all("expect").is_empty());
}

#[tokio::test]
async fn the_clients_request_id_is_made_when_it_is_missing_or_wrong() {
    let stub = Stub::always(Behavior::Say(ok("[]"))).await;
    let gateway = before(stub.port).await;
    for id in ["", "a b", &"x".repeat(129)] {
        let answer = send(
            gateway
                .client
                .request("GET", "/api/movies")
                .header("x-request-id", id),
        )
        .await;
        let made = answer.header("x-request-id");
        assert_eq!(made.len(), 36, "{made}");
        assert_eq!(stub.seen().last().unwrap().all("x-request-id"), [made]);
    }
}

#[tokio::test]
async fn answers_without_a_body_get_no_length_that_was_not_there() {
    for code in [204, 304] {
        let stub = Stub::always(Behavior::Say(
            format!("HTTP/1.1 {code} X\r\n\r\n").into_bytes(),
        ))
        .await;
        let gateway = before(stub.port).await;
        let request = "GET /api/movies/1 HTTP/1.1\r\nHost: a\r\n\r\n\
            GET /api/movies/1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        let answer = raw(&gateway, request).await;
        let expected = format!("HTTP/1.1 {code}");
        assert_eq!(answer.matches(&expected).count(), 2, "{answer}");
        assert!(
            !answer.contains("content-length") && !answer.contains("transfer-encoding"),
            "{answer}"
        );
    }
}
