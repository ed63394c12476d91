//! One client may call some routes only so often.

use std::time::Duration;

use api_gateway::{
    rates::{Allowance, Rate},
    table::{Operation, TABLE},
};
use testing::{Answer, send};

use crate::{
    helpers::{Served, Setup, serve},
    stub::Stub,
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
    let path = operation.path.replace("{id}", "7");
    let request = gateway.client.request(operation.method.as_str(), &path);
    send(request.header("x-forwarded-for", forwarded_for)).await
}

/// The operation that comes first of each rate.
fn first_of_each_rate() -> Vec<&'static Operation> {
    let rates = [Rate::Register, Rate::Login, Rate::Names, Rate::Tokens];
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

/// Its own questions are not a client's.
#[tokio::test]
async fn the_gateway_asks_whose_token_it_is_as_often_as_it_must() {
    let stub = Stub::start(|_| {
        let unknown = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
        crate::stub::Behavior::Say(unknown.to_vec())
    })
    .await;
    let gateway = strict(&stub).await;
    for _ in 0..3 * BURST {
        let request = gateway.client.request("GET", "/api/movies");
        send(request.header("authorization", "some-token"))
            .await
            .problem(401);
    }
    assert_eq!(stub.seen().len(), 3 * BURST as usize);
}
