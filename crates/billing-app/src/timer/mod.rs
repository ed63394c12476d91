//! Timers: tasks that look now and then for what is overdue.
//!
//! What is overdue is asked for again over the broker, and given up in the end. A question that was not sent must not count
//! as one that was not answered. So no round is done while the broker is away or messages wait in the outbox, nor before
//! both were well for as long as an answer may take: what was held up is answered then. Such a pause is no failure of the
//! timer, which stays ready; a metric tells of it, and the log when it is the outbox that does not move.
//!
//! Promises: a round is bounded in time; a round that has failed is tried again; the log has one line when rounds begin to
//! fail, or fail for another reason, and one when they work again; health tells of a timer that has not worked for long.
//! A stop lets the round in hand finish. Several processes may run the same timer: a round locks the rows that it takes
//! (`FOR UPDATE SKIP LOCKED`), and a timer never keeps anything in memory that another one would need.
//!
//! # Layout
//!
//! - the list of timers is here; `rounds`: a timer that runs; `sends`: whether messages are sent.

mod rounds;
mod sends;

use std::{future::ready, sync::Arc, time::Duration};

use platform::{database::DatabaseError, health::Health, runtime::Tasks};

use rounds::{Timing, start};

pub(crate) use sends::{Break, Sends, sends};

/// Work that is done round after round.
pub(crate) trait Timer: Send + Sync + 'static {
    /// The name of this part of the service, for `--only` and health: `shippings-timer`.
    fn name(&self) -> &'static str;

    /// How long what it asks over the broker takes to be answered; `None` when it asks nothing.
    fn answer(&self) -> Option<Duration>;

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
    /// How long a message may wait in the outbox before it counts as not sent.
    pub outbox: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(1),
            round: Duration::from_secs(5),
            stall: Duration::from_secs(15),
            outbox: Duration::from_secs(2),
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
type Start = Box<dyn FnOnce(Limits, Sends, &Tasks) -> Timing + Send>;

impl Timers {
    /// Adds one.
    #[must_use]
    pub(crate) fn on(mut self, timer: impl Timer) -> Self {
        self.0.push(Part {
            name: timer.name(),
            start: Box::new(|limits, sends, tasks| start(timer, limits, sends, tasks)),
        });
        self
    }

    /// Their names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|part| part.name)
    }

    /// Starts those that `chosen` chooses by their names, as some of `tasks`.
    pub(crate) fn start(
        self,
        chosen: impl Fn(&str) -> bool,
        limits: Limits,
        sends: &Sends,
        tasks: &Tasks,
    ) -> Vec<Timing> {
        let parts = self.0.into_iter().filter(|part| chosen(part.name));
        parts
            .map(|part| (part.start)(limits, Arc::clone(sends), tasks))
            .collect()
    }
}

/// Adds a check for each timer, by its name.
#[must_use]
pub(crate) fn health(health: Health, timing: &[Timing]) -> Health {
    timing.iter().cloned().fold(health, |health, timing| {
        health.with(timing.name, move || ready(timing.ready()))
    })
}
