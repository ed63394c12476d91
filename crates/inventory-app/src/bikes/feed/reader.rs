//! The task that reads each change once, woken by the database (`NOTIFY bikes_positions`) and by a timer: a notification
//! may be missed.
//!
//! While the database does not answer, listeners get heartbeats; afterwards they get all that they have missed.

use std::time::Duration;

use platform::{
    database::{ConnectError, Connection, Database, DatabaseError},
    error::chain,
};
use tokio::{
    select,
    sync::Notify,
    time::{sleep, timeout},
};

use super::{Event, Feed};
use crate::bikes::model::Change;

/// What the writers of changes notify.
const CHANNEL: &str = "bikes_positions";

/// Reads for the listeners of one process.
pub struct Reader {
    feed: Feed,
    /// A pool of its own: the reader does not wait for requests and for listeners that resume.
    database: Database,
    /// The last sequence that was read; `None` while the table was always empty.
    position: Option<i64>,
    is_down: bool,
}

impl Reader {
    /// Begins after the newest change: the table gives older ones to listeners that resume.
    pub(super) async fn begin(feed: Feed, database: Database) -> Self {
        let mut reader = Self {
            feed,
            database,
            position: None,
            is_down: false,
        };
        while let Err(error) = reader.find_newest().await {
            reader.log_down(&error);
            sleep(reader.feed.0.limits.poll).await;
        }
        reader
    }

    /// Reads until the stop.
    pub async fn run(mut self) {
        let (stop, database) = (self.feed.0.stop.clone(), self.database.clone());
        let (wake, poll) = (Notify::new(), self.feed.0.limits.poll);
        select! {
            () = stop.cancelled() => {}
            () = self.read_repeatedly(&wake) => {}
            () = listen_repeatedly(&database, &wake, poll) => {}
        }
    }

    async fn find_newest(&mut self) -> Result<(), DatabaseError> {
        let newest = async |c: &mut Connection| Change::newest(c).await;
        self.position = self.database.run(newest).await?;
        Ok(())
    }

    async fn read_repeatedly(&mut self, wake: &Notify) {
        let poll = self.feed.0.limits.poll;
        loop {
            match self.read().await {
                Ok(()) => self.log_up(),
                Err(error) => self.log_down(&error),
            }
            // After the time it reads without a notification.
            let _ = timeout(poll, wake.notified()).await;
        }
    }

    /// Reads to the end of the table.
    async fn read(&mut self) -> Result<(), DatabaseError> {
        while self.read_page().await? {}
        Ok(())
    }

    /// Whether there may be more. That all is kept is asked after the page was read: rows are only removed from its front.
    async fn read_page(&mut self) -> Result<bool, DatabaseError> {
        let (position, count) = (self.position, self.feed.0.limits.page);
        let read = async |c: &mut Connection| {
            let page = Change::after(c, position.unwrap_or(0), count).await?;
            let complete = match position {
                Some(last) if !page.is_empty() => Change::all_kept_since(c, last).await?,
                _ => true,
            };
            Ok::<_, DatabaseError>((page, complete))
        };
        let (page, complete) = self.database.run(read).await?;
        if !complete {
            self.send(Event::gap());
        }
        let is_full = page.len() == usize::from(count);
        for change in page {
            self.position = Some(change.sequence);
            self.send(change.into());
        }
        Ok(is_full)
    }

    fn send(&self, event: Event) {
        // An error says that there is no listener.
        let _ = self.feed.0.events.send(event);
    }

    fn log_up(&mut self) {
        if std::mem::take(&mut self.is_down) {
            tracing::info!("positions of bikes are read again");
        }
    }

    fn log_down(&mut self, error: &DatabaseError) {
        if !std::mem::replace(&mut self.is_down, true) {
            tracing::warn!(error = chain(error), "cannot read positions of bikes");
        }
    }
}

/// Connects again and again. Without a connection the timer of the reader goes on.
async fn listen_repeatedly(database: &Database, wake: &Notify, pause: Duration) {
    loop {
        if let Err(error) = listen(database, wake).await {
            tracing::debug!(error = chain(&error), "no notifications of positions");
        }
        sleep(pause).await;
    }
}

/// Until the connection ends. Notifications from before it began are missed, so the reader is woken at the start.
async fn listen(database: &Database, wake: &Notify) -> Result<(), ConnectError> {
    let mut listener = database.listen(CHANNEL).await?;
    loop {
        wake.notify_one();
        listener.notified().await?;
    }
}
