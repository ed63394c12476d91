//! Builds generation after generation of a consuming connection, until the service stops.

use lapin::{
    Acker, Channel,
    options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions},
    types::{FieldTable, ShortString},
};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Consumer, Limits,
    batch::{self, Batch},
    hold::Hold,
    settle::Settling,
};
use crate::{
    BrokerError, BrokerState, Incoming, Publisher, Settings, connection::Link, pauses::Pauses,
    status::Status, topology,
};

/// Everything that consuming one queue needs.
pub(super) struct Supervisor<C> {
    consumer: C,
    settings: Settings,
    dead_letters: Publisher,
    limits: Limits,
    stop: CancellationToken,
    status: Status,
}

/// A channel that consumes.
struct Subscription {
    channel: Channel,
    deliveries: lapin::Consumer,
}

impl<C: Consumer> Supervisor<C> {
    pub(super) fn new(
        consumer: C,
        settings: Settings,
        dead_letters: Publisher,
        limits: Limits,
        stop: CancellationToken,
    ) -> Self {
        let status = Status::new(format!("consumer of {}", consumer.queue()));
        Self {
            consumer,
            settings,
            dead_letters,
            limits,
            stop,
            status,
        }
    }

    pub(super) fn state(&self) -> watch::Receiver<BrokerState> {
        self.status.subscribe()
    }

    pub(super) async fn run(mut self) {
        let mut pauses = Pauses::new();
        while let Err(error) = self.generation().await {
            if self.stop.is_cancelled() {
                tracing::info!(reason = %error, "stopped consuming; what was in hand goes back to the queue");
                return;
            }
            if self.status.down(&error) {
                pauses = Pauses::new();
            }
            let pause = sleep(pauses.after(&error));
            if self.stop.run_until_cancelled(pause).await.is_none() {
                return;
            }
        }
    }

    /// A connection, from its making to its end; `Ok` when stopped with nothing in hand.
    async fn generation(&mut self) -> Result<(), BrokerError> {
        let connecting = Link::open(&self.settings, self.status.role());
        let Some(link) = self.stop.run_until_cancelled(connecting).await else {
            return Ok(());
        };
        let link = link?;
        let mut subscription = link.set_up(self.subscribe(&link)).await?;
        self.status.up();
        while let Some(batch) =
            batch::collect(&mut subscription.deliveries, &self.limits, &self.stop).await?
        {
            self.process(&subscription, batch).await?;
        }
        link.close().await;
        Ok(())
    }

    /// Qos comes before consume: without it the broker would send the whole queue at once.
    async fn subscribe(&self, link: &Link) -> Result<Subscription, BrokerError> {
        let channel = link.channel().await?;
        let queue = topology::name(self.consumer.queue())?;
        topology::declare(&channel, &queue).await?;
        let ahead = self.limits.batch.saturating_mul(2);
        channel.basic_qos(ahead, BasicQosOptions::default()).await?;
        let deliveries = channel
            .basic_consume(
                queue,
                ShortString::default(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await?;
        Ok(Subscription {
            channel,
            deliveries,
        })
    }

    /// Settles a batch; after a stop within its limit, and without fetching more.
    async fn process(&self, subscription: &Subscription, batch: Batch) -> Result<(), BrokerError> {
        let Some(last) = batch.last().map(|delivery| delivery.acker.clone()) else {
            return Ok(());
        };
        let deliveries: Vec<Incoming> = batch.into_iter().map(Incoming::from).collect();
        let mut settling = std::pin::pin!(self.settling(&last).settle(&deliveries, &last));
        tokio::select! {
            settled = &mut settling => return settled,
            () = self.stop.cancelled() => {}
        }
        let finish = async {
            let tag = subscription.deliveries.tag();
            let cancel = subscription
                .channel
                .basic_cancel(tag, BasicCancelOptions::default());
            let (_, settled) = tokio::join!(cancel, settling);
            settled
        };
        timeout(self.limits.drain, finish)
            .await
            .unwrap_or(Err(BrokerError::Stopped))
    }

    fn settling<'a>(&'a self, last: &'a Acker) -> Settling<'a, C> {
        Settling {
            consumer: &self.consumer,
            dead_letters: &self.dead_letters,
            hold: Hold {
                queue: self.consumer.queue(),
                acker: last,
                stop: &self.stop,
                limit: self.limits.hold,
                held: None,
            },
        }
    }
}
