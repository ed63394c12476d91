//! Places on the globe, as GeoJSON Points (RFC 7946): longitude first, in degrees.
//!
//! A [`Point`] is always on the globe: it is checked when it is made and when it is read. A third number (an altitude) is
//! refused, not dropped. Other members of the object are ignored.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
    ser::SerializeStruct,
};
use serde_json::value::RawValue;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ArrayBuilder, ObjectBuilder, RefOr, Schema,
        schema::{SchemaType, Type},
    },
};

/// The largest longitude; the smallest is its negative.
pub const LONGITUDE_MAX: f64 = 180.0;

/// The largest latitude; the smallest is its negative.
pub const LATITUDE_MAX: f64 = 90.0;

/// Degrees nearer to zero than this, a ten-millionth of a metre, are zero. PostgreSQL refuses a product that underflows, in a
/// distance as in an index of places.
const DEGREES_MIN: f64 = 1e-12;

/// What a refused point is told.
const POINT: &str =
    "a GeoJSON Point: {\"type\": \"Point\", \"coordinates\": [longitude, latitude]}";

/// What refused coordinates are told.
const COORDINATES: &str = "an array of two numbers: longitude and latitude";

/// A place on the globe.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    longitude: f64,
    latitude: f64,
}

/// A place that is not on the globe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotOnGlobe {
    /// Not from -180 to 180.
    #[error("must be a longitude: a number from -180 to 180")]
    Longitude,
    /// Not from -90 to 90.
    #[error("must be a latitude: a number from -90 to 90")]
    Latitude,
}

impl Point {
    /// A place from its degrees.
    ///
    /// # Errors
    /// [`NotOnGlobe`], also for NaN and the infinities.
    pub fn new(longitude: f64, latitude: f64) -> Result<Self, NotOnGlobe> {
        Ok(Self {
            longitude: within(longitude, LONGITUDE_MAX).ok_or(NotOnGlobe::Longitude)?,
            latitude: within(latitude, LATITUDE_MAX).ok_or(NotOnGlobe::Latitude)?,
        })
    }

    /// Degrees east, -180 to 180.
    #[must_use]
    pub fn longitude(self) -> f64 {
        self.longitude
    }

    /// Degrees north, -90 to 90.
    #[must_use]
    pub fn latitude(self) -> f64 {
        self.latitude
    }
}

/// The degrees, if they are within the bounds. What is as good as zero becomes zero, a negative zero too: it is the same place.
fn within(degrees: f64, max: f64) -> Option<f64> {
    let fits = (-max..=max).contains(&degrees);
    fits.then_some(if degrees.abs() < DEGREES_MIN {
        0.0
    } else {
        degrees
    })
}

impl Serialize for Point {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Point", 2)?;
        object.serialize_field("type", "Point")?;
        object.serialize_field("coordinates", &[self.longitude, self.latitude])?;
        object.end()
    }
}

impl<'de> Deserialize<'de> for Point {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PointVisitor)
    }
}

/// Takes an object only: a derived struct would take an array, too.
struct PointVisitor;

impl<'de> Visitor<'de> for PointVisitor {
    type Value = Point;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(POINT)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Point, A::Error> {
        let Geometry { kind, coordinates } =
            Geometry::deserialize(MapAccessDeserializer::new(map))?;
        let Kind::Point = kind;
        Ok(coordinates.0)
    }
}

/// The object of a Point.
#[derive(Deserialize)]
struct Geometry {
    #[serde(rename = "type")]
    kind: Kind,
    coordinates: Coordinates,
}

#[derive(Deserialize)]
enum Kind {
    Point,
}

/// Exactly two numbers. A tuple would report a third one as broken JSON.
struct Coordinates(Point);

impl<'de> Deserialize<'de> for Coordinates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(CoordinatesVisitor)
    }
}

struct CoordinatesVisitor;

impl<'de> Visitor<'de> for CoordinatesVisitor {
    type Value = Coordinates;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(COORDINATES)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut numbers: A) -> Result<Coordinates, A::Error> {
        let wrong_count = |count| A::Error::invalid_length(count, &self);
        let Degrees(longitude) = numbers.next_element()?.ok_or_else(|| wrong_count(0))?;
        let Degrees(latitude) = numbers.next_element()?.ok_or_else(|| wrong_count(1))?;
        if numbers.next_element::<IgnoredAny>()?.is_some() {
            return Err(wrong_count(3));
        }
        let point = Point::new(longitude, latitude).map_err(A::Error::custom)?;
        Ok(Coordinates(point))
    }
}

/// A JSON number, read to its nearest float: `serde_json` alone may miss it by one bit, and a place is answered as it was
/// sent.
struct Degrees(f64);

impl<'de> Deserialize<'de> for Degrees {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Box::<RawValue>::deserialize(deserializer)?;
        // A JSON text that Rust reads as a float is a JSON number.
        let degrees = json.get().parse();
        degrees
            .map(Self)
            .map_err(|_| D::Error::custom("must be a number of degrees"))
    }
}

impl PartialSchema for Point {
    fn schema() -> RefOr<Schema> {
        let kind = ObjectBuilder::new()
            .schema_type(SchemaType::new(Type::String))
            .enum_values(Some(["Point"]));
        let degrees = |max: f64| {
            ObjectBuilder::new()
                .schema_type(SchemaType::new(Type::Number))
                .minimum(Some(-max))
                .maximum(Some(max))
                .build()
        };
        let coordinates = ArrayBuilder::new()
            .description(Some("Longitude and latitude, in degrees."))
            .prefix_items([
                Schema::Object(degrees(LONGITUDE_MAX)),
                Schema::Object(degrees(LATITUDE_MAX)),
            ])
            .items(degrees(LONGITUDE_MAX))
            .min_items(Some(2))
            .max_items(Some(2));
        ObjectBuilder::new()
            .description(Some("A place on the globe (GeoJSON, RFC 7946)."))
            .property("type", kind)
            .property("coordinates", coordinates)
            .required("type")
            .required("coordinates")
            .examples([serde_json::json!({"type": "Point", "coordinates": [13.4, 52.52]})])
            .into()
    }
}

impl ToSchema for Point {}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(coordinates: &str) -> Result<Point, String> {
        let text = format!(r#"{{"type":"Point","coordinates":{coordinates}}}"#);
        serde_json::from_str(&text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_point_is_written_with_the_longitude_first() {
        let point = Point::new(13.4, 52.52).unwrap();
        assert_eq!(
            serde_json::to_string(&point).unwrap(),
            r#"{"type":"Point","coordinates":[13.4,52.52]}"#
        );
        let beside = r#"{"coordinates":[13.4,52.52],"bbox":[1,2,3,4],"type":"Point"}"#;
        assert_eq!(serde_json::from_str::<Point>(beside).unwrap(), point);
    }

    #[test]
    fn the_edges_belong_to_the_globe() {
        for edge in ["[180,90]", "[-180,-90]", "[0,0]", "[-0.0,-0.0]"] {
            let point = read(edge).unwrap();
            assert!(!serde_json::to_string(&point).unwrap().contains("-0"));
        }
    }

    #[test]
    fn what_is_as_good_as_zero_is_zero() {
        for tiny in ["[1e-13,-1e-13]", "[5e-324,-5e-324]", "[1e-200,-1e-400]"] {
            assert_eq!(read(tiny), Ok(Point::new(0.0, 0.0).unwrap()), "{tiny}");
        }
        assert_ne!(read("[1e-12,0]"), read("[0,0]"));
    }

    #[test]
    fn what_is_beyond_names_the_bound() {
        for beyond in ["[180.0000001,0]", "[-181,0]", "[1e300,0]"] {
            assert!(read(beyond).unwrap_err().contains("longitude"), "{beyond}");
        }
        for beyond in ["[0,90.0000001]", "[0,-91]", "[52.52,133.4]"] {
            assert!(read(beyond).unwrap_err().contains("latitude"), "{beyond}");
        }
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(Point::new(number, 0.0), Err(NotOnGlobe::Longitude));
            assert_eq!(Point::new(0.0, number), Err(NotOnGlobe::Latitude));
        }
    }

    #[test]
    fn what_is_no_pair_of_numbers_is_refused() {
        for wrong in [
            "[]",
            "[1]",
            "[1,2,3]",
            r#"["1","2"]"#,
            "[null,2]",
            "[NaN,2]",
            "[1e400,2]",
            "{}",
            "null",
            r#""1,2""#,
            "[[1,2]]",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert!(read("[1,2,3]").unwrap_err().contains(COORDINATES));
    }

    #[test]
    fn what_is_no_point_is_refused() {
        for wrong in [
            r#"["Point",[1,2]]"#,
            r#"{"type":"Polygon","coordinates":[1,2]}"#,
            r#"{"coordinates":[1,2]}"#,
            r#"{"type":"Point"}"#,
            r#"{"type":"Point","coordinates":[1,2],"coordinates":[3,4]}"#,
            "[1,2]",
            "null",
        ] {
            assert!(serde_json::from_str::<Point>(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn every_place_is_read_as_it_was_written(
            longitude in -LONGITUDE_MAX..=LONGITUDE_MAX,
            latitude in -LATITUDE_MAX..=LATITUDE_MAX,
        ) {
            let point = Point::new(longitude, latitude).unwrap();
            let text = serde_json::to_string(&point).unwrap();
            prop_assert_eq!(serde_json::from_str::<Point>(&text).unwrap(), point);
        }
    }
}
