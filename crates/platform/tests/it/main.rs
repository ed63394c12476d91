//! The database and the runtime against real servers: what ends, what is given up, who notices.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on should stop"
)]

mod batched_reads;
mod connections;
mod database;
mod errors;
mod helpers;
mod listener;
mod pool;
mod runtime;
mod transactions;
