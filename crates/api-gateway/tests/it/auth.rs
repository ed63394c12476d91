//! Who may do what, for every row of the table.

use api_gateway::{
    auth::Access,
    table::{TABLE, Target},
};
use testing::send;

use crate::{
    helpers::{Served, Setup, TOKEN, raw, serve, status},
    stub::Stub,
};

async fn guarded(token: &'static str, stub: &Stub) -> Served {
    serve(Setup {
        inventory: stub.port,
        billing: stub.port,
        token,
        ..Setup::default()
    })
    .await
}

/// The status of each operation with this `Authorization`; the publisher has no broker, so a let-in payment is a 503.
async fn statuses(gateway: &Served, authorization: Option<&str>) -> Vec<u16> {
    let mut statuses = Vec::new();
    for operation in TABLE {
        let path = operation.path.replace("{id}", "7");
        let mut request = gateway.client.request(operation.method.as_str(), &path);
        if matches!(operation.target, Target::Publish(_)) {
            request = request.header("content-type", "text/plain").body("let in");
        }
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        statuses.push(send(request).await.status);
    }
    statuses
}

/// What an operation gives to a caller who is let in: the stub's 200, or 415 for a body that is no JSON.
fn let_in(target: Target) -> u16 {
    match target {
        Target::Publish(_) => 415,
        Target::Forward(_) => 200,
    }
}

#[tokio::test]
async fn the_operator_may_do_everything_that_needs_no_user() {
    let stub = Stub::json("{}").await;
    let gateway = guarded(TOKEN, &stub).await;
    let expected: Vec<_> = TABLE
        .iter()
        .map(|operation| match operation.access {
            Access::User => 403,
            _ => let_in(operation.target),
        })
        .collect();
    for authorization in [
        TOKEN.to_owned(),
        format!("Bearer {TOKEN}"),
        format!("bEARER  {TOKEN}"),
    ] {
        assert_eq!(
            statuses(&gateway, Some(&authorization)).await,
            expected,
            "{authorization}"
        );
    }
    for seen in stub.seen() {
        assert_eq!(seen.all("x-caller"), ["operator"]);
        assert!(
            seen.all("authorization").is_empty(),
            "the token went further than the gateway"
        );
    }
}

#[tokio::test]
async fn anyone_may_do_only_what_is_open() {
    let stub = Stub::json("{}").await;
    let gateway = guarded(TOKEN, &stub).await;
    let expected: Vec<_> = TABLE
        .iter()
        .map(|operation| match operation.access {
            Access::Anyone => let_in(operation.target),
            Access::User | Access::Operator | Access::UserOrOperator => 401,
        })
        .collect();
    assert_eq!(statuses(&gateway, None).await, expected);
    assert!(
        stub.seen()
            .iter()
            .all(|seen| seen.all("x-caller") == ["anonymous"])
    );
}

#[tokio::test]
async fn an_unknown_token_is_refused_everywhere() {
    let stub = Stub::json("{}").await;
    for token in [TOKEN, ""] {
        let gateway = guarded(token, &stub).await;
        for authorization in ["wrong", "Bearer wrong", "Basic b3A6b3A=", "Bearer"] {
            let statuses = statuses(&gateway, Some(authorization)).await;
            assert_eq!(
                statuses,
                vec![401; TABLE.len()],
                "{authorization} with {token:?}"
            );
        }
        for (method, path) in [
            ("GET", "/docs"),
            ("GET", "/api-docs/openapi.json"),
            ("GET", "/"),
            ("GET", "/nowhere"),
            ("PATCH", "/api/movies"),
            ("GET", "/health/live"),
            ("GET", "/metrics"),
        ] {
            let request = gateway.client.request(method, path);
            let answer = send(request.header("authorization", "wrong")).await;
            assert_eq!(answer.problem(401)["status"], 401, "{method} {path}");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
            assert!(
                !answer.headers.contains_key("connection"),
                "the connection goes on"
            );
        }
    }
    assert!(stub.seen().is_empty());
}

#[tokio::test]
async fn where_no_token_is_set_a_caller_without_one_is_the_operator() {
    let stub = Stub::json("{}").await;
    let gateway = guarded("", &stub).await;
    let expected: Vec<_> = TABLE
        .iter()
        .map(|operation| match operation.access {
            Access::User => 401,
            _ => let_in(operation.target),
        })
        .collect();
    assert_eq!(statuses(&gateway, None).await, expected);
    assert!(
        stub.seen()
            .iter()
            .all(|seen| seen.all("x-caller") == ["operator"])
    );
}

#[tokio::test]
async fn two_tokens_or_an_empty_one_are_unknown() {
    let stub = Stub::json("{}").await;
    let gateway = guarded(TOKEN, &stub).await;
    for tokens in [
        format!("Authorization: {TOKEN}\r\nAuthorization: {TOKEN}"),
        "Authorization:".into(),
    ] {
        let answer = raw(
            &gateway,
            format!("GET /api/movies HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{tokens}\r\n\r\n"),
        )
        .await;
        assert_eq!(status(&answer), 401, "{tokens}");
    }
}
