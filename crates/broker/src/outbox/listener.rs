//! Wakes the relay when a message was committed. Without a connection nothing is lost: the relay polls.

use std::sync::Arc;

use platform::{
    database::{ConnectError, Database},
    error::chain,
};
use tokio::{sync::Notify, time::sleep};
use tokio_util::sync::CancellationToken;

use super::row::CHANNEL;
use crate::backoff::Backoff;

/// Listens over one connection after another.
pub(super) struct Listener {
    database: Database,
    wake: Arc<Notify>,
    is_down: bool,
}

impl Listener {
    pub(super) fn new(database: Database, wake: Arc<Notify>) -> Self {
        Self {
            database,
            wake,
            is_down: false,
        }
    }

    pub(super) async fn run(mut self, stop: CancellationToken) {
        stop.run_until_cancelled(self.listen_repeatedly()).await;
    }

    async fn listen_repeatedly(&mut self) {
        let mut backoff = Backoff::new();
        loop {
            if let Err(error) = self.listen(&mut backoff).await {
                self.log_down(&error);
            }
            sleep(backoff.next()).await;
        }
    }

    /// Until the connection ends. Notifications from before it began are missed, so the relay is woken once at the start.
    async fn listen(&mut self, backoff: &mut Backoff) -> Result<(), ConnectError> {
        let mut listener = self.database.listen(CHANNEL).await?;
        self.log_up();
        *backoff = Backoff::new();
        loop {
            self.wake.notify_one();
            listener.notified().await?;
        }
    }

    fn log_up(&mut self) {
        if std::mem::take(&mut self.is_down) {
            tracing::info!("notifications of the outbox are received again");
        }
    }

    fn log_down(&mut self, error: &ConnectError) {
        if !std::mem::replace(&mut self.is_down, true) {
            let error = chain(error);
            tracing::warn!(
                error,
                "no notifications of the outbox; polling until they are back"
            );
        }
    }
}
