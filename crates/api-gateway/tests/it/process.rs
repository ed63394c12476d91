//! The program itself: what it says when it starts, whether it is ready, and how it ends.

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::{Command, Output, Stdio},
    time::Duration,
};

use serde_json::Value;
use testing::{Client, free_port, repository::read, stop};
use tokio::time::sleep;

use crate::{
    helpers::{NOBODY, TOKEN},
    stub::{Behavior, Stub, ok},
};

pub(crate) fn program(settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_api-gateway"));
    let nobody = NOBODY.to_string();
    for (name, value) in [
        ("API_GATEWAY_HOST", "127.0.0.1"),
        ("INVENTORY_APP_HOST", "127.0.0.1"),
        ("INVENTORY_APP_PORT", &nobody),
        ("BILLING_APP_HOST", "127.0.0.1"),
        ("BILLING_APP_PORT", &nobody),
        ("OPERATOR_TOKEN", ""),
        ("IDEMPOTENCY_SECRET", "another-secret"),
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

pub(crate) async fn until_listening(port: &str) {
    let begin = std::time::Instant::now();
    while TcpStream::connect(format!("127.0.0.1:{port}")).is_err() {
        assert!(
            begin.elapsed() < Duration::from_secs(30),
            "it does not listen"
        );
        sleep(Duration::from_millis(20)).await;
    }
}

/// Starts the program, asks it whether it is ready, and stops it as an operator would.
async fn run(settings: &[(&str, &str)]) -> (Value, Output) {
    let port = free_port().to_string();
    let mut settings = settings.to_vec();
    settings.push(("API_GATEWAY_PORT", &port));
    let child = program(&settings).spawn().unwrap();
    let client = Client::new(format!("http://127.0.0.1:{port}"));
    until_listening(&port).await;
    let ready = client.get("/health/ready").await;
    assert_eq!(client.get("/health/live").await.status, 200);
    assert_eq!(client.get("/metrics").await.status, 200);
    client.get("/api/movies/%00").await.problem(400);
    stop(&child);
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
            ["a-secret-password", "another-secret", TOKEN]
                .iter()
                .all(|secret| !log.contains(secret)),
            "{log}"
        );
    }
}

/// A thread of its own writes them.
#[tokio::test]
async fn an_orderly_stop_writes_every_line_of_the_log() {
    let (_, output) = run(&[]).await;
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(log.contains("listening"), "{log}");
    assert!(log.contains("path=\"/api/movies/%00\""), "{log}");
    assert!(log.trim_end().ends_with("stopped"), "{log}");
}

#[test]
fn a_wrong_setting_is_one_line_that_names_its_variable() {
    for (name, value) in [
        ("API_GATEWAY_PORT", "70000"),
        ("AMQP_HOST", ""),
        ("BILLING_APP_PORT", "x"),
        ("IDEMPOTENCY_SECRET", ""),
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
fn it_prints_the_documents_that_are_committed() {
    for (arguments, committed) in [
        (&["openapi"][..], "crates/api-gateway/openapi.json"),
        (&["openapi", "--merged"], "docs/openapi.json"),
    ] {
        let output = program(&[("API_GATEWAY_PORT", "1")])
            .args(arguments)
            .output()
            .unwrap();
        assert_eq!(
            String::from_utf8(output.stdout).unwrap(),
            read(committed),
            "refresh it: cargo run -p api-gateway -- {} > {committed}",
            arguments.join(" ")
        );
    }
}

/// On a machine with two processors 61 client connections fit under this limit, and at least 40 on one with up to 18.
#[tokio::test]
async fn a_flood_of_clients_leaves_files_for_the_connections_to_services() {
    // Late enough that all of them wait at the same time.
    let late = Behavior::SayLater(Duration::from_secs(1), ok("[]"));
    let stub = Stub::always(late).await;
    let (port, inventory) = (free_port().to_string(), stub.port.to_string());
    let settings = [
        ("API_GATEWAY_PORT", &*port),
        ("INVENTORY_APP_PORT", &inventory),
    ];
    let program = program(&settings);
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "ulimit -n 256; exec \"$0\" serve"])
        .arg(program.get_program())
        .envs(
            program
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .stderr(Stdio::null());
    let mut child = limited.spawn().unwrap();
    until_listening(&port).await;
    let flood = move || {
        let connections: Vec<_> = (0..400).map(|_| connect(&port)).collect();
        let asking = &connections[..40];
        asking.iter().for_each(ask);
        asking.iter().map(answer).collect::<Vec<_>>()
    };
    // Blocking, beside the stub.
    let answers = tokio::task::spawn_blocking(flood).await.unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    for answer in answers {
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

fn connect(port: &str) -> TcpStream {
    let connection = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    connection
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    connection
}

fn ask(mut connection: &TcpStream) {
    let request = b"GET /api/movies HTTP/1.1\r\nHost: a\r\n\r\n";
    connection.write_all(request).unwrap();
}

fn answer(mut connection: &TcpStream) -> String {
    let mut answer = [0; 512];
    let length = connection.read(&mut answer).unwrap();
    String::from_utf8_lossy(&answer[..length]).into_owned()
}
