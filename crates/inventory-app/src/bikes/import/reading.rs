//! Reads a JSON array item by item. What is no JSON ends it; an item of another shape does not.

use std::{
    fmt,
    io::{BufReader, Read},
};

use serde::{
    Deserializer as _,
    de::{Error as _, SeqAccess, Visitor},
};
use serde_json::{Deserializer, value::RawValue};
use tokio::sync::mpsc::Sender;

use super::document::Document;

/// Gives each item of the array in `file` to `items`, waiting while there is no room; on a thread that may block.
pub(super) fn read(file: impl Read, items: &Sender<Document>) -> serde_json::Result<()> {
    let mut json = Deserializer::from_reader(BufReader::new(file));
    json.deserialize_seq(Items(items))?;
    json.end()
}

struct Items<'a>(&'a Sender<Document>);

impl<'de> Visitor<'de> for Items<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of bikes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element::<Box<RawValue>>()? {
            let sent = self.0.blocking_send(Document::parse(&item));
            sent.map_err(|_| A::Error::custom("the bikes are not taken any more"))?;
        }
        Ok(())
    }
}
