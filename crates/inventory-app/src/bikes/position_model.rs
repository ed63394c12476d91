//! How positions are kept: the place of a bike, and the list of changes that the live feed reads.
//!
//! Rows of bikes are locked in the order of their ids, and all of them before the lock of the list: two processes never
//! wait for each other in a circle. The list's lock is held until the commit, so its numbers get visible in their order.

use std::collections::BTreeSet;

use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, Double, Text, Timestamptz},
};
use messages::locations::Location;
use platform::database::{Connection, DatabaseError, statement};
use time::OffsetDateTime;

/// The advisory lock of those who write the list of changes. PostgreSQL's advisory locks belong to one database.
const CHANGES_LOCK: i64 = 0x6269_6b65_7300_0001;

/// How many changes a listener may be behind.
const CHANGES_KEPT: i64 = 100_000;

/// The oldest changes that one look for old ones takes: more than come between two looks.
const TRIM_MAX: i64 = 20_000;

/// Where bikes are now, column by column.
#[derive(Debug, Default)]
pub(super) struct Moves {
    ids: Vec<String>,
    longitudes: Vec<f64>,
    latitudes: Vec<f64>,
    times: Vec<OffsetDateTime>,
}

/// The id of a bike.
#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = Text)]
    id: String,
}

/// Locks those of `ids` that are bikes, in one order; gives them back.
pub(super) async fn lock(
    connection: &mut Connection,
    ids: Vec<String>,
) -> Result<BTreeSet<String>, DatabaseError> {
    let query =
        statement("SELECT id FROM bikes.bikes WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE")
            .bind::<Array<Text>, _>(ids);
    let locked: Vec<Id> = connection.load(query).await?;
    Ok(locked.into_iter().map(|row| row.id).collect())
}

impl Moves {
    /// One event of each bike at most: one statement cannot move a row twice.
    pub(super) fn of<'a>(events: impl Iterator<Item = &'a Location>) -> Self {
        let mut moves = Self::default();
        for event in events {
            moves.ids.push(event.bike_id().to_owned());
            moves.longitudes.push(event.location().longitude());
            moves.latitudes.push(event.location().latitude());
            moves.times.push(event.recorded_at());
        }
        moves
    }

    /// Moves the bikes of which nothing as new is known, and tells the live feed. The bikes are locked already.
    pub(super) async fn store(self, connection: &mut Connection) -> Result<(), DatabaseError> {
        if self.ids.is_empty() {
            return Ok(());
        }
        let lock = statement("SELECT pg_advisory_xact_lock($1)");
        connection
            .execute(lock.bind::<BigInt, _>(CHANGES_LOCK))
            .await?;
        let moved = statement(
            "WITH moved AS ( \
                 UPDATE bikes.bikes SET longitude = event.longitude, latitude = event.latitude, located_at = event.at \
                 FROM unnest($1, $2, $3, $4) AS event (id, longitude, latitude, at) \
                 WHERE bikes.id = event.id AND (bikes.located_at IS NULL OR bikes.located_at < event.at) \
                 RETURNING bikes.id, bikes.longitude, bikes.latitude, bikes.located_at) \
             INSERT INTO bikes.position_changes (bike_id, longitude, latitude, recorded_at) SELECT * FROM moved",
        )
        .bind::<Array<Text>, _>(self.ids)
        .bind::<Array<Double>, _>(self.longitudes)
        .bind::<Array<Double>, _>(self.latitudes)
        .bind::<Array<Timestamptz>, _>(self.times);
        if connection.execute(moved).await? > 0 {
            connection
                .execute(statement("NOTIFY bikes_positions"))
                .await?;
        }
        Ok(())
    }
}

/// Removes changes that are older than 10 minutes or beyond the newest [`CHANGES_KEPT`]: the oldest first and without a
/// gap, at most [`TRIM_MAX`] of them.
pub(super) async fn trim(connection: &mut Connection) -> Result<(), DatabaseError> {
    let query = statement(
        "WITH oldest AS ( \
             SELECT sequence, changed_at FROM bikes.position_changes ORDER BY sequence LIMIT $1) \
         DELETE FROM bikes.position_changes WHERE sequence <= ( \
             SELECT max(sequence) FROM oldest WHERE changed_at < now() - interval '10 minutes' \
                 OR sequence <= (SELECT max(sequence) FROM bikes.position_changes) - $2)",
    )
    .bind::<BigInt, _>(TRIM_MAX)
    .bind::<BigInt, _>(CHANGES_KEPT);
    connection.execute(query).await.map(drop)
}
