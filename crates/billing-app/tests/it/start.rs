//! Wrong settings: one line that names the variable, and the process ends, or goes on trying where waiting may help.

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use testing::{Process, repository::read, stop};
use tokio::net::TcpListener;

use crate::{crash::program, helpers::Servers, logs::until_logged};

/// The only line that the program says before it ends without success, whatever it has logged.
async fn last_word(mut program: Command) -> String {
    program.env("LOG", "off");
    only_line(program).await
}

async fn only_line(mut program: Command) -> String {
    program.stderr(Stdio::piped());
    let output = tokio::task::spawn_blocking(move || program.output().unwrap())
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

#[tokio::test]
async fn a_missing_value_is_named() {
    let servers = Servers::prepare().await;
    let mut missing = program(&servers, servers.broker.port, 0);
    missing.env_remove("ORDERS_DB_NAME").current_dir("/");
    assert!(
        last_word(missing)
            .await
            .ends_with("not set in the environment or .env: ORDERS_DB_NAME\n")
    );
}

#[tokio::test]
async fn a_wrong_value_is_named() {
    let servers = Servers::prepare().await;
    for (variable, value, said) in [
        (
            "AMQP_HOST",
            "",
            "AMQP_HOST has a wrong value ``: it is empty",
        ),
        (
            "ORDERS_DB_PASSWORD_FILE",
            "/does/not/exist",
            "ORDERS_DB_PASSWORD_FILE=/does/not/exist cannot be read: No such file",
        ),
        (
            "ORDERS_DB_PASSWORD_FILE",
            "/dev/null",
            "ORDERS_DB_PASSWORD_FILE names a file that is empty",
        ),
        (
            "ORDERS_DB_PASSWORD",
            "wrong",
            "check ORDERS_DB_USER and ORDERS_DB_PASSWORD",
        ),
    ] {
        let mut program = program(&servers, servers.broker.port, 0);
        program.env(variable, value);
        let last = last_word(program).await;
        assert!(last.contains(said), "{last}");
    }
}

#[tokio::test]
async fn a_wrong_log_filter_is_told_once() {
    let servers = Servers::prepare().await;
    let mut program = program(&servers, servers.broker.port, 0);
    program.env("LOG", "a=b=c");
    let said = only_line(program).await;
    assert!(said.contains("LOG is not a log filter: "), "{said}");
    assert_eq!(said.matches("expected one of").count(), 1, "{said}");
}

#[tokio::test]
async fn help_is_on_standard_output_and_no_failure() {
    let servers = Servers::prepare().await;
    let mut program = program(&servers, servers.broker.port, 0);
    let output = program.arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success() && help.contains("ORDERS_DB_HOST"),
        "{help}"
    );
    assert!(!help.contains(&servers.database.password));
}

#[tokio::test]
async fn a_stop_while_it_waits_for_its_database_is_obeyed() {
    let servers = Servers::prepare().await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port().to_string();
    let mut waiting = program(&servers, servers.broker.port, 0);
    let mut child = waiting.env("ORDERS_DB_PORT", port).spawn().unwrap();
    // It connects to its database after it has begun to listen for signals.
    silent.accept().await.unwrap();
    let asked = Instant::now();
    stop(&child);
    let status = tokio::task::spawn_blocking(move || child.wait().unwrap())
        .await
        .unwrap();
    assert!(
        status.success() && asked.elapsed() < Duration::from_secs(5),
        "{status}, {:?}",
        asked.elapsed()
    );
}

/// The AMQP client library makes buffers of 8 MiB for each of eight connections. glibc keeps those of lost ones, unless it is
/// started as pm2 starts it.
#[tokio::test]
async fn it_needs_little_memory_after_a_start_and_after_lost_connections() {
    let servers = Servers::prepare().await;
    let ecosystem: Value = serde_json::from_str(&read("nix/pm2/ecosystem.json")).unwrap();
    let mut apps = ecosystem["apps"].as_array().unwrap().iter();
    let app = apps.find(|app| app["name"] == "billing_app").unwrap();
    let name = "MALLOC_MMAP_THRESHOLD_";
    let threshold = app["env"][name].as_str().unwrap();
    let billing = Process::start(|port| {
        let mut program = program(&servers, servers.broker.port, port);
        program.env(name, threshold);
        program
    })
    .await;
    let mut closed = 0;
    while closed < 4 * 8 {
        closed += servers.broker.close_connections().await;
        billing.until_ready().await;
    }
    let peak = billing.peak_kib();
    assert!(peak < 48 * 1_024, "{peak} KiB");
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let servers = Servers::prepare().await;
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let said = last_word(program(&servers, servers.broker.port, port)).await;
    assert!(
        said.contains("check BILLING_APP_HOST and BILLING_APP_PORT: Address already in use"),
        "{said}"
    );
}

/// The broker may be setting up its users just now, so the program says it and goes on trying.
#[tokio::test]
async fn a_wrong_broker_password_is_named_in_the_log() {
    let servers = Servers::prepare().await;
    let mut program = program(&servers, servers.broker.port, 0);
    program.env("BILLING_AMQP_PASSWORD", "wrong");
    let named = "check BILLING_AMQP_USER, BILLING_AMQP_PASSWORD and AMQP_VHOST";
    until_logged(program, &[named]).await;
}
