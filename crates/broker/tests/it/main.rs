//! Publishing and consuming against a real RabbitMQ: what is promised holds while the broker misbehaves.
//!
//! Each test has a virtual host of its own. Nothing here stops the broker or raises its alarms: others test on it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on should stop"
)]

mod client_library;
mod consuming;
mod dead_letters;
mod healing;
mod helpers;
mod monitoring;
mod parts;
mod publishing;
mod recorder;
mod refusing;
mod renewal;
mod stalls;
mod stopping;
mod taking;
