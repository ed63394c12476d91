//! A refused message, and the form in which it waits in the dead-letter queue.

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use messages::topology::dead_letter_queue;

use crate::{Destination, Incoming, Outgoing};

/// Header of a dead letter: why it was refused.
pub const X_REASON: &str = "x-reason";
/// Header of a dead letter: the queue that it came from.
pub const X_SOURCE_QUEUE: &str = "x-source-queue";
/// Header of a dead letter: when it was refused, RFC 3339 in UTC.
pub const X_REFUSED_AT: &str = "x-refused-at";

/// The longest reason, in characters.
const REASON_MAX: usize = 500;

/// A message that will not be processed, and why.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// As it was delivered.
    pub message: Incoming,
    /// For people; without control characters, at most 500 characters.
    pub reason: String,
}

impl Refusal {
    /// The reason may quote what somebody sent, so it is cleaned here.
    pub(super) fn new(message: Incoming, reason: &str) -> Self {
        let clean = |c: char| if c.is_control() { ' ' } else { c };
        Self {
            message,
            reason: reason.chars().map(clean).take(REASON_MAX).collect(),
        }
    }

    /// Same id and same body, for the dead-letter queue of `source`.
    pub(super) fn dead_letter(&self, source: &str, at: OffsetDateTime) -> Outgoing {
        let at = at.truncate_to_microsecond();
        let message = &self.message;
        let queue = Destination::Queue(dead_letter_queue(source));
        Outgoing::with_raw_id(queue, message.message_id.as_deref(), message.body.clone())
            .with_header(X_REASON, &self.reason)
            .with_header(X_SOURCE_QUEUE, source)
            .with_header(X_REFUSED_AT, &at.format(&Rfc3339).unwrap_or_default())
            .with_origin_of(message)
    }
}
