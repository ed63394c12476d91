//! Builds generation after generation of a consuming connection, until the service stops.

use std::sync::Arc;

use lapin::{
    Acker, Channel,
    options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions},
    types::{FieldTable, ShortString},
};
use time::OffsetDateTime;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{
    Consumer, Limits,
    batch::{self, Batch},
    progress::{InHand, Progress},
    retry::Retry,
    settle::Settling,
};
use crate::{
    BrokerError, Incoming, Publisher, Settings, connection::Connection, status::Status,
    supervisor::Generation, topology,
};

/// Everything that consuming one queue needs.
pub(super) struct Supervisor<C> {
    pub(super) consumer: Arc<C>,
    pub(super) settings: Settings,
    pub(super) dead_letters: Publisher,
    pub(super) limits: Limits,
    pub(super) stop: CancellationToken,
    pub(super) progress: Arc<Progress>,
}

/// A channel that consumes.
struct Subscription {
    channel: Channel,
    deliveries: lapin::Consumer,
}

impl<C: Consumer> Generation for Supervisor<C> {
    async fn run(&self, status: &mut Status) -> Result<(), BrokerError> {
        tokio::select! {
            ended = self.generation(status) => ended,
            () = self.progress.given_up() => Err(BrokerError::Stalled),
        }
    }
}

impl<C: Consumer> Supervisor<C> {
    /// A connection, from its making to its end; `Ok` when stopped with nothing in hand.
    async fn generation(&self, status: &mut Status) -> Result<(), BrokerError> {
        self.progress.sign();
        let connecting = Connection::open(&self.settings, status.role());
        let Some(connection) = self.stop.run_until_cancelled(connecting).await else {
            return Ok(());
        };
        let connection = connection?;
        let subscription = connection.set_up(self.subscribe(&connection)).await?;
        status.up();
        connection.run(self.consume(subscription)).await?;
        connection.close().await;
        Ok(())
    }

    /// Settles batch after batch until a stop.
    async fn consume(&self, mut subscription: Subscription) -> Result<(), BrokerError> {
        let (limits, stop) = (&self.limits, &self.stop);
        while let Some(batch) = batch::collect(&mut subscription.deliveries, limits, stop).await? {
            self.process(&subscription, batch).await?;
        }
        Ok(())
    }

    /// Qos comes before consume: without it the broker would send the whole queue at once.
    async fn subscribe(&self, connection: &Connection) -> Result<Subscription, BrokerError> {
        let channel = connection.channel().await?;
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
        let _in_hand = self.progress.take(in_hand(&deliveries));
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
            consumer: &*self.consumer,
            dead_letters: &self.dead_letters,
            progress: &self.progress,
            confirm_limit: self.limits.confirm,
            retry: Retry {
                queue: self.consumer.queue(),
                acker: last,
                stop: &self.stop,
                limit: self.limits.hold,
                held: None,
            },
        }
    }
}

fn in_hand(deliveries: &[Incoming]) -> InHand {
    let oldest = deliveries.first().and_then(Incoming::sent_at);
    InHand {
        count: deliveries.len().try_into().unwrap_or(u32::MAX),
        oldest: Some(oldest.unwrap_or_else(OffsetDateTime::now_utc)),
    }
}
