//! `inventory-app dead-letters`, run as an operator runs it.

use std::process::{Output, Stdio};

use messages::locations::{POSITION_QUEUE, TRACK_QUEUE};

use crate::fleet::{Fleet, event, program};

async fn dead_letters(fleet: &Fleet, arguments: &[&str]) -> Output {
    let mut command = program(fleet, fleet.broker.port, 0);
    command.arg("dead-letters").args(arguments);
    command.stderr(Stdio::piped());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    output.await.unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[tokio::test]
async fn an_event_can_be_replayed_once_its_bike_is_there() {
    let fleet = Fleet::of(&[]).await;
    fleet.queue(POSITION_QUEUE, &event("late", 1, 1.0)).await;
    let _consuming = fleet.start().await;
    fleet.until_dead(POSITION_QUEUE, 1).await;
    let list = text(&dead_letters(&fleet, &["list"]).await);
    assert!(
        list.contains("\tno bike has its bike_id\t{\"bike_id\":\"late\""),
        "{list}"
    );
    let sql = "INSERT INTO bikes.bikes (id, longitude, latitude) VALUES ('late', 0, 0)";
    fleet.database.execute(sql).await;
    let replayed = text(&dead_letters(&fleet, &["replay", "--all"]).await);
    assert_eq!(replayed, "replayed 1\n");
    fleet
        .until_value("SELECT longitude FROM bikes.bikes", "1")
        .await;
}

#[tokio::test]
async fn each_queue_of_the_inventory_has_its_own_and_no_other_can_be_asked_for() {
    let fleet = Fleet::of(&[]).await;
    fleet.queue_body(TRACK_QUEUE, "nonsense").await;
    let consuming = fleet.start().await;
    fleet.until_dead(TRACK_QUEUE, 1).await;
    consuming.stop().await;
    assert_eq!(text(&dead_letters(&fleet, &["list"]).await), "");
    let discard = ["--queue", TRACK_QUEUE, "discard", "--all"];
    assert_eq!(text(&dead_letters(&fleet, &discard).await), "discarded 1\n");
    let output = dead_letters(&fleet, &["--queue", "billing_queue", "list"]).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    let reads = "inventory-app does not read 'billing_queue'; it reads: locations_position, locations_track";
    assert!(said.contains(reads), "{said}");
}
