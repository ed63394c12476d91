//! Publishing with certainty: `Ok` means that the broker has confirmed that it keeps the message.
//!
//! Calls wait in a bounded queue. Two lanes, each the only user of a channel, take what is there and send it as a
//! batch behind a barrier (see `lane`). What a generation leaves unsettled is sent again by the next under the
//! same ids. So no answer means *unknown*: the message may still arrive, and a retry must use the same id.
//! It never waits for a timer to fill a batch, and never reports success without a confirm.

mod answers;
mod inbox;
mod lane;
mod supervisor;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use metrics::{counter, histogram};
use tokio::{
    sync::{Semaphore, mpsc, oneshot, watch},
    time::timeout,
};

use messages::topology::Declarations;

use crate::{BrokerState, Destination, Outgoing, Settings, metrics as names, status::Status};
use inbox::{Inbox, Request};
use platform::runtime::Tasks;

/// How many messages may wait for their confirm.
const WAITING_MAX: usize = 4096;

/// How many bytes their bodies may hold together.
const WAITING_BYTES_MAX: u32 = 32 * 1024 * 1024;

/// Why a message has no confirm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// Too much is waiting; it was not sent.
    #[error("too many messages wait for the broker")]
    Overloaded,
    /// The service is stopping; it was not sent.
    #[error("publishing has ended")]
    Stopped,
    /// Where it goes was not named at the start, so it may not exist; it was not sent.
    #[error("its queue or exchange was not declared by this publisher")]
    Undeclared,
    /// No queue is there for it, even after declaring; it was not taken.
    #[error("the broker has no queue for it")]
    Unroutable,
    /// Its queue is full or cannot keep it; it was not taken.
    #[error("the broker refused it")]
    Refused,
    /// No confirm in time: *unknown*. It may have been kept, or may be kept later.
    #[error("the broker did not confirm in time")]
    Unconfirmed,
}

/// What the broker will have said of a message.
type Outcome = oneshot::Receiver<Result<(), PublishError>>;

/// A handle to one supervised publisher; clones share it.
#[derive(Clone)]
pub struct Publisher {
    requests: mpsc::Sender<Request>,
    room: Arc<Semaphore>,
    declarations: Arc<Declarations>,
    state: watch::Receiver<BrokerState>,
}

impl Publisher {
    /// Starts it as one of `tasks`; it publishes to what is in `declarations`, which are made on each connection.
    ///
    /// It connects in the background and never fails to start. When `tasks.stop` is cancelled it accepts no more,
    /// settles what it has within 2 seconds and ends.
    #[must_use]
    pub fn start(settings: Settings, declarations: Declarations, tasks: &Tasks) -> Self {
        let declarations = Arc::new(declarations);
        let (requests, receiver) = mpsc::channel(WAITING_MAX);
        let inbox = Inbox::new(receiver, tasks.stop.clone());
        let (status, state) = Status::new("publisher".into());
        let supervisor = supervisor::Supervisor::new(settings, Arc::clone(&declarations), inbox);
        // Without a sender the supervisor would end, which is a failure before the stop: the last handle may be dropped while
        // the service stops.
        let sender = requests.clone();
        tasks.spawn("the publisher", async move {
            supervisor.run(status).await;
            drop(sender);
        });
        Self {
            requests,
            room: Arc::new(Semaphore::new(WAITING_BYTES_MAX as usize)),
            declarations,
            state,
        }
    }

    /// Sends `message` and waits up to `deadline` for the broker's confirm.
    ///
    /// # Errors
    /// [`PublishError`]; all but `Unconfirmed` mean that it is not there.
    pub async fn publish(&self, message: Outgoing, deadline: Duration) -> Result<(), PublishError> {
        let begin = Instant::now();
        let queue = message.destination.name().to_owned();
        let result = match self.enqueue(message) {
            Ok(outcome) => match timeout(deadline, outcome).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(_)) | Err(_) => Err(PublishError::Unconfirmed),
            },
            Err(error) => Err(error),
        };
        match result {
            Ok(()) => {
                histogram!(names::PUBLISH_SECONDS).record(begin.elapsed().as_secs_f64());
                counter!(names::PUBLISHED, "queue" => queue).increment(1);
            }
            Err(error) => {
                counter!(names::PUBLISH_FAILURES, "reason" => error.label()).increment(1);
            }
        }
        result
    }

    /// The state of its connection, now and whenever it changes.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<BrokerState> {
        self.state.clone()
    }

    fn enqueue(&self, message: Outgoing) -> Result<Outcome, PublishError> {
        let declared = match &message.destination {
            Destination::Queue(queue) => self.declarations.queues.contains(queue),
            Destination::Fanout(exchange) => self.declarations.exchanges.contains(exchange),
        };
        if !declared {
            return Err(PublishError::Undeclared);
        }
        // A message above the limit takes all the room; it must not wait for more than there is.
        let bytes = message.size().min(WAITING_BYTES_MAX as usize) as u32;
        let room = Arc::clone(&self.room)
            .try_acquire_many_owned(bytes)
            .map_err(|_| PublishError::Overloaded)?;
        let (request, outcome) = Request::new(message, room);
        self.requests
            .try_send(request)
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => PublishError::Overloaded,
                mpsc::error::TrySendError::Closed(_) => PublishError::Stopped,
            })?;
        Ok(outcome)
    }
}

impl PublishError {
    fn label(self) -> &'static str {
        match self {
            Self::Overloaded => "overloaded",
            Self::Stopped => "stopped",
            Self::Undeclared => "undeclared",
            Self::Unroutable => "unroutable",
            Self::Refused => "refused",
            Self::Unconfirmed => "unconfirmed",
        }
    }
}
