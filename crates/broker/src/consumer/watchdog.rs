//! Finds out that a consumer has stopped recording, whatever the reason, and ends that.
//!
//! Promises: when messages wait, the store answers and the loop of the consumer has not turned for
//! [`super::Limits::stall`], its connection is given up, which one line and a metric tell; when that has not helped
//! [`STALLS_MAX`] times in a row, the process ends, so that its supervisor starts it again. It relies on nothing
//! that the consumer uses: the number of waiting messages comes from the monitor.
//!
//! A store that fails is no stall: the loop turns, and says why the batch is held.

use std::{sync::Arc, time::Duration};

use metrics::{counter, gauge};
use platform::runtime::Tasks;
use time::OffsetDateTime;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::{Consumer, progress::Progress};
use crate::{Monitor, metrics as names};

/// How often it looks. What it counts are looks, not seconds of a clock: a process that was frozen has not stalled.
const TICK: Duration = Duration::from_secs(1);

/// So often a connection is given up in a row; the next stall ends the process.
const STALLS_MAX: u32 = 2;

/// For the store's answer to whether it is there.
const STORE_LIMIT: Duration = Duration::from_secs(2);

/// Looks after one consumer.
pub(super) struct Watchdog<C> {
    pub(super) consumer: Arc<C>,
    pub(super) progress: Arc<Progress>,
    pub(super) monitor: Monitor,
    pub(super) limit: Duration,
    pub(super) tasks: Tasks,
}

/// What was seen at the looks before.
#[derive(Default)]
struct Seen {
    signs: u64,
    settled: u64,
    silent: Duration,
    stalls: u32,
}

impl<C: Consumer> Watchdog<C> {
    /// Looks every second until the tasks stop.
    pub(super) async fn run(self) {
        let mut seen = Seen::default();
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while self
            .tasks
            .stop
            .run_until_cancelled(ticks.tick())
            .await
            .is_some()
        {
            let waiting = self.waiting();
            self.measure(waiting);
            seen.look(&self.progress, waiting);
            if seen.silent >= self.limit && self.store_answers().await {
                seen.silent = Duration::ZERO;
                seen.stalls += 1;
                self.end_stall(waiting, seen.stalls);
            }
        }
    }

    fn waiting(&self) -> u32 {
        waiting(&self.progress, &self.monitor, self.consumer.queue())
    }

    async fn store_answers(&self) -> bool {
        let answer = timeout(STORE_LIMIT, self.consumer.store_answers()).await;
        answer.unwrap_or(false)
    }

    fn end_stall(&self, waiting: u32, stalls: u32) {
        let queue = self.consumer.queue();
        counter!(names::STALLS, "queue" => queue.to_owned()).increment(1);
        if stalls > STALLS_MAX {
            let reason = format!(
                "no message of {queue} is settled, {waiting} wait, and connecting anew has not helped"
            );
            return self.tasks.fail(reason);
        }
        tracing::error!(
            queue,
            waiting,
            seconds = self.limit.as_secs_f32(),
            "nothing is settled while messages wait; connecting anew"
        );
        self.progress.give_up();
    }

    fn measure(&self, waiting: u32) {
        let age = age(&self.progress, waiting, OffsetDateTime::now_utc());
        gauge!(names::OLDEST_AGE, "queue" => self.consumer.queue().to_owned()).set(age);
        if waiting == 0 {
            self.progress.calm();
        }
    }
}

impl Seen {
    /// Adds a look. Time without a turn of the loop is counted in looks.
    fn look(&mut self, progress: &Progress, waiting: u32) {
        let (signs, settled) = (progress.signs(), progress.settled());
        if settled != self.settled || waiting == 0 {
            self.stalls = 0;
        }
        if signs != self.signs || waiting == 0 {
            self.silent = Duration::ZERO;
        } else {
            self.silent += TICK;
        }
        (self.signs, self.settled) = (signs, settled);
    }
}

/// Messages that are not settled: those in the queue, and those in hand.
pub(super) fn waiting(progress: &Progress, monitor: &Monitor, queue: &str) -> u32 {
    monitor
        .depth(queue)
        .saturating_add(progress.in_hand().count)
}

/// Seconds since the oldest message that waits was sent. When none is in hand, the queue does not tell its age: then it
/// is at least as old as the time without any settled.
fn age(progress: &Progress, waiting: u32, now: OffsetDateTime) -> f64 {
    match progress.in_hand().oldest {
        _ if waiting == 0 => 0.0,
        Some(sent) => (now - sent).as_seconds_f64().max(0.0),
        None => progress.unsettled_for().as_secs_f64(),
    }
}
