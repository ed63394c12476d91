//! The program itself: what it says when it starts, whether it is ready, and how it ends.

use std::{
    net::TcpListener,
    process::{Command, Output, Stdio},
    time::Duration,
};

use serde_json::Value;
use testing::Client;
use tokio::time::sleep;

use crate::{
    helpers::{NOBODY, TOKEN},
    stub::Stub,
};

fn program(settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_api-gateway"));
    let nobody = NOBODY.to_string();
    for (name, value) in [
        ("API_GATEWAY_HOST", "127.0.0.1"),
        ("INVENTORY_APP_HOST", "127.0.0.1"),
        ("INVENTORY_APP_PORT", &nobody),
        ("BILLING_APP_HOST", "127.0.0.1"),
        ("BILLING_APP_PORT", &nobody),
        ("OPERATOR_TOKEN", ""),
        ("AMQP_HOST", "127.0.0.1"),
        ("AMQP_PORT", &nobody),
        ("AMQP_VHOST", "/"),
        ("GATEWAY_AMQP_USER", "nobody"),
        ("GATEWAY_AMQP_PASSWORD", "a-secret-password"),
        ("LOG", "info"),
        ("LOG_FORMAT", "text"),
    ] {
        command.env(name, value);
    }
    command.envs(settings.iter().copied());
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Starts the program, asks it whether it is ready, and stops it as an operator would.
async fn run(settings: &[(&str, &str)]) -> (Value, Output) {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let mut settings = settings.to_vec();
    let text = port.to_string();
    settings.push(("API_GATEWAY_PORT", &text));
    let child = program(&settings).spawn().unwrap();
    let client = Client::new(format!("http://127.0.0.1:{port}"));
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        sleep(Duration::from_millis(20)).await;
    }
    let ready = client.get("/health/ready").await;
    assert_eq!(client.get("/health/live").await.status, 200);
    assert_eq!(client.get("/metrics").await.status, 200);
    client.get("/api/movies/%00").await.problem(400);
    let pid = child.id().to_string();
    assert!(Command::new("kill").arg(&pid).status().unwrap().success());
    (ready.json(ready.status), child.wait_with_output().unwrap())
}

#[tokio::test]
async fn it_is_ready_when_all_that_is_behind_it_is() {
    let stub = Stub::json("{}").await;
    let inventory = stub.port.to_string();
    let (ready, output) = run(&[("INVENTORY_APP_PORT", &inventory)]).await;
    assert_eq!(ready["status"], "not ready");
    for (name, status) in [
        ("broker", "down"),
        ("inventory-app", "up"),
        ("billing-app", "down"),
    ] {
        assert_eq!(ready["checks"][name]["status"], status, "{ready}");
    }
    assert_eq!(stub.seen()[0].line(), "GET /health/ready HTTP/1.1");
    assert_eq!(output.status.code(), Some(0));
}

#[tokio::test]
async fn it_warns_at_every_start_without_an_operators_token_and_never_prints_a_secret() {
    for (token, warned) in [("", true), (TOKEN, false)] {
        let (_, output) = run(&[("OPERATOR_TOKEN", token)]).await;
        let log = String::from_utf8(output.stderr).unwrap();
        assert_eq!(log.contains("OPERATOR_TOKEN is empty"), warned, "{log}");
        assert!(
            !log.contains("a-secret-password") && !log.contains(TOKEN),
            "{log}"
        );
    }
}

#[test]
fn a_wrong_setting_is_one_line_that_names_its_variable() {
    for (name, value) in [
        ("API_GATEWAY_PORT", "70000"),
        ("AMQP_HOST", ""),
        ("BILLING_APP_PORT", "x"),
    ] {
        let output = program(&[("API_GATEWAY_PORT", "1"), (name, value)])
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains(name), "{said}");
    }
}

#[test]
fn it_prints_the_document_that_is_committed() {
    let output = program(&[("API_GATEWAY_PORT", "1")])
        .arg("openapi")
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        include_str!("../../openapi.json")
    );
}
