//! The gateway knows a user by a token: it asks the billing, remembers the answer for a moment, and guesses nothing.

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use api_gateway::table::TABLE;
use testing::{Answer, Client, Process, send};
use tokio::{task::JoinSet, time::sleep};

use crate::{
    helpers::{NOBODY, Served, Setup, TOKEN, concrete, raw, serve, status},
    process::{program, until_listening},
    stub::{Behavior, Seen, Stub, ok},
};

/// The token of the only user.
pub(crate) const USERS: &str = "sY4HX5WpTZvFqnX0b1nIuWqUuGdcZcXkKbBz0n1mJxE";
const ID: &str = "0198c0de-0000-7000-8000-000000000001";
const SESSION: &str = "0198c0de-0000-7000-8000-000000000002";

pub(crate) const NOT_FOUND: &[u8] = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";

/// Whether it is the gateway's own question, not one that it forwards.
pub(crate) fn is_question(seen: &Seen) -> bool {
    seen.line() == "POST /api/users/check_token HTTP/1.1" && seen.all("x-caller").is_empty()
}

/// What the billing says to a question.
pub(crate) fn known(seen: &Seen) -> Behavior {
    let body = format!(r#"{{"token":"{USERS}"}}"#);
    if seen.body == body.as_bytes() {
        let user = format!(r#"{{"id":"{ID}","username":"ann","session_id":"{SESSION}"}}"#);
        Behavior::Say(ok(&user))
    } else {
        Behavior::Say(NOT_FOUND.to_vec())
    }
}

/// A peer that knows the user, and says 200 to everything else.
pub(crate) async fn billing() -> Stub {
    Stub::answering(|_, seen| {
        if is_question(seen) {
            known(seen)
        } else {
            Behavior::Say(ok("{}"))
        }
    })
    .await
}

pub(crate) async fn before(billing: u16, inventory: u16) -> Served {
    serve(Setup {
        inventory,
        billing,
        token: TOKEN,
        ..Setup::default()
    })
    .await
}

pub(crate) async fn with_token(client: &Client, method: &str, path: &str, token: &str) -> Answer {
    let request = client.request(method, path);
    send(request.header("authorization", format!("Bearer {token}"))).await
}

pub(crate) async fn movies(gateway: &Served, token: &str) -> Answer {
    with_token(&gateway.client, "GET", "/api/movies", token).await
}

pub(crate) fn questions(billing: &Stub) -> usize {
    let seen = billing.seen();
    seen.iter().filter(|seen| is_question(seen)).count()
}

#[tokio::test]
async fn a_user_is_passed_on_and_nothing_that_a_client_says_of_itself() {
    let billing = billing().await;
    let gateway = before(billing.port, billing.port).await;
    let request = format!(
        "GET /api/movies HTTP/1.1\r\nHost: a\r\nConnection: close, x-user-id\r\nAuthorization: {USERS}\r\n\
         X-Caller: operator\r\nX-User-Id: 1\r\nX-User-Id: 2\r\nX-Session-Id: 3\r\nx-request-id: 7\r\n\r\n"
    );
    assert_eq!(status(&raw(&gateway, request).await), 200);
    let [question, forwarded] = &billing.seen()[..] else {
        panic!("{:?}", billing.seen())
    };
    assert_eq!(forwarded.all("x-caller"), ["user"]);
    assert_eq!(forwarded.all("x-user-id"), [ID]);
    assert_eq!(forwarded.all("x-session-id"), [SESSION]);
    assert!(forwarded.all("authorization").is_empty());
    assert_eq!(question.all("x-request-id"), ["7"]);
    let trace = |seen: &Seen| seen.all("traceparent")[0][..35].to_owned();
    assert_eq!(trace(question), trace(forwarded));
    assert_eq!(
        question.all("host"),
        [format!("127.0.0.1:{}", billing.port)]
    );
}

#[tokio::test]
async fn no_header_can_be_smuggled_in_a_token() {
    let billing = billing().await;
    let gateway = before(billing.port, billing.port).await;
    for token in ["a\"}", "a\\", "a\",\"b\":\"", "{}", "null", "'--"] {
        movies(&gateway, token).await.problem(401);
    }
    let bodies: Vec<_> = billing.seen().into_iter().map(|seen| seen.body).collect();
    assert_eq!(bodies[0], br#"{"token":"a\"}"}"#);
    for body in bodies {
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
    }
    let answer = raw(
        &gateway,
        "GET /api/movies HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: a\u{e9}\r\n\r\n",
    )
    .await;
    assert_eq!(status(&answer), 401);
}

#[tokio::test]
async fn a_known_token_is_remembered_for_a_moment_and_an_unknown_one_never() {
    let billing = billing().await;
    let gateway = before(billing.port, billing.port).await;
    for _ in 0..5 {
        movies(&gateway, USERS).await.json(200);
    }
    assert_eq!(questions(&billing), 1);
    for _ in 0..5 {
        movies(&gateway, "unknown").await.problem(401);
    }
    assert_eq!(questions(&billing), 6);
    sleep(Duration::from_millis(2_100)).await;
    movies(&gateway, USERS).await.json(200);
    assert_eq!(questions(&billing), 7);
}

#[tokio::test]
async fn checks_are_counted_by_their_results() {
    let billing = billing().await;
    let gateway = before(billing.port, billing.port).await;
    let count = async |result: &str| {
        let name = format!("gateway_token_checks_total{{result=\"{result}\"}} ");
        let metrics = gateway.client.get("/metrics").await;
        let metrics = str::from_utf8(&metrics.body).unwrap();
        let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
        line.map_or(0, |count| count.parse::<u64>().unwrap())
    };
    // Other tests of this process count as well.
    let (known, unknown) = (count("known").await, count("unknown").await);
    movies(&gateway, USERS).await.json(200);
    movies(&gateway, "unknown").await.problem(401);
    assert!(count("known").await > known);
    assert!(count("unknown").await > unknown);
}

#[tokio::test]
async fn concurrent_requests_with_one_token_are_one_question() {
    let billing = Stub::answering(|_, seen| match known(seen) {
        Behavior::Say(bytes) if is_question(seen) => {
            Behavior::SayLater(Duration::from_millis(200), bytes)
        }
        _ => Behavior::Say(ok("{}")),
    })
    .await;
    let gateway = before(billing.port, billing.port).await;
    let mut requests = JoinSet::new();
    for _ in 0..20 {
        let client = gateway.client.clone();
        requests.spawn(async move {
            with_token(&client, "GET", "/api/movies", USERS)
                .await
                .status
        });
    }
    assert_eq!(requests.join_all().await, [200; 20]);
    assert_eq!(questions(&billing), 1);
}

/// The status of every operation with this token; what is let in meets a stub, or a broker that is not there.
async fn statuses(gateway: &Served, token: &str) -> Vec<u16> {
    let mut statuses = Vec::new();
    for operation in TABLE {
        let path = concrete(operation.path);
        let answer = with_token(&gateway.client, operation.method.as_str(), &path, token).await;
        if answer.status == 503 {
            assert_eq!(answer.header("retry-after"), "1", "{operation:?}");
        }
        statuses.push(answer.status);
    }
    statuses
}

#[tokio::test]
async fn while_the_billing_is_away_or_broken_a_token_is_a_503_and_reaches_no_service() {
    let inventory = Stub::json("{}").await;
    let absent = before(NOBODY, inventory.port).await;
    assert_eq!(statuses(&absent, USERS).await, vec![503; TABLE.len()]);
    for broken in [
        b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n".to_vec(),
        b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n".to_vec(),
        b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n".to_vec(),
        b"no HTTP\r\n\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{".to_vec(),
        ok("{}"),
        ok(r#"{"id":"7","session_id":"8"}"#),
        ok(&format!("[{}]", "0,".repeat(100_000))),
    ] {
        let billing = Stub::always(Behavior::SayAndClose(broken)).await;
        let gateway = before(billing.port, inventory.port).await;
        let refused = movies(&gateway, USERS).await;
        refused.problem(503);
        assert_eq!(refused.header("retry-after"), "1");
    }
    assert!(inventory.seen().is_empty());
    // Those who need no question are served.
    movies(&absent, TOKEN).await.json(200);
    absent.client.get("/api/movies").await.json(200);
}

#[tokio::test]
async fn a_billing_that_is_late_is_away_after_a_second_however_many_wait() {
    let billing = Stub::always(Behavior::SayAndStare(Vec::new())).await;
    let gateway = before(billing.port, NOBODY).await;
    let began = Instant::now();
    let mut requests = JoinSet::new();
    for number in 0..200 {
        let client = gateway.client.clone();
        requests.spawn(async move {
            let token = format!("token-{number}");
            with_token(&client, "GET", "/api/movies", &token)
                .await
                .status
        });
    }
    while questions(&billing) < 64 {
        sleep(Duration::from_millis(5)).await;
    }
    sleep(Duration::from_millis(100)).await;
    assert_eq!(questions(&billing), 64);
    assert_eq!(requests.join_all().await, [503; 200]);
    let took = began.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[tokio::test]
async fn a_connection_that_ends_under_a_question_is_tried_once_more() {
    let billing = Stub::answering(|number, seen| match number {
        1 => Behavior::SayAndClose(Vec::new()),
        _ if is_question(seen) => known(seen),
        _ => Behavior::Say(ok("{}")),
    })
    .await;
    let inventory = Stub::json("{}").await;
    let gateway = before(billing.port, inventory.port).await;
    movies(&gateway, "unknown").await.problem(401);
    movies(&gateway, USERS).await.json(200);
    assert_eq!(questions(&billing), 3);
}

/// At the most talkative level, libraries too.
#[tokio::test]
async fn no_log_line_has_a_token() {
    let billing = billing().await;
    let gateway = Process::spawn(|port| {
        let mut program = program(&[
            ("API_GATEWAY_PORT", &port.to_string()),
            ("BILLING_APP_PORT", &billing.port.to_string()),
            ("OPERATOR_TOKEN", TOKEN),
            ("LOG", "debug,hyper=trace,api_gateway=trace,platform=trace"),
        ]);
        program.stdout(Stdio::null());
        program
    });
    until_listening(&gateway.port.to_string()).await;
    let client = &gateway.client;
    let tokens = [USERS, TOKEN, "an-unknown-token"];
    for token in tokens {
        for (method, path) in [("GET", "/api/billing/7"), ("POST", "/api/users/logout")] {
            with_token(client, method, path, token).await;
        }
        let body = format!(r#"{{"token":"{token}"}}"#);
        client.post_text("/api/users/check_token", body).await;
    }
    let log = gateway.into_log().await;
    assert!(log.contains("/api/users/logout"), "{log}");
    for token in tokens {
        let line = log.lines().find(|line| line.contains(token));
        assert_eq!(line, None, "{token}");
    }
}
