//! The live feed: live, resumed, bounded, cut off, stopped.

use std::time::Duration;

use inventory_app::{Limits, bikes::feed};
use serde_json::json;
use testing::{send, until};
use tokio::{io::AsyncWriteExt, net::TcpSocket};

use crate::{
    events::{Event, Events, try_open},
    helpers::Inventory,
};

impl Inventory {
    /// Writes so many changes, as the consumer of positions does.
    async fn move_bikes(&self, count: u32) {
        self.database
            .execute(&format!(
                "INSERT INTO bikes.position_changes (bike_id, longitude, latitude, recorded_at)
             SELECT 'b', 13.4, 52.5, '2026-12-01 12:00Z' FROM generate_series(1, {count});
             NOTIFY bikes_positions"
            ))
            .await;
    }

    async fn trim(&self, up_to: i64) {
        let trim = format!("DELETE FROM bikes.position_changes WHERE sequence <= {up_to}");
        self.database.execute(&trim).await;
    }
}

fn limits(feed: feed::Limits) -> Limits {
    Limits {
        feed,
        ..Limits::default()
    }
}

/// A page of 3.
async fn with_small_pages() -> Inventory {
    Inventory::start_within(&limits(feed::Limits {
        page: 3,
        ..feed::Limits::default()
    }))
    .await
}

#[tokio::test]
async fn a_change_comes_once_to_every_listener_of_every_process() {
    let inventory = Inventory::start().await;
    let (second, _running) = inventory.another().await;
    inventory.move_bikes(1).await;
    let mut streams = Vec::new();
    for client in [&inventory.client, &inventory.client, &second] {
        streams.push(Events::open(client, None).await);
    }
    // The reader of a process may still be about to read what was there before; it is of no listener that came later.
    for stream in &mut streams {
        inventory.move_bikes(1).await;
        let first = stream.ids(1).await[0];
        inventory.move_bikes(2).await;
        assert_eq!(stream.ids(2).await, [first + 1, first + 2]);
    }
}

#[tokio::test]
async fn a_position_says_which_bike_is_where_since_when() {
    let inventory = Inventory::start().await;
    let mut stream = Events::open(&inventory.client, None).await;
    inventory.move_bikes(1).await;
    let location = json!({ "type": "Point", "coordinates": [13.4, 52.5] });
    let data = json!({ "bike_id": "b", "location": location, "recorded_at": "2026-12-01T12:00:00.000000Z" });
    assert_eq!(stream.next().await, Some(Event::Position { id: 1, data }));
}

#[tokio::test]
async fn one_that_comes_back_misses_nothing_and_gets_nothing_twice() {
    let inventory = with_small_pages().await;
    inventory.move_bikes(20).await;
    for last in [0, 4, 11, 20] {
        let mut stream = Events::open(&inventory.client, Some(last)).await;
        let missed = usize::try_from(20 - last).unwrap();
        assert_eq!(
            stream.ids(missed).await,
            ((last + 1)..=20).collect::<Vec<_>>()
        );
    }
    let mut stream = Events::open(&inventory.client, Some(4)).await;
    inventory.move_bikes(5).await;
    assert_eq!(stream.ids(21).await, (5..=25).collect::<Vec<_>>());
    inventory.move_bikes(1).await;
    assert_eq!(stream.ids(1).await, [26]);
}

#[tokio::test]
async fn what_is_not_kept_any_more_is_told_as_a_gap() {
    let inventory = with_small_pages().await;
    inventory.move_bikes(10).await;
    inventory.trim(5).await;
    let mut stream = Events::open(&inventory.client, Some(5)).await;
    assert_eq!(stream.ids(5).await, [6, 7, 8, 9, 10]);
    for last in [0, 4, 999] {
        let mut stream = Events::open(&inventory.client, Some(last)).await;
        assert_eq!(stream.next().await, Some(Event::Gap), "{last}");
        assert_eq!(stream.ids(5).await, [6, 7, 8, 9, 10]);
    }
    inventory.trim(10).await;
    let mut up_to_date = Events::open(&inventory.client, Some(10)).await;
    let mut behind = Events::open(&inventory.client, Some(9)).await;
    inventory.move_bikes(1).await;
    assert_eq!(up_to_date.ids(1).await, [11]);
    assert_eq!(behind.next().await, Some(Event::Gap));
    assert_eq!(behind.ids(1).await, [11]);
}

#[tokio::test]
async fn an_id_that_is_none_is_a_400() {
    let inventory = Inventory::start().await;
    for id in ["", "x", "-1", "+1", "1.5", "99999999999999999999"] {
        let request = inventory.client.request("GET", "/api/bikes/stream");
        send(request.header("last-event-id", id)).await.problem(400);
    }
    let twice = inventory
        .client
        .request("GET", "/api/bikes/stream")
        .header("last-event-id", "1");
    send(twice.header("last-event-id", "2")).await.problem(400);
    let largest = i64::MAX.to_string().parse().unwrap();
    assert_eq!(
        Events::open(&inventory.client, Some(largest))
            .await
            .next()
            .await,
        Some(Event::Gap)
    );
}

#[tokio::test]
async fn a_quiet_stream_has_heartbeats() {
    let heartbeat = Duration::from_millis(50);
    let inventory = Inventory::start_within(&limits(feed::Limits {
        heartbeat,
        ..feed::Limits::default()
    }))
    .await;
    let mut stream = Events::open(&inventory.client, None).await;
    for _ in 0..3 {
        assert_eq!(stream.next().await, Some(Event::Comment));
    }
}

#[tokio::test]
async fn listeners_are_bounded_and_one_that_leaves_makes_room() {
    let inventory = Inventory::start_within(&limits(feed::Limits {
        listeners: 2,
        ..feed::Limits::default()
    }))
    .await;
    let streams = [
        Events::open(&inventory.client, None).await,
        Events::open(&inventory.client, None).await,
    ];
    let refused = inventory.client.get("/api/bikes/stream").await;
    refused.problem(503);
    assert_eq!(refused.header("retry-after"), "5");
    let metrics = inventory.client.get("/metrics").await;
    assert!(String::from_utf8_lossy(&metrics.body).contains("\nbikes_stream_listeners "));
    drop(streams);
    for _ in 0..2 {
        let is_free = async || try_open(&inventory.client, None).await.status() == 200;
        until(is_free, "a place is free").await;
    }
}

#[tokio::test]
async fn one_that_does_not_keep_up_is_cut_off_and_can_come_back() {
    let feed = feed::Limits {
        behind: 2,
        ..feed::Limits::default()
    };
    let inventory = Inventory::start_within(&limits(feed)).await;
    let mut stream = Events::open(&inventory.client, None).await;
    inventory.move_bikes(1).await;
    assert_eq!(stream.ids(1).await, [1]);
    inventory.move_bikes(400).await;
    let mut last = 1;
    while let Some(event) = stream.next().await {
        match event {
            Event::Position { id, .. } => {
                assert_eq!(id, last + 1);
                last = id;
            }
            other => assert_eq!(other, Event::Comment),
        }
    }
    let mut stream = Events::open(&inventory.client, Some(last)).await;
    let missed = usize::try_from(401 - last).unwrap();
    assert_eq!(
        stream.ids(missed).await,
        ((last + 1)..=401).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn one_that_does_not_read_loses_its_place() {
    let mut limits = limits(feed::Limits {
        listeners: 1,
        ..feed::Limits::default()
    });
    limits.http.write_stall = Duration::from_millis(300);
    let inventory = Inventory::start_within(&limits).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut silent = socket.connect(inventory.running.address()).await.unwrap();
    silent
        .write_all(b"GET /api/bikes/stream HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    silent.readable().await.unwrap();
    inventory.client.get("/api/bikes/stream").await.problem(503);
    // More than the buffers of both sockets take.
    inventory.move_bikes(80_000).await;
    let is_free = async || try_open(&inventory.client, None).await.status() == 200;
    until(is_free, "the place is free").await;
}

/// In order: a stream that was cut would end with an error.
#[tokio::test]
async fn a_stop_ends_all_streams_at_once() {
    let inventory = Inventory::start().await;
    let mut stream = Events::open(&inventory.client, None).await;
    let Inventory {
        running, database, ..
    } = inventory;
    let (stopped, end) = tokio::join!(running.stop(), stream.next());
    stopped.unwrap();
    assert_eq!(end, None);
    drop(database);
}

#[tokio::test]
async fn a_database_that_was_away_costs_no_event() {
    let inventory = Inventory::start().await;
    let mut stream = Events::open(&inventory.client, None).await;
    for round in 1..=3 {
        inventory.database.end_sessions().await;
        inventory.move_bikes(1).await;
        assert_eq!(stream.ids(1).await, [round]);
    }
}
