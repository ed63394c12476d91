//! What wakes the relay: a notification, or else the poll.

use testing::until;

use crate::helpers::{LIMITS, QUEUE, Servers, WITHOUT_POLL, messages, new_ids, set, write};

/// The session that listens.
const LISTENING: &str =
    "pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'";

impl Servers {
    async fn until_listening(&self) {
        let count = format!("SELECT count(*) FROM {LISTENING}");
        let listening = async || self.database.value(&count).await == "1";
        until(listening, "the relay listens").await;
    }
}

#[tokio::test]
async fn a_commit_wakes_the_relay() {
    let servers = Servers::prepare().await;
    let process = servers.start(WITHOUT_POLL);
    servers.until_listening().await;
    for ids in new_ids(3).chunks(1) {
        write(&process.database, &messages(ids)).await.unwrap();
        servers.until_left(0).await;
        assert_eq!(servers.take_ids().await, ids);
    }
    process.stop().await;
}

#[tokio::test]
async fn a_full_batch_is_followed_by_the_next_at_once() {
    let servers = Servers::prepare().await;
    let ids = new_ids(5 * usize::from(WITHOUT_POLL.batch));
    servers.fill(&ids).await;
    let _process = servers.start(WITHOUT_POLL);
    servers.until_left(0).await;
    assert_eq!(set(&servers.take_ids().await), set(&ids));
}

#[tokio::test]
async fn what_came_without_a_notification_is_found_by_the_poll() {
    let servers = Servers::prepare().await;
    let _process = servers.start(LIMITS);
    servers.until_listening().await;
    for id in new_ids(2) {
        let row = format!(
            "INSERT INTO outbox (id, route, body) VALUES ('{id}', 'queue:{QUEUE}', '{{}}')"
        );
        servers.database.execute(&row).await;
        servers.until_left(0).await;
        assert_eq!(servers.take_ids().await, [id]);
    }
}

#[tokio::test]
async fn a_listening_connection_that_was_lost_is_made_anew() {
    let servers = Servers::prepare().await;
    let process = servers.start(WITHOUT_POLL);
    servers.until_listening().await;
    let ids = new_ids(2);
    let end = format!("SELECT pg_terminate_backend(pid) FROM {LISTENING}");
    servers.database.execute(&end).await;
    // Perhaps no session listens now: then the relay looks when there is one again.
    write(&process.database, &messages(&ids[..1]))
        .await
        .unwrap();
    servers.until_left(0).await;
    servers.until_listening().await;
    write(&process.database, &messages(&ids[1..]))
        .await
        .unwrap();
    servers.until_left(0).await;
    assert_eq!(servers.take_ids().await, ids);
    process.stop().await;
}
