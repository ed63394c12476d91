//! What we say to each other: everything that crosses a queue, a file per conversation.
//!
//! These types are promises to another process, perhaps of another version. A field may be added if old
//! readers can ignore it; none is renamed, removed or given another meaning: that is a new message with a
//! queue of its own. Each message has one JSON example, which the tests of both sides decode.
//! This crate imports nothing of ours, opens no connection and knows no database.
//!
//! # Layout
//!
//! - [`topology`]: every queue and exchange, who writes, who reads.
//! - [`payments`]: what a payment says.
//! - [`orders`], [`customers`], [`shippings`]: the conversation of an order with its shipping; [`refunds`]: its end without one.
//! - [`geo`]: places on the globe.
//! - [`locations`]: where a bike is.
//! - `json`, [`decimal`], [`money`]: how these are read and written; `ids`: what a message is called that is sent again.

pub mod customers;
pub mod decimal;
pub mod geo;
mod ids;
mod json;
pub mod locations;
pub mod money;
pub mod orders;
pub mod payments;
pub mod refunds;
pub mod shippings;
pub mod topology;

use std::fmt;

pub use json::Rejection;
pub use topology::Route;

/// A message: where it goes, and its words.
pub trait Message: Sized {
    /// Where it is sent.
    const ROUTE: Route;

    /// Why a body is no such message.
    type Rejection: fmt::Display;

    /// Reads a body.
    ///
    /// # Errors
    /// When it is no such message; it will never be one.
    fn parse(body: &[u8]) -> Result<Self, Self::Rejection>;

    /// Writes the body that [`Self::parse`] reads.
    fn encode(&self) -> Vec<u8>;
}
