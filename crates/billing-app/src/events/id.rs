//! The ids of events: uuids of version 7 that also tell the month of the event's timestamp.
//!
//! An id begins with the time of its making, so ids are in that order, to the millisecond. Of the bits that version 7 leaves to
//! the application, twelve hold the number of the month; the others are random. Without it, a lookup by id would ask the index
//! of every partition. To clients an id is opaque.

use std::ops::RangeInclusive;

use time::{Date, Duration, Month, OffsetDateTime, Time, macros::datetime};
use uuid::Uuid;

/// The month with the number 1 is January of this year. Months outside of the numbers share the first or the last.
const FIRST_YEAR: i32 = 1850;

/// The largest number of twelve bits.
const LAST: u16 = 0xfff;

const EARLIEST: OffsetDateTime = datetime!(0001-01-01 0:00 UTC);
const LATEST: OffsetDateTime = datetime!(9999-12-31 23:59:59.999999 UTC);

/// A new id for an event of this time.
pub(super) fn new(timestamp: OffsetDateTime) -> Uuid {
    let mut bytes = Uuid::now_v7().into_bytes();
    let [high, low] = number(timestamp).to_be_bytes();
    bytes[6] = 0x70 | high;
    bytes[7] = low;
    Uuid::from_bytes(bytes)
}

/// The times that an event with this id may have. An id that was not made here has some, too, and no event.
pub(super) fn times(id: Uuid) -> RangeInclusive<OffsetDateTime> {
    let bytes = id.as_bytes();
    let number = u16::from_be_bytes([bytes[6], bytes[7]]) & LAST;
    let until = match number {
        LAST => LATEST,
        number => start(number + 1) - Duration::MICROSECOND,
    };
    start(number)..=until
}

/// The number of the month of a time.
fn number(timestamp: OffsetDateTime) -> u16 {
    let months = (timestamp.year() - FIRST_YEAR) * 12 + i32::from(u8::from(timestamp.month()));
    u16::try_from(months.max(0)).unwrap_or(LAST).min(LAST)
}

/// When the month with this number begins.
fn start(number: u16) -> OffsetDateTime {
    let Some(months) = number.checked_sub(1) else {
        return EARLIEST;
    };
    let year = FIRST_YEAR + i32::from(months / 12);
    let month = Month::January.nth_next(u8::try_from(months % 12).unwrap_or(0));
    let day = Date::from_calendar_date(year, month, 1);
    day.map_or(LATEST, |day| day.with_time(Time::MIDNIGHT).assume_utc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_id_tells_its_month_and_nothing_more() {
        let times = times(new(datetime!(2024-02-29 12:00 UTC)));
        let expected = datetime!(2024-02-01 0:00 UTC)..=datetime!(2024-02-29 23:59:59.999999 UTC);
        assert_eq!(times, expected);
    }

    #[test]
    fn ids_are_of_version_7_and_differ() {
        let ids: std::collections::BTreeSet<_> = (0..10_000).map(|_| new(EARLIEST)).collect();
        assert_eq!(ids.len(), 10_000);
        assert!(ids.iter().all(|id| id.get_version_num() == 7));
    }

    proptest! {
        #[test]
        fn the_time_of_an_event_is_within_those_of_its_id(
            microseconds in EARLIEST.unix_timestamp() * 1_000_000..=LATEST.unix_timestamp() * 1_000_000,
        ) {
            let time = OffsetDateTime::UNIX_EPOCH + Duration::microseconds(microseconds);
            prop_assert!(times(new(time)).contains(&time));
        }

        #[test]
        fn any_uuid_has_times(bytes: [u8; 16]) {
            let times = times(Uuid::from_bytes(bytes));
            prop_assert!(times.start() < times.end());
        }
    }
}
