//! Holding a batch while what it needs is away: try, pause, try again, until one of three things ends it.
//!
//! It is let go when the service stops, when its channel is gone (the broker has already given it to
//! another consumer) or when the broker would close its channel. Then its messages return to the queue.

use std::{
    error::Error,
    time::{Duration, Instant},
};

use lapin::Acker;
use metrics::{counter, gauge};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{Failure, progress::Progress};
use crate::{BrokerError, backoff::Backoff, metrics as names};
use platform::error::chain;

/// How one batch is tried again.
pub(super) struct Retry<'a> {
    pub(super) queue: &'a str,
    pub(super) acker: &'a Acker,
    pub(super) stop: &'a CancellationToken,
    pub(super) progress: &'a Progress,
    pub(super) limit: Duration,
    pub(super) held: Option<Held<'a>>,
}

/// Since when, and how long the next pause is.
pub(super) struct Held<'a> {
    progress: &'a Progress,
    since: Instant,
    backoff: Backoff,
    gauge: metrics::Gauge,
}

impl Retry<'_> {
    /// Tries until it works or fails for good; the inner error is the reason.
    pub(super) async fn run<T, F>(
        &mut self,
        step: impl Fn() -> F,
    ) -> Result<Result<T, String>, BrokerError>
    where
        F: Future<Output = Result<T, Failure>> + Send,
    {
        loop {
            let answer = step().await;
            self.progress.record_activity();
            let settled = match answer {
                Ok(done) => Ok(done),
                Err(Failure::Permanent(reason)) => Err(reason),
                Err(Failure::Transient(error)) => {
                    self.pause(&*error).await?;
                    continue;
                }
            };
            self.succeeded();
            return Ok(settled);
        }
    }

    /// Waits for the next try.
    ///
    /// # Errors
    /// The batch is let go.
    pub(super) async fn pause(
        &mut self,
        error: &(dyn Error + Send + Sync + 'static),
    ) -> Result<(), BrokerError> {
        if self.held.is_none() {
            let (queue, error) = (self.queue, chain(error));
            tracing::warn!(queue, error, "a batch is held; trying until it works");
            counter!(names::HELD, "queue" => queue.to_owned()).increment(1);
        }
        self.progress.record_activity();
        let held = self
            .held
            .get_or_insert_with(|| Held::begin(self.queue, self.progress));
        if held.since.elapsed() > self.limit {
            return Err(BrokerError::HeldTooLong(self.limit));
        }
        let pause = sleep(held.backoff.next());
        if self.stop.run_until_cancelled(pause).await.is_none() {
            return Err(BrokerError::Stopped);
        }
        if self.acker.usable() {
            Ok(())
        } else {
            Err(BrokerError::Stale)
        }
    }

    /// It worked.
    pub(super) fn succeeded(&mut self) {
        if let Some(held) = self.held.take() {
            let seconds = held.since.elapsed().as_secs_f32();
            tracing::info!(queue = self.queue, seconds, "the held batch goes on");
        }
    }
}

impl<'a> Held<'a> {
    fn begin(queue: &str, progress: &'a Progress) -> Self {
        let gauge = gauge!(names::HOLDING, "queue" => queue.to_owned());
        gauge.set(1.0);
        progress.set_held(true);
        Self {
            progress,
            since: Instant::now(),
            backoff: Backoff::new(),
            gauge,
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.gauge.set(0.0);
        self.progress.set_held(false);
    }
}
