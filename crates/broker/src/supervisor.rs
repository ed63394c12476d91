//! Builds generation after generation of a connection until a stop.

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{BrokerError, backoff::Backoff, status::Status};

/// What a supervisor builds again and again.
pub(crate) trait Generation {
    /// Makes a connection, calls [`Status::up`] when it is usable, and ends with it; `Ok` when stopped with nothing in
    /// hand. It is not dropped by a stop.
    fn run(&self, status: &mut Status) -> impl Future<Output = Result<(), BrokerError>> + Send;
}

/// Runs generations until one ends well or `stop` is cancelled, with growing pauses after failures.
pub(crate) async fn supervise(
    generation: impl Generation,
    mut status: Status,
    stop: CancellationToken,
) {
    let mut backoff = Backoff::new();
    while let Err(error) = generation.run(&mut status).await {
        if stop.is_cancelled() {
            tracing::info!(role = status.role(), reason = %error, "stopped; what was in hand goes back to its queue");
            return;
        }
        if status.down(&error) {
            backoff = Backoff::new();
        }
        let pause = sleep(backoff.after(&error));
        if stop.run_until_cancelled(pause).await.is_none() {
            return;
        }
    }
}
