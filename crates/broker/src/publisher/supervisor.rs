//! Builds generation after generation of a connection with its lanes, until the service stops.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use lapin::{Channel, ConnectionState, ErrorKind, Event, options::ConfirmSelectOptions};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use super::{
    inbox::{Inbox, Request, drop_abandoned},
    lane,
};
use crate::{
    BrokerError, BrokerState, Settings, connection::Link, pauses::Pauses, status::Status, topology,
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
    pub(super) fn new(settings: Settings, queues: Arc<[String]>, inbox: Inbox) -> Self {
        Self {
            settings,
            queues,
            inbox,
            held: Default::default(),
            status: Status::new("publisher".into()),
        }
    }

    pub(super) fn state(&self) -> watch::Receiver<BrokerState> {
        self.status.subscribe()
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
        let mut pauses = Pauses::new();
        while let Err(error) = self.generation().await {
            if self.status.down(&error) {
                pauses = Pauses::new();
            }
            if self.inbox.stop().is_cancelled() && self.waiting() == 0 {
                return;
            }
            self.pause(pauses.after(&error)).await;
        }
    }

    /// A connection, from its making to its end; `Ok` when stopped and everything is settled.
    async fn generation(&mut self) -> Result<(), BrokerError> {
        let link = Link::open(&self.settings, self.status.role()).await?;
        let [left, right] = link.set_up(channels(&link, &self.queues)).await?;
        self.status.up();
        let connection = link.connection().status();
        let [left_held, right_held] = &mut self.held;
        let lanes = futures_util::future::try_join(
            lane::run(&left, connection, &self.inbox, left_held),
            lane::run(&right, connection, &self.inbox, right_held),
        );
        tokio::select! {
            ended = lanes => { ended?; }
            error = watch_connection(&link, &self.status) => return Err(error),
        }
        link.close().await;
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
async fn channels(link: &Link, queues: &[String]) -> Result<[Channel; 2], BrokerError> {
    let channels = [link.channel().await?, link.channel().await?];
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

/// Follows alarms, and ends when the connection ends; idle lanes would not notice.
async fn watch_connection(link: &Link, status: &Status) -> BrokerError {
    let mut events = std::pin::pin!(link.connection().events_listener());
    loop {
        match timeout(Duration::from_secs(1), events.next()).await {
            Ok(Some(Event::ConnectionBlocked(reason))) => status.blocked(Some(&reason)),
            Ok(Some(Event::ConnectionUnblocked)) => status.blocked(None),
            Ok(Some(Event::Error(error))) => return error.into(),
            Ok(None) => return ended(),
            Ok(Some(_)) | Err(_) => {}
        }
        if !link.connection().status().connected() {
            return ended();
        }
    }
}

fn ended() -> BrokerError {
    BrokerError::Lost(ErrorKind::InvalidConnectionState(ConnectionState::Closed).into())
}
