//! What to do with messages that could not be processed: list, replay, discard.
//!
//! Each operation uses a connection of its own and looks at no more messages than were there when it began, so that
//! a replayed message that is refused again does not go round without an end. A replay is confirmed by the broker
//! before its dead letter is removed: a crash in between leaves both, under one id. Listing takes the messages and
//! gives them back, in their order. [`Command`] is the same on a command line.

mod command;

use std::time::Duration;

use lapin::{
    Channel,
    message::BasicGetMessage,
    options::{BasicAckOptions, BasicGetOptions},
    types::ShortString,
};

use messages::topology::dead_letter_queue;

use crate::{
    BrokerError, Destination, Incoming, Outgoing, PublishError, Publisher, Settings,
    connection::{Connection, acknowledge, within},
    consumer::{X_REASON, X_REFUSED_AT},
    topology,
};

pub use command::{Command, CommandError};

/// How long a replayed message may wait for its confirm.
const CONFIRM_DEADLINE: Duration = Duration::from_secs(5);

/// How long the broker may take to hand over or take back one dead letter.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// The dead letters of one queue.
#[derive(Debug, Clone)]
pub struct DeadLetters {
    settings: Settings,
    source: String,
}

/// Which dead letters an operation is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which<'a> {
    /// All that were there at the beginning.
    All,
    /// Those with this message id; there may be copies.
    WithId(&'a str),
}

/// A message in the dead-letter queue.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// Id and body of the refused message.
    pub message: Incoming,
}

/// Why an operation ended early; what was done before it stays done.
#[derive(Debug, thiserror::Error)]
pub enum DeadLetterError {
    /// The broker is away or in our way.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// A replay was not confirmed; its dead letter is still there.
    #[error("a replay failed after {done} messages")]
    Replay {
        /// Replayed before that.
        done: usize,
        /// Why.
        source: PublishError,
    },
}

impl DeadLetter {
    /// Why it was refused.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.message.header(X_REASON)
    }

    /// When it was refused, RFC 3339 in UTC.
    #[must_use]
    pub fn refused_at(&self) -> Option<&str> {
        self.message.header(X_REFUSED_AT)
    }
}

impl DeadLetters {
    /// The dead letters of the queue `source`; connects only when asked to do something.
    pub fn new(settings: Settings, source: impl Into<String>) -> Self {
        Self {
            settings,
            source: source.into(),
        }
    }

    /// The first `limit` dead letters, left where they are.
    ///
    /// # Errors
    /// [`BrokerError`] when the broker is away.
    pub async fn list(&self, limit: usize) -> Result<Vec<DeadLetter>, BrokerError> {
        let (connection, mut visit) = self.visit().await?;
        let letters = connection.run(visit.list(limit)).await?;
        // What was not acknowledged goes back to its place, after a close in disorder, too.
        let _ = connection.close().await;
        Ok(letters)
    }

    /// Sends them to their queue again, under their ids; returns how many. `publisher` must have declared that queue.
    ///
    /// # Errors
    /// [`DeadLetterError`]; those that were replayed before stay replayed.
    pub async fn replay(
        &self,
        which: Which<'_>,
        publisher: &Publisher,
    ) -> Result<usize, DeadLetterError> {
        self.remove(which, async |message| {
            publisher
                .publish(self.revived(&message), CONFIRM_DEADLINE)
                .await
        })
        .await
    }

    /// Deletes them for good; returns how many.
    ///
    /// # Errors
    /// [`DeadLetterError`]; those that were deleted before stay deleted.
    pub async fn discard(&self, which: Which<'_>) -> Result<usize, DeadLetterError> {
        self.remove(which, async |_| Ok(())).await
    }

    /// Acknowledges each chosen message after `first` worked for it.
    async fn remove(
        &self,
        which: Which<'_>,
        first: impl AsyncFn(Incoming) -> Result<(), PublishError>,
    ) -> Result<usize, DeadLetterError> {
        let (connection, mut visit) = self.visit().await?;
        let done = connection.run(visit.remove(which, first)).await?;
        connection.close().await?;
        Ok(done)
    }

    fn revived(&self, message: &Incoming) -> Outgoing {
        let (queue, id) = (
            Destination::Queue(self.source.clone()),
            message.message_id.as_deref(),
        );
        Outgoing::with_raw_id(queue, id, message.body.clone()).with_origin_of(message)
    }

    async fn visit(&self) -> Result<(Connection, Visit), BrokerError> {
        let connection = Connection::open(&self.settings, "dead letters").await?;
        let visit = connection
            .set_up(Visit::begin(&connection, &self.source))
            .await?;
        Ok((connection, visit))
    }
}

impl Which<'_> {
    fn chooses(self, message: &Incoming) -> bool {
        match self {
            Self::All => true,
            Self::WithId(id) => message.message_id.as_deref() == Some(id),
        }
    }
}

/// A walk over the messages that were there when it began. Its channel has to live until the connection is closed: a
/// dropped channel closes itself, and the client library fails an orderly close that meets it.
struct Visit {
    channel: Channel,
    queue: ShortString,
    left: u32,
}

impl Visit {
    async fn begin(connection: &Connection, source: &str) -> Result<Self, BrokerError> {
        let queue = topology::name(&dead_letter_queue(source))?;
        let channel = connection.channel().await?;
        let left = topology::declare(&channel, &queue).await?.ready;
        Ok(Self {
            channel,
            queue,
            left,
        })
    }

    async fn list(&mut self, limit: usize) -> Result<Vec<DeadLetter>, BrokerError> {
        let mut letters = Vec::new();
        while letters.len() < limit
            && let Some(got) = self.next().await?
        {
            letters.push(DeadLetter {
                message: got.delivery.into(),
            });
        }
        Ok(letters)
    }

    async fn remove(
        &mut self,
        which: Which<'_>,
        first: impl AsyncFn(Incoming) -> Result<(), PublishError>,
    ) -> Result<usize, DeadLetterError> {
        let mut done = 0;
        while let Some(got) = self.next().await? {
            let acker = got.delivery.acker.clone();
            let message = Incoming::from(got.delivery);
            if which.chooses(&message) {
                let ready = first(message).await;
                ready.map_err(|source| DeadLetterError::Replay { done, source })?;
                acknowledge(acker.ack(BasicAckOptions::default()), ANSWER_LIMIT).await?;
                done += 1;
            }
        }
        Ok(done)
    }

    async fn next(&mut self) -> Result<Option<BasicGetMessage>, BrokerError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let (queue, options) = (self.queue.clone(), BasicGetOptions::default());
        let getting = self.channel.basic_get(queue, options);
        within(ANSWER_LIMIT, "answer to the next dead letter", getting).await
    }
}
