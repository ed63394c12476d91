//! What we say to each other: everything that crosses a queue, a file per conversation.
//!
//! These types are promises to another process, perhaps of another version. A field may be added if old
//! readers can ignore it; none is renamed, removed or given another meaning: that is a new message with a
//! queue of its own. Each message has one JSON example, which the tests of both sides decode.
//! This crate imports nothing of ours, opens no connection and knows no database.
//!
//! # Conversations
//!
//! - [`payments`]: `billing_queue`, from the gateway (which accepts a payment) to the billing (which records it).

pub mod payments;

/// A message and the one queue that carries it.
pub trait Message {
    /// The name of the durable queue; what its consumer refuses waits in `<QUEUE>.dead`.
    const QUEUE: &'static str;
}
