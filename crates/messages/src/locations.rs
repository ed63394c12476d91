//! Location events: where a bike was at a moment, from the gateway to all that follows bikes.
//!
//! They go to a fan-out exchange with a queue for each reader: one moves the bike, one draws the track of its trip. An event
//! is known by its bike and its time: a reader drops what it has seen, and what is older than what it knows.
//! A time has microseconds, as PostgreSQL keeps it, so that the same event is the same at every reader.

use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, UtcOffset};

use crate::{Message, Rejection, Route, geo::Point, json};

/// The exchange that all events go to.
pub const EXCHANGE: &str = "locations";

/// The queue of what moves bikes.
pub const POSITION_QUEUE: &str = "locations_position";

/// The queue of what draws tracks.
pub const TRACK_QUEUE: &str = "locations_track";

/// One message as it lies on a queue.
pub const EXAMPLE: &str = r#"{"bike_id":"5f0a1c2e9b1e8a0017c3d2f1","location":{"type":"Point","coordinates":[2.3522,48.8566]},"recorded_at":"2026-12-01T12:00:00.250000Z"}"#;

/// The longest id of a bike, in characters.
pub const BIKE_ID_MAX: usize = 64;

/// A bike was there then. Its values are known to be possible; the only ways to get one are [`Location::new`] and
/// [`Location::parse`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Location {
    bike_id: String,
    location: Point,
    #[serde(with = "rfc3339")]
    recorded_at: OffsetDateTime,
}

/// Whether a text can be the id of a bike: 1..=[`BIKE_ID_MAX`] visible characters.
#[must_use]
pub fn is_bike_id(text: &str) -> bool {
    let is_visible = |c: char| !c.is_control() && !c.is_whitespace();
    (1..=BIKE_ID_MAX).contains(&text.chars().count()) && text.chars().all(is_visible)
}

impl Location {
    /// An event; what is finer than a microsecond is cut off its time.
    ///
    /// # Errors
    /// When the id cannot be a bike's, or the time is not one of the years 1970 to 9999.
    pub fn new(
        bike_id: impl Into<String>,
        location: Point,
        recorded_at: OffsetDateTime,
    ) -> Result<Self, Rejection> {
        let bike_id = bike_id.into();
        if !is_bike_id(&bike_id) {
            let detail = format!("must have 1 to {BIKE_ID_MAX} visible characters");
            return Err(Rejection::new("bike_id", &detail));
        }
        let Some(recorded_at) = in_microseconds(recorded_at) else {
            let detail = "must be in the years 1970 to 9999";
            return Err(Rejection::new("recorded_at", detail));
        };
        Ok(Self {
            bike_id,
            location,
            recorded_at,
        })
    }

    /// Whose it is.
    #[must_use]
    pub fn bike_id(&self) -> &str {
        &self.bike_id
    }

    /// Where it was.
    #[must_use]
    pub fn location(&self) -> Point {
        self.location
    }

    /// When it was there: UTC, in whole microseconds.
    #[must_use]
    pub fn recorded_at(&self) -> OffsetDateTime {
        self.recorded_at
    }
}

/// The time in UTC, in whole microseconds; `None` outside the years that can be written and kept.
fn in_microseconds(time: OffsetDateTime) -> Option<OffsetDateTime> {
    let time = time.checked_to_offset(UtcOffset::UTC)?;
    let time = time.replace_microsecond(time.microsecond()).ok()?;
    (1970..=9999).contains(&time.year()).then_some(time)
}

impl Message for Location {
    const ROUTE: Route = Route::Fanout(EXCHANGE);

    type Rejection = Rejection;

    fn parse(body: &[u8]) -> Result<Self, Rejection> {
        let message: Self = json::read(body)?;
        Self::new(message.bike_id, message.location, message.recorded_at)
    }

    fn encode(&self) -> Vec<u8> {
        json::write(self)
    }
}

/// Reads any RFC 3339 time; writes one in UTC with six digits.
mod rfc3339 {
    use serde::{Deserializer, Serializer, ser::Error};
    use time::{
        OffsetDateTime, UtcOffset, format_description::BorrowedFormatItem,
        macros::format_description,
    };

    const FORMAT: &[BorrowedFormatItem<'_>] =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

    pub(super) fn serialize<S: Serializer>(
        time: &OffsetDateTime,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let text = time.to_offset(UtcOffset::UTC).format(&FORMAT);
        serializer.serialize_str(&text.map_err(S::Error::custom)?)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<OffsetDateTime, D::Error> {
        time::serde::rfc3339::deserialize(deserializer)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;

    fn example() -> Location {
        Location::parse(EXAMPLE.as_bytes()).unwrap()
    }

    /// The example with one text replaced by another.
    fn parse_with(this: &str, other: &str) -> Result<Location, Rejection> {
        assert!(EXAMPLE.contains(this), "{this}");
        Location::parse(EXAMPLE.replace(this, other).as_bytes())
    }

    #[test]
    fn the_example_is_read_and_written() {
        assert_eq!(example().bike_id(), "5f0a1c2e9b1e8a0017c3d2f1");
        assert_eq!(
            example().recorded_at(),
            datetime!(2026-12-01 12:00:00.25 UTC)
        );
        assert_eq!(example().encode(), EXAMPLE.as_bytes());
    }

    #[test]
    fn a_time_of_another_offset_or_finer_is_the_same_moment_in_microseconds() {
        let moment = "2026-12-01T12:00:00.250000Z";
        for same in [
            "2026-12-01T13:00:00.25+01:00",
            "2026-12-01T12:00:00.250000999Z",
        ] {
            assert_eq!(parse_with(moment, same), Ok(example()), "{same}");
        }
    }

    #[test]
    fn a_time_that_cannot_be_kept_is_refused() {
        let moment = "2026-12-01T12:00:00.250000Z";
        for wrong in [
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:30:00+01:00",
            "0000-01-01T00:00:00+23:59",
            "9999-12-31T23:59:59-23:59",
            "10000-01-01T00:00:00Z",
            "2026-12-01T12:00:00",
            "2026-02-29T12:00:00Z",
            "1764590400",
            "now",
            "",
        ] {
            assert!(parse_with(moment, wrong).is_err(), "{wrong}");
        }
        let number = parse_with(&format!("\"{moment}\""), "1764590400");
        assert!(number.is_err());
    }

    #[test]
    fn an_id_has_1_to_64_visible_characters() {
        let id = "5f0a1c2e9b1e8a0017c3d2f1";
        for right in ["7", &"é".repeat(64), "a/b", "🚲"] {
            assert!(parse_with(id, right).is_ok(), "{right}");
        }
        for wrong in ["", &"x".repeat(65), "a b", "a\\u0000", "\\u0085", "\\t"] {
            assert!(parse_with(id, wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_place_off_the_globe_or_of_another_form_is_refused() {
        for right in ["-180,-90", "180,90", "0,0", "1e1,-0.0"] {
            assert!(parse_with("2.3522,48.8566", right).is_ok(), "{right}");
        }
        for wrong in [
            "48.8566,102.3522",
            "180.0001,0",
            "0,-90.0001",
            "1e400,0",
            "NaN,0",
            "\"2\",48",
            "2",
            "2,48,7",
            "",
            "null,0",
        ] {
            assert!(parse_with("2.3522,48.8566", wrong).is_err(), "{wrong}");
        }
        assert!(parse_with("Point", "LineString").is_err());
    }

    #[test]
    fn bodies_that_are_no_object_of_ours_are_refused() {
        let twice = EXAMPLE.replacen('{', r#"{"bike_id":"x","#, 1);
        let trailing = format!("{EXAMPLE} {{}}");
        for body in ["", "{}", "null", "[]", &twice, &trailing] {
            assert!(Location::parse(body.as_bytes()).is_err(), "{body}");
        }
        assert!(Location::parse(b"{\"bike_id\":\"\xff\"}").is_err());
    }

    #[test]
    fn unknown_fields_are_ignored() {
        assert_eq!(
            parse_with(r#"{"bike_id""#, r#"{"speed":{"a":[1]},"bike_id""#),
            Ok(example())
        );
    }

    proptest! {
        /// What the gateway writes is what the readers read.
        #[test]
        fn what_is_written_is_read_again(
            bike_id in r"[^\p{Cc}\p{White_Space}]{1,64}",
            (longitude, latitude) in (-180.0..=180.0_f64, -90.0..=90.0_f64),
            nanoseconds in 0..=253_402_300_799_999_999_999_i128,
        ) {
            let time = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).unwrap();
            let point = Point::new(longitude, latitude).unwrap();
            let location = Location::new(bike_id, point, time).unwrap();
            prop_assert_eq!(Location::parse(&location.encode()), Ok(location));
        }

        #[test]
        fn no_body_makes_it_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Location::parse(&body);
        }
    }
}
