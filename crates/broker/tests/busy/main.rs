//! What needs busy CPUs: a target of its own, so that no other test runs beside these.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on should stop"
)]

mod endings;
#[path = "../it/helpers.rs"]
#[allow(dead_code, reason = "these tests need some of the verbs")]
mod helpers;
#[path = "../it/recorder.rs"]
#[allow(dead_code, reason = "these tests need some of what it can do")]
mod recorder;
