//! Builds generation after generation of a connection with its lanes, until the service stops.

use std::{sync::Arc, time::Duration};

use lapin::{Channel, options::ConfirmSelectOptions};
use tokio::time::sleep;

use super::{
    inbox::{Inbox, Request, drop_abandoned},
    lane,
};
use crate::{
    BrokerError, Settings, backoff::Backoff, connection::Connection, status::Status, topology,
};

/// How long messages in hand may take to be settled after a stop.
const SETTLE_LIMIT: Duration = Duration::from_secs(2);

/// Owns the connection, and every request that a lane has taken and not settled.
pub(super) struct Supervisor {
    settings: Settings,
    queues: Arc<[String]>,
    inbox: Inbox,
    held: [Vec<Request>; 2],
    status: Status,
}

impl Supervisor {
    pub(super) fn new(
        settings: Settings,
        queues: Arc<[String]>,
        inbox: Inbox,
        status: Status,
    ) -> Self {
        Self {
            settings,
            queues,
            inbox,
            held: Default::default(),
            status,
        }
    }

    pub(super) async fn run(mut self) {
        let stop = self.inbox.stop().clone();
        let out_of_time = async {
            stop.cancelled().await;
            sleep(SETTLE_LIMIT).await;
        };
        tokio::select! {
            () = self.generations() => {}
            () = out_of_time => {}
        }
        let left = self.waiting();
        if left > 0 {
            tracing::warn!(
                left,
                "publishing ended; messages without a confirm may or may not be kept"
            );
        }
    }

    async fn generations(&mut self) {
        let mut backoff = Backoff::new();
        while let Err(error) = self.generation().await {
            if self.status.down(&error) {
                backoff = Backoff::new();
            }
            if self.inbox.stop().is_cancelled() && self.waiting() == 0 {
                return;
            }
            self.pause(backoff.after(&error)).await;
        }
    }

    /// A connection, from its making to its end; `Ok` when stopped and everything is settled.
    async fn generation(&mut self) -> Result<(), BrokerError> {
        let connection = Connection::open(&self.settings, self.status.role()).await?;
        let [left, right] = connection
            .set_up(channels(&connection, &self.queues))
            .await?;
        self.status.up();
        let [left_held, right_held] = &mut self.held;
        let lanes = futures_util::future::try_join(
            lane::run(&left, connection.status(), &self.inbox, left_held),
            lane::run(&right, connection.status(), &self.inbox, right_held),
        );
        let alarm = |reason: Option<&str>| self.status.blocked(reason);
        connection.run_with_alarms(alarm, lanes).await?;
        connection.close().await;
        Ok(())
    }

    /// Sleeps; a stop wakes it once, because then there may be nothing left to wait for.
    async fn pause(&self, pause: Duration) {
        let stop = self.inbox.stop();
        if stop.is_cancelled() {
            sleep(pause).await;
        } else {
            stop.run_until_cancelled(sleep(pause)).await;
        }
    }

    /// Accepts no more, and counts those who still wait.
    fn waiting(&mut self) -> usize {
        self.inbox.close_into(&mut self.held[0]);
        self.held.iter_mut().for_each(drop_abandoned);
        self.held.iter().map(Vec::len).sum()
    }
}

/// Two channels in confirm mode, on a broker that has the queues.
async fn channels(connection: &Connection, queues: &[String]) -> Result<[Channel; 2], BrokerError> {
    let channels = [connection.channel().await?, connection.channel().await?];
    for queue in queues {
        let queue = topology::name(queue)?;
        topology::declare(&channels[0], &queue).await?;
    }
    for channel in &channels {
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
    }
    Ok(channels)
}
