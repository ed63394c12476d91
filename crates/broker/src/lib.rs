//! RabbitMQ: confirmed publishing, consuming in batches, and what to do with what cannot be processed.
//!
//! Promises: what [`Publisher::publish`] answers `Ok` is kept by the broker; what a [`Consumer`] stored is
//! acknowledged after its commit and never before; a message that cannot be processed moves to
//! `<queue>.dead` with its reason. Delivery is at least once: ids are given before the first send, and the
//! store drops what it has seen. Nothing here gives up: a lost connection is rebuilt until the service stops.
//! The client library's own recovery is never used: it stops after 16 tries and can hang.
//!
//! # Layout
//!
//! - [`Broker`], [`Consumers`]: what one process has of it; `settings`: where the broker is.
//! - `connection`: one connection, bounded in every wait; what the client library does not tell of its end.
//! - `topology`: the one declaration of a queue.
//! - `supervisor`: generation after generation; `status`: what a generation is, the state for health, one log line per outage; `backoff`: the pauses.
//! - `message`: what goes out, what comes in.
//! - [`publisher`]: batches behind a barrier of confirms.
//! - [`consumer`]: batches into one transaction, bisection, holding, refusal.
//! - [`monitor`]: how many messages wait, and whether the broker answers.
//! - [`dead_letters`]: list, replay and discard.
//! - `outbox`: messages that are written within a transaction, and published once it is committed (feature `database`).
//! - [`metrics`]: every name that is recorded here.

mod backoff;
mod connection;
pub mod consumer;
pub mod dead_letters;
mod error;
mod message;
pub mod metrics;
pub mod monitor;
#[cfg(feature = "database")]
pub mod outbox;
mod parts;
pub mod publisher;
mod settings;
mod status;
mod supervisor;
mod topology;

pub use consumer::{Consumer, Consuming, Failure, Received, Refusal, Refused};
pub use dead_letters::DeadLetters;
pub use error::BrokerError;
pub use message::{Destination, Incoming, Outgoing};
pub use monitor::Monitor;
pub use parts::{Broker, Consumers, health};
pub use publisher::{PublishError, Publisher};
pub use settings::Settings;

/// What a publisher or a consumer knows of its connection right now; for `/health/ready`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrokerState {
    /// Usable.
    Connected,
    /// Made anew after a message was not taken or not confirmed; nothing was confirmed since.
    Unproven,
    /// Kept, but the broker takes no messages for now: an alarm on its disk or memory.
    Blocked,
    /// Being rebuilt, or ended.
    Disconnected,
}

impl BrokerState {
    /// The state as the answer of a health check.
    ///
    /// # Errors
    /// A short reason, when the broker cannot be used.
    pub fn ready(self) -> Result<(), String> {
        match self {
            Self::Connected => Ok(()),
            Self::Unproven => Err("the broker did not take the last message".into()),
            Self::Blocked => Err("the broker takes no messages: disk or memory alarm".into()),
            Self::Disconnected => Err("not connected".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use testing::TestBroker;

    use crate::Settings;

    /// The settings of a virtual host of a test's own.
    pub(crate) fn settings(broker: &TestBroker) -> Settings {
        Settings {
            variables: "TEST_AMQP",
            host: broker.host.clone(),
            port: broker.port,
            vhost: broker.vhost.clone(),
            user: broker.user.clone(),
            password: broker.password.clone().into(),
        }
    }
}
