//! Writes events, a batch at a time, into the partitions of their months.
//!
//! A partition that is missing is made before the batch is written, in a transaction of its own: two billings that need the
//! same one wait for each other, and neither waits with rows written. Which partitions there are is remembered; if one has been
//! removed meanwhile, it is made again.
//!
//! The connections are the writer's own: streams of events keep no other request waiting.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use platform::database::{Connection, Database, DatabaseError};
use time::{Date, OffsetDateTime};

use super::model::{self, Event};
use crate::BATCH_LIMIT;

/// The most connections of the writer.
const POOL: u32 = 4;

/// The years whose months have partitions; the migration has made two for what is outside of them.
const YEARS: std::ops::Range<i32> = 2010..2040;

/// A handle to the writer; clones share it.
#[derive(Clone)]
pub struct Writer {
    database: Database,
    /// The months whose partitions are known to be there: at most those of [`YEARS`].
    months: Arc<Mutex<BTreeSet<Date>>>,
}

impl Writer {
    /// A writer with connections of its own.
    #[must_use]
    pub fn new(database: &Database) -> Self {
        Self {
            database: database.another_pool(POOL),
            months: Arc::default(),
        }
    }

    /// Writes all of `events` or none.
    pub(super) async fn write(&self, events: &[Event]) -> Result<(), DatabaseError> {
        self.add_months(events).await?;
        match self.insert(events).await {
            Err(error) if model::has_no_partition(&error) => {
                self.known_months().clear();
                self.add_months(events).await?;
                self.insert(events).await
            }
            written => written,
        }
    }

    async fn insert(&self, events: &[Event]) -> Result<(), DatabaseError> {
        let insert = async |c: &mut Connection| model::insert(c, events).await;
        self.database.run_within(BATCH_LIMIT, insert).await
    }

    /// Makes the partitions that are not known to be there.
    async fn add_months(&self, events: &[Event]) -> Result<(), DatabaseError> {
        let months: BTreeSet<Date> = events.iter().filter_map(|e| month(e.timestamp)).collect();
        let missing: Vec<_> = months.difference(&self.known_months()).copied().collect();
        for month in missing {
            let add = async |c: &mut Connection| model::add_month(c, month).await;
            self.database.run_within(BATCH_LIMIT, add).await?;
            self.known_months().insert(month);
        }
        Ok(())
    }

    fn known_months(&self) -> MutexGuard<'_, BTreeSet<Date>> {
        self.months.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first day of the month whose partition an event of this time is in; `None` outside of [`YEARS`].
fn month(timestamp: OffsetDateTime) -> Option<Date> {
    let inside = YEARS.contains(&timestamp.year());
    inside.then(|| timestamp.date().replace_day(1).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::{date, datetime};

    #[test]
    fn months_of_thirty_years_have_partitions() {
        assert_eq!(month(datetime!(2009-12-31 23:59:59.999999 UTC)), None);
        let first = month(datetime!(2010-01-01 0:00 UTC));
        assert_eq!(first, Some(date!(2010 - 01 - 01)));
        let last = month(datetime!(2039-12-31 23:59:59.999999 UTC));
        assert_eq!(last, Some(date!(2039 - 12 - 01)));
        assert_eq!(month(datetime!(2040-01-01 0:00 UTC)), None);
    }
}
