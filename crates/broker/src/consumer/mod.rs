//! Consuming: deliveries in batches, each batch into one transaction, then one acknowledgement.
//!
//! Promises: acknowledged means stored, or moved to the dead-letter queue with a reason; a message that cannot be
//! processed stops nobody behind it; while the store is down the batch is held and tried again in place, and is
//! never nacked back to the broker (a quorum queue counts that, and drops a message after some 20 rounds).
//! Delivery is at least once: the store must drop what it has seen, by message id. A message without an id
//! cannot be told from its twin. It never acknowledges before the store has committed.
//!
//! The library knows queues, the service knows meaning: see [`Consumer`].

mod batch;
mod bisection;
mod hold;
mod refusal;
mod settle;
mod supervisor;

use std::{error::Error, time::Duration};

use tokio::sync::watch;

use super::{BrokerState, Incoming, Publisher, Settings};
use platform::runtime::Tasks;

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

    /// Records that these were refused, so that whoever asks can be told why. May be called again for the same ones.
    ///
    /// A permanent failure is logged and the message goes to the dead-letter queue all the same.
    fn refused(&self, refusals: &[Refusal]) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// Why something was not stored.
#[derive(Debug)]
pub enum Failure {
    /// It will fail for ever, for this reason: the data is at fault.
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
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            batch: 500,
            window: Duration::from_millis(10),
            hold: Duration::from_secs(20 * 60),
            drain: Duration::from_secs(6),
        }
    }
}

/// Starts consuming as one of `tasks`; `dead_letters` must have been started with the queue of [`super::dead_letter_queue`].
///
/// It connects in the background and never fails to start. When `tasks.stop` is cancelled it fetches no more,
/// finishes the batch in hand and ends; a batch that is being held goes back to the queue at once.
pub fn start<C: Consumer>(
    consumer: C,
    settings: Settings,
    dead_letters: Publisher,
    limits: Limits,
    tasks: &Tasks,
) -> watch::Receiver<BrokerState> {
    let supervisor =
        supervisor::Supervisor::new(consumer, settings, dead_letters, limits, tasks.stop.clone());
    let state = supervisor.state();
    tasks.tracker.spawn(supervisor.run());
    state
}
