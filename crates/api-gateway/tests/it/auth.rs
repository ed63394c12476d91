//! Who may do what: every path and method of the table, for every caller.

use std::collections::BTreeSet;

use api_gateway::{
    auth::Access,
    rates::Allowance,
    table::{Operation, TABLE, Target},
};
use testing::send;

use crate::{
    helpers::{Served, Setup, TOKEN, concrete, raw, serve, status},
    stub::Stub,
    users::{USERS, billing, is_question},
};

/// Methods that a path may take or not.
const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Anyone,
    User,
    Operator,
    WrongToken,
}

/// What the gateway should make of them: the status of who is kept out, or what the service is told.
type Verdict = Result<&'static str, u16>;

impl By {
    /// Every spelling of the token.
    fn authorizations(self) -> Vec<Option<String>> {
        let spelled = |token: &str| {
            let spelled = [
                token.to_owned(),
                format!("Bearer {token}"),
                format!("bEARER  {token}"),
            ];
            spelled.map(Some).to_vec()
        };
        match self {
            Self::Anyone => vec![None],
            Self::User => spelled(USERS),
            Self::Operator => spelled(TOKEN),
            Self::WrongToken => ["wrong", "Bearer wrong", "Basic b3A6b3A=", "Bearer", ""]
                .map(|token| Some(token.to_owned()))
                .to_vec(),
        }
    }

    /// Written down a second time, without the gateway's own words for it. `open`: no operator's token is set.
    fn verdict(self, access: Access, open: bool) -> Verdict {
        match (self, access) {
            (Self::WrongToken, _) => Err(401),
            (Self::Anyone, Access::User) => Err(401),
            (Self::Anyone, Access::Anyone) if !open => Ok("anonymous"),
            (Self::Anyone, _) if open => Ok("operator"),
            (Self::Anyone, _) => Err(401),
            (Self::User, Access::Operator) => Err(403),
            (Self::User, _) => Ok("user"),
            // Where no token is set, what would be the operator's is an unknown one.
            (Self::Operator, _) if open => Err(401),
            (Self::Operator, Access::User) => Err(403),
            (Self::Operator, _) => Ok("operator"),
        }
    }
}

async fn guarded(token: &'static str, stub: &Stub) -> Served {
    serve(Setup {
        inventory: stub.port,
        billing: stub.port,
        token,
        allowances: Allowance::new(100_000, 100_000).for_all(),
        ..Setup::default()
    })
    .await
}

async fn call(gateway: &Served, method: &str, path: &str, authorization: Option<&str>) -> u16 {
    let mut request = gateway.client.request(method, path);
    // The publisher has no broker: a payment that is let in is a 415.
    if path == "/api/billing" && method == "POST" {
        request = request.header("content-type", "text/plain").body("let in");
    }
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    send(request).await.status
}

fn operation(method: &str, path: &str) -> Option<&'static Operation> {
    let mut all = TABLE.iter();
    all.find(|operation| operation.method == method && operation.path == path)
}

/// What the last request that was forwarded said of its caller.
fn told(stub: &Stub, before: usize) -> Option<String> {
    let seen = stub.seen();
    let forwarded = seen[before..].iter().filter(|seen| !is_question(seen));
    let callers = forwarded.map(|seen| {
        assert!(
            seen.all("authorization").is_empty(),
            "the token went further than the gateway"
        );
        seen.all("x-caller").join(" ")
    });
    callers.collect::<Vec<_>>().pop()
}

async fn check(gateway: &Served, stub: &Stub, by: By, open: bool, method: &str, path: &str) {
    let concrete = concrete(path);
    for authorization in by.authorizations() {
        let before = stub.seen().len();
        let status = call(gateway, method, &concrete, authorization.as_deref()).await;
        let (told, case) = (
            told(stub, before),
            format!("{method} {path} {by:?} {authorization:?} {open}"),
        );
        let Some(operation) = operation(method, path) else {
            let expected = if by.verdict(Access::Anyone, open).is_ok() {
                405
            } else {
                401
            };
            assert_eq!((status, told), (expected, None), "{case}");
            continue;
        };
        let (expected, caller) = match (by.verdict(operation.access, open), operation.target) {
            (Err(status), _) => (status, None),
            (Ok(_), Target::Publish(_)) => (415, None),
            (Ok(caller), Target::Forward(_)) => (200, Some(caller.to_owned())),
        };
        assert_eq!((status, told), (expected, caller), "{case}");
    }
}

/// A new row of the table is in it by itself.
#[tokio::test]
async fn every_route_lets_in_whom_the_table_names_and_nobody_else() {
    let paths: BTreeSet<_> = TABLE.iter().map(|operation| operation.path).collect();
    for token in [TOKEN, "", " "] {
        let open = token.trim().is_empty();
        let stub = billing().await;
        let gateway = guarded(token, &stub).await;
        for path in &paths {
            for method in METHODS {
                for by in [By::Anyone, By::User, By::Operator, By::WrongToken] {
                    check(&gateway, &stub, by, open, method, path).await;
                }
            }
        }
    }
}

#[tokio::test]
async fn an_unknown_token_is_refused_beside_the_table_too() {
    let stub = billing().await;
    for token in [TOKEN, ""] {
        let gateway = guarded(token, &stub).await;
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
    assert!(stub.seen().iter().all(is_question));
}

#[tokio::test]
async fn two_tokens_or_an_empty_one_are_unknown() {
    let stub = billing().await;
    let gateway = guarded(TOKEN, &stub).await;
    for tokens in [
        format!("Authorization: {TOKEN}\r\nAuthorization: {TOKEN}"),
        format!("Authorization: {USERS}\r\nAuthorization: {USERS}"),
        "Authorization:".into(),
    ] {
        let answer = raw(
            &gateway,
            format!("GET /api/movies HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{tokens}\r\n\r\n"),
        )
        .await;
        assert_eq!(status(&answer), 401, "{tokens}");
    }
    assert!(stub.seen().is_empty());
}
