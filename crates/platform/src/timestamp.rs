//! Times as clients see them: RFC 3339 in UTC, always with microseconds.
//!
//! `#[serde(with = "platform::timestamp")]` on an [`OffsetDateTime`]. PostgreSQL keeps microseconds, too: a time is
//! answered as it is kept.

use serde::{Serializer, ser::Error};
use time::{
    OffsetDateTime, UtcOffset, format_description::BorrowedFormatItem, macros::format_description,
};

const FORMAT: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

/// Writes a time.
///
/// # Errors
/// For a time that has no such text: outside the years 0 to 9999.
pub fn serialize<S: Serializer>(time: &OffsetDateTime, serializer: S) -> Result<S::Ok, S::Error> {
    let text = time.to_offset(UtcOffset::UTC).format(&FORMAT);
    serializer.serialize_str(&text.map_err(S::Error::custom)?)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn a_time_is_written_in_utc_with_six_digits() {
        let written = |time: OffsetDateTime| {
            let mut text = Vec::new();
            serialize(&time, &mut serde_json::Serializer::new(&mut text)).unwrap();
            String::from_utf8(text).unwrap()
        };
        let whole = datetime!(2026-12-01 01:02:03 +1);
        assert_eq!(written(whole), "\"2026-12-01T00:02:03.000000Z\"");
        let part = datetime!(2026-12-01 01:02:03.123456789 UTC);
        assert_eq!(written(part), "\"2026-12-01T01:02:03.123456Z\"");
    }
}
