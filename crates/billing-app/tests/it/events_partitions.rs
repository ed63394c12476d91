//! Partitions of events: made by the month, beside readers and writers, and passed over by pages.

use serde_json::{Value, json};

use crate::{
    events::{add, event, event_with, partitions},
    helpers::Servers,
};

#[tokio::test]
async fn events_of_wild_years_make_no_partitions() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    let years = (1..2010).chain(2040..10_000).step_by(9);
    let events: Vec<_> = years
        .map(|year| event_with("timestamp", format!("{year:04}-06-01T00:00:00Z")))
        .collect();
    let body = Value::from(events[..1_000.min(events.len())].to_vec());
    let created = billing.client.post("/api/events", &body).await.json(201);
    assert_eq!(created["created"], body.as_array().unwrap().len());
    assert_eq!(
        partitions(&servers).await,
        ["events_after", "events_before"]
    );
}

#[tokio::test]
async fn pages_follow_their_links_over_the_partitions() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    let mut made = Vec::new();
    for month in [3, 1, 2, 3, 1] {
        let time = format!("2026-{month:02}-01T00:00:00Z");
        made.push(add(&billing, &event_with("timestamp", time)).await);
    }
    made.sort_by_key(|event| event["id"].as_str().unwrap().to_owned());
    let seen = billing.client.pages("/api/events?limit=2").await.concat();
    assert_eq!(seen, made);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_billings_make_the_same_partitions_at_once() {
    let servers = Servers::prepare().await;
    let billings = [servers.start().await, servers.start().await];
    let events: Vec<_> = (0..48)
        .map(|month| {
            event_with(
                "timestamp",
                format!("{}-{:02}-05T00:00:00Z", 2020 + month / 12, 1 + month % 12),
            )
        })
        .collect();
    let body = json!(events);
    let posts = (0..8).map(|place| billings[place % 2].client.post("/api/events", &body));
    for answer in futures_util::future::join_all(posts).await {
        assert_eq!(answer.json(201), json!({ "created": 48 }));
    }
    let count = servers
        .database
        .value("SELECT count(*) FROM events.events")
        .await;
    assert_eq!(count, (8 * 48).to_string());
    assert_eq!(partitions(&servers).await.len(), 48 + 2);
}

#[tokio::test]
async fn a_partition_that_was_removed_is_made_again() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    add(&billing, &event()).await;
    servers
        .database
        .execute("DROP TABLE events.events_2026_11")
        .await;
    add(&billing, &event()).await;
    let listed = billing.client.get("/api/events").await.json(200);
    assert_eq!(listed.as_array().unwrap().len(), 1);
}

/// A report may run for 20 s; a partition is made beside it.
#[tokio::test]
async fn a_partition_is_made_while_others_read_and_write() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    add(&billing, &event()).await;
    let reader = servers.database.connect().await;
    let hold =
        "BEGIN; SELECT count(*) FROM events.events; DELETE FROM events.events WHERE client = 1";
    reader.batch_execute(hold).await.unwrap();
    let other_month = event_with("timestamp", "2026-12-01T00:00:00Z");
    add(&billing, &other_month).await;
    reader.batch_execute("ROLLBACK").await.unwrap();
}
