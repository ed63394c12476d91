//! What goes out, and where to.

#[cfg(feature = "database")]
use std::collections::BTreeMap;

use bytes::Bytes;
use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable, ShortString},
};
use time::OffsetDateTime;
use uuid::Uuid;

use super::Incoming;
#[cfg(feature = "database")]
use super::text_headers;
use messages::{Message, Route};

/// The longest header value that is sent, in bytes; the rest is cut off.
const HEADER_MAX: usize = 1024;

/// Delivery mode 2: the queue keeps it on disk.
const PERSISTENT: u8 = 2;

/// Where a message goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Destination {
    /// The queue of this name.
    Queue(String),
    /// Every queue that this exchange feeds.
    Fanout(String),
}

impl Destination {
    /// The name of the queue or exchange.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Queue(name) | Self::Fanout(name) => name,
        }
    }
}

impl From<Route> for Destination {
    fn from(route: Route) -> Self {
        match route {
            Route::Queue(name) => Self::Queue(name.into()),
            Route::Fanout(name) => Self::Fanout(name.into()),
        }
    }
}

impl From<&str> for Destination {
    fn from(queue: &str) -> Self {
        Self::Queue(queue.into())
    }
}

/// A message to publish: persistent JSON with an id and a few text headers.
#[derive(Debug, Clone)]
pub struct Outgoing {
    pub(crate) destination: Destination,
    pub(crate) body: Bytes,
    message_id: Option<ShortString>,
    headers: FieldTable,
    made_at: OffsetDateTime,
}

impl Outgoing {
    /// A message for a queue or an exchange. The id is its identity: sent twice under one id, it counts once.
    pub fn new(destination: impl Into<Destination>, id: Uuid, body: impl Into<Bytes>) -> Self {
        Self::with_raw_id(destination.into(), Some(&id.to_string()), body.into())
    }

    /// `message` under this id, where its kind is sent.
    pub fn of<M: Message>(message: &M, id: Uuid) -> Self {
        Self::new(M::ROUTE, id, message.encode())
    }

    /// Passes on an id as it came, which may be none or anything up to 255 bytes.
    pub(crate) fn with_raw_id(
        destination: Destination,
        message_id: Option<&str>,
        body: Bytes,
    ) -> Self {
        Self {
            destination,
            body,
            message_id: message_id.and_then(|id| ShortString::try_new(id).ok()),
            headers: FieldTable::default(),
            made_at: OffsetDateTime::now_utc(),
        }
    }

    /// Adds a text header; a value above 1 KiB is cut.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.insert_header(name.into(), value);
        self
    }

    fn insert_header(&mut self, name: ShortString, value: &str) {
        let value = &value[..value.floor_char_boundary(HEADER_MAX)];
        self.headers
            .insert(name, AMQPValue::LongString(value.into()));
    }

    /// Adds the headers that tell where `message` came from: what a consumer sends because of it belongs to the same trace.
    #[must_use]
    pub fn with_origin_of(self, message: &Incoming) -> Self {
        let origin = message.origin();
        origin.fold(self, |outgoing, (name, value)| {
            outgoing.with_header(name, value)
        })
    }

    /// A message as it was when it was kept: what has no place in AMQP is left out.
    #[cfg(feature = "database")]
    pub(crate) fn restored(
        destination: Destination,
        id: Uuid,
        body: impl Into<Bytes>,
        headers: &BTreeMap<String, String>,
        made_at: OffsetDateTime,
    ) -> Self {
        let mut message = Self::new(destination, id, body);
        for (name, value) in headers {
            if let Ok(name) = ShortString::try_new(name.as_str()) {
                message.insert_header(name, value);
            }
        }
        Self { made_at, ..message }
    }

    /// The id as it is sent.
    pub(crate) fn message_id(&self) -> Option<&str> {
        self.message_id.as_ref().map(ShortString::as_str)
    }

    /// The id, if it is a uuid.
    #[cfg(feature = "database")]
    pub(crate) fn id(&self) -> Option<Uuid> {
        self.message_id()?.parse().ok()
    }

    /// Its headers.
    #[cfg(feature = "database")]
    pub(crate) fn headers(&self) -> BTreeMap<String, String> {
        text_headers(&self.headers)
    }

    /// Bytes that it holds in memory while it waits.
    pub(crate) fn size(&self) -> usize {
        self.body.len()
    }

    pub(crate) fn properties(&self) -> BasicProperties {
        let properties = BasicProperties::default()
            .with_delivery_mode(PERSISTENT)
            .with_content_type("application/json".into())
            .with_timestamp(self.made_at.unix_timestamp().unsigned_abs())
            .with_headers(self.headers.clone());
        match &self.message_id {
            Some(id) => properties.with_message_id(id.clone()),
            None => properties,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::text_headers, *};

    #[test]
    fn a_header_is_cut_between_characters() {
        let long = "é".repeat(HEADER_MAX);
        let message =
            Outgoing::new("q", Uuid::nil(), "").with_header("x-reason", &format!("a{long}"));
        let headers = text_headers(&message.headers);
        assert_eq!(headers["x-reason"].len(), HEADER_MAX - 1);
    }

    #[test]
    fn an_id_that_does_not_fit_is_left_out_and_does_not_panic() {
        let id = "x".repeat(256);
        let message = Outgoing::with_raw_id("q".into(), Some(&id), Bytes::new());
        assert_eq!(message.properties().message_id(), &None);
    }
}
