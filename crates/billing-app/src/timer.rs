//! Timers: tasks that look now and then for what is overdue.
//!
//! What is overdue is asked for again over the broker. While the broker is away no round is done: a question that cannot be
//! sent must not count as one that was not answered.
//!
//! Promises: a round is bounded in time; a round that has failed is tried again; the log has one line when rounds begin to
//! fail, or fail for another reason, and one when they work again; health tells of a timer that has not worked for long.
//! A stop lets the round in hand finish. Several processes may run the same timer: a round locks the rows that it takes
//! (`FOR UPDATE SKIP LOCKED`), and a timer never keeps anything in memory that another one would need.

use std::{
    future::ready,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use platform::{database::DatabaseError, error::chain, health::Health, runtime::Tasks};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Work that is done round after round.
pub(crate) trait Timer: Send + Sync + 'static {
    /// The name of this part of the service, for `--only` and health: `shippings-timer`.
    fn name(&self) -> &'static str;

    /// Does what is overdue, up to some number of rows; tells whether more may wait, which is then done at once.
    fn round(&self) -> impl Future<Output = Result<bool, DatabaseError>> + Send;
}

/// How often, and how long.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// From the end of one round to the next.
    pub every: Duration,
    /// The longest that a round may take; shorter than a stop.
    pub round: Duration,
    /// How long no round may have worked before the timer counts as not ready.
    pub stall: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(1),
            round: Duration::from_secs(5),
            stall: Duration::from_secs(15),
        }
    }
}

/// The timers of the service, in a visible list; none runs yet.
#[derive(Default)]
pub(crate) struct Timers(Vec<Part>);

struct Part {
    name: &'static str,
    start: Start,
}

/// Starts a timer, whatever its type.
type Start = Box<dyn FnOnce(Limits, Usable, &Tasks) -> Timing + Send>;

/// Whether the broker takes messages.
type Usable = Arc<dyn Fn() -> bool + Send + Sync>;

impl Timers {
    /// Adds one.
    #[must_use]
    pub(crate) fn on(mut self, timer: impl Timer) -> Self {
        self.0.push(Part {
            name: timer.name(),
            start: Box::new(|limits, usable, tasks| start(timer, limits, usable, tasks)),
        });
        self
    }

    /// Their names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|part| part.name)
    }

    /// Starts those that `chosen` chooses by their names, as some of `tasks`; `broker_usable` says whether the broker takes
    /// messages.
    pub(crate) fn start(
        self,
        chosen: impl Fn(&str) -> bool,
        limits: Limits,
        broker_usable: impl Fn() -> bool + Send + Sync + 'static,
        tasks: &Tasks,
    ) -> Vec<Timing> {
        let usable: Usable = Arc::new(broker_usable);
        let parts = self.0.into_iter().filter(|part| chosen(part.name));
        parts
            .map(|part| (part.start)(limits, Arc::clone(&usable), tasks))
            .collect()
    }
}

/// A handle to a timer that runs; for health.
#[derive(Debug, Clone)]
pub(crate) struct Timing {
    name: &'static str,
    stall: Duration,
    worked_at: Arc<Mutex<Instant>>,
}

impl Timing {
    /// Whether it works; the error is a short reason.
    fn ready(&self) -> Result<(), String> {
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

/// Adds a check for each timer, by its name.
#[must_use]
pub(crate) fn health(health: Health, timing: &[Timing]) -> Health {
    timing.iter().cloned().fold(health, |health, timing| {
        health.with(timing.name, move || ready(timing.ready()))
    })
}

/// A timer that runs.
struct Rounds<T> {
    timer: T,
    limits: Limits,
    broker_usable: Usable,
    timing: Timing,
    /// The error of the last round, which was logged.
    failure: Option<String>,
}

fn start<T: Timer>(timer: T, limits: Limits, broker_usable: Usable, tasks: &Tasks) -> Timing {
    let timing = Timing {
        name: timer.name(),
        stall: limits.stall,
        worked_at: Arc::new(Mutex::new(Instant::now())),
    };
    let rounds = Rounds {
        timer,
        limits,
        broker_usable,
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

    /// Health has a check of its own for the broker: without it there is nothing to do, which is no failure.
    async fn bounded_round(&self) -> Result<bool, DatabaseError> {
        if !(self.broker_usable)() {
            return Ok(false);
        }
        let limit = self.limits.round;
        let done = timeout(limit, self.timer.round()).await;
        done.unwrap_or(Err(DatabaseError::Late(limit)))
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

    use super::*;

    const LIMITS: Limits = Limits {
        every: Duration::from_millis(1),
        round: Duration::from_millis(20),
        stall: Duration::from_millis(200),
    };

    /// What a round comes to, by its number.
    struct Test<F>(F, Arc<AtomicUsize>);

    impl<F: Fn(usize) -> Option<Result<bool, DatabaseError>> + Send + Sync + 'static> Timer
        for Test<F>
    {
        fn name(&self) -> &'static str {
            "test"
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
        let timers = Timers::default().on(Test(outcome, Arc::clone(&rounds)));
        assert_eq!(timers.names().collect::<Vec<_>>(), ["test"]);
        let mut timing = timers.start(|name| name == "test", limits, || true, &tasks);
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
    async fn without_the_broker_there_is_no_round() {
        let (rounds, tasks) = (Arc::new(AtomicUsize::new(0)), Tasks::default());
        let timers = Timers::default().on(Test(|_| Some(Ok(false)), Arc::clone(&rounds)));
        let looks = Arc::new(AtomicUsize::new(0));
        let (seen, away) = (Arc::clone(&looks), 50);
        let usable = move || seen.fetch_add(1, Ordering::Relaxed) >= away;
        let timing = timers.start(|_| true, LIMITS, usable, &tasks);
        until(&looks, away).await;
        assert_eq!(rounds.load(Ordering::Relaxed), 0);
        assert_eq!(timing[0].ready(), Ok(()));
        until(&rounds, 1).await;
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
        let timers = Timers::default().on(Test(|_| Some(Ok(true)), Arc::clone(&rounds)));
        assert!(timers.start(|_| false, LIMITS, || true, &tasks).is_empty());
        assert!(tasks.tracker.is_empty());
    }
}
