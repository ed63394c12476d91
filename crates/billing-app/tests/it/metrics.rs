//! What the billing counts, and that it is documented.

use std::{collections::BTreeSet, time::Duration};

use billing_app::{Limits, metrics::METRICS, orders, timer};
use testing::{Client, repository::table, until};
use uuid::Uuid;

use crate::{
    accounts::{PASSWORD, login, register},
    helpers::Servers,
    shop::Shop,
};

/// The value of a metric with one label; 0 when it is not there yet. Other tests of this process count as well.
async fn value(client: &Client, name: &str, label: &str) -> u64 {
    let metrics = client.get("/metrics").await;
    let metrics = str::from_utf8(&metrics.body).unwrap();
    let line = format!("{name}{{{label}}} ");
    let value = metrics.lines().find_map(|text| text.strip_prefix(&line));
    value.map_or(0, |value| value.parse().unwrap())
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
    let shop = Shop::open().await;
    let client = &shop.billing.client;
    for (update, status) in [("SUCCESS", "SHIPPED"), ("FAIL", "CANCELLED")] {
        let label = format!("status=\"{status}\"");
        let before = value(client, "billing_orders_ended_total", &label).await;
        let id = shop.user().order().await;
        shop.update(&id, update).await;
        let counted = async || value(client, "billing_orders_ended_total", &label).await > before;
        until(counted, "the end is counted").await;
    }
}

#[tokio::test]
async fn repeated_questions_are_counted_by_their_timer() {
    let limits = Limits {
        orders: orders::Limits {
            answer: Duration::from_millis(100),
            again: 1,
            ..orders::Limits::default()
        },
        ..Limits::default()
    };
    let shop = Shop::open_within(&limits).await;
    let client = &shop.billing.client;
    let timer = "timer=\"orders-timer\"";
    let before = value(client, "billing_questions_repeated_total", timer).await;
    let id = shop.user().order().await;
    shop.until_state(&id, "CANCELLED").await;
    assert!(value(client, "billing_questions_repeated_total", timer).await > before);
}

#[tokio::test]
async fn logins_are_counted_by_their_result() {
    let servers = Servers::prepare().await;
    let billing = servers.start_parts(&["--only", "http"]).await.unwrap();
    register(&billing.client, "ann").await;
    for (password, status, result) in [(PASSWORD, 200, "done"), ("wrong", 401, "refused")] {
        let label = format!("result=\"{result}\"");
        let before = value(&billing.client, "billing_logins_total", &label).await;
        let answer = login(&billing.client, "ann", password).await;
        assert_eq!(answer.status, status);
        assert!(value(&billing.client, "billing_logins_total", &label).await > before);
    }
}

/// A message for a queue that does not exist stays in the outbox.
#[tokio::test]
async fn a_message_that_is_not_taken_pauses_the_timers_and_the_metric_tells() {
    let limits = Limits {
        timers: timer::Limits {
            outbox: Duration::from_millis(100),
            ..timer::Limits::default()
        },
        ..Limits::default()
    };
    let servers = Servers::prepare_shop().await;
    // Timers of other tests of this process set the metric as well, so both states are awaited.
    let only = ["--only", "outbox,orders-timer"];
    let billing = servers.start_within(&only, &limits).await.unwrap();
    let paused = async |wanted: u64| {
        let name = "billing_timer_paused";
        let paused = async || value(&billing.client, name, "timer=\"orders-timer\"").await;
        until(async || paused().await == wanted, "the timer is told of").await;
    };
    let insert = format!(
        "INSERT INTO outbox (id, route, body, headers) VALUES ('{}', 'queue:none', '{{}}', '{{}}')",
        Uuid::new_v4()
    );
    servers.database.execute(&insert).await;
    paused(1).await;
    servers.database.execute("DELETE FROM outbox").await;
    paused(0).await;
}
