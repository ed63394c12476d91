//! What the parameters of a report may be: dimensions, orders, times.

use time::{
    Date, Duration, OffsetDateTime, Time, UtcOffset, format_description::well_known::Rfc3339,
    macros::format_description,
};

/// What events may be grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dimension {
    Client,
    ClientGroup,
    DeviceType,
    Category,
    Valid,
    Date,
}

impl Dimension {
    /// All of them, in the order that a report has unless the caller names another.
    pub(super) const ALL: [Self; 6] = [
        Self::Client,
        Self::ClientGroup,
        Self::DeviceType,
        Self::Category,
        Self::Valid,
        Self::Date,
    ];

    /// As the caller writes it, and as the statement and the answer call it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::ClientGroup => "client_group",
            Self::DeviceType => "device_type",
            Self::Category => "category",
            Self::Valid => "valid",
            Self::Date => "date",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == text)
    }
}

/// What groups may be ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Dimension(Dimension),
    Mean,
    Sum,
    Count,
}

impl Key {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Dimension(dimension) => dimension.name(),
            Self::Mean => "mean",
            Self::Sum => "sum",
            Self::Count => "count",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let measures = [Self::Mean, Self::Sum, Self::Count];
        let measure = measures.into_iter().find(|known| known.name() == text);
        measure.or_else(|| Dimension::parse(text).map(Self::Dimension))
    }
}

/// A key and its direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) key: Key,
    pub(super) descending: bool,
}

impl Order {
    pub(super) const fn ascending(dimension: Dimension) -> Self {
        Self {
            key: Key::Dimension(dimension),
            descending: false,
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let (name, descending) = match text.strip_prefix('-') {
            Some(name) => (name, true),
            None => (text, false),
        };
        let key = Key::parse(name)?;
        Some(Self { key, descending })
    }
}

/// A day in UTC, or a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    Day(Date),
    Time(OffsetDateTime),
}

impl Moment {
    pub(super) fn parse(text: &str) -> Option<Self> {
        // `time` reads a sign before the year.
        if !text.starts_with(|letter: char| letter.is_ascii_digit()) {
            return None;
        }
        let day = Date::parse(text, format_description!("[year]-[month]-[day]"));
        let moment = match day {
            Ok(day) => Self::Day(day),
            Err(_) => Self::Time(
                OffsetDateTime::parse(text, &Rfc3339)
                    .ok()?
                    .checked_to_offset(UtcOffset::UTC)?,
            ),
        };
        (1..=9999).contains(&moment.year()).then_some(moment)
    }

    fn year(self) -> i32 {
        match self {
            Self::Day(day) => day.year(),
            Self::Time(time) => time.year(),
        }
    }

    /// The first moment that is in it.
    pub(super) fn first(self) -> OffsetDateTime {
        match self {
            Self::Day(day) => day.with_time(Time::MIDNIGHT).assume_utc(),
            Self::Time(time) => time,
        }
    }

    /// The last microsecond that is in it.
    pub(super) fn last(self) -> OffsetDateTime {
        match self {
            Self::Day(_) => self.first() + (Duration::DAY - Duration::MICROSECOND),
            Self::Time(time) => time,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn a_day_is_that_of_utc_to_its_last_microsecond() {
        let bounds = |text| Moment::parse(text).map(|moment| (moment.first(), moment.last()));
        let leap = bounds("2024-02-29");
        let expected = (
            datetime!(2024-02-29 0:00 UTC),
            datetime!(2024-02-29 23:59:59.999999 UTC),
        );
        assert_eq!(leap, Some(expected));
        let time = datetime!(2024-02-29 23:00 UTC);
        assert_eq!(bounds("2024-03-01T00:00:00+01:00"), Some((time, time)));
        assert!(bounds("9999-12-31").is_some() && bounds("0001-01-01").is_some());
    }

    #[test]
    fn what_is_neither_day_nor_time_is_refused() {
        for text in [
            "",
            "today",
            "2026-02-29",
            "2026-13-01",
            "2026-1-1",
            "+2026-01-01",
            "20260101",
            "0000-01-01",
            "-2026-01-01",
            "10000-01-01",
            "2026-01-01T00:00:00",
            "0001-01-01T00:00:00+01:00",
            "9999-12-31T23:00:00-01:00",
        ] {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_order_is_a_key_with_a_direction() {
        for dimension in Dimension::ALL {
            let order = Order::parse(dimension.name());
            assert_eq!(order, Some(Order::ascending(dimension)));
        }
        let descending = Order::parse("-mean").is_some_and(|order| order.descending);
        assert!(descending);
        for text in [
            "",
            "-",
            "--sum",
            "+sum",
            "Sum",
            "sum ",
            "value",
            "timestamp",
        ] {
            assert_eq!(Order::parse(text), None, "{text}");
        }
    }
}
