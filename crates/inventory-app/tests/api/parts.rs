//! `serve --only`: some parts of the inventory in a process of their own.

use messages::locations::{POSITION_QUEUE, TRACK_QUEUE};

use crate::fleet::{Consuming, Fleet, event};

async fn start(fleet: &Fleet, only: &str) -> Consuming {
    let arguments = ["--only", only];
    fleet.start_at(fleet.broker.port, &arguments).await.unwrap()
}

#[tokio::test]
async fn without_a_choice_all_parts_run() {
    let fleet = Fleet::of(&[]).await;
    let checks = fleet.start().await.client.checks_when_ready().await;
    let all = [
        "broker",
        "database",
        "listener",
        "locations-position",
        "locations-track",
    ];
    assert_eq!(checks, all);
}

#[tokio::test]
async fn the_http_part_answers_and_consumes_nothing() {
    let fleet = Fleet::of(&["a"]).await;
    let http = start(&fleet, "http").await;
    assert_eq!(
        http.client.checks_when_ready().await,
        ["broker", "database", "listener"]
    );
    fleet.queue(POSITION_QUEUE, &event("a", 1, 1.0)).await;
    http.client.get("/api/movies").await.json(200);
    let waiting = fleet.broker.peek(POSITION_QUEUE).await;
    assert!(waiting.len() == 1 && !waiting[0].redelivered);
}

#[tokio::test]
async fn each_consumer_may_run_alone() {
    let fleet = Fleet::of(&["a"]).await;
    fleet.trip("a", 0, None).await;
    let position = start(&fleet, "locations-position").await;
    for queue in [POSITION_QUEUE, TRACK_QUEUE] {
        fleet.queue(queue, &event("a", 1, 1.0)).await;
    }
    let place = "SELECT longitude FROM bikes.bikes";
    fleet.until_value(place, "1").await;
    let checks = position.client.checks_when_ready().await;
    let expected = ["broker", "database", "listener", "locations-position"];
    assert_eq!(checks, expected);
    position.client.get("/api/movies").await.problem(404);
    assert_eq!(position.client.get("/metrics").await.status, 200);
    let places = "SELECT count(*) FROM trips.locations";
    assert_eq!(fleet.database.value(places).await, "0");
    let _track = start(&fleet, "locations-track").await;
    fleet.until_value(places, "1").await;
}

#[tokio::test]
async fn an_unknown_part_is_an_error_that_names_the_parts() {
    let fleet = Fleet::of(&[]).await;
    let started = fleet.start_at(1, &["--only", "http,tracks"]).await;
    assert_eq!(
        started.err().unwrap().to_string(),
        "--only: there is no part 'tracks'; the parts are: http, locations-position, locations-track"
    );
}
