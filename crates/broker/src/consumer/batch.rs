//! Collecting deliveries: up to so many, or as many as come within a window that the first one opens, and without a lull.
//!
//! Deliveries are taken out of the client library as they come, so that it is always known how many are not settled.

use futures_util::StreamExt;
use lapin::Acker;
use tokio::{
    sync::mpsc::{Receiver, Sender},
    time::{Instant, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{Limits, progress::Progress};
use crate::{BrokerError, Incoming};

/// A delivered message, and how to acknowledge it.
pub(super) type Delivered = (Incoming, Acker);

/// Messages of one channel, in the order of their delivery, without a gap: acknowledging the last acknowledges all.
pub(super) struct Batch {
    pub(super) messages: Vec<Incoming>,
    pub(super) last: Acker,
}

/// Takes every delivery as it comes. After a stop it waits without an end: the stream ends then, because the consumer
/// is cancelled, and the batch in hand goes on.
///
/// # Errors
/// Anything but a delivery on the stream means that the channel is gone.
pub(super) async fn receive(
    deliveries: &mut lapin::Consumer,
    delivered: Sender<Delivered>,
    progress: &Progress,
    stop: &CancellationToken,
) -> Result<(), BrokerError> {
    while let Some(delivery) = deliveries.next().await {
        let delivery = delivery?;
        let acker = delivery.acker.clone();
        let message = Incoming::from(delivery);
        progress.record_delivery(&message);
        // There is room for all that the broker may send ahead.
        if delivered.send((message, acker)).await.is_err() {
            break;
        }
    }
    if stop.is_cancelled() {
        std::future::pending::<()>().await;
    }
    Err(BrokerError::Cancelled)
}

/// What waiting for a batch came to.
pub(super) enum Collected {
    Batch(Batch),
    /// Nothing was delivered for [`Limits::renew`].
    Idle,
    /// Stopped before the first delivery.
    Stopped,
}

/// Waits for the first delivery, then collects.
pub(super) async fn collect(
    delivered: &mut Receiver<Delivered>,
    limits: &Limits,
    stop: &CancellationToken,
) -> Collected {
    let first = tokio::select! {
        biased;
        () = stop.cancelled() => return Collected::Stopped,
        first = timeout(limits.renew, delivered.recv()) => first,
    };
    let (first, last) = match first {
        Ok(Some(first)) => first,
        // The other half has ended, and says why.
        Ok(None) => std::future::pending().await,
        Err(_) => return Collected::Idle,
    };
    let mut batch = Batch {
        messages: vec![first],
        last,
    };
    let full = Instant::now() + limits.window;
    while batch.messages.len() < usize::from(limits.batch)
        && let end = full.min(Instant::now() + limits.lull)
        && let Ok(Some((message, acker))) = timeout_at(end, delivered.recv()).await
    {
        batch.messages.push(message);
        batch.last = acker;
    }
    Collected::Batch(batch)
}
