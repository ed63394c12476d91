//! What a message on `locations_position` means: its bike is there now, unless something newer is known.
//!
//! The newest `recorded_at` wins, within a batch and against what is known; an equal one moves nothing, so that an event
//! that comes twice, late or after a newer one changes nothing. An event about a bike that does not exist is refused. What
//! moved is told to the live feed in the same transaction. Several processes may consume at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use broker::{Consumer, Failure, Received, Refused};
use messages::locations::{Location, POSITION_QUEUE};
use platform::{
    database::{Connection, Database, DatabaseError},
    error::chain,
};

use super::position_model::{self, Moves};
use crate::BATCH_LIMIT;

/// From one look for old changes to the next.
const TRIM_INTERVAL: Duration = Duration::from_secs(1);

/// Moves bikes.
pub struct Position {
    database: Database,
    trimmed_at: Mutex<Instant>,
}

impl Position {
    /// In this database.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self {
            database,
            trimmed_at: Mutex::new(Instant::now()),
        }
    }

    /// Removes old changes now and then. The next batch tries again when it fails: the events are stored already.
    async fn trim(&self) {
        if !self.is_trim_due() {
            return;
        }
        let trim = async |c: &mut Connection| position_model::trim(c).await;
        if let Err(error) = self.database.run(trim).await {
            let error: DatabaseError = error;
            let error = chain(&error);
            tracing::warn!(error, "old changes of positions were not removed");
        }
    }

    fn is_trim_due(&self) -> bool {
        let mut trimmed_at = self
            .trimmed_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let is_due = trimmed_at.elapsed() >= TRIM_INTERVAL;
        if is_due {
            *trimmed_at = Instant::now();
        }
        is_due
    }
}

impl Consumer for Position {
    type Message = Location;

    fn name(&self) -> &'static str {
        "locations-position"
    }

    fn noun(&self) -> &'static str {
        "position"
    }

    fn queue(&self) -> &str {
        POSITION_QUEUE
    }

    async fn store(&self, batch: &[Received<Location>]) -> Result<Vec<Refused>, Failure> {
        let store = async |c: &mut Connection| store(c, batch).await;
        let refused = self.database.transaction_within(BATCH_LIMIT, store).await;
        let refused = refused.map_err(|error: DatabaseError| Failure::from(error))?;
        self.trim().await;
        Ok(refused)
    }

    async fn store_answers(&self) -> bool {
        self.database.ping().await.is_ok()
    }
}

async fn store(
    connection: &mut Connection,
    batch: &[Received<Location>],
) -> Result<Vec<Refused>, DatabaseError> {
    let newest = newest(batch.iter().map(|received| &received.message));
    let ids = newest.keys().map(|id| (*id).to_owned()).collect();
    let known = position_model::lock(connection, ids).await?;
    let moves = newest.into_values().filter(|l| known.contains(l.bike_id()));
    Moves::of(moves).store(connection).await?;
    Ok(refused(batch, &known))
}

/// The newest event of each bike; of equal ones the first, as if they had come one by one.
fn newest<'a>(events: impl Iterator<Item = &'a Location>) -> BTreeMap<&'a str, &'a Location> {
    let mut newest = BTreeMap::new();
    for event in events {
        let known: &mut &Location = newest.entry(event.bike_id()).or_insert(event);
        if event.recorded_at() > known.recorded_at() {
            *known = event;
        }
    }
    newest
}

fn refused(batch: &[Received<Location>], known: &BTreeSet<String>) -> Vec<Refused> {
    let unknown = batch
        .iter()
        .enumerate()
        .filter(|(_, received)| !known.contains(received.message.bike_id()));
    unknown
        .map(|(place, _)| Refused {
            place,
            reason: "no bike has its bike_id".into(),
        })
        .collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use messages::geo::Point;
    use proptest::prelude::*;
    use time::OffsetDateTime;

    use super::*;

    /// An event of this bike at this second; the place tells it from others.
    fn event(bike: &str, second: i64, place: f64) -> Location {
        let time = OffsetDateTime::from_unix_timestamp(second).unwrap();
        Location::new(bike, Point::new(place, 0.0).unwrap(), time).unwrap()
    }

    #[test]
    fn of_equal_times_the_first_counts() {
        let events = [event("a", 1, 1.0), event("a", 2, 2.0), event("a", 2, 3.0)];
        assert_eq!(newest(events.iter())["a"], &events[1]);
    }

    proptest! {
        /// A plain reference: one event after the other.
        #[test]
        fn a_batch_is_what_its_events_are_one_by_one(
            events in prop::collection::vec((0..4_u8, 0..6_i64), 0..40),
        ) {
            let event = |(place, (bike, second)): (usize, &(u8, i64))| {
                event(&bike.to_string(), *second, f64::from(u8::try_from(place).unwrap()))
            };
            let events: Vec<_> = events.iter().enumerate().map(event).collect();
            let mut one_by_one: BTreeMap<&str, &Location> = BTreeMap::new();
            for event in &events {
                let known = one_by_one.get(event.bike_id());
                if known.is_none_or(|known| known.recorded_at() < event.recorded_at()) {
                    one_by_one.insert(event.bike_id(), event);
                }
            }
            prop_assert_eq!(newest(events.iter()), one_by_one);
        }
    }
}
