//! What the billing counts, and that it is documented.
//!
//! Each test has metrics of its own: its runtime has one thread, and all that the thread records goes there. What is recorded
//! by the threads that serve is seen in a process of its own. The metrics of this one have what every other test records.

use std::{collections::BTreeSet, time::Duration};

use billing_app::{Limits, metrics::METRICS, orders, timer};
use metrics::set_default_local_recorder;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};
use testing::{Process, repository::table, until};
use uuid::Uuid;

use crate::{
    accounts::{PASSWORD, login, register},
    crash::program,
    helpers::Servers,
    shop::Shop,
};

fn recorder() -> PrometheusRecorder {
    PrometheusBuilder::new().build_recorder()
}

/// The value of a metric with one label, if it was recorded.
fn value(recorder: &PrometheusRecorder, name: &str, label: &str) -> Option<u64> {
    let line = format!("{name}{{{label}}} ");
    let metrics = recorder.handle().render();
    let value = metrics.lines().find_map(|text| text.strip_prefix(&line))?;
    Some(value.parse().unwrap())
}

#[test]
fn every_metric_is_documented_and_no_other() {
    let names = METRICS.iter().map(|(name, _)| (*name).to_owned());
    assert_eq!(
        table("docs/operations.md", "| metric of the billing | counts |"),
        names.collect::<BTreeSet<_>>()
    );
}

#[tokio::test]
async fn ended_orders_are_counted_by_their_status() {
    let recorder = recorder();
    let _recording = set_default_local_recorder(&recorder);
    let shop = Shop::open().await;
    let ends = [("SUCCESS", "SHIPPED"), ("FAIL", "CANCELLED")];
    let counted = |status| {
        let label = format!("status=\"{status}\"");
        value(&recorder, "billing_orders_ended_total", &label)
    };
    for (update, status) in ends {
        assert_eq!(counted(status), None);
        let id = shop.user().order().await;
        shop.update(&id, update).await;
        until(
            async || counted(status) == Some(1),
            "the end is counted once",
        )
        .await;
    }
    assert_eq!(ends.map(|(_, status)| counted(status)), [Some(1); 2]);
}

#[tokio::test]
async fn repeated_questions_are_counted_by_their_timer() {
    let recorder = recorder();
    let _recording = set_default_local_recorder(&recorder);
    let limits = Limits {
        orders: orders::Limits {
            answer: Duration::from_millis(100),
            again: 2,
            ..orders::Limits::default()
        },
        ..Limits::default()
    };
    let shop = Shop::open_within(&limits).await;
    let id = shop.user().order().await;
    shop.until_state(&id, "CANCELLED").await;
    let (name, timer) = ("billing_questions_repeated_total", "timer=\"orders-timer\"");
    assert_eq!(value(&recorder, name, timer), Some(2));
}

#[tokio::test]
async fn logins_are_counted_by_their_result() {
    let servers = Servers::prepare().await;
    let process = Process::start(|port| program(&servers, servers.broker.port, port)).await;
    register(&process.client, "ann").await;
    for (password, status, result) in [(PASSWORD, 200, "done"), ("wrong", 401, "refused")] {
        let line = format!("billing_logins_total{{result=\"{result}\"}} 1\n");
        let is_counted = async || {
            let metrics = process.client.get("/metrics").await.body;
            String::from_utf8_lossy(&metrics).contains(&line)
        };
        assert!(!is_counted().await);
        let answer = login(&process.client, "ann", password).await;
        assert_eq!(answer.status, status);
        assert!(is_counted().await);
    }
}

/// A message for a queue that does not exist stays in the outbox.
#[tokio::test]
async fn a_message_that_is_not_taken_pauses_the_timers_and_the_metric_tells() {
    let recorder = recorder();
    let _recording = set_default_local_recorder(&recorder);
    let limits = Limits {
        timers: timer::Limits {
            outbox: Duration::from_millis(100),
            ..timer::Limits::default()
        },
        ..Limits::default()
    };
    let servers = Servers::prepare_shop().await;
    let only = ["--only", "outbox,orders-timer"];
    let _billing = servers.start_within(&only, &limits).await.unwrap();
    let paused = async |wanted: u64| {
        let timer = "timer=\"orders-timer\"";
        let paused = || value(&recorder, "billing_timer_paused", timer);
        until(async || paused() == Some(wanted), "the timer is told of").await;
    };
    paused(0).await;
    let insert = format!(
        "INSERT INTO outbox (id, route, body, headers) VALUES ('{}', 'queue:none', '{{}}', '{{}}')",
        Uuid::new_v4()
    );
    servers.database.execute(&insert).await;
    paused(1).await;
    servers.database.execute("DELETE FROM outbox").await;
    paused(0).await;
}
