//! `billing-app generate-events`: believable events for a measurement.
//!
//! The same seed, count and end give the same events, but for their ids. They lie in two years, one after the other, with the
//! rhythm of a day: most come in the evening, few at night. A client belongs to one group, some clients have many more events
//! than others, and a value fits its category.

use std::{
    io::Write,
    time::{Duration, Instant},
};

use clap::Args;
use platform::database::{Database, DatabaseError};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};
use rust_decimal::Decimal;
use time::{Date, OffsetDateTime, Time, macros::format_description};

use super::{body::NewEvent, model::Event, writer::Writer};

/// What `generate-events` is told.
#[derive(Debug, Clone, Copy, Args)]
pub struct Command {
    /// How many events.
    #[arg(long)]
    count: u64,
    /// Other events for another seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The day after the last event, in UTC.
    #[arg(long, default_value = "2026-11-01", value_parser = parse_day)]
    until: Date,
}

/// Days from the first event to the last.
const DAYS: u64 = 730;

/// Clients, in groups of 20.
const CLIENTS: u64 = 200;

/// Events of one transaction.
const BATCH: u64 = 1_000;

/// How often the progress is told.
const PROGRESS: Duration = Duration::from_secs(1);

const DEVICE_TYPES: [&str; 5] = ["phone", "phone", "desktop", "tablet", "watch"];

/// Categories, and the largest value of each in cents.
const CATEGORIES: [(&str, u64); 6] = [
    ("view", 100),
    ("view", 100),
    ("click", 500),
    ("search", 100),
    ("purchase", 25_000),
    ("refund", 25_000),
];

/// How many events fall into each hour of a day, relative to the others.
const HOURS: [u64; 24] = [
    3, 2, 1, 1, 1, 2, 4, 7, 9, 9, 8, 8, 10, 9, 8, 8, 9, 11, 13, 15, 16, 14, 9, 5,
];

/// The first event lies two years before: all of them are in the years 1 to 9999, as those that are posted.
fn parse_day(text: &str) -> Result<Date, &'static str> {
    let day = Date::parse(text, format_description!("[year]-[month]-[day]")).ok();
    let day =
        day.filter(|day| text.starts_with(|sign: char| sign.is_ascii_digit()) && day.year() > 2);
    day.ok_or("it must be a day as 2026-11-01, of the years 3 to 9999")
}

/// Makes the events and writes them; tells the progress on standard error.
///
/// # Errors
/// When the database does not take them.
pub async fn generate(command: Command, database: &Database) -> Result<(), DatabaseError> {
    let writer = Writer::new(database);
    let mut random = ChaCha8Rng::seed_from_u64(command.seed);
    let (began, mut told, mut done) = (Instant::now(), Instant::now(), 0);
    while done < command.count {
        let next = (done + BATCH).min(command.count);
        let events = (done..next).map(|index| Event::of(event(&mut random, &command, index)));
        writer.write(&events.collect::<Vec<_>>()).await?;
        done = next;
        if told.elapsed() >= PROGRESS || done == command.count {
            told = Instant::now();
            tell(done, command.count, began.elapsed());
        }
    }
    Ok(())
}

/// A terminal that is gone is no reason to stop.
fn tell(done: u64, count: u64, took: Duration) {
    let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
    let rate = done.saturating_mul(1_000) / milliseconds;
    let _ = writeln!(
        std::io::stderr(),
        "{done} of {count} events, {rate} a second"
    );
}

/// The event number `index`.
fn event(random: &mut ChaCha8Rng, command: &Command, index: u64) -> NewEvent {
    let client = below(random, CLIENTS).min(below(random, CLIENTS));
    let (category, largest) = pick(random, &CATEGORIES);
    let cents = i64::try_from(1 + below(random, largest)).unwrap_or(i64::MAX);
    let sign = if category == "refund" { -1 } else { 1 };
    NewEvent {
        timestamp: timestamp(random, command, index),
        client: 1 + client.cast_signed(),
        client_group: 1 + (client / 20).cast_signed(),
        device_type: pick(random, &DEVICE_TYPES).to_owned(),
        category: category.to_owned(),
        valid: below(random, 100) < 97,
        value: Decimal::new(sign * cents, 2),
    }
}

/// The days follow each other; the time of the day is random.
fn timestamp(random: &mut ChaCha8Rng, command: &Command, index: u64) -> OffsetDateTime {
    let day = u128::from(index) * u128::from(DAYS) / u128::from(command.count);
    let back = i64::try_from(u128::from(DAYS) - day).unwrap_or(0);
    let day = command.until.saturating_sub(time::Duration::days(back));
    let within = time::Duration::hours(hour(random))
        + time::Duration::microseconds(below(random, 3_600_000_000).cast_signed());
    day.with_time(Time::MIDNIGHT).assume_utc() + within
}

fn hour(random: &mut ChaCha8Rng) -> i64 {
    let mut rest = below(random, HOURS.iter().sum());
    let mut hours = 0..;
    HOURS
        .iter()
        .find_map(|weight| {
            let hour = hours.next()?;
            let found = rest < *weight;
            rest = rest.saturating_sub(*weight);
            found.then_some(hour)
        })
        .unwrap_or(0)
}

fn pick<T: Copy>(random: &mut ChaCha8Rng, choices: &[T]) -> T {
    let place = below(random, choices.len() as u64);
    choices[usize::try_from(place).unwrap_or(0)]
}

/// A number below `limit`; the bias of the remainder does not matter here.
fn below(random: &mut ChaCha8Rng, limit: u64) -> u64 {
    random.next_u64() % limit
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use time::macros::date;

    fn events(seed: u64, count: u64) -> Vec<NewEvent> {
        let command = Command {
            count,
            seed,
            until: date!(2026 - 11 - 01),
        };
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        (0..count)
            .map(|index| event(&mut random, &command, index))
            .collect()
    }

    #[test]
    fn a_seed_gives_the_same_events_and_another_seed_others() {
        assert_eq!(events(1, 500), events(1, 500));
        assert_ne!(events(1, 500), events(2, 500));
    }

    #[test]
    fn all_events_lie_in_years_that_are_kept() {
        for text in ["0003-01-01", "2026-11-01", "9999-12-31"] {
            assert!(parse_day(text).is_ok(), "{text}");
        }
        for text in [
            "0002-12-31",
            "-0500-01-01",
            "-4000-01-01",
            "+2026-11-01",
            "now",
        ] {
            assert!(parse_day(text).is_err(), "{text}");
        }
    }

    #[test]
    fn events_lie_in_two_years_and_most_of_them_in_the_evening() {
        let events = events(7, 5_000);
        let days = events.iter().map(|event| event.timestamp.date());
        let (first, last) = (days.clone().min(), days.max());
        assert_eq!(first, Some(date!(2024 - 11 - 01)));
        assert_eq!(last, Some(date!(2026 - 10 - 31)));
        let within = |hours: std::ops::Range<u8>| {
            let inside = events
                .iter()
                .filter(|e| hours.contains(&e.timestamp.hour()));
            inside.count()
        };
        assert!(within(18..22) > 4 * within(0..4));
        let mut groups = BTreeMap::new();
        for event in &events {
            let group = groups.entry(event.client).or_insert(event.client_group);
            assert_eq!(*group, event.client_group);
        }
        assert!(groups.len() > 150);
    }
}
