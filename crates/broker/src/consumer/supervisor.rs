//! Builds generation after generation of a consuming connection, until the service stops.

use std::sync::Arc;

use lapin::{
    Acker, Channel,
    options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions},
    types::{FieldTable, ShortString},
};
use tokio::{sync::mpsc, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{
    Consumer, Setup,
    batch::{Batch, Collected, collect, receive},
    progress::Progress,
    retry::Retry,
    settle::Settling,
};
use crate::{
    BrokerError, connection::Connection, status::Status, supervisor::Generation, topology,
};

/// Everything that consuming one queue needs.
pub(super) struct Supervisor<C> {
    pub(super) consumer: Arc<C>,
    pub(super) setup: Setup,
    pub(super) stop: CancellationToken,
    pub(super) progress: Arc<Progress>,
}

/// A channel that consumes.
struct Subscription {
    channel: Channel,
    deliveries: lapin::Consumer,
}

/// Why consuming has ended in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Consumed {
    UntilIdle,
    UntilStopped,
}

impl<C: Consumer> Generation for Supervisor<C> {
    async fn run(&mut self, status: &mut Status) -> Result<(), BrokerError> {
        self.progress.record_activity();
        let ended = tokio::select! {
            ended = self.generation(status) => ended,
            () = self.progress.given_up() => Err(BrokerError::Stalled),
        };
        self.progress.forget_deliveries();
        ended
    }
}

impl<C: Consumer> Supervisor<C> {
    /// A connection, from its making to its end; `Ok` when stopped with nothing in hand.
    async fn generation(&self, status: &mut Status) -> Result<(), BrokerError> {
        let connecting = Connection::open(&self.setup.settings, status.role());
        let Some(connection) = self.stop.run_until_cancelled(connecting).await else {
            return Ok(());
        };
        let connection = connection?;
        let mut subscription = connection.set_up(self.subscribe(&connection)).await?;
        status.up();
        while connection.run(self.consume(&mut subscription)).await? == Consumed::UntilIdle {
            // A lost delivery comes again when its channel is closed.
            let renewing = async {
                subscription.channel.close(200, "renewed".into()).await?;
                self.subscribe(&connection).await
            };
            subscription = connection.set_up(renewing).await?;
        }
        connection.close().await
    }

    /// Settles batch after batch until a stop, or until nothing was delivered for a while.
    async fn consume(&self, subscription: &mut Subscription) -> Result<Consumed, BrokerError> {
        let Subscription {
            channel,
            deliveries,
        } = subscription;
        let tag = deliveries.tag();
        let (sender, mut delivered) = mpsc::channel(self.prefetch().into());
        let settling = async {
            loop {
                match collect(&mut delivered, &self.setup.limits, &self.stop).await {
                    Collected::Batch(batch) => self.process(channel, &tag, batch).await?,
                    Collected::Idle => return Ok(Consumed::UntilIdle),
                    Collected::Stopped => return Ok(Consumed::UntilStopped),
                }
            }
        };
        tokio::select! {
            settled = settling => settled,
            Err(ended) = receive(deliveries, sender, &self.progress, &self.stop) => Err(ended),
        }
    }

    fn prefetch(&self) -> u16 {
        self.setup.limits.batch.saturating_mul(2)
    }

    /// Qos comes before consume: without it the broker would send the whole queue at once.
    async fn subscribe(&self, connection: &Connection) -> Result<Subscription, BrokerError> {
        let channel = connection.channel().await?;
        let queue = topology::name(self.consumer.queue())?;
        topology::declare(&channel, &queue).await?;
        channel
            .basic_qos(self.prefetch(), BasicQosOptions::default())
            .await?;
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
    async fn process(
        &self,
        channel: &Channel,
        tag: &ShortString,
        batch: Batch,
    ) -> Result<(), BrokerError> {
        let mut settling = std::pin::pin!(self.settling(&batch.last).settle(&batch));
        tokio::select! {
            settled = &mut settling => return settled,
            () = self.stop.cancelled() => {}
        }
        let finish = async {
            let cancel = channel.basic_cancel(tag.clone(), BasicCancelOptions::default());
            let (_, settled) = tokio::join!(cancel, settling);
            settled
        };
        timeout(self.setup.limits.drain, finish)
            .await
            .unwrap_or(Err(BrokerError::Stopped))
    }

    fn settling<'a>(&'a self, last: &'a Acker) -> Settling<'a, C> {
        Settling {
            consumer: &*self.consumer,
            dead_letters: &self.setup.dead_letters,
            limits: &self.setup.limits,
            progress: &self.progress,
            retry: Retry {
                queue: self.consumer.queue(),
                acker: last,
                stop: &self.stop,
                progress: &self.progress,
                limit: self.setup.limits.hold,
                held: None,
            },
        }
    }
}
