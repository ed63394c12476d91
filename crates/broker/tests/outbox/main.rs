//! The outbox against a real PostgreSQL and a real RabbitMQ: what a transaction has committed is published, whatever happens.
//!
//! Each test has a database and a virtual host of its own. Nothing here stops a server: others test on it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on should stop"
)]

mod crashing;
mod failing;
mod faults;
mod helpers;
mod relaying;
mod table;
mod waking;
