//! Finds out that a consumer settles nothing although it could, whatever the reason, and ends that.
//!
//! Promises: when messages wait, the store answers and none was settled for [`super::Limits::stall`], the connection
//! is given up, which one line and a metric tell; when that has not helped [`STALLS_MAX`] times in a row, the process
//! ends, so that its supervisor starts it again. It asks nothing of the consumer's loop: what waits in the queue is
//! told by the monitor, and the store is asked by a query of its own.
//!
//! Two states are excused for as long as the loop goes on in them, because they are told elsewhere: a batch that is
//! held because of a transient failure, and a connection that cannot be made. While it is unknown what waits, time
//! does not count.

use std::{sync::Arc, time::Duration};

use metrics::{Counter, counter, gauge};
use platform::runtime::Tasks;
use time::OffsetDateTime;
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, timeout},
};

use super::{Consumer, progress::Progress};
use crate::{BrokerState, Monitor, metrics as names};

/// How often it looks. Time is counted in looks, not by a clock: a process that was frozen has not stalled.
const TICK: Duration = Duration::from_secs(1);

/// So often a connection is given up in a row; the next stall ends the process.
const STALLS_MAX: u32 = 2;

/// For the store's answer to whether it is there.
const STORE_LIMIT: Duration = Duration::from_secs(2);

/// Looks after one consumer.
pub(super) struct Watchdog<C> {
    pub(super) consumer: Arc<C>,
    pub(super) progress: Arc<Progress>,
    pub(super) connection: watch::Receiver<BrokerState>,
    pub(super) monitor: Monitor,
    pub(super) limit: Duration,
    pub(super) tasks: Tasks,
}

/// What one look sees.
#[derive(Debug, Clone, Copy)]
struct Look {
    waiting: Option<u32>,
    settled_batches: u64,
    activity: u64,
    /// Settling is not to be expected right now, for a reason that is told elsewhere.
    is_excused: bool,
}

/// What the looks before have seen.
#[derive(Debug, Default)]
struct Seen {
    settled_batches: u64,
    activity: u64,
    unsettled: Duration,
    inactive: Duration,
    idle: Duration,
    stalls: u32,
}

impl<C: Consumer> Watchdog<C> {
    /// Looks every second until the tasks stop.
    pub(super) async fn run(self) {
        let mut seen = Seen::default();
        // There from the beginning, so that its first increase is seen.
        self.stalls().increment(0);
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stop = self.tasks.stop.clone();
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            let look = self.look();
            self.measure(look.waiting);
            if seen.stalls_with(look, self.limit) && self.store_answers().await {
                self.end_stall(look.waiting.unwrap_or(0), seen.begin_anew());
            }
        }
    }

    fn look(&self) -> Look {
        let disconnected = *self.connection.borrow() != BrokerState::Connected;
        Look {
            waiting: waiting(&self.progress, &self.monitor, self.consumer.queue()),
            settled_batches: self.progress.settled_batches(),
            activity: self.progress.activity(),
            is_excused: disconnected || self.progress.is_held(),
        }
    }

    async fn store_answers(&self) -> bool {
        let answer = timeout(STORE_LIMIT, self.consumer.store_answers()).await;
        answer.unwrap_or(false)
    }

    fn end_stall(&self, waiting: u32, stalls: u32) {
        let queue = self.consumer.queue();
        self.stalls().increment(1);
        if stalls > STALLS_MAX {
            let reason = format!(
                "no message of {queue} is settled, {waiting} wait, and connecting anew has not helped"
            );
            return self.tasks.fail(&reason);
        }
        let seconds = self.limit.as_secs_f32();
        tracing::error!(
            queue,
            waiting,
            seconds,
            "messages wait and none is settled; connecting anew"
        );
        self.progress.give_up();
    }

    fn stalls(&self) -> Counter {
        counter!(names::STALLS, "queue" => self.consumer.queue().to_owned())
    }

    fn measure(&self, waiting: Option<u32>) {
        let age = age(&self.progress, waiting, OffsetDateTime::now_utc());
        gauge!(names::OLDEST_AGE, "queue" => self.consumer.queue().to_owned()).set(age);
        if waiting == Some(0) {
            self.progress.record_idle();
        }
    }
}

impl Seen {
    /// Adds a look; whether it makes a stall.
    fn stalls_with(&mut self, look: Look, limit: Duration) -> bool {
        if look.settled_batches != self.settled_batches {
            *self = Self {
                settled_batches: look.settled_batches,
                activity: look.activity,
                ..Self::default()
            };
            return false;
        }
        if std::mem::replace(&mut self.activity, look.activity) != look.activity {
            self.inactive = Duration::ZERO;
        }
        match look.waiting {
            None => {}
            Some(0) => self.add_idle(limit),
            Some(_) => {
                self.idle = Duration::ZERO;
                self.inactive += TICK;
                self.unsettled += if look.is_excused {
                    Duration::ZERO
                } else {
                    TICK
                };
            }
        }
        self.unsettled >= limit || self.inactive >= limit
    }

    /// Nothing waits. What went before is forgotten only when that lasts: the number in the queue may be old.
    fn add_idle(&mut self, limit: Duration) {
        (self.unsettled, self.inactive) = (Duration::ZERO, Duration::ZERO);
        self.idle += TICK;
        if self.idle >= limit {
            self.stalls = 0;
        }
    }

    /// After a stall; tells how many there were in a row.
    fn begin_anew(&mut self) -> u32 {
        (self.unsettled, self.inactive) = (Duration::ZERO, Duration::ZERO);
        self.stalls += 1;
        self.stalls
    }
}

/// Messages that are not settled: those ready in the queue and those delivered; `None` while that is unknown.
pub(super) fn waiting(progress: &Progress, monitor: &Monitor, queue: &str) -> Option<u32> {
    let ready = monitor.depth_after(progress.returned_at(), queue);
    progress.waiting(ready.filter(|_| !monitor.lacks_consumer(queue)))
}

/// Seconds since the oldest message that waits was sent; NaN while it is unknown whether one waits. A queue does not tell
/// how old its messages are: one that waits is at least as old as the time without any settled.
fn age(progress: &Progress, waiting: Option<u32>, now: OffsetDateTime) -> f64 {
    let unsettled = progress.unsettled_for().as_secs_f64();
    match (waiting, progress.oldest()) {
        (None, _) => f64::NAN,
        (Some(0), _) => 0.0,
        (Some(_), Some(sent)) => (now - sent).as_seconds_f64().max(unsettled),
        (Some(_), None) => unsettled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(3);

    fn look(waiting: Option<u32>) -> Look {
        Look {
            waiting,
            settled_batches: 0,
            activity: 0,
            is_excused: false,
        }
    }

    /// At which look, from 1, the first stall is seen.
    fn first_stall(looks: impl IntoIterator<Item = Look>) -> Option<usize> {
        let mut seen = Seen::default();
        let first = looks
            .into_iter()
            .position(|look| seen.stalls_with(look, LIMIT));
        first.map(|position| position + 1)
    }

    #[test]
    fn messages_that_wait_for_the_limit_are_a_stall() {
        assert_eq!(first_stall(vec![look(Some(1)); 9]), Some(3));
    }

    #[test]
    fn a_loop_that_turns_and_settles_nothing_is_a_stall() {
        let turning = (0..9).map(|activity| Look {
            activity,
            ..look(Some(1))
        });
        assert_eq!(first_stall(turning), Some(3));
    }

    #[test]
    fn what_is_settled_or_does_not_wait_is_none() {
        let settling = (1..9).map(|settled_batches| Look {
            settled_batches,
            ..look(Some(1))
        });
        assert_eq!(first_stall(settling), None);
        assert_eq!(first_stall(vec![look(Some(0)); 9]), None);
    }

    #[test]
    fn an_excuse_counts_as_long_as_the_loop_turns() {
        let excused = |activity| Look {
            activity,
            is_excused: true,
            ..look(Some(1))
        };
        assert_eq!(first_stall((0..9).map(excused)), None);
        assert_eq!(first_stall(vec![excused(0); 9]), Some(3));
    }

    #[test]
    fn what_is_unknown_neither_counts_nor_forgets() {
        let unknown = [look(None); 9];
        assert_eq!(first_stall(unknown), None);
        let between = [look(Some(1)), look(Some(1))]
            .into_iter()
            .chain(unknown)
            .chain([look(Some(1))]);
        assert_eq!(first_stall(between), Some(12));
    }

    #[test]
    fn stalls_in_a_row_are_counted_through_a_moment_without_messages() {
        let mut seen = Seen::default();
        for row in 1..=3 {
            let looks = [look(Some(0)), look(None), look(Some(1)), look(Some(1))];
            assert!(!looks.into_iter().any(|look| seen.stalls_with(look, LIMIT)));
            assert!(seen.stalls_with(look(Some(1)), LIMIT));
            assert_eq!(seen.begin_anew(), row);
        }
        for _ in 0..3 {
            seen.stalls_with(look(Some(0)), LIMIT);
        }
        assert_eq!(seen.begin_anew(), 1, "it was quiet for the limit");
    }
}
