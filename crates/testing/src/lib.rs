//! What tests stand on: a database or a virtual host of its own for each, and a client that explains itself.
//!
//! Dev-only: no service depends on it, and it depends on none of ours, so that what is tested cannot lend the test
//! its own mistakes. A missing server is a failing test with a message, never a skipped one.

#![expect(
    clippy::expect_used,
    reason = "a test that cannot go on should stop and say why"
)]

mod bound;
pub mod broker;
mod busy;
mod cleanup;
pub mod client;
pub mod database;
pub mod process;
pub mod relay;
pub mod repository;
pub mod settings;
pub mod shopper;
mod wait;

pub use broker::TestBroker;
pub use busy::Busy;
pub use client::{Answer, Client, send};
pub use database::TestDatabase;
pub use process::{Process, free_port, stop};
pub use relay::Relay;
pub use shopper::Shopper;
pub use wait::until;
