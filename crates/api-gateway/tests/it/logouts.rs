//! A logout takes effect at the gateway, which remembers tokens for a moment.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::sleep;

use crate::{
    stub::{Behavior, Stub, ok},
    users::{NOT_FOUND, USERS, before, is_question, known, movies, questions, with_token},
};

const NO_CONTENT: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

/// A billing where a logout takes effect, and whose first answer to a question is slow.
async fn with_logout(first_answer: Duration) -> Stub {
    let logged_out = Arc::new(AtomicBool::new(false));
    Stub::answering(move |number, seen| {
        if seen.line().starts_with("POST /api/users/logout") {
            logged_out.store(true, Ordering::SeqCst);
            return Behavior::Say(NO_CONTENT.to_vec());
        }
        match known(seen) {
            _ if !is_question(seen) => Behavior::Say(ok("{}")),
            _ if logged_out.load(Ordering::SeqCst) => Behavior::Say(NOT_FOUND.to_vec()),
            Behavior::Say(bytes) if number == 0 => Behavior::SayLater(first_answer, bytes),
            behavior => behavior,
        }
    })
    .await
}

#[tokio::test]
async fn a_logout_takes_effect_at_once() {
    let billing = with_logout(Duration::ZERO).await;
    let gateway = before(billing.port, billing.port).await;
    movies(&gateway, USERS).await.json(200);
    let logout = with_token(&gateway.client, "POST", "/api/users/logout", USERS).await;
    assert_eq!((logout.status, questions(&billing)), (204, 1));
    for (method, path) in [("GET", "/api/movies"), ("POST", "/api/users/logout")] {
        let dead = with_token(&gateway.client, method, path, USERS).await;
        dead.problem(401);
    }
}

#[tokio::test]
async fn a_question_that_began_before_a_logout_answers_nothing_after_it() {
    let billing = with_logout(Duration::from_millis(500)).await;
    let gateway = before(billing.port, billing.port).await;
    let client = gateway.client.clone();
    let slow = tokio::spawn(async move { with_token(&client, "GET", "/api/movies", USERS).await });
    while questions(&billing) == 0 {
        sleep(Duration::from_millis(5)).await;
    }
    let body = format!(r#"{{"token":"{USERS}"}}"#);
    let logout = gateway.client.post_text("/api/users/logout", body).await;
    assert_eq!(logout.status, 204);
    movies(&gateway, USERS).await.problem(401);
    slow.await.unwrap().json(200);
    movies(&gateway, USERS).await.problem(401);
}

/// How often the billing is asked for one token, before and after a logout that meets `answer`. The client does not see how
/// many sessions have ended.
async fn questions_around_a_logout(answer: Behavior) -> usize {
    let billing = Stub::answering(move |_, seen| match known(seen) {
        _ if seen.line().starts_with("POST /api/users/logout") => answer.clone(),
        behavior if is_question(seen) => behavior,
        _ => Behavior::Say(ok("{}")),
    })
    .await;
    let gateway = before(billing.port, billing.port).await;
    movies(&gateway, USERS).await.json(200);
    let logout = gateway.client.post_text("/api/users/logout", "{}").await;
    assert_eq!(logout.header("x-sessions-ended"), "");
    movies(&gateway, USERS).await.json(200);
    questions(&billing)
}

#[tokio::test]
async fn a_logout_that_ends_nothing_forgets_no_token_and_one_that_may_have_been_done_forgets_all() {
    let status = |status: &str| format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
    let ended = |line: &str, count: &str| status(&format!("{line}\r\nx-sessions-ended: {count}"));
    for (answer, expected) in [
        (status("400 Bad Request"), 1),
        (status("401 Unauthorized"), 1),
        (status("422 Unprocessable Entity"), 1),
        (ended("200 OK", "0"), 1),
        (ended("200 OK", "1"), 2),
        (ended("200 OK", "00"), 2),
        (ended("503 Service Unavailable", "0"), 2),
        (status("200 OK"), 2),
        (status("500 Internal Server Error"), 2),
        (status("503 Service Unavailable"), 2),
        (String::new(), 2),
    ] {
        let behavior = Behavior::SayAndClose(answer.clone().into_bytes());
        let asked = questions_around_a_logout(behavior).await;
        assert_eq!(asked, expected, "{answer}");
    }
}
