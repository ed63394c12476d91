//! A place as the tables keep it: a pair of columns, `longitude` and `latitude`.

use diesel::{
    deserialize::{self, Queryable, QueryableByName},
    pg::Pg,
    row::NamedRow,
    sql_types::Double,
};
use messages::geo::Point;
use serde::Serialize;

/// Read from two columns, answered as a GeoJSON Point.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Place(pub(crate) Point);

impl Queryable<(Double, Double), Pg> for Place {
    type Row = (f64, f64);

    fn build((longitude, latitude): (f64, f64)) -> deserialize::Result<Self> {
        Ok(Self(Point::new(longitude, latitude)?))
    }
}

impl QueryableByName<Pg> for Place {
    fn build<'a>(row: &impl NamedRow<'a, Pg>) -> deserialize::Result<Self> {
        let longitude = NamedRow::get::<Double, f64>(row, "longitude")?;
        let latitude = NamedRow::get::<Double, f64>(row, "latitude")?;
        Ok(Self(Point::new(longitude, latitude)?))
    }
}
