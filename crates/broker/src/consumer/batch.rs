//! Collecting deliveries: up to so many, or as many as come within a window that the first one opens.

use futures_util::StreamExt;
use lapin::message::Delivery;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::Limits;
use crate::BrokerError;

/// Deliveries of one channel, in the order of their tags, without a gap: acknowledging the last acknowledges all.
pub(super) type Batch = Vec<Delivery>;

/// Waits for the first delivery, then collects; `None` when stopped before the first.
///
/// # Errors
/// Anything but a delivery on the stream means that the channel is gone.
pub(super) async fn collect(
    deliveries: &mut lapin::Consumer,
    limits: &Limits,
    stop: &CancellationToken,
) -> Result<Option<Batch>, BrokerError> {
    let first = tokio::select! {
        biased;
        () = stop.cancelled() => return Ok(None),
        first = next(deliveries) => first?,
    };
    let mut batch = vec![first];
    let full = Instant::now() + limits.window;
    while batch.len() < usize::from(limits.batch) {
        match timeout_at(full, next(deliveries)).await {
            Ok(delivery) => batch.push(delivery?),
            Err(_) => break,
        }
    }
    Ok(Some(batch))
}

async fn next(deliveries: &mut lapin::Consumer) -> Result<Delivery, BrokerError> {
    match deliveries.next().await {
        Some(delivery) => Ok(delivery?),
        None => Err(BrokerError::Cancelled),
    }
}
