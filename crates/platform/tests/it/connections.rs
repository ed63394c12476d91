//! Connections to a service, which here is a socket of the test's own: when one is used again, and what is sent twice.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    body::Body,
    http::{Method, Request},
};
use http_body_util::BodyExt;
use platform::http::connections::{Connections, RequestError};
use testing::until;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::sleep,
};

const SHORT: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A service that answers each request with the same bytes.
struct Service {
    port: u16,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
}

/// What it does after an answer.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    Stays,
    Closes,
}

impl Service {
    async fn start(answer: impl Into<Vec<u8>>, then: Then) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let service = Self {
            port: listener.local_addr().unwrap().port(),
            connections: Arc::default(),
            requests: Arc::default(),
            ended: Arc::default(),
        };
        let (connections, requests) = (service.connections.clone(), service.requests.clone());
        let ended = service.ended.clone();
        let answer: Arc<[u8]> = answer.into().into();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                let answering = answer_all(stream, answer.clone(), then, requests.clone());
                let ended = ended.clone();
                tokio::spawn(async move {
                    answering.await;
                    ended.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        service
    }

    fn connections(&self) -> Connections<Body> {
        Connections::new("127.0.0.1", self.port, 8)
    }

    async fn until_ended(&self, count: usize) {
        let has_ended = async || self.ended.load(Ordering::SeqCst) == count;
        until(has_ended, "the connection is closed").await;
    }

    fn counted(&self) -> (usize, usize) {
        let count = |of: &AtomicUsize| of.load(Ordering::SeqCst);
        (count(&self.connections), count(&self.requests))
    }
}

/// Reads requests without a body, and answers them.
async fn answer_all(
    mut stream: TcpStream,
    answer: Arc<[u8]>,
    then: Then,
    requests: Arc<AtomicUsize>,
) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while stream.read_exact(&mut byte).await.is_ok() {
        head.push(byte[0]);
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        head.clear();
        requests.fetch_add(1, Ordering::SeqCst);
        if stream.write_all(&answer).await.is_err() {
            return;
        }
        if then == Then::Closes {
            // The answer is read meanwhile.
            return sleep(Duration::from_millis(20)).await;
        }
    }
}

fn request(method: Method) -> Request<Body> {
    let request = Request::builder().method(method).uri("/x");
    request
        .header("host", "behind")
        .body(Body::empty())
        .unwrap()
}

async fn read(connections: &Connections<Body>, method: Method) -> Result<usize, RequestError> {
    let answer = connections.request(request(method)).await?;
    let body = answer.into_body().collect().await.unwrap();
    Ok(body.to_bytes().len())
}

#[tokio::test]
async fn an_answer_that_was_read_leaves_its_connection_for_the_next_request() {
    let long = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: 300000\r\n\r\n{}",
        "x".repeat(300_000)
    );
    let parts =
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n3\r\nyes\r\n0\r\n\r\n";
    for (method, answer, length) in [
        (Method::GET, SHORT, 2),
        (Method::POST, SHORT, 2),
        (Method::GET, &long, 300_000),
        (Method::GET, parts, 5),
        (Method::GET, "HTTP/1.1 204 No Content\r\n\r\n", 0),
        (
            Method::HEAD,
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n",
            0,
        ),
    ] {
        let service = Service::start(answer, Then::Stays).await;
        let connections = service.connections();
        for _ in 0..20 {
            assert_eq!(read(&connections, method.clone()).await.unwrap(), length);
        }
        assert_eq!(
            service.counted(),
            (1, 20),
            "{method} {}",
            &answer[..60.min(answer.len())]
        );
    }
}

#[tokio::test]
async fn requests_at_the_same_time_have_connections_of_their_own_and_some_are_kept() {
    let service = Service::start(SHORT, Then::Stays).await;
    let connections = Connections::new("127.0.0.1", service.port, 2);
    for (kept, opened) in [(0, 3), (2, 4)] {
        let three = [(); 3].map(|()| connections.request(request(Method::GET)));
        for answer in futures_util::future::join_all(three).await {
            answer.unwrap().into_body().collect().await.unwrap();
        }
        assert_eq!(service.counted().0, opened, "{kept} were kept");
    }
}

#[tokio::test]
async fn an_answer_that_is_given_up_closes_its_connection() {
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf";
    let service = Service::start(half, Then::Stays).await;
    let connections = service.connections();
    for count in 1..=3 {
        drop(connections.request(request(Method::GET)).await.unwrap());
        assert_eq!(service.counted(), (count, count));
        service.until_ended(count).await;
    }
}

#[tokio::test]
async fn a_request_that_finds_its_connection_closed_goes_to_another_and_arrives_once() {
    let service = Service::start(SHORT, Then::Closes).await;
    let connections = service.connections();
    for count in 1..=5 {
        assert_eq!(read(&connections, Method::POST).await.unwrap(), 2);
        assert_eq!(service.counted(), (count, count));
        service.until_ended(count).await;
        // So the end is noticed here, too.
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn what_was_written_is_never_sent_again() {
    let service = Service::start("", Then::Closes).await;
    let error = read(&service.connections(), Method::GET).await.unwrap_err();
    assert!(matches!(error, RequestError::Exchange(_)), "{error:?}");
    assert!(!error.is_connect() && !error.is_own_body());
    assert_eq!(service.counted(), (1, 1));
}

#[tokio::test]
async fn without_a_service_there_is_no_connection() {
    let connections = Connections::new("127.0.0.1", 1, 8);
    let error = read(&connections, Method::GET).await.unwrap_err();
    assert!(error.is_connect(), "{error:?}");
}

#[tokio::test]
async fn a_connection_that_has_idled_is_not_used() {
    let service = Service::start(SHORT, Then::Stays).await;
    let connections = service.connections();
    for count in 1..=2 {
        read(&connections, Method::GET).await.unwrap();
        assert_eq!(service.counted(), (count, count));
        sleep(Duration::from_millis(5_100)).await;
    }
}
