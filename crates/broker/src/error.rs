//! What can go wrong with the broker, told apart only where somebody acts differently.

use std::time::Duration;

use lapin::{
    ErrorKind,
    protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError},
};

/// Why a connection could not be made or had to end.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// There is no answer, or none in time.
    #[error("the broker at {address} does not answer")]
    Unreachable {
        /// `host:port`.
        address: String,
        /// Absent when it was a timeout.
        source: Option<lapin::Error>,
    },
    /// No login: a wrong user, password or virtual host; the text names the variables to check.
    #[error(
        "the broker refuses the user {user}: check {variables}_USER, {variables}_PASSWORD and AMQP_VHOST"
    )]
    Login {
        /// Who was refused.
        user: String,
        /// What the variables begin with.
        variables: &'static str,
        /// The broker's words.
        source: lapin::Error,
    },
    /// No permission for what we asked on an open connection.
    #[error("the broker refuses us")]
    Refused(#[source] lapin::Error),
    /// The queue or exchange exists with other arguments than ours; an operator has to delete it or move its messages.
    #[error(
        "{queue} exists with other arguments: a queue has to be durable with x-queue-type=quorum, an exchange durable \
         and fanout"
    )]
    Mismatch {
        /// Its name.
        queue: String,
        /// The broker's words.
        source: lapin::Error,
    },
    /// A queue cannot have this name.
    #[error("a queue's name has at most 255 bytes, not {}", .0.len())]
    Name(String),
    /// The connection or a channel of it ended.
    #[error("the connection was lost")]
    Lost(#[source] lapin::Error),
    /// The connection ended, and the client library did not say why.
    #[error("the connection has ended")]
    Ended,
    /// Messages waited and none was settled, so the connection was given up.
    #[error("nothing was settled while messages waited")]
    Stalled,
    /// The client library cannot read what the broker sends, most likely a message whose properties hold text that is
    /// not UTF-8. It comes again with every delivery; an operator has to take it out of the queue.
    #[error(
        "something here cannot be read, perhaps a message with properties that are not UTF-8; \
         take it out of the queue through the broker's management page"
    )]
    Unreadable(#[source] lapin::Error),
    /// The consumer was cancelled by the broker, for instance because its queue was deleted.
    #[error("the broker cancelled the consumer")]
    Cancelled,
    /// The broker does not confirm on this channel; nothing can be known of what is sent over it.
    #[error("confirms are off")]
    ConfirmsOff,
    /// No confirm in time on an open connection.
    #[error("no confirm within {0:?}")]
    Unconfirmed(Duration),
    /// No answer in time on an open connection.
    #[error("no {what} within {limit:?}")]
    Silent {
        /// What was awaited.
        what: &'static str,
        /// How long.
        limit: Duration,
    },
    /// Deliveries can no longer be acknowledged; the broker delivers them again.
    #[error("the deliveries in hand belong to a channel that is gone")]
    Stale,
    /// A batch was held as long as the broker allows; its messages go back to the queue.
    #[error("a batch was held for {0:?} and is let go")]
    HeldTooLong(Duration),
    /// We were asked to stop while a batch was held; its messages go back to the queue.
    #[error("stopped while a batch was held")]
    Stopped,
}

impl From<lapin::Error> for BrokerError {
    fn from(error: lapin::Error) -> Self {
        match error.kind() {
            _ if is_refusal(&error) => Self::Refused(error),
            ErrorKind::ParsingError(_) => Self::Unreadable(error),
            _ => Self::Lost(error),
        }
    }
}

/// 403 ACCESS_REFUSED and 530 NOT_ALLOWED (no such virtual host): an operator has to act.
fn is_refusal(error: &lapin::Error) -> bool {
    matches!(
        kind(error),
        Some(
            AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED)
                | AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED)
        )
    )
}

/// 406 PRECONDITION_FAILED: the queue exists with other arguments.
pub(crate) fn is_mismatch(error: &lapin::Error) -> bool {
    let mismatch = AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED);
    kind(error) == Some(&mismatch)
}

/// What the broker objects to, when it is the broker that objects.
fn kind(error: &lapin::Error) -> Option<&AMQPErrorKind> {
    match error.kind() {
        ErrorKind::ProtocolError(error) => Some(error.kind()),
        _ => None,
    }
}
