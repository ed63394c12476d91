//! What a message on `locations_track` means: a place on the way of the trip that its bike was on at that time.
//!
//! An event is added to the trip that ran at its `recorded_at`, whenever it comes; one that comes again adds nothing. One
//! outside any trip, of an unknown bike too, adds nothing and is no error: `locations_position` tells of unknown bikes.
//! Several processes may consume at once.

use broker::{Consumer, Failure, Received, Refused};
use messages::locations::{Location, TRACK_QUEUE};
use platform::database::{Connection, Database};

use super::track_model::Places;
use crate::BATCH_LIMIT;

/// Draws tracks.
pub struct Track {
    /// Where the trips are.
    pub database: Database,
}

impl Consumer for Track {
    type Message = Location;

    fn name(&self) -> &'static str {
        "locations-track"
    }

    fn noun(&self) -> &'static str {
        "place of a track"
    }

    fn queue(&self) -> &str {
        TRACK_QUEUE
    }

    async fn store(&self, batch: &[Received<Location>]) -> Result<Vec<Refused>, Failure> {
        let places = Places::of(batch.iter().map(|received| &received.message));
        let store = async move |c: &mut Connection| places.store(c).await;
        self.database.run_within(BATCH_LIMIT, store).await?;
        Ok(Vec::new())
    }

    async fn store_answers(&self) -> bool {
        self.database.ping().await.is_ok()
    }
}
