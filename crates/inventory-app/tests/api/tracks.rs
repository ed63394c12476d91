//! `locations_track`: each place of a trip once, whenever its event comes.

use messages::locations::TRACK_QUEUE as QUEUE;
use uuid::Uuid;

use crate::fleet::{Fleet, event};

/// The places of a trip in the order of time, by their longitudes.
fn track(trip: Uuid) -> String {
    format!(
        "SELECT coalesce(string_agg(longitude::text, ' ' ORDER BY recorded_at), 'none') FROM trips.locations WHERE trip_id = '{trip}'"
    )
}

#[tokio::test]
async fn a_place_belongs_to_the_trip_that_ran_then() {
    let fleet = Fleet::of(&["a"]).await;
    let earlier = fleet.trip("a", 0, Some(10)).await;
    let running = fleet.trip("a", 20, None).await;
    let other = fleet.trip("b", 0, None).await;
    // Out of order: before, within, at both ends of, between and after.
    for second in [30, 5, 10, -1, 15, 0, 11, 20, 19, 3] {
        let longitude = f64::from(i32::try_from(second).unwrap());
        fleet.queue(QUEUE, &event("a", second, longitude)).await;
    }
    let consuming = fleet.start().await;
    fleet.until_value(&track(earlier), "0 3 5 10").await;
    fleet.until_value(&track(running), "20 30").await;
    fleet.until_settled(consuming, QUEUE).await;
    assert_eq!(fleet.database.value(&track(other)).await, "none");
    assert!(fleet.broker.drain("locations_track.dead").await.is_empty());
}

#[tokio::test]
async fn a_repeated_event_adds_nothing_and_the_first_place_stays() {
    let fleet = Fleet::of(&["a"]).await;
    let trip = fleet.trip("a", 0, None).await;
    for longitude in [1.0, 1.0, 2.0] {
        fleet.queue(QUEUE, &event("a", 1, longitude)).await;
    }
    let consuming = fleet.start().await;
    fleet.until_value(&track(trip), "1").await;
    fleet.queue(QUEUE, &event("a", 1, 3.0)).await;
    fleet.queue(QUEUE, &event("a", 2, 4.0)).await;
    fleet.until_value(&track(trip), "1 4").await;
    fleet.until_settled(consuming, QUEUE).await;
}

#[tokio::test]
async fn where_one_trip_ends_as_the_next_begins_the_place_is_the_next_ones() {
    let fleet = Fleet::of(&["a"]).await;
    let first = fleet.trip("a", 0, Some(5)).await;
    let moment = fleet.trip("a", 5, Some(5)).await;
    let next = fleet.trip("a", 5, None).await;
    for (second, longitude) in [(4, 4.0), (5, 5.0), (6, 6.0)] {
        fleet.queue(QUEUE, &event("a", second, longitude)).await;
    }
    let consuming = fleet.start().await;
    fleet.until_value(&track(next), "5 6").await;
    fleet.until_settled(consuming, QUEUE).await;
    assert_eq!(fleet.database.value(&track(first)).await, "4");
    assert_eq!(fleet.database.value(&track(moment)).await, "none");
}

#[tokio::test]
async fn an_event_outside_any_trip_or_of_no_bike_is_no_error() {
    let fleet = Fleet::of(&["a"]).await;
    let trip = fleet.trip("a", 0, None).await;
    fleet.queue(QUEUE, &event("nobody", 1, 1.0)).await;
    fleet.queue(QUEUE, &event("a", -1, 1.0)).await;
    fleet.queue_body(QUEUE, "{}").await;
    fleet.queue(QUEUE, &event("a", 1, 1.0)).await;
    let consuming = fleet.start().await;
    fleet.until_value(&track(trip), "1").await;
    let dead = fleet.until_dead(QUEUE, 1).await;
    assert_eq!((dead.len(), dead[0].1.as_str()), (1, "{}"));
    fleet.until_settled(consuming, QUEUE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_inventories_at_once_draw_each_place_once() {
    let fleet = Fleet::of(&["a", "b"]).await;
    let trips = [
        fleet.trip("a", 0, None).await,
        fleet.trip("b", 0, None).await,
    ];
    let (one, other) = (fleet.start().await, fleet.start().await);
    for round in 0..2 {
        for number in 0..40 {
            let second = if round == 0 { number } else { 39 - number };
            for bike in ["a", "b"] {
                fleet.queue(QUEUE, &event(bike, second, 1.0)).await;
            }
        }
    }
    fleet.until_settled(one, QUEUE).await;
    fleet.until_settled(other, QUEUE).await;
    for trip in trips {
        let places = format!("SELECT count(*) FROM trips.locations WHERE trip_id = '{trip}'");
        assert_eq!(fleet.database.value(&places).await, "40");
    }
}
