//! The one declaration of a queue: durable, `x-queue-type: quorum`, and nothing else; and of an exchange: durable, fan-out.
//!
//! Redeclaring with other arguments is refused by the broker each time (406), so limits and the like belong in
//! policies. A quorum queue has synced a message to its disk before it confirms it.

use lapin::{
    Channel, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable, ShortString},
};
use messages::topology::Declarations;

use crate::error::{BrokerError, is_mismatch};

/// A queue's name as AMQP carries it: at most 255 bytes.
pub(crate) fn name(queue: &str) -> Result<ShortString, BrokerError> {
    ShortString::try_new(queue).map_err(|_| BrokerError::Name(queue.to_owned()))
}

/// What the broker says of a queue when it is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Declared {
    /// Messages that are ready; of a quorum queue without a leader it says 0.
    pub(crate) ready: u32,
    /// Consumers; of a quorum queue without a leader it says 0.
    pub(crate) consumers: u32,
}

/// Declares `queue`, or checks that it is as we want it.
pub(crate) async fn declare(
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

/// Declares everything. A queue that is there already stays as it is, with its messages.
pub(crate) async fn declare_all(
    channel: &Channel,
    declarations: &Declarations,
) -> Result<(), BrokerError> {
    for exchange in &declarations.exchanges {
        declare_exchange(channel, name(exchange)?).await?;
    }
    for queue in &declarations.queues {
        declare(channel, &name(queue)?).await?;
    }
    for (exchange, queue) in &declarations.bindings {
        let options = QueueBindOptions::default();
        let (exchange, queue) = (name(exchange)?, name(queue)?);
        let key = ShortString::default();
        channel
            .queue_bind(queue, exchange, key, options, FieldTable::default())
            .await?;
    }
    Ok(())
}

async fn declare_exchange(channel: &Channel, exchange: ShortString) -> Result<(), BrokerError> {
    let options = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    let declared = channel.exchange_declare(
        exchange.clone(),
        ExchangeKind::Fanout,
        options,
        FieldTable::default(),
    );
    match declared.await {
        Ok(()) => Ok(()),
        Err(source) if is_mismatch(&source) => Err(BrokerError::Mismatch {
            queue: exchange.to_string(),
            source,
        }),
        Err(error) => Err(error.into()),
    }
}
