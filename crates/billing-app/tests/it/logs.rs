//! What the program logs while it runs.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::json;
use testing::Process;

use crate::{
    crash::program,
    helpers::{QUEUE, Servers, payment},
};

/// Runs the program until it has logged a line with each of `texts`, in this order; it goes on until it is killed here.
pub(crate) async fn until_logged(mut program: Command, texts: &[&str]) {
    let mut child = program.stderr(Stdio::piped()).spawn().unwrap();
    let log = BufReader::new(child.stderr.take().unwrap());
    let wanted: Vec<String> = texts.iter().map(ToString::to_string).collect();
    let found = tokio::task::spawn_blocking(move || {
        let mut lines = log.lines().map_while(Result::ok);
        let logged = |text: &String| lines.any(|line| line.contains(text));
        wanted.iter().all(logged)
    });
    let found = tokio::time::timeout(Duration::from_secs(20), found).await;
    let still_running = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(found.unwrap().unwrap() && still_running, "{texts:?}");
}

#[tokio::test]
async fn an_absent_database_is_told_once() {
    let servers = Servers::prepare().await;
    let mut program = program(&servers, servers.broker.port, 0);
    let mut child = program
        .env("ORDERS_DB_PORT", "1")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    child.kill().unwrap();
    let log = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
    let told = log.matches("waiting for the database").count();
    assert_eq!(told, 1, "{log}");
}

#[tokio::test]
async fn a_request_can_be_followed_to_its_message() {
    let servers = Servers::prepare().await;
    for (id, body) in [("bad", "{}"), ("good", &payment("3"))] {
        let headers = json!({
            "x-request-id": format!("request of {id}"),
            "traceparent": "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01",
        });
        let properties = json!({ "message_id": id, "delivery_mode": 2, "headers": headers });
        assert!(servers.broker.publish(QUEUE, properties, body).await);
    }
    let mut program = program(&servers, servers.broker.port, 0);
    program.env("LOG", "info,broker=debug");
    let line = |outcome, id| {
        format!(
            "{outcome} queue=\"{QUEUE}\" id=\"{id}\" request_id=\"request of {id}\" trace_id=\"0123456789abcdef0123456789abcdef\""
        )
    };
    let (refused, stored) = (
        line("refused a message", "bad"),
        line("acknowledged a message", "good"),
    );
    until_logged(program, &[&refused, &stored]).await;
}

#[tokio::test]
async fn a_password_that_was_changed_later_is_told_once_and_health_says_it() {
    let mut servers = Servers::prepare().await;
    servers.database.use_own_role().await;
    let billing = Process::start(|port| {
        let mut program = program(&servers, servers.broker.port, port);
        program.stderr(Stdio::piped());
        program
    })
    .await;

    servers.database.set_password("second").await;
    servers.database.end_sessions().await;
    servers.queue("late").await;
    // Each of these waits for a connection, which is tried several times meanwhile.
    for _ in 0..3 {
        let health = billing.client.get("/health/ready").await.json(503);
        let database = &health["checks"]["database"];
        assert_eq!(
            database["detail"], "the database refuses the login",
            "{health}"
        );
    }
    servers.database.set_password("first").await;
    servers.until_orders(1).await;

    let log = billing.into_log().await;
    let told: Vec<_> = log
        .lines()
        .filter(|line| line.contains("no connection to the database; trying again"))
        .collect();
    assert_eq!(told.len(), 1, "{log}");
    let named = "check ORDERS_DB_USER and ORDERS_DB_PASSWORD";
    assert!(told[0].contains(named), "{log}");
    assert_eq!(log.matches("the database is back").count(), 1, "{log}");
    assert!(!log.contains("timed out"), "{log}");
}
