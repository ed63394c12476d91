//! Wrong settings: one line that names the variable, and the process ends, or goes on trying where waiting may help.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use tokio::net::TcpListener;

use crate::{crash::program, helpers::Ground};

/// The only line that the program says before it ends without success.
async fn last_word(mut program: Command) -> String {
    program.env("LOG", "off").stderr(Stdio::piped());
    let output = tokio::task::spawn_blocking(move || program.output().unwrap())
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

#[tokio::test]
async fn a_missing_or_empty_value_is_named() {
    let ground = Ground::prepare().await;
    let mut missing = program(&ground, ground.broker.port, 0);
    missing.env_remove("ORDERS_DB_NAME").current_dir("/");
    assert!(
        last_word(missing)
            .await
            .ends_with("not set in the environment or .env: ORDERS_DB_NAME\n")
    );
    let mut empty = program(&ground, ground.broker.port, 0);
    empty.env("AMQP_HOST", "");
    assert!(
        last_word(empty)
            .await
            .contains("AMQP_HOST has a wrong value")
    );
}

#[tokio::test]
async fn an_unreadable_secret_file_is_named() {
    let ground = Ground::prepare().await;
    let mut program = program(&ground, ground.broker.port, 0);
    program.env("ORDERS_DB_PASSWORD_FILE", "/does/not/exist");
    let said = last_word(program).await;
    assert!(
        said.contains("ORDERS_DB_PASSWORD_FILE=/does/not/exist cannot be read: No such file"),
        "{said}"
    );
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let ground = Ground::prepare().await;
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let said = last_word(program(&ground, ground.broker.port, port)).await;
    assert!(
        said.contains("check BILLING_APP_HOST and BILLING_APP_PORT: Address already in use"),
        "{said}"
    );
}

#[tokio::test]
async fn a_wrong_database_password_is_named() {
    let ground = Ground::prepare().await;
    let mut program = program(&ground, ground.broker.port, 0);
    program.env("ORDERS_DB_PASSWORD", "wrong");
    let said = last_word(program).await;
    assert!(
        said.contains("check ORDERS_DB_USER and ORDERS_DB_PASSWORD"),
        "{said}"
    );
}

/// The broker may be setting up its users just now, so the program says it and goes on trying.
#[tokio::test]
async fn a_wrong_broker_password_is_named_in_the_log() {
    let ground = Ground::prepare().await;
    let mut program = program(&ground, ground.broker.port, 0);
    let mut child = program
        .env("BILLING_AMQP_PASSWORD", "wrong")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = BufReader::new(child.stderr.take().unwrap());
    let named = tokio::task::spawn_blocking(move || {
        let mut lines = log.lines().map_while(Result::ok);
        lines.any(|line| {
            line.contains("check BILLING_AMQP_USER, BILLING_AMQP_PASSWORD and AMQP_VHOST")
        })
    });
    let named = tokio::time::timeout(std::time::Duration::from_secs(20), named).await;
    let still_running = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(named.unwrap().unwrap() && still_running);
}
