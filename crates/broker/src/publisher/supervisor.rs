//! Builds generation after generation of a connection with its lanes, until the service stops.

use std::{sync::Arc, time::Duration};

use lapin::Channel;
use messages::topology::Declarations;
use tokio::time::sleep;

use super::{
    inbox::{Inbox, Request, drop_abandoned},
    lane::{self, Lane},
};
use crate::{
    BrokerError, Settings,
    connection::Connection,
    status::Status,
    supervisor::{Generation, supervise},
    topology,
};

/// How often a doubt may pass.
const PROOF_TICK: Duration = Duration::from_secs(1);

/// How long messages in hand may take to be settled after a stop.
const SETTLE_LIMIT: Duration = Duration::from_secs(2);

/// Owns the connection, and every request that a lane has taken and not settled.
pub(super) struct Supervisor {
    settings: Settings,
    declarations: Arc<Declarations>,
    inbox: Inbox,
    held: [Vec<Request>; 2],
}

impl Supervisor {
    pub(super) fn new(settings: Settings, declarations: Arc<Declarations>, inbox: Inbox) -> Self {
        Self {
            settings,
            declarations,
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
            .set_up(channels(&connection, &self.declarations))
            .await?;
        status.up();
        let (status, [left_held, right_held]) = (&*status, &mut self.held);
        let lane = |channel| Lane {
            channel,
            connection: &connection,
            declarations: &self.declarations,
            inbox: &self.inbox,
            status,
        };
        let (mut left, mut right) = (lane(left), lane(right));
        let lanes = futures_util::future::try_join(left.run(left_held), right.run(right_held));
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

/// It never returns.
async fn prove_by_lasting(status: &Status) {
    loop {
        sleep(PROOF_TICK).await;
        status.prove_by_lasting();
    }
}

/// Two channels in confirm mode, on a broker that has all that is declared.
async fn channels(
    connection: &Connection,
    declarations: &Declarations,
) -> Result<[Channel; 2], BrokerError> {
    let channels = [
        lane::channel(connection).await?,
        lane::channel(connection).await?,
    ];
    topology::declare_all(&channels[0], declarations).await?;
    Ok(channels)
}
