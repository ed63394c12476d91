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

use messages::Message;
use platform::runtime::Tasks;
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    BrokerState, Incoming, Monitor, Publisher, Settings, status::Status, supervisor::supervise,
};
use progress::Progress;
use supervisor::Supervisor;
use watchdog::Watchdog;

pub use refusal::{Refusal, X_REASON, X_REFUSED_AT, X_SOURCE_QUEUE};

/// A queue, what its messages mean, and how they are kept.
pub trait Consumer: Send + Sync + 'static {
    /// The message on the queue.
    type Message: Message + Send + Sync;

    /// The name of this part of the service, for `--only` and health: `payments`.
    fn name(&self) -> &'static str;

    /// What one message is called, for people: `payment`.
    fn noun(&self) -> &'static str;

    /// The queue to consume; declared on each connection.
    fn queue(&self) -> &str;

    /// Stores all of `batch` in one transaction, except for the ones that it returns with a reason: these are refused. It
    /// drops what it has seen. May be called again for any part of the batch.
    fn store(
        &self,
        batch: &[Received<Self::Message>],
    ) -> impl Future<Output = Result<Vec<Refused>, Failure>> + Send;

    /// Records that these were refused, so that a client can be told why. May be called again for the same ones.
    ///
    /// A permanent failure is logged and the message goes to the dead-letter queue all the same.
    fn refused(&self, refusals: &[Refusal]) -> impl Future<Output = Result<(), Failure>> + Send {
        let _ = refusals;
        async { Ok(()) }
    }

    /// Whether the store can be asked anything at all right now.
    fn store_answers(&self) -> impl Future<Output = bool> + Send;
}

/// A delivered message that parsed.
#[derive(Debug, Clone)]
pub struct Received<M> {
    /// Its identity: one id, one effect. New for a message that came without any.
    pub id: Uuid,
    /// What it says.
    pub message: M,
    /// As it was delivered.
    pub delivery: Incoming,
}

/// A message of a batch that can never be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its place in the batch.
    pub place: usize,
    /// Why; for people.
    pub reason: String,
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

#[cfg(feature = "database")]
impl From<platform::database::DatabaseError> for Failure {
    fn from(error: platform::database::DatabaseError) -> Self {
        if error.is_transient() {
            Self::transient(error)
        } else {
            Self::Permanent(platform::error::chain(&error))
        }
    }
}

/// How much at once, and how long.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most messages of a batch; twice as many are fetched ahead.
    pub batch: u16,
    /// How long a batch collects after its first message.
    pub window: Duration,
    /// It ends earlier when nothing more has come for so long: a message that is alone waits for no others.
    pub lull: Duration,
    /// How long a batch is held while the store is away. RabbitMQ closes a channel after 30 minutes without an
    /// acknowledgement, so stay well below.
    pub hold: Duration,
    /// How long the batch in hand may take after a stop.
    pub drain: Duration,
    /// How long a dead letter may wait for its confirm before its batch counts as held.
    pub confirm: Duration,
    /// How long an acknowledgement may take to be written to the socket.
    pub acknowledge: Duration,
    /// After so long without any delivery the consumer subscribes anew. A delivery may have been lost on its way. RabbitMQ
    /// may also silently stop serving the consumer of a quorum queue that was deleted and declared again at once; from
    /// outside the queue then looks empty. Subscribing anew repairs both.
    pub renew: Duration,
    /// How long messages may wait without one being settled: see [`Consuming::progress`] and `watchdog`.
    pub stall: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            batch: 500,
            window: Duration::from_millis(10),
            lull: Duration::from_millis(1),
            hold: Duration::from_secs(20 * 60),
            drain: Duration::from_secs(6),
            confirm: Duration::from_secs(5),
            acknowledge: Duration::from_secs(5),
            renew: Duration::from_secs(15),
            stall: Duration::from_secs(15),
        }
    }
}

/// A handle to a consumer that runs; for health.
#[derive(Debug, Clone)]
pub struct Consuming {
    name: &'static str,
    noun: &'static str,
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

    /// The name of this part of the service.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// [`Self::progress`] for `/health/ready`; the error is a short reason.
    ///
    /// # Errors
    /// When nothing is settled.
    pub fn recording(&self) -> Result<(), String> {
        self.progress().map_err(|Unsettled { time, waiting }| {
            let waiting = waiting.map_or("an unknown number".into(), |waiting| waiting.to_string());
            let seconds = time.as_secs();
            format!(
                "no {} recorded for {seconds} s, {waiting} waiting",
                self.noun
            )
        })
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

/// What a consumer needs beside itself.
#[derive(Clone)]
pub struct Setup {
    /// Where the broker is.
    pub settings: Settings,
    /// Publishes what is refused; it has declared the queue of [`dead_letter_queue`](messages::topology::dead_letter_queue).
    pub dead_letters: Publisher,
    /// Looks at the queue.
    pub monitor: Monitor,
    /// How much at once, and how long.
    pub limits: Limits,
}

/// Starts consuming as one of `tasks`.
///
/// It connects in the background and never fails to start. When `tasks.stop` is cancelled it fetches no more,
/// finishes the batch in hand and ends; a batch that is being held goes back to the queue at once.
pub fn start<C: Consumer>(consumer: C, setup: Setup, tasks: &Tasks) -> Consuming {
    let (consumer, progress) = (Arc::new(consumer), Arc::new(Progress::new()));
    let role = format!("consumer of {}", consumer.queue());
    let (status, state) = Status::new(role.clone());
    let consuming = Consuming {
        name: consumer.name(),
        noun: consumer.noun(),
        queue: consumer.queue().to_owned(),
        state: state.clone(),
        progress: Arc::clone(&progress),
        monitor: setup.monitor.clone(),
        limit: setup.limits.stall,
    };
    let watchdog = Watchdog {
        consumer: Arc::clone(&consumer),
        progress: Arc::clone(&progress),
        connection: state,
        monitor: setup.monitor.clone(),
        limit: setup.limits.stall,
        tasks: tasks.clone(),
    };
    let stop = tasks.stop.clone();
    let mut supervisor = Supervisor {
        consumer,
        setup,
        stop: stop.clone(),
        progress,
    };
    tasks.spawn(format!("the watchdog of the {role}"), watchdog.run());
    tasks.spawn(format!("the {role}"), async move {
        supervise(&mut supervisor, status, stop).await;
    });
    consuming
}
