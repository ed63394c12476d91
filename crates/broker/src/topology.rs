//! The one declaration of a queue: durable, `x-queue-type: quorum`, and nothing else.
//!
//! Redeclaring with other arguments is refused by the broker each time (406), so limits and the like belong in
//! policies. A quorum queue has synced a message to its disk before it confirms it.

use lapin::{
    Channel,
    options::QueueDeclareOptions,
    types::{AMQPValue, FieldTable, ShortString},
};

use crate::error::{BrokerError, is_mismatch};

/// Where the messages of `queue` wait that could not be processed.
#[must_use]
pub fn dead_letter_queue(queue: &str) -> String {
    format!("{queue}.dead")
}

/// A queue's name as AMQP carries it: at most 255 bytes.
pub(super) fn name(queue: &str) -> Result<ShortString, BrokerError> {
    ShortString::try_new(queue).map_err(|_| BrokerError::Name(queue.to_owned()))
}

/// What the broker says of a queue when it is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Declared {
    /// Messages that are ready; of a quorum queue without a leader it says 0.
    pub(super) ready: u32,
    /// Consumers; of a quorum queue without a leader it says 0.
    pub(super) consumers: u32,
}

/// Declares `queue`, or checks that it is as we want it.
pub(super) async fn declare(
    channel: &Channel,
    queue: &ShortString,
) -> Result<Declared, BrokerError> {
    let options = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    let mut arguments = FieldTable::default();
    arguments.insert(
        "x-queue-type".into(),
        AMQPValue::LongString("quorum".into()),
    );
    match channel
        .queue_declare(queue.clone(), options, arguments)
        .await
    {
        Ok(declared) => Ok(Declared {
            ready: declared.message_count(),
            consumers: declared.consumer_count(),
        }),
        Err(source) if is_mismatch(&source) => Err(BrokerError::Mismatch {
            queue: queue.to_string(),
            source,
        }),
        Err(error) => Err(error.into()),
    }
}
