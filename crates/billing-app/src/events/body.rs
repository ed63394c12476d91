//! An event as it is posted, and its rules.

use garde::Validate;
use platform::{http::json, problem::Problem};
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, de::Error};
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ArrayBuilder, OneOfBuilder, Ref, RefOr, Schema},
};

use super::value;

/// What a client says of an event. Unknown fields are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Validate, ToSchema)]
#[schema(as = NewEvent)]
pub(super) struct NewEvent {
    /// RFC 3339 with an offset, of the years 1 to 9999 (UTC). Kept with microseconds; further digits are cut off.
    #[garde(skip)]
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T10:15:00Z")]
    #[serde(deserialize_with = "timestamp")]
    pub(super) timestamp: OffsetDateTime,
    /// The client whose device it is.
    #[garde(skip)]
    #[schema(example = 42)]
    pub(super) client: i64,
    /// The group of the client.
    #[garde(skip)]
    #[schema(example = 7)]
    pub(super) client_group: i64,
    /// 1 to 100 characters, kept as they are.
    #[garde(length(chars, min = 1, max = 100))]
    #[schema(
        example = "phone",
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\u0000]*$"
    )]
    pub(super) device_type: String,
    /// 1 to 100 characters, kept as they are.
    #[garde(length(chars, min = 1, max = 100))]
    #[schema(
        example = "purchase",
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\u0000]*$"
    )]
    pub(super) category: String,
    /// Whether it counts; reports can tell the two apart.
    #[garde(skip)]
    #[schema(example = true)]
    pub(super) valid: bool,
    /// A decimal with at most 14 digits before and 6 after the decimal point, as a string or a number; no exponent.
    #[garde(skip)]
    #[schema(schema_with = value::schema)]
    #[serde(deserialize_with = "value::deserialize")]
    pub(super) value: Decimal,
}

/// The body of a request that adds events, for the document: one event, or an array.
pub(super) struct NewEvents;

impl PartialSchema for NewEvents {
    fn schema() -> RefOr<Schema> {
        let event = || Ref::from_schema_name(NewEvent::name());
        let array = ArrayBuilder::new().items(event());
        let array = array.min_items(Some(1)).max_items(Some(json::OBJECTS_MAX));
        OneOfBuilder::new().item(event()).item(array).into()
    }
}

impl ToSchema for NewEvents {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((NewEvent::name().into(), NewEvent::schema()));
        NewEvent::schemas(schemas);
    }
}

impl NewEvent {
    /// Reads one line. A good one, the usual case, is parsed once; a wrong one once more, for the place of what is wrong.
    pub(super) fn of_line(line: &[u8]) -> Result<Self, Problem> {
        match serde_json::from_slice::<Self>(line) {
            Ok(event) if line.trim_ascii_start().starts_with(b"{") && event.is_good() => Ok(event),
            _ => json::parse_object(line),
        }
    }

    fn is_good(&self) -> bool {
        let has_nul = self.device_type.contains('\0') || self.category.contains('\0');
        !has_nul && self.validate().is_ok()
    }
}

fn timestamp<'de, D: Deserializer<'de>>(deserializer: D) -> Result<OffsetDateTime, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_timestamp(&text).ok_or_else(|| {
        D::Error::custom(
            "must be a time as in RFC 3339 with its offset, of the years 1 to 9999 in UTC",
        )
    })
}

/// A time in UTC, as PostgreSQL keeps it. A leap second is the last microsecond before it.
fn parse_timestamp(text: &str) -> Option<OffsetDateTime> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    let time = time.checked_to_offset(UtcOffset::UTC)?;
    let microseconds = time.microsecond() * 1_000;
    let time = time.replace_nanosecond(microseconds).ok()?;
    (1..=9999).contains(&time.year()).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn times_are_read_into_utc_with_microseconds() {
        for (text, expected) in [
            ("2026-11-22T23:30:00-01:00", datetime!(2026-11-23 00:30 UTC)),
            ("2024-02-29T00:00:00+00:30", datetime!(2024-02-28 23:30 UTC)),
            (
                "2026-11-22T10:15:00.1234569Z",
                datetime!(2026-11-22 10:15:00.123456 UTC),
            ),
            (
                "1969-12-31T23:59:59.9999999Z",
                datetime!(1969-12-31 23:59:59.999999 UTC),
            ),
            ("0001-01-01T00:00:00Z", datetime!(0001-01-01 0:00 UTC)),
            (
                "9999-12-31T23:59:59.999999Z",
                datetime!(9999-12-31 23:59:59.999999 UTC),
            ),
        ] {
            assert_eq!(parse_timestamp(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "now",
            "1795342500",
            "2026-11-22",
            "2026-11-22T10:15:00",
            "2026-02-29T10:15:00Z",
            "2026-11-22T24:00:00Z",
            "2026-11-22T10:15:00+25:00",
            "0000-12-31T23:59:59Z",
            "0001-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:01",
            "10000-01-01T00:00:00Z",
            "-0001-01-01T00:00:00Z",
        ] {
            assert_eq!(parse_timestamp(text), None, "{text}");
        }
    }

    #[test]
    fn a_line_is_one_object_and_tells_what_is_wrong() {
        let good = r#"{"timestamp":"2026-11-22T10:15:00Z","client":1,"client_group":2,"device_type":"a","category":"b","valid":true,"value":"1.5"}"#;
        let told = |line: &str| {
            NewEvent::of_line(line.as_bytes())
                .err()
                .map(|problem| problem.summary())
        };
        assert_eq!(told(good), None);
        assert_eq!(told(&format!(" {good}\r")), None);
        for (from, to, detail) in [
            (
                r#""client":1"#,
                r#""client":1.5"#,
                "/client must be an integer",
            ),
            (
                r#""client":1"#,
                r#""client":9223372036854775808"#,
                "/client must be an integer",
            ),
            (r#""b""#, r#""b\u0000""#, "/category must not contain NUL"),
            (r#""b""#, r#""""#, "/category length is lower than 1"),
            (r#""value":"1.5""#, r#""x":1"#, "/value is missing"),
        ] {
            assert_eq!(told(&good.replace(from, to)).as_deref(), Some(detail));
        }
        let many = format!("[{good}]");
        assert_eq!(told(&many).as_deref(), Some("must be a JSON object"));
        let more = format!("{good}{good}");
        assert!(told(&more).is_some_and(|detail| detail.starts_with("the body is not JSON")));
    }
}
