//! What goes out and what comes in, without a type of the client library.
//!
//! Whatever came from outside is bounded here: short strings of AMQP hold 255 bytes and panic above, and a header
//! table must fit into one frame.

mod incoming;
mod outgoing;

use std::collections::BTreeMap;

use lapin::types::{AMQPValue, FieldTable, ShortString};

pub use incoming::Incoming;
pub use outgoing::{Destination, Outgoing};

/// The headers whose values are UTF-8 text.
fn text_headers(table: &FieldTable) -> BTreeMap<String, String> {
    let text = |(name, value): (&ShortString, &AMQPValue)| match value {
        AMQPValue::LongString(value) => {
            let value = std::str::from_utf8(value.as_bytes()).ok()?;
            Some((name.to_string(), value.to_owned()))
        }
        AMQPValue::ShortString(value) => Some((name.to_string(), value.to_string())),
        _ => None,
    };
    table.inner().iter().filter_map(text).collect()
}
