//! The running system: its address, its parts, its tables.

use std::{
    env,
    process::{Command, Output},
    time::{Duration, Instant},
};

use testing::Client;

/// The longest that anything here may take; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client of the gateway.
pub(crate) fn gateway() -> Client {
    Client::new(format!(
        "http://{}:{}",
        setting("API_GATEWAY_HOST"),
        setting("API_GATEWAY_PORT")
    ))
}

/// A client of the billing itself.
pub(crate) fn billing() -> Client {
    Client::new(format!(
        "http://{}:{}",
        setting("BILLING_APP_HOST"),
        setting("BILLING_APP_PORT")
    ))
}

/// A client of the inventory itself.
pub(crate) fn inventory() -> Client {
    Client::new(format!(
        "http://{}:{}",
        setting("INVENTORY_APP_HOST"),
        setting("INVENTORY_APP_PORT")
    ))
}

/// `scripts/service VERB NAME`.
pub(crate) async fn service(verb: &str, name: &str) {
    let output = script("service", &[verb, name]).await;
    assert!(
        output.status.success(),
        "scripts/service {verb} {name}: {output:?}"
    );
}

/// Sends a signal to a part and the processes that it has started, by the pid that `scripts/up` wrote down.
pub(crate) fn signal(signal: &str, name: &str) {
    let pid = pid(name);
    let children = format!("/proc/{pid}/task/{pid}/children", pid = pid.trim());
    let children = std::fs::read_to_string(children).unwrap();
    let all = pid.split_whitespace().chain(children.split_whitespace());
    let output = Command::new("kill").arg(signal).args(all).output().unwrap();
    assert!(output.status.success(), "kill {signal} {name}: {output:?}");
}

/// The pid of a part, as `scripts/up` wrote it down.
pub(crate) fn pid(name: &str) -> String {
    std::fs::read_to_string(format!("{}/run/{name}.pid", data())).unwrap()
}

/// What psql prints for a query, unaligned and without headers, in the database of `inventory` or `billing`.
pub(crate) async fn psql(database: &str, sql: &str) -> String {
    let output = script("psql", &[database, "-XAtc", sql]).await;
    assert!(output.status.success(), "psql {database}: {output:?}");
    String::from_utf8(output.stdout)
        .unwrap()
        .trim_end()
        .to_owned()
}

/// Asks every 10 ms until it is so; tells how long it took.
pub(crate) async fn until(condition: impl AsyncFn() -> bool, what: &str) -> Duration {
    let begin = Instant::now();
    while !condition().await {
        assert!(begin.elapsed() < PATIENCE, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    begin.elapsed()
}

/// Waits until the gateway and all behind it are ready.
pub(crate) async fn until_all_ready() {
    let gateway = gateway();
    until(
        async || gateway.get("/health/ready").await.status == 200,
        "all parts are ready",
    )
    .await;
}

async fn script(name: &str, args: &[&str]) -> Output {
    let mut command = Command::new(format!("{}/scripts/{name}", root()));
    command.args(args);
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

/// Where the running system keeps its pids and logs.
pub(crate) fn data() -> String {
    env::var("CRUD_MASTER_DATA").unwrap_or_else(|_| format!("{}/.data", root()))
}

fn root() -> String {
    setting("SYSTEM_ROOT")
}

/// A setting of the running system.
pub(crate) fn setting(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run scripts/test"))
}
