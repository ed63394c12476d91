//! What the system says of itself when a test of it fails, so that a failure explains itself.

use std::{fmt::Write, fs, thread, time::Duration};

use reqwest::Client;
use tokio::runtime::Builder;

use crate::parts::{data, setting};

/// The last lines of each log that are worth reading.
const LINES: usize = 25;

/// Held by a test of the system: prints the report when the test panics.
pub(crate) struct Explain;

impl Drop for Explain {
    fn drop(&mut self) {
        if thread::panicking() {
            // On a thread with a runtime of its own: the test's may be gone.
            let report = thread::spawn(|| {
                let runtime = Builder::new_current_thread().enable_all().build();
                runtime.unwrap().block_on(report())
            });
            println!("{}", report.join().unwrap_or_default());
        }
    }
}

/// Health of each service, what waits in the queues, and the end of each log.
async fn report() -> String {
    let mut report = String::new();
    for service in ["API_GATEWAY", "INVENTORY_APP", "BILLING_APP"] {
        let (host, port) = (format!("{service}_HOST"), format!("{service}_PORT"));
        let base = format!("http://{}:{}", setting(&host), setting(&port));
        let health = ask(&format!("{base}/health/ready")).await;
        let metrics = ask(&format!("{base}/metrics")).await;
        add(&mut report, &format!("{service} health: {health}"));
        for line in metrics.lines().filter(|line| tells_of_queues(line)) {
            add(&mut report, &format!("{service} {line}"));
        }
    }
    for queue in ["billing_queue", "locations_position", "locations_track"] {
        let api = setting("TEST_RABBITMQ_API");
        let counts = counts(&ask(&format!("{api}/api/queues/%2F/{queue}")).await);
        add(&mut report, &format!("{queue}: {counts}"));
    }
    for part in [
        "api-gateway",
        "billing-app",
        "inventory-app",
        "postgres",
        "rabbitmq",
    ] {
        add(&mut report, &format!("--- the end of the log of {part}"));
        let log = fs::read(format!("{}/log/{part}.log", data())).unwrap_or_default();
        let log = String::from_utf8_lossy(&log).into_owned();
        let lines: Vec<_> = log.lines().collect();
        for line in &lines[lines.len().saturating_sub(LINES)..] {
            add(&mut report, line);
        }
    }
    report
}

fn tells_of_queues(line: &str) -> bool {
    let names = [
        "broker_connected",
        "broker_queue_depth",
        "broker_holding",
        "broker_stalls",
        "broker_oldest",
        "broker_consumed",
    ];
    names.iter().any(|name| line.starts_with(name))
}

/// The broker's own count, which lags by up to 5 s.
fn counts(queue: &str) -> String {
    let queue: serde_json::Value = serde_json::from_str(queue).unwrap_or_default();
    let count = |name: &str| format!("{name} {}", queue[name]);
    ["messages_ready", "messages_unacknowledged", "consumers"]
        .map(count)
        .join(", ")
}

async fn ask(url: &str) -> String {
    let client = Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(5))
        .build()
        .unwrap();
    match client.get(url).send().await {
        Ok(answer) => answer
            .text()
            .await
            .unwrap_or_else(|error| error.to_string()),
        Err(error) => format!("no answer: {error}"),
    }
}

fn add(report: &mut String, line: &str) {
    writeln!(report, "{line}").unwrap();
}
