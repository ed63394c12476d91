//! Location events under load, beside the payments: bikes with a running trip that say where they are, again and again.
//!
//! Every event has a time and a place of its own, written down before it is sent. The tables judge: what was answered 200 is
//! one place of the trip's track, the bike stands at the newest event, and nothing is there that was not sent.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use serde_json::json;
use testing::Client;
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};
use tokio::{sync::Mutex, task::JoinSet};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::parts::{gateway, psql, until};

/// Bikes that are ridden at the same time.
const BIKES: usize = 2;

/// The pause of a bike between two events.
const PAUSE: Duration = Duration::from_millis(20);

/// A time as the tables are asked for it.
const FORMAT: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

/// The same in SQL.
const SQL_FORMAT: &str = r#"'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'"#;

/// What was promised of the events of one bike: the place by the time, and the phase of what was accepted.
#[derive(Default)]
struct Book {
    phase: String,
    attempts: BTreeMap<String, String>,
    accepted: BTreeMap<String, String>,
}

/// A bike on its trip.
#[derive(Clone)]
struct Bike {
    id: String,
    trip: Uuid,
    book: Arc<Mutex<Book>>,
}

/// Bikes that are ridden until they are told to stop.
pub(crate) struct Rides {
    bikes: Vec<Bike>,
    riders: JoinSet<()>,
}

impl Rides {
    pub(crate) async fn start(stop: &CancellationToken) -> Self {
        let (mut bikes, mut riders) = (Vec::new(), JoinSet::new());
        for _ in 0..BIKES {
            let bike = Bike::with_a_trip().await;
            riders.spawn(ride(gateway(), bike.clone(), stop.clone()));
            bikes.push(bike);
        }
        Self { bikes, riders }
    }

    pub(crate) async fn phase(&self, name: &str) {
        for bike in &self.bikes {
            name.clone_into(&mut bike.book.lock().await.phase);
        }
    }

    /// Waits until every accepted event is applied, and judges. The riders were told to stop.
    pub(crate) async fn judge(mut self, phases: &[&str]) {
        while self.riders.join_next().await.is_some() {}
        for bike in &self.bikes {
            let book = bike.book.lock().await;
            bike.judge_track(&book).await;
            bike.judge_position(&book).await;
            bike.judge_changes(&book).await;
            for phase in phases {
                let accepted = book.accepted.values().any(|accepted| accepted == phase);
                assert!(accepted, "no location was accepted in {phase}");
            }
        }
    }
}

impl Bike {
    async fn with_a_trip() -> Self {
        let (id, trip) = (Uuid::new_v4().simple().to_string(), Uuid::now_v7());
        let sql = format!(
            "INSERT INTO bikes.bikes (id, status, longitude, latitude) VALUES ('{id}', 'in_use', 0, 0); \
             INSERT INTO trips.trips (id, bike_id, started_at) VALUES ('{trip}', '{id}', now() - interval '1 hour')"
        );
        psql("inventory", &sql).await;
        let book = Arc::default();
        Self { id, trip, book }
    }

    async fn judge_track(&self, book: &Book) {
        let sql = format!(
            "SELECT to_char(recorded_at AT TIME ZONE 'UTC', {SQL_FORMAT}), longitude FROM trips.locations WHERE trip_id = '{}'",
            self.trip
        );
        let is_whole = async || {
            let track = places(&sql).await;
            book.accepted.keys().all(|time| track.contains_key(time))
        };
        until(is_whole, "every accepted location is on the track").await;
        let track = places(&sql).await;
        println!(
            "locations: attempts {}, accepted {}, on the track {}",
            book.attempts.len(),
            book.accepted.len(),
            track.len()
        );
        let unexpected: Vec<_> = track
            .iter()
            .filter(|(time, place)| book.attempts.get(*time) != Some(*place))
            .collect();
        assert!(unexpected.is_empty(), "{unexpected:?}");
    }

    /// An event that was not answered may have been taken, so the bike may stand further on than the newest accepted one.
    async fn judge_position(&self, book: &Book) {
        let newest = book
            .accepted
            .keys()
            .next_back()
            .cloned()
            .unwrap_or_default();
        let sql = format!(
            "SELECT to_char(located_at AT TIME ZONE 'UTC', {SQL_FORMAT}), longitude FROM bikes.bikes WHERE id = '{}'",
            self.id
        );
        let stands = async || {
            let place = places(&sql).await.pop_first();
            place.is_some_and(|(time, _)| time >= newest)
        };
        until(stands, "the bike stands at its newest accepted location").await;
        let (time, place) = places(&sql).await.pop_first().unwrap();
        assert_eq!(book.attempts.get(&time), Some(&place), "of {time}");
    }

    /// Each move is newer than the one before it, so none was applied twice.
    async fn judge_changes(&self, book: &Book) {
        let sql = format!(
            "SELECT to_char(recorded_at AT TIME ZONE 'UTC', {SQL_FORMAT}) FROM bikes.position_changes WHERE bike_id = '{}' ORDER BY sequence",
            self.id
        );
        let changes = psql("inventory", &sql).await;
        let changes: Vec<&str> = changes.lines().collect();
        assert!(changes.is_sorted_by(|one, next| one < next), "{changes:?}");
        let sent: BTreeSet<&str> = book.attempts.keys().map(String::as_str).collect();
        assert!(
            changes.iter().all(|time| sent.contains(time)),
            "{changes:?}"
        );
    }
}

/// Times and places that a query gives.
async fn places(sql: &str) -> BTreeMap<String, String> {
    let rows = psql("inventory", sql).await;
    let rows = rows.lines().filter_map(|row| row.split_once('|'));
    rows.map(|(time, place)| (time.to_owned(), place.to_owned()))
        .collect()
}

async fn ride(gateway: Client, bike: Bike, stop: CancellationToken) {
    let path = format!("/api/bikes/{}/events", bike.id);
    for number in 0_u32.. {
        if stop.is_cancelled() {
            return;
        }
        let time = OffsetDateTime::now_utc().format(&FORMAT).unwrap();
        let place = f64::from(number % 18_000) / 100.0;
        let mut book = bike.book.lock().await;
        book.attempts.insert(time.clone(), place.to_string());
        drop(book);
        let location = json!({ "type": "Point", "coordinates": [place, 50.0] });
        let body = json!({ "location": location, "recorded_at": time });
        let sent = gateway.request("POST", &path).json(&body).send().await;
        if sent.is_ok_and(|answer| answer.status() == 200) {
            let mut book = bike.book.lock().await;
            let phase = book.phase.clone();
            book.accepted.insert(time, phase);
        }
        tokio::time::sleep(PAUSE).await;
    }
}
