//! `locations_position`: a bike stands where its newest event says, and each move is told to the live feed.

use messages::locations::POSITION_QUEUE as QUEUE;
use platform::database::{Database, Settings};
use testing::until;

use crate::fleet::{Fleet, at, event};

const PLACE: &str = "SELECT longitude FROM bikes.bikes WHERE id = 'a'";

const MOVES: &str = "SELECT count(*) FROM bikes.position_changes";

/// The advisory lock of those who write the list of changes.
const CHANGES_LOCK: i64 = 0x6269_6b65_7300_0001;

#[tokio::test]
async fn the_newest_event_of_a_batch_moves_the_bike_once() {
    let fleet = Fleet::of(&["a", "b"]).await;
    for (second, longitude) in [(2, 2.0), (9, 9.0), (1, 1.0), (9, 9.5), (5, 5.0)] {
        fleet.queue(QUEUE, &event("a", second, longitude)).await;
    }
    fleet.queue(QUEUE, &event("b", 1, 7.0)).await;
    let consuming = fleet.start().await;
    fleet.until_value(PLACE, "9").await;
    fleet.until_settled(consuming, QUEUE).await;
    let rows = format!(
        "SELECT string_agg(id || ' ' || longitude || ' ' || latitude || ' ' || (located_at = {}), ',' ORDER BY id) FROM bikes.bikes",
        at(9)
    );
    assert_eq!(
        fleet.database.value(&rows).await,
        "a 9 50 true,b 7 50 false"
    );
}

#[tokio::test]
async fn what_is_older_equal_or_repeated_moves_nothing() {
    let fleet = Fleet::of(&["a", "last"]).await;
    let consuming = fleet.start().await;
    fleet.queue(QUEUE, &event("a", 5, 5.0)).await;
    fleet.until_value(PLACE, "5").await;
    for (second, longitude) in [(4, 4.0), (5, 5.0), (5, 6.0), (-9, 1.0)] {
        fleet.queue(QUEUE, &event("a", second, longitude)).await;
    }
    // What follows was settled after it.
    fleet.queue(QUEUE, &event("last", 1, 1.0)).await;
    fleet
        .until_value("SELECT longitude FROM bikes.bikes WHERE id = 'last'", "1")
        .await;
    assert_eq!(fleet.database.value(PLACE).await, "5");
    let changes = "SELECT string_agg(bike_id || ' ' || longitude, ',' ORDER BY sequence) FROM bikes.position_changes";
    assert_eq!(fleet.database.value(changes).await, "a 5,last 1");
    fleet.until_settled(consuming, QUEUE).await;
}

#[tokio::test]
async fn an_event_of_no_bike_or_no_event_is_a_dead_letter_and_those_behind_go_on() {
    let fleet = Fleet::of(&["a"]).await;
    fleet.queue(QUEUE, &event("nobody", 1, 1.0)).await;
    fleet.queue_body(QUEUE, "nonsense").await;
    fleet.queue_body(QUEUE, r#"{"bike_id":"a","location":{"type":"Point","coordinates":[200,0]},"recorded_at":"2026-11-01T12:00:00Z"}"#).await;
    fleet.queue(QUEUE, &event("a", 1, 1.0)).await;
    fleet.queue(QUEUE, &event("nobody", 2, 1.0)).await;
    let consuming = fleet.start().await;
    fleet.until_value(PLACE, "1").await;
    let dead = fleet.until_dead(QUEUE, 4).await;
    let unknown = dead
        .iter()
        .filter(|(reason, _)| reason == "no bike has its bike_id");
    assert_eq!(unknown.count(), 2, "{dead:?}");
    assert!(
        dead.iter().any(|(reason, _)| reason.contains("longitude")),
        "{dead:?}"
    );
    fleet.until_settled(consuming, QUEUE).await;
}

/// Each process locks the bikes of its batch; in different orders they would wait for each other in a circle.
#[tokio::test(flavor = "multi_thread")]
async fn two_inventories_at_once_agree_on_the_newest() {
    const BIKES: i64 = 20;
    let fleet = Fleet::of(&[]).await;
    let bikes = format!(
        "INSERT INTO bikes.bikes (id, longitude, latitude) SELECT 'bike-' || n, 0, 0 FROM generate_series(1, {BIKES}) n"
    );
    fleet.database.execute(&bikes).await;
    let (one, other) = (fleet.start().await, fleet.start().await);
    for second in 0..7_i64 {
        // Every second round is about older events, and in the other order.
        let (second, step) = if second % 2 == 0 {
            (second, 1)
        } else {
            (second - 2, 20)
        };
        for number in 1..=BIKES {
            let bike = format!("bike-{}", number * step % 21);
            let longitude = f64::from(i32::try_from(second).unwrap());
            fleet.queue(QUEUE, &event(&bike, second, longitude)).await;
        }
    }
    let behind = format!(
        "SELECT count(*) FROM bikes.bikes WHERE longitude <> 6 OR located_at <> {}",
        at(6)
    );
    fleet.until_value(&behind, "0").await;
    fleet.until_settled(one, QUEUE).await;
    fleet.until_settled(other, QUEUE).await;
    let backwards = "SELECT count(*) FROM (SELECT recorded_at <= lag(recorded_at) OVER (PARTITION BY bike_id ORDER BY sequence) AS back FROM bikes.position_changes) AS moves WHERE back";
    assert_eq!(fleet.database.value(backwards).await, "0");
}

#[tokio::test]
async fn changes_are_written_by_one_at_a_time_and_announced() {
    let fleet = Fleet::of(&["a"]).await;
    let database = Database::new(&settings(&fleet));
    let mut listener = database.listen("bikes_positions").await.unwrap();
    let writer = fleet.database.connect().await;
    let lock = format!("SELECT pg_advisory_lock({CHANGES_LOCK})");
    writer.batch_execute(&lock).await.unwrap();
    let _consuming = fleet.start().await;
    fleet.queue(QUEUE, &event("a", 1, 1.0)).await;
    let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    fleet.until_value(waiting, "1").await;
    assert_eq!(fleet.database.value(MOVES).await, "0");
    let unlock = format!("SELECT pg_advisory_unlock({CHANGES_LOCK})");
    writer.batch_execute(&unlock).await.unwrap();
    let notified = tokio::time::timeout(std::time::Duration::from_secs(20), listener.notified());
    notified.await.unwrap().unwrap();
    assert_eq!(fleet.database.value(MOVES).await, "1");
}

fn settings(fleet: &Fleet) -> Settings {
    Settings {
        variables: "MOVIES_DB",
        host: fleet.database.host.clone(),
        port: fleet.database.port,
        name: fleet.database.name.clone(),
        user: fleet.database.user.clone(),
        password: fleet.database.password.clone().into(),
        pool: 1,
    }
}

/// What is older than 10 minutes, and what is beyond the newest 100,000.
#[tokio::test]
async fn old_changes_are_removed_when_bikes_move() {
    let fleet = Fleet::of(&["a"]).await;
    let insert = "INSERT INTO bikes.position_changes (bike_id, longitude, latitude, recorded_at, changed_at) \
                  SELECT 'old', 0, 0, now(), now() - interval '11 minutes' FROM generate_series(1, 50); \
                  INSERT INTO bikes.position_changes (bike_id, longitude, latitude, recorded_at) \
                  SELECT 'new', 0, 0, now() FROM generate_series(1, 100_050)".replace("100_050", "100050");
    fleet.database.execute(&insert).await;
    let consuming = fleet.start().await;
    let trimmed = async || {
        fleet.queue(QUEUE, &event("a", 1, 1.0)).await;
        fleet.database.value(MOVES).await == "100000"
    };
    until(trimmed, "old changes are removed").await;
    let first =
        "SELECT bike_id || ' ' || sequence FROM bikes.position_changes ORDER BY sequence LIMIT 1";
    assert_eq!(fleet.database.value(first).await, "new 102");
    consuming.stop().await;
}
