//! How tracks are kept: a row for each place and time of a trip.

use diesel::sql_types::{Array, Double, Text, Timestamptz};
use messages::locations::Location;
use platform::database::{Connection, DatabaseError, statement};
use time::OffsetDateTime;

/// Where bikes were, column by column.
#[derive(Debug, Default)]
pub(super) struct Places {
    bike_ids: Vec<String>,
    times: Vec<OffsetDateTime>,
    longitudes: Vec<f64>,
    latitudes: Vec<f64>,
}

impl Places {
    pub(super) fn of<'a>(events: impl Iterator<Item = &'a Location>) -> Self {
        let mut places = Self::default();
        for event in events {
            places.bike_ids.push(event.bike_id().to_owned());
            places.times.push(event.recorded_at());
            places.longitudes.push(event.location().longitude());
            places.latitudes.push(event.location().latitude());
        }
        places
    }

    /// All of them in one statement, which is one commit, in the order of the primary key: two processes that add the same
    /// places wait for each other in one direction only. What is there already stays as it is.
    ///
    /// Trips of a bike do not overlap, so the last one that had begun is the only candidate; where one ends in the
    /// microsecond in which the next begins, the place is the next one's.
    ///
    /// The trip is not locked. A trip that ends just now may get a place from after its end all the same, because a
    /// `recorded_at` may be minutes ahead of the clock: who shows a track leaves out what is later than its end.
    pub(super) async fn store(self, connection: &mut Connection) -> Result<(), DatabaseError> {
        let query = statement(
            "INSERT INTO trips.locations (trip_id, recorded_at, longitude, latitude) \
             SELECT trip.id, place.at, place.longitude, place.latitude \
             FROM unnest($1, $2, $3, $4) WITH ORDINALITY AS place (bike_id, at, longitude, latitude, number) \
             CROSS JOIN LATERAL ( \
                 SELECT id, ended_at FROM trips.trips WHERE bike_id = place.bike_id AND started_at <= place.at \
                 ORDER BY started_at DESC, ended_at DESC NULLS FIRST LIMIT 1) AS trip \
             WHERE trip.ended_at IS NULL OR place.at <= trip.ended_at \
             ORDER BY trip.id, place.at, place.number \
             ON CONFLICT (trip_id, recorded_at) DO NOTHING",
        )
        .bind::<Array<Text>, _>(self.bike_ids)
        .bind::<Array<Timestamptz>, _>(self.times)
        .bind::<Array<Double>, _>(self.longitudes)
        .bind::<Array<Double>, _>(self.latitudes);
        connection.execute(query).await.map(drop)
    }
}
