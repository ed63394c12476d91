//! One client may call some routes only so often.

use std::time::Duration;

use api_gateway::{
    rates::{Allowance, Rate},
    table::{Operation, TABLE},
};
use testing::{Answer, send};
use tokio::{io::AsyncWriteExt, net::TcpSocket};

use crate::{
    helpers::{Served, Setup, concrete, rest, serve, status},
    stub::Stub,
    users::{USERS, billing, is_question},
};

const BURST: u32 = 3;

async fn strict(stub: &Stub) -> Served {
    serve(Setup {
        inventory: stub.port,
        billing: stub.port,
        allowances: Allowance::new(BURST, 1).for_all(),
        ..Setup::default()
    })
    .await
}

async fn call(gateway: &Served, operation: &Operation, forwarded_for: &str) -> Answer {
    let path = concrete(operation.path);
    let request = gateway.client.request(operation.method.as_str(), &path);
    send(request.header("x-forwarded-for", forwarded_for)).await
}

/// The operation that comes first of each rate.
fn first_of_each_rate() -> Vec<&'static Operation> {
    let rates = [
        Rate::Register,
        Rate::Login,
        Rate::Names,
        Rate::Tokens,
        Rate::Logout,
    ];
    let first = |rate| TABLE.iter().find(|operation| operation.rate == Some(rate));
    rates.map(|rate| first(rate).unwrap()).to_vec()
}

#[tokio::test]
async fn what_is_one_too_many_is_a_429_that_reaches_no_service() {
    let stub = Stub::json("{}").await;
    let gateway = strict(&stub).await;
    for operation in first_of_each_rate() {
        let before = stub.seen().len();
        for number in 0..BURST {
            // What a client says of its address changes nothing.
            let answer = call(&gateway, operation, &format!("10.0.0.{number}")).await;
            assert_eq!(answer.status, 200, "{operation:?}");
        }
        let refused = call(&gateway, operation, "10.0.0.9").await;
        refused.problem(429);
        assert_eq!(refused.header("retry-after"), "1", "{operation:?}");
        assert_eq!(stub.seen().len(), before + BURST as usize);
    }
    for operation in TABLE.iter().filter(|operation| operation.rate.is_none()) {
        for _ in 0..2 * BURST {
            assert_ne!(
                call(&gateway, operation, "").await.status,
                429,
                "{operation:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_client_that_waits_as_it_is_told_is_let_in_again() {
    let stub = Stub::json("{}").await;
    let gateway = strict(&stub).await;
    let login = TABLE
        .iter()
        .find(|operation| operation.rate == Some(Rate::Login));
    let login = login.unwrap();
    for expected in [200, 200, 200, 429] {
        assert_eq!(call(&gateway, login, "").await.status, expected);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    for expected in [200, 429] {
        assert_eq!(call(&gateway, login, "").await.status, expected);
    }
}

/// A token that is remembered costs no question.
#[tokio::test]
async fn a_client_with_unknown_tokens_asks_the_billing_only_so_often() {
    let stub = billing().await;
    let gateway = strict(&stub).await;
    with_token(&gateway, USERS).await.json(200);
    for _ in 1..BURST {
        with_token(&gateway, "unknown").await.problem(401);
    }
    let refused = with_token(&gateway, "unknown").await;
    refused.problem(429);
    assert_eq!(refused.header("retry-after"), "1");
    for _ in 0..3 {
        with_token(&gateway, USERS).await.json(200);
    }
    let asked = stub.seen().iter().filter(|seen| is_question(seen)).count();
    assert_eq!(asked, BURST as usize);
}

/// A flood of unknown tokens leaves room for the questions of other clients.
#[tokio::test]
async fn a_flood_of_unknown_tokens_is_refused_to_one_client_and_other_clients_are_served() {
    let stub = billing().await;
    let gateway = strict(&stub).await;
    for number in 0..3 * BURST {
        with_token(&gateway, &format!("unknown-{number}")).await;
    }
    let neighbor = from_another_address(&gateway, USERS).await;
    assert_eq!(status(&neighbor), 200, "{neighbor}");
}

async fn with_token(gateway: &Served, token: &str) -> Answer {
    let request = gateway.client.request("GET", "/api/movies");
    send(request.header("authorization", token)).await
}

/// The answer to a client at 127.0.0.2.
async fn from_another_address(gateway: &Served, token: &str) -> String {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 2], 0).into()).unwrap();
    let mut stream = socket.connect(gateway.address).await.unwrap();
    let request = format!(
        "GET /api/movies HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: {token}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    rest(&mut stream).await
}
