//! What the loop of one consumer has done, in numbers that others may read at any time.
//!
//! The loop writes; the watchdog and health read. Nothing here waits.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use time::OffsetDateTime;
use tokio::sync::Notify;

use crate::Incoming;

/// An older message is not believed.
const AGE_MAX: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// Shared by the loop of one consumer and those who look at it.
#[derive(Debug)]
pub(super) struct Progress {
    state: Mutex<State>,
    give_up: Notify,
}

#[derive(Debug)]
struct State {
    /// When each delivery that is not settled was sent, or else received; the oldest first.
    unsettled: VecDeque<OffsetDateTime>,
    /// How many went back to the queue when the connection before ended.
    returned: usize,
    activity: u64,
    settled_batches: u64,
    held: bool,
    /// The last moment in which a batch was settled, or nothing waited.
    up_to_date: Instant,
    returned_at: Instant,
}

impl Progress {
    pub(super) fn new() -> Self {
        let state = State {
            unsettled: VecDeque::new(),
            returned: 0,
            activity: 0,
            settled_batches: 0,
            held: false,
            up_to_date: Instant::now(),
            returned_at: Instant::now(),
        };
        Self {
            state: Mutex::new(state),
            give_up: Notify::new(),
        }
    }

    /// The connection has ended: what is not settled goes back to the queue.
    pub(super) fn forget_deliveries(&self) {
        let mut state = self.state();
        state.returned = state.returned.max(state.unsettled.len());
        state.unsettled.clear();
        state.returned_at = Instant::now();
    }

    /// When deliveries went back to the queue; a number of the queue from before tells nothing.
    pub(super) fn returned_at(&self) -> Instant {
        self.state().returned_at
    }

    /// A message was delivered. A time of sending that cannot be true does not count.
    pub(super) fn record_delivery(&self, message: &Incoming) {
        let now = OffsetDateTime::now_utc();
        let sent = message
            .sent_at()
            .filter(|&sent| now - AGE_MAX < sent && sent < now);
        self.state().unsettled.push_back(sent.unwrap_or(now));
    }

    /// The store or the dead-letter queue has answered, well or not.
    pub(super) fn record_activity(&self) {
        self.state().activity += 1;
    }

    /// Changes whenever the loop has done something.
    pub(super) fn activity(&self) -> u64 {
        self.state().activity
    }

    /// The batch of the oldest deliveries is acknowledged.
    ///
    /// An acknowledgement that was written may be lost with its connection, and then its messages come again. So a batch
    /// in which all were redelivered counts as no progress: else losing each acknowledgement would look like work.
    pub(super) fn record_settled(&self, batch: &[Incoming]) {
        let is_progress = batch.iter().any(|message| !message.redelivered);
        let mut state = self.state();
        let count = batch.len().min(state.unsettled.len());
        state.unsettled.drain(..count);
        state.activity += 1;
        if is_progress {
            state.returned = 0;
            state.settled_batches += 1;
            state.up_to_date = Instant::now();
        }
    }

    /// How many batches were settled, redelivered ones left out.
    pub(super) fn settled_batches(&self) -> u64 {
        self.state().settled_batches
    }

    /// Whether a batch is held because of a transient failure, which is logged and counted elsewhere.
    pub(super) fn set_held(&self, held: bool) {
        self.state().held = held;
    }

    pub(super) fn is_held(&self) -> bool {
        self.state().held
    }

    /// Nothing waits, neither here nor in the queue.
    pub(super) fn record_idle(&self) {
        let mut state = self.state();
        state.returned = 0;
        state.up_to_date = Instant::now();
    }

    /// For how long messages have waited without one being settled.
    pub(super) fn unsettled_for(&self) -> Duration {
        self.state().up_to_date.elapsed()
    }

    /// How many messages wait, given those that are `ready` in the queue (asked after [`Self::returned_at`]); `None` when
    /// that is unknown and none is known here.
    pub(super) fn waiting(&self, ready: Option<u32>) -> Option<u32> {
        let state = self.state();
        let delivered = u32::try_from(state.unsettled.len()).unwrap_or(u32::MAX);
        match ready {
            Some(ready) => Some(ready.saturating_add(delivered)),
            None => {
                let returned = u32::try_from(state.returned).unwrap_or(u32::MAX);
                Some(delivered.max(returned)).filter(|&known| known > 0)
            }
        }
    }

    /// When the oldest delivery that is not settled was sent.
    pub(super) fn oldest(&self) -> Option<OffsetDateTime> {
        self.state().unsettled.front().copied()
    }

    /// Ends the connection that is in use; between two connections it does nothing.
    pub(super) fn give_up(&self) {
        self.give_up.notify_waiters();
    }

    /// Waits for the next [`Self::give_up`].
    pub(super) async fn given_up(&self) {
        self.give_up.notified().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(redelivered: bool) -> Incoming {
        let mut message = Incoming::new(None, "x");
        message.redelivered = redelivered;
        message
    }

    fn delivered(progress: &Progress, count: usize) -> Vec<Incoming> {
        let batch = vec![message(false); count];
        batch
            .iter()
            .for_each(|message| progress.record_delivery(message));
        batch
    }

    #[test]
    fn what_waits_is_in_the_queue_and_delivered() {
        let progress = Progress::new();
        assert_eq!(progress.waiting(None), None);
        assert_eq!(progress.waiting(Some(0)), Some(0));
        let batch = delivered(&progress, 3);
        assert_eq!(progress.waiting(Some(4)), Some(7));
        assert_eq!(progress.waiting(None), Some(3), "these are known");
        progress.record_settled(&batch[..2]);
        assert_eq!(progress.waiting(Some(0)), Some(1));
    }

    #[test]
    fn what_goes_back_still_waits_until_the_queue_is_asked() {
        let progress = Progress::new();
        delivered(&progress, 3);
        let before = progress.returned_at();
        progress.forget_deliveries();
        assert!(progress.returned_at() > before);
        assert_eq!(progress.waiting(None), Some(3));
        delivered(&progress, 2);
        assert_eq!(
            progress.waiting(None),
            Some(3),
            "two of the three have come again"
        );
        assert_eq!(progress.waiting(Some(1)), Some(3));
        progress.record_idle();
        progress.record_settled(&delivered(&progress, 0));
        assert_eq!(progress.waiting(None), Some(2));
    }

    #[test]
    fn to_settle_only_what_was_redelivered_is_activity_and_no_progress() {
        let progress = Progress::new();
        let (activity, settled) = (progress.activity(), progress.settled_batches());
        progress.record_settled(&[message(true), message(true)]);
        assert_ne!(progress.activity(), activity);
        assert_eq!(progress.settled_batches(), settled);
        progress.record_settled(&[message(true), message(false)]);
        assert_eq!(progress.settled_batches(), settled + 1);
    }

    #[test]
    fn the_oldest_is_the_first_that_is_not_settled() {
        let progress = Progress::new();
        let begin = OffsetDateTime::now_utc();
        let batch = delivered(&progress, 2);
        assert!(progress.oldest() >= Some(begin));
        progress.record_settled(&batch);
        assert_eq!(progress.oldest(), None);
    }

    #[test]
    fn a_time_of_sending_that_cannot_be_true_is_not_believed() {
        let progress = Progress::new();
        let now = OffsetDateTime::now_utc();
        let hour_ago = now - Duration::from_secs(3_600);
        for (sent, believed) in [
            (OffsetDateTime::UNIX_EPOCH, false),
            (now + Duration::from_secs(3_600), false),
            (hour_ago, true),
        ] {
            progress.record_delivery(&message(false).with_sent_at(sent));
            let taken = progress.oldest().is_some_and(|oldest| oldest <= hour_ago);
            assert_eq!(taken, believed, "{sent}");
            progress.forget_deliveries();
        }
    }
}
