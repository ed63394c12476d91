//! What nobody needs any more: sessions that have expired, and failures of names that have not failed for a day. Neither
//! counts while it is there; without this they would stay for as long as their users do not come back.

use std::time::Duration;

use platform::database::{Connection, Database, DatabaseError};

use super::model::{sessions, throttle};
use crate::{BATCH_LIMIT, timer::Timer};

/// The most rows of each table in one round, which is followed at once when it was full.
const BATCH: u16 = 1_000;

/// Removes them.
pub struct CleanUp {
    /// Where they are.
    pub database: Database,
}

impl Timer for CleanUp {
    fn name(&self) -> &'static str {
        "accounts-timer"
    }

    fn answer(&self) -> Option<Duration> {
        None
    }

    async fn round(&self) -> Result<bool, DatabaseError> {
        let clean_up = async |c: &mut Connection| {
            let sessions = sessions::remove_expired(c, BATCH).await?;
            let failures = throttle::forget(c, BATCH).await?;
            Ok(sessions.max(failures) == usize::from(BATCH))
        };
        self.database.run_within(BATCH_LIMIT, clean_up).await
    }
}
