//! The rows of `trips.trips` and `trips.locations`, and their queries.

use std::collections::HashMap;

use diesel::{
    QueryableByName,
    prelude::*,
    sql_types::{Array, BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use futures_util::{FutureExt, future::BoxFuture};
use platform::database::{Connection, DatabaseError, statement};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{place::Place, schema::trips::trips};

/// Whose trips, or as whose a trip is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rider {
    /// All trips; a trip of its own belongs to no user.
    Operator,
    /// Those of this user.
    User(Uuid),
}

/// A trip without its track.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = trips)]
pub(super) struct Trip {
    pub(super) id: Uuid,
    pub(super) bike_id: String,
    pub(super) started_at: OffsetDateTime,
    pub(super) ended_at: Option<OffsetDateTime>,
}

/// Where a trip was, and when.
#[derive(Debug, Serialize, QueryableByName, ToSchema)]
#[schema(as = TripLocation)]
pub(super) struct Location {
    #[serde(skip)]
    #[diesel(sql_type = SqlUuid)]
    trip_id: Uuid,
    #[schema(value_type = messages::geo::Point)]
    #[diesel(embed)]
    location: Place,
    /// When it was there.
    #[schema(example = "2026-12-01T12:00:00.000000Z")]
    #[serde(with = "platform::timestamp")]
    #[diesel(sql_type = Timestamptz)]
    recorded_at: OffsetDateTime,
}

/// `clock_timestamp`: the transaction may have waited for the bike.
const START: &str = "
    INSERT INTO trips.trips (id, bike_id, user_id, started_at) VALUES ($1, $2, $3, clock_timestamp())";

/// Never before the start, even if the clock was set back.
const END: &str = "
    UPDATE trips.trips SET ended_at = greatest(started_at, clock_timestamp())
    WHERE id = $1 AND ended_at IS NULL";

/// The last ones of each trip, in the order of time. What was recorded ahead of the clock may be later than the end that
/// its trip got afterwards: it is left out.
const TRACKS: &str = "
    SELECT location.* FROM trips.trips AS trip
    CROSS JOIN LATERAL (
        SELECT trip_id, longitude, latitude, recorded_at FROM trips.locations
        WHERE trip_id = trip.id AND recorded_at <= coalesce(trip.ended_at, 'infinity')
        ORDER BY recorded_at DESC LIMIT $2
    ) AS location
    WHERE trip.id = ANY($1) ORDER BY trip_id, recorded_at";

impl Rider {
    fn user_id(self) -> Option<Uuid> {
        match self {
            Self::Operator => None,
            Self::User(id) => Some(id),
        }
    }
}

impl Trip {
    /// Opens a trip; in the transaction that has taken its bike.
    pub(super) async fn start(
        connection: &mut Connection,
        id: Uuid,
        bike_id: String,
        rider: Rider,
    ) -> Result<(), DatabaseError> {
        let start = statement(START)
            .bind::<SqlUuid, _>(id)
            .bind::<Text, _>(bike_id)
            .bind::<Nullable<SqlUuid>, _>(rider.user_id());
        connection.execute(start).await.map(drop)
    }

    /// Ends a running trip; `false` when it has ended.
    pub(super) async fn end(connection: &mut Connection, id: Uuid) -> Result<bool, DatabaseError> {
        let end = statement(END).bind::<SqlUuid, _>(id);
        Ok(connection.execute(end).await? > 0)
    }

    /// The trip, if this rider may see it.
    pub(super) fn find(
        connection: &mut Connection,
        id: Uuid,
        rider: Rider,
    ) -> BoxFuture<'_, Result<Option<Self>, DatabaseError>> {
        let mut trip = trips::table
            .filter(trips::id.eq(id))
            .select(Self::as_select())
            .into_boxed();
        if let Rider::User(user_id) = rider {
            trip = trip.filter(trips::user_id.eq(user_id));
        }
        connection.optional(trip).boxed()
    }

    /// In the order in which they were started, from after `last`; those that this rider may see.
    pub(super) fn after(
        connection: &mut Connection,
        rider: Rider,
        last: Option<Uuid>,
        count: u16,
    ) -> BoxFuture<'_, Result<Vec<Self>, DatabaseError>> {
        let mut page = trips::table
            .filter(trips::id.gt(last.unwrap_or(Uuid::nil())))
            .order(trips::id)
            .limit(count.into())
            .select(Self::as_select())
            .into_boxed();
        if let Rider::User(user_id) = rider {
            page = page.filter(trips::user_id.eq(user_id));
        }
        // Boxed, as the query is: the compiler cannot prove a boxed query `Send` through an async closure.
        connection.load(page).boxed()
    }
}

/// The last `count` locations of each trip, in the order of time. A trip without any is left out.
pub(super) async fn tracks(
    connection: &mut Connection,
    trips: &[Trip],
    count: u16,
) -> Result<HashMap<Uuid, Vec<Location>>, DatabaseError> {
    let ids: Vec<Uuid> = trips.iter().map(|trip| trip.id).collect();
    let query = statement(TRACKS)
        .bind::<Array<SqlUuid>, _>(ids)
        .bind::<BigInt, _>(i64::from(count));
    let locations: Vec<Location> = connection.load(query).await?;
    let mut tracks: HashMap<Uuid, Vec<Location>> = HashMap::new();
    for location in locations {
        tracks.entry(location.trip_id).or_default().push(location);
    }
    Ok(tracks)
}
