//! A timer that runs: round after round, and what is told of it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use metrics::gauge;
use platform::{database::DatabaseError, error::chain, runtime::Tasks};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{Break, Limits, Sends, Timer};
use crate::metrics::TIMER_PAUSED;

/// A handle to a timer that runs; for health.
#[derive(Debug, Clone)]
pub(crate) struct Timing {
    pub(super) name: &'static str,
    stall: Duration,
    worked_at: Arc<Mutex<Instant>>,
}

impl Timing {
    /// Whether it works; the error is a short reason.
    pub(super) fn ready(&self) -> Result<(), String> {
        let worked_at = self.worked_at.lock();
        let idle = worked_at.unwrap_or_else(PoisonError::into_inner).elapsed();
        if idle < self.stall {
            return Ok(());
        }
        Err(format!("has not worked for {} s", idle.as_secs()))
    }

    fn record_round(&self) {
        let worked_at = self.worked_at.lock();
        *worked_at.unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

/// A timer that runs.
struct Rounds<T> {
    timer: T,
    limits: Limits,
    sends: Sends,
    /// Since when messages are sent without a break, as far as this timer has seen.
    sending_since: Option<Instant>,
    /// Why they are not, as it was told.
    told: Option<Break>,
    timing: Timing,
    /// The error of the last round, which was logged.
    failure: Option<String>,
}

pub(super) fn start<T: Timer>(timer: T, limits: Limits, sends: Sends, tasks: &Tasks) -> Timing {
    let timing = Timing {
        name: timer.name(),
        stall: limits.stall,
        worked_at: Arc::new(Mutex::new(Instant::now())),
    };
    let rounds = Rounds {
        timer,
        limits,
        sends,
        sending_since: None,
        told: None,
        timing: timing.clone(),
        failure: None,
    };
    tasks.spawn(
        format!("the timer {}", timing.name),
        rounds.run(tasks.stop.clone()),
    );
    timing
}

impl<T: Timer> Rounds<T> {
    async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if !self.round().await {
                stop.run_until_cancelled(sleep(self.limits.every)).await;
            }
        }
    }

    /// One round; tells whether the next one is due at once.
    async fn round(&mut self) -> bool {
        let done = self.bounded_round().await;
        self.log(done.as_ref().err());
        if done.is_ok() {
            self.timing.record_round();
        }
        done.unwrap_or(false)
    }

    /// Health has checks of its own for the broker and the outbox: without them there is nothing to do, which is no failure.
    async fn bounded_round(&mut self) -> Result<bool, DatabaseError> {
        if !self.may_give_up().await? {
            return Ok(false);
        }
        let limit = self.limits.round;
        let done = timeout(limit, self.timer.round()).await;
        done.unwrap_or(Err(DatabaseError::Late(limit)))
    }

    /// Whether what was asked would have been answered by now. A database that does not answer is a break, too.
    async fn may_give_up(&mut self) -> Result<bool, DatabaseError> {
        let Some(answer) = self.timer.answer() else {
            return Ok(true);
        };
        let sends = (self.sends)().await;
        if !matches!(sends, Ok(None)) {
            self.sending_since = None;
        }
        let pause = sends?;
        self.tell(pause);
        if pause.is_some() {
            return Ok(false);
        }
        let since = *self.sending_since.get_or_insert_with(Instant::now);
        Ok(since.elapsed() >= answer)
    }

    /// One line when the outbox does not move, and one when messages are sent again. A broker that is away has lines of its
    /// own.
    fn tell(&mut self, pause: Option<Break>) {
        let timer = self.timing.name;
        gauge!(TIMER_PAUSED, "timer" => timer).set(f64::from(pause.is_some()));
        match (self.told, pause) {
            (before, Some(Break::Outbox)) if before != pause => {
                tracing::warn!(
                    timer,
                    "a message of the outbox is not sent; a timer waits for that"
                );
            }
            (Some(Break::Outbox), None) => {
                tracing::info!(timer, "the outbox is sent again; a timer goes on");
            }
            _ => {}
        }
        self.told = pause;
    }

    /// One line when it fails, or fails for another reason, and one when it works again.
    fn log(&mut self, error: Option<&DatabaseError>) {
        let (timer, error) = (self.timing.name, error.map(|error| chain(error)));
        match (&self.failure, &error) {
            (before, Some(error)) if before.as_ref() != Some(error) => {
                tracing::warn!(timer, error, "a timer does not work; trying again");
            }
            (Some(_), None) => tracing::info!(timer, "the timer works again"),
            _ => {}
        }
        self.failure = error;
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::pending,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use futures_util::FutureExt;
    use std::future::ready;

    use super::*;
    use crate::timer::Timers;

    const LIMITS: Limits = Limits {
        every: Duration::from_millis(1),
        round: Duration::from_millis(20),
        stall: Duration::from_millis(200),
        outbox: Duration::ZERO,
    };

    /// How long an answer takes.
    const ANSWER: Duration = Duration::from_millis(50);

    fn sends(sends: impl Fn() -> bool + Send + Sync + 'static) -> Sends {
        Arc::new(move || ready(Ok((!sends()).then_some(Break::Broker))).boxed())
    }

    /// What a round comes to, by its number; and how long an answer takes.
    struct Test<F>(F, Arc<AtomicUsize>, Option<Duration>);

    impl<F: Fn(usize) -> Option<Result<bool, DatabaseError>> + Send + Sync + 'static> Timer
        for Test<F>
    {
        fn name(&self) -> &'static str {
            "test"
        }

        fn answer(&self) -> Option<Duration> {
            self.2
        }

        /// Without an outcome it never ends.
        async fn round(&self) -> Result<bool, DatabaseError> {
            match (self.0)(self.1.fetch_add(1, Ordering::Relaxed)) {
                Some(outcome) => outcome,
                None => pending().await,
            }
        }
    }

    /// A timer that runs, and how many rounds it has begun.
    fn running(
        limits: Limits,
        outcome: impl Fn(usize) -> Option<Result<bool, DatabaseError>> + Send + Sync + 'static,
    ) -> (Timing, Arc<AtomicUsize>, Tasks) {
        let (rounds, tasks) = (Arc::new(AtomicUsize::new(0)), Tasks::default());
        let timers = Timers::default().on(Test(outcome, Arc::clone(&rounds), None));
        assert_eq!(timers.names().collect::<Vec<_>>(), ["test"]);
        let mut timing = timers.start(|name| name == "test", limits, &sends(|| true), &tasks);
        (timing.remove(0), rounds, tasks)
    }

    async fn until(rounds: &AtomicUsize, wanted: usize) {
        while rounds.load(Ordering::Relaxed) < wanted {
            sleep(Duration::from_millis(1)).await;
        }
    }

    fn late() -> DatabaseError {
        DatabaseError::Late(Duration::ZERO)
    }

    #[tokio::test]
    async fn a_full_round_is_followed_at_once() {
        let limits = Limits {
            every: Duration::from_secs(3_600),
            ..LIMITS
        };
        let (_, rounds, _tasks) = running(limits, |round| Some(Ok(round < 9)));
        until(&rounds, 10).await;
        sleep(Duration::from_millis(50)).await;
        assert_eq!(rounds.load(Ordering::Relaxed), 10);
    }

    #[tokio::test]
    async fn a_timer_that_does_not_work_for_long_is_not_ready_until_it_works_again() {
        let (timing, rounds, _tasks) = running(LIMITS, |round| match round {
            0..3 => Some(Ok(false)),
            // Some rounds fail, and some never end by themselves.
            3..40 if round % 2 == 0 => Some(Err(late())),
            3..40 => None,
            _ => Some(Ok(false)),
        });
        assert_eq!(timing.ready(), Ok(()));
        until(&rounds, 38).await;
        assert!(timing.ready().is_err());
        until(&rounds, 42).await;
        assert_eq!(timing.ready(), Ok(()));
    }

    #[tokio::test]
    async fn while_nothing_is_sent_and_for_an_answer_after_that_there_is_no_round() {
        let (rounds, tasks) = (Arc::new(AtomicUsize::new(0)), Tasks::default());
        let timers =
            Timers::default().on(Test(|_| Some(Ok(false)), Arc::clone(&rounds), Some(ANSWER)));
        let looks = Arc::new(AtomicUsize::new(0));
        let (seen, away) = (Arc::clone(&looks), 50);
        // It is well at first, too, but not for long enough.
        let is_well = move || !(5..away).contains(&seen.fetch_add(1, Ordering::Relaxed));
        let timing = timers.start(|_| true, LIMITS, &sends(is_well), &tasks);
        until(&looks, away + 1).await;
        let back = Instant::now();
        assert_eq!(rounds.load(Ordering::Relaxed), 0);
        assert_eq!(timing[0].ready(), Ok(()));
        until(&rounds, 1).await;
        // The timer has looked a moment before `back`.
        assert!(back.elapsed() > ANSWER / 2, "{:?}", back.elapsed());
    }

    #[tokio::test]
    async fn a_stop_ends_it() {
        let (_, _, tasks) = running(LIMITS, |_| None);
        tasks.stop.cancel();
        tasks.tracker.close();
        tasks.tracker.wait().await;
        assert_eq!(tasks.failure(), None);
    }

    #[tokio::test]
    async fn a_timer_that_is_not_chosen_does_not_run() {
        let (rounds, tasks) = (Arc::new(AtomicUsize::new(0)), Tasks::default());
        let timers = Timers::default().on(Test(|_| Some(Ok(true)), Arc::clone(&rounds), None));
        assert!(
            timers
                .start(|_| false, LIMITS, &sends(|| true), &tasks)
                .is_empty()
        );
        assert!(tasks.tracker.is_empty());
    }
}
