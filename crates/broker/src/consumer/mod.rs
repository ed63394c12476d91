//! Consuming: deliveries in batches, each batch into one transaction, then one acknowledgement.
//!
//! Promises: acknowledged means stored, or moved to the dead-letter queue with a reason; a message that cannot be
//! processed does not stop those behind it; while the store is down the batch is held and tried again in place, and is
//! never nacked back to the broker (a quorum queue counts that, and drops a message after some 20 rounds).
//! Delivery is at least once: the store must drop what it has seen, by message id. A message without an id
//! cannot be told from its twin. It never acknowledges before the store has committed.
//!
//! The library knows queues, the service knows meaning: see [`Consumer`].

mod batch;
mod bisection;
mod progress;
mod refusal;
mod retry;
mod settle;
mod supervisor;
mod watchdog;

use std::{error::Error, sync::Arc, time::Duration};

use platform::runtime::Tasks;
use tokio::sync::watch;

use crate::{
    BrokerState, Incoming, Monitor, Publisher, Settings, status::Status, supervisor::supervise,
};
use progress::Progress;
use supervisor::Supervisor;
use watchdog::Watchdog;

pub use refusal::{Refusal, X_REASON, X_REFUSED_AT, X_SOURCE_QUEUE};

/// A queue, what its messages mean, and how they are kept.
pub trait Consumer: Send + Sync + 'static {
    /// A message that parsed.
    type Message: Send + Sync;

    /// The queue to consume; declared on each connection.
    fn queue(&self) -> &str;

    /// Parses at the door.
    ///
    /// # Errors
    /// The reason why it can never be processed: the message is refused and not tried again.
    fn decode(&self, delivery: &Incoming) -> Result<Self::Message, String>;

    /// Stores all of `batch`, or nothing, in one transaction; drops what it has seen. May be called again for any part of it.
    fn store(&self, batch: &[Self::Message]) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Records that these were refused, so that a client can be told why. May be called again for the same ones.
    ///
    /// A permanent failure is logged and the message goes to the dead-letter queue all the same.
    fn refused(&self, refusals: &[Refusal]) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Whether the store can be asked anything at all right now.
    fn store_answers(&self) -> impl Future<Output = bool> + Send;
}

/// Why something was not stored.
#[derive(Debug)]
pub enum Failure {
    /// It fails each time, for this reason: the data are at fault.
    Permanent(String),
    /// It may work later: the store is away, busy or slow.
    Transient(Box<dyn Error + Send + Sync>),
}

impl Failure {
    /// A failure that another try may not meet.
    pub fn transient(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Transient(error.into())
    }
}

/// How much at once, and how long.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most messages of a batch; twice as many are fetched ahead.
    pub batch: u16,
    /// How long a batch collects after its first message.
    pub window: Duration,
    /// How long a batch is held while the store is away. RabbitMQ closes a channel after 30 minutes without an
    /// acknowledgement, so stay well below.
    pub hold: Duration,
    /// How long the batch in hand may take after a stop.
    pub drain: Duration,
    /// How long a dead letter may wait for its confirm before its batch counts as held.
    pub confirm: Duration,
    /// How long an acknowledgement may take to be written to the socket.
    pub acknowledge: Duration,
    /// After so long without any delivery the consumer subscribes anew, in case one was lost on its way.
    pub renew: Duration,
    /// How long messages may wait without one being settled: see [`Consuming::progress`] and `watchdog`.
    pub stall: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            batch: 500,
            window: Duration::from_millis(10),
            hold: Duration::from_secs(20 * 60),
            drain: Duration::from_secs(6),
            confirm: Duration::from_secs(5),
            acknowledge: Duration::from_secs(5),
            renew: Duration::from_secs(5 * 60),
            stall: Duration::from_secs(15),
        }
    }
}

/// A handle to a consumer that runs; for health.
#[derive(Debug, Clone)]
pub struct Consuming {
    queue: String,
    state: watch::Receiver<BrokerState>,
    progress: Arc<Progress>,
    monitor: Monitor,
    limit: Duration,
}

impl Consuming {
    /// The state of its connection, now and whenever it changes.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<BrokerState> {
        self.state.clone()
    }

    /// Whether it is connected, and the broker knows of it; the error is a short reason.
    ///
    /// # Errors
    /// When it is not.
    pub fn ready(&self) -> Result<(), String> {
        self.state.borrow().ready()?;
        if self.monitor.lacks_consumer(&self.queue) {
            return Err(format!(
                "{} has no leader, or has lost its consumer",
                self.queue
            ));
        }
        Ok(())
    }

    /// Whether what waits is being settled.
    ///
    /// # Errors
    /// When messages have waited for [`Limits::stall`] without one being settled, for whatever reason.
    pub fn progress(&self) -> Result<(), Unsettled> {
        let waiting = watchdog::waiting(&self.progress, &self.monitor, &self.queue);
        let time = self.progress.unsettled_for();
        if waiting == Some(0) || time < self.limit {
            Ok(())
        } else {
            Err(Unsettled { time, waiting })
        }
    }
}

/// Messages wait, or may wait, and none is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsettled {
    /// For so long.
    pub time: Duration,
    /// So many are in the queue or delivered; `None` while that is unknown.
    pub waiting: Option<u32>,
}

/// Starts consuming as one of `tasks`; `dead_letters` must have been started with the queue of [`crate::dead_letter_queue`],
/// and `monitor` with the consumer's.
///
/// It connects in the background and never fails to start. When `tasks.stop` is cancelled it fetches no more,
/// finishes the batch in hand and ends; a batch that is being held goes back to the queue at once.
pub fn start<C: Consumer>(
    consumer: C,
    settings: Settings,
    dead_letters: Publisher,
    monitor: Monitor,
    limits: Limits,
    tasks: &Tasks,
) -> Consuming {
    let (consumer, progress) = (Arc::new(consumer), Arc::new(Progress::new()));
    let queue = consumer.queue().to_owned();
    let role = format!("consumer of {queue}");
    let (status, state) = Status::new(role.clone());
    let watchdog = Watchdog {
        consumer: Arc::clone(&consumer),
        progress: Arc::clone(&progress),
        connection: state.clone(),
        monitor: monitor.clone(),
        limit: limits.stall,
        tasks: tasks.clone(),
    };
    let mut supervisor = Supervisor {
        consumer,
        settings,
        dead_letters,
        limits,
        stop: tasks.stop.clone(),
        progress: Arc::clone(&progress),
    };
    let stop = tasks.stop.clone();
    tasks.spawn(format!("the {role}"), async move {
        supervise(&mut supervisor, status, stop).await;
    });
    tasks.spawn(format!("the watchdog of the {role}"), watchdog.run());
    Consuming {
        queue,
        state,
        progress,
        monitor,
        limit: limits.stall,
    }
}
