//! Servers that go away and processes that are killed: each event is applied once, to the position and to the track.

use messages::locations::{POSITION_QUEUE, TRACK_QUEUE};
use serde_json::json;
use testing::{
    Relay,
    relay::{Ending, Protocol},
    until,
};

use crate::fleet::{Fleet, event};

const PLACE: &str = "SELECT longitude FROM bikes.bikes WHERE id = 'a'";

const PLACES: &str = "SELECT count(*) FROM trips.locations";

impl Fleet {
    /// Events of these seconds, as the exchange hands them on.
    async fn ride(&self, seconds: std::ops::Range<i32>) {
        for second in seconds {
            let event = event("a", second.into(), second.into());
            self.queue(POSITION_QUEUE, &event).await;
            self.queue(TRACK_QUEUE, &event).await;
        }
    }

    async fn until_applied(&self, count: i32) {
        self.until_value(PLACE, &(count - 1).to_string()).await;
        self.until_value(PLACES, &count.to_string()).await;
    }

    /// Waits until both queues have so many messages, ready or delivered, that are not acknowledged.
    async fn until_unsettled(&self, count: usize) {
        let are_there = async || {
            let position = self.broker.queue(POSITION_QUEUE).await;
            let track = self.broker.queue(TRACK_QUEUE).await;
            position["messages"] == count && track["messages"] == count
        };
        until(are_there, "the broker counts what is not acknowledged").await;
    }

    async fn at_the_server(&self, sql: &str) {
        let sql = sql.replace("{name}", &self.database.name);
        self.database.at_the_server(&sql).await;
    }
}

#[tokio::test]
async fn events_wait_for_a_database_that_is_away() {
    let fleet = Fleet::of(&["a"]).await;
    fleet.trip("a", 0, None).await;
    let consuming = fleet.start().await;
    fleet.ride(0..5).await;
    fleet.until_applied(5).await;
    fleet
        .at_the_server("ALTER DATABASE \"{name}\" ALLOW_CONNECTIONS false")
        .await;
    fleet.database.end_sessions().await;
    fleet.ride(5..40).await;
    consuming.client.get("/api/movies").await.problem(503);
    fleet
        .at_the_server("ALTER DATABASE \"{name}\" ALLOW_CONNECTIONS true")
        .await;
    fleet.until_applied(40).await;
    fleet.until_settled(consuming, POSITION_QUEUE).await;
    for dead in ["locations_position.dead", "locations_track.dead"] {
        assert!(fleet.broker.drain(dead).await.is_empty(), "{dead}");
    }
}

/// The acknowledgement is held back on its way, so the kill falls between the commit and the ack.
#[tokio::test]
async fn a_kill_between_commit_and_ack_applies_nothing_twice() {
    let fleet = Fleet::of(&["a"]).await;
    fleet.trip("a", 0, None).await;
    let relay = Relay::start(Protocol::Amqp, &fleet.broker.host, fleet.broker.port);
    let mut process = fleet.start_process(relay.port).await;
    relay.end(Ending::Mute);
    fleet.ride(0..20).await;
    fleet.until_applied(20).await;
    let moves = "SELECT max(sequence) FROM bikes.position_changes";
    let moved = fleet.database.value(moves).await;
    fleet.until_unsettled(20).await;
    process.kill();
    drop(relay);

    let consuming = fleet.start().await;
    // Counted by the broker until it is acknowledged: an empty queue may be one whose messages are still on their way back.
    fleet.until_unsettled(0).await;
    consuming.stop().await;
    for queue in [POSITION_QUEUE, TRACK_QUEUE] {
        assert!(fleet.broker.drain(queue).await.is_empty(), "{queue}");
    }
    fleet.until_applied(20).await;
    assert_eq!(fleet.database.value(moves).await, moved);
}

#[tokio::test]
async fn kills_under_load_lose_nothing_and_double_nothing() {
    let fleet = Fleet::of(&["a"]).await;
    fleet.trip("a", 0, None).await;
    for round in 0..3 {
        let mut process = fleet.start_process(fleet.broker.port).await;
        fleet.ride(round * 50..(round + 1) * 50).await;
        process.kill();
    }
    let _consuming = fleet.start().await;
    fleet.until_applied(150).await;
}

#[tokio::test]
async fn without_a_broker_movies_are_served_and_it_is_not_ready() {
    let fleet = Fleet::of(&["a"]).await;
    let consuming = fleet.start_at(1, &[]).await.unwrap();
    let movie = json!({ "title": "Still here" });
    consuming.client.post("/api/movies", &movie).await.json(200);
    let health = consuming.client.get("/health/ready").await.json(503);
    assert_eq!(health["checks"]["broker"]["status"], "down", "{health}");
    assert_eq!(health["checks"]["database"]["status"], "up", "{health}");
    consuming.client.get("/health/live").await.json(200);
}

#[tokio::test]
async fn closed_broker_connections_cost_nothing() {
    let fleet = Fleet::of(&["a"]).await;
    fleet.trip("a", 0, None).await;
    let consuming = fleet.start().await;
    for round in 0..3 {
        fleet.ride(round * 20..(round + 1) * 20).await;
        fleet.broker.close_connections().await;
    }
    fleet.until_applied(60).await;
    consuming.client.get("/api/movies").await.json(200);
}
