//! Bikes by place. PostgreSQL's own GiST index on `point(longitude, latitude)` finds those in a box; the distance of each
//! found one is computed on the sphere (haversine), for which the order of degrees alone would be wrong.

use diesel::{
    QueryableByName,
    sql_types::{Array, BigInt, Double, Nullable, Text},
};
use messages::geo::Point;
use platform::database::{Connection, DatabaseError, statement};

use super::Bike;
use crate::{
    bikes::{
        area::{Area, EARTH_RADIUS, Rectangle},
        search::Key,
        status::Status,
    },
    place::Place,
};

/// Which bikes; all of them when nothing is said.
#[derive(Debug, Clone)]
pub(in crate::bikes) struct Filter {
    pub(in crate::bikes) status: Option<Status>,
    /// Where they are; that of `near` is within it.
    pub(in crate::bikes) area: Option<Area>,
    pub(in crate::bikes) near: Option<Near>,
}

/// Around a place, nearest first.
#[derive(Debug, Clone, Copy)]
pub(in crate::bikes) struct Near {
    pub(in crate::bikes) centre: Point,
    /// In metres.
    pub(in crate::bikes) radius: f64,
}

/// The boxes of an area never overlap: no bike is found twice. Distances are whole millimetres: what rounding tells apart
/// at a pole or on the antimeridian is one place. Without a centre all distances are 0.
const SEARCH: &str = "
    SELECT * FROM (
        SELECT number, id, status, longitude, latitude,
            CASE WHEN $5 IS NULL THEN 0 ELSE
                round(1000 * 2 * $7 * asin(least(1, sqrt(
                    power(sin(radians(latitude - $6) / 2), 2)
                    + cos(radians($6)) * cos(radians(latitude)) * power(sin(radians(longitude - $5) / 2), 2)
                )))) / 1000
            END AS distance
        FROM unnest($1, $2, $3, $4) AS area (west, south, east, north)
        JOIN bikes.bikes ON point(longitude, latitude) <@ box(point(west, south), point(east, north))
        WHERE $9 IS NULL OR status = $9
    ) AS found
    WHERE distance <= $8 AND (distance, number) > ($10, $11)
    ORDER BY distance, number
    LIMIT $12";

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = BigInt)]
    number: i64,
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = Text)]
    status: Status,
    #[diesel(embed)]
    place: Place,
    #[diesel(sql_type = Double)]
    distance: f64,
}

impl Filter {
    /// Those that pass, from after `last`, each with its distance if there is one.
    pub(in crate::bikes) async fn after(
        self,
        connection: &mut Connection,
        last: Option<Key>,
        count: u16,
    ) -> Result<Vec<(Bike, Option<f64>)>, DatabaseError> {
        let Some(area) = &self.area else {
            let number = last.map_or(0, |last| last.number);
            let bikes = Bike::after(connection, self.status, number, count).await?;
            return Ok(bikes.into_iter().map(|bike| (bike, None)).collect());
        };
        // Before the first: no distance is negative.
        let last_distance = last.map_or(-1.0, |last| last.distance.unwrap_or(0.0));
        let degrees = |of: fn(&Rectangle) -> f64| area.0.iter().map(of).collect::<Vec<_>>();
        let search = statement(SEARCH)
            .bind::<Array<Double>, _>(degrees(|part| part.west))
            .bind::<Array<Double>, _>(degrees(|part| part.south))
            .bind::<Array<Double>, _>(degrees(|part| part.east))
            .bind::<Array<Double>, _>(degrees(|part| part.north))
            .bind::<Nullable<Double>, _>(self.near.map(|near| near.centre.longitude()))
            .bind::<Nullable<Double>, _>(self.near.map(|near| near.centre.latitude()))
            .bind::<Double, _>(EARTH_RADIUS)
            .bind::<Double, _>(self.near.map_or(f64::INFINITY, |near| near.radius))
            .bind::<Nullable<Text>, _>(self.status)
            .bind::<Double, _>(last_distance)
            .bind::<BigInt, _>(last.map_or(0, |last| last.number))
            .bind::<BigInt, _>(i64::from(count));
        let found: Vec<Found> = connection.load(search).await?;
        let found = found.into_iter();
        Ok(found
            .map(|found| found.split(self.near.is_some()))
            .collect())
    }
}

impl Found {
    fn split(self, has_distance: bool) -> (Bike, Option<f64>) {
        let bike = Bike {
            number: self.number,
            id: self.id,
            status: self.status,
            place: self.place,
        };
        (bike, has_distance.then_some(self.distance))
    }
}
