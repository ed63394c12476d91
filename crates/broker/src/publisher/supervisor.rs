//! Builds generation after generation of a connection with its lanes, until the service stops.

use std::{sync::Arc, time::Duration};

use lapin::{Channel, options::ConfirmSelectOptions};
use tokio::time::sleep;

use super::{
    inbox::{Inbox, Request, drop_abandoned},
    lane,
};
use crate::{
    BrokerError, Settings,
    connection::Connection,
    status::{LASTING, Status},
    supervisor::{Generation, supervise},
    topology,
};

/// How long messages in hand may take to be settled after a stop.
const SETTLE_LIMIT: Duration = Duration::from_secs(2);

/// Owns the connection, and every request that a lane has taken and not settled.
pub(super) struct Supervisor {
    settings: Settings,
    queues: Arc<[String]>,
    inbox: Inbox,
    held: [Vec<Request>; 2],
}

impl Supervisor {
    pub(super) fn new(settings: Settings, queues: Arc<[String]>, inbox: Inbox) -> Self {
        Self {
            settings,
            queues,
            inbox,
            held: Default::default(),
        }
    }

    pub(super) async fn run(mut self, status: Status) {
        let stop = self.inbox.stop().clone();
        let out_of_time = async {
            stop.cancelled().await;
            sleep(SETTLE_LIMIT).await;
        };
        tokio::select! {
            () = supervise(&mut self, status, stop.clone()) => {}
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

    /// Accepts no more, and counts the requests whose callers still wait.
    fn waiting(&mut self) -> usize {
        self.inbox.close_into(&mut self.held[0]);
        self.held.iter_mut().for_each(drop_abandoned);
        self.held.iter().map(Vec::len).sum()
    }
}

impl Generation for Supervisor {
    async fn run(&mut self, status: &mut Status) -> Result<(), BrokerError> {
        let connection = Connection::open(&self.settings, status.role()).await?;
        let [left, right] = connection
            .set_up(channels(&connection, &self.queues))
            .await?;
        status.up();
        let (status, [left_held, right_held]) = (&*status, &mut self.held);
        let confirmed = || status.prove();
        let lanes = futures_util::future::try_join(
            lane::run(
                &left,
                connection.status(),
                &self.inbox,
                left_held,
                confirmed,
            ),
            lane::run(
                &right,
                connection.status(),
                &self.inbox,
                right_held,
                confirmed,
            ),
        );
        let publishing = async {
            tokio::select! {
                ended = lanes => ended.map(drop),
                () = prove_by_lasting(status) => Ok(()),
            }
        };
        let alarm = |reason: Option<&str>| status.blocked(reason);
        connection.run_with_alarms(alarm, publishing).await?;
        connection.close().await
    }

    fn is_done(&mut self) -> bool {
        self.waiting() == 0
    }
}

/// Without messages a connection can prove itself by lasting only. It never returns.
async fn prove_by_lasting(status: &Status) {
    sleep(LASTING).await;
    status.prove();
    std::future::pending::<()>().await;
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
