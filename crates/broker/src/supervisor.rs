//! Builds generation after generation of a connection until a stop.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{BrokerError, backoff::Backoff, status::Status};

/// What a supervisor builds again and again.
pub(crate) trait Generation {
    /// Makes a connection, calls [`Status::up`] when it is usable, and ends with it; `Ok` when stopped and everything is
    /// settled.
    fn run(&mut self, status: &mut Status) -> impl Future<Output = Result<(), BrokerError>> + Send;

    /// Whether nothing is left that needs another connection; asked after a stop.
    fn is_done(&mut self) -> bool {
        true
    }
}

/// Runs generations until one ends well, or is the last after `stop`, with growing pauses after failures. A stop drops
/// no generation: each ends by itself, within its own limits.
pub(crate) async fn supervise(
    generation: &mut impl Generation,
    mut status: Status,
    stop: CancellationToken,
) {
    let mut backoff = Backoff::new();
    while let Err(error) = generation.run(&mut status).await {
        if stop.is_cancelled() && generation.is_done() {
            return;
        }
        if status.down(&error) {
            backoff = Backoff::new();
        }
        pause(backoff.after(&error), &stop).await;
    }
}

/// A stop wakes it once: then there may be nothing left to wait for.
async fn pause(pause: Duration, stop: &CancellationToken) {
    if stop.is_cancelled() {
        sleep(pause).await;
    } else {
        stop.run_until_cancelled(sleep(pause)).await;
    }
}
