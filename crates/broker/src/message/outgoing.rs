//! What goes out and what comes in, without a type of the client library.
//!
//! Whatever came from outside is bounded here: short strings of AMQP hold 255 bytes and panic above, and a header
//! table must fit into one frame.

use std::collections::BTreeMap;

use bytes::Bytes;
use lapin::{
    BasicProperties,
    message::Delivery,
    types::{AMQPValue, FieldTable, ShortString},
};
use time::OffsetDateTime;
use uuid::Uuid;

use messages::{Message, Route};
use platform::trace_context::{TRACEPARENT, TraceContext, X_REQUEST_ID};

/// The longest header value that is sent, in bytes; the rest is cut off.
const HEADER_MAX: usize = 1024;

/// Names ids that are no uuids (RFC 9562, section 5.5).
const FOREIGN_IDS: Uuid = Uuid::from_u128(0x6f0c_3a52_95a1_4c5e_9d42_0d4b_7e1f_8a37);

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
    pub(super) destination: Destination,
    pub(super) body: Bytes,
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
    pub(super) fn with_raw_id(
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
    pub(super) fn restored(
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
    pub(super) fn message_id(&self) -> Option<&str> {
        self.message_id.as_ref().map(ShortString::as_str)
    }

    /// The id, if it is a uuid.
    #[cfg(feature = "database")]
    pub(super) fn id(&self) -> Option<Uuid> {
        self.message_id()?.parse().ok()
    }

    /// Its headers.
    #[cfg(feature = "database")]
    pub(super) fn headers(&self) -> BTreeMap<String, String> {
        text_headers(&self.headers)
    }

    /// Bytes that it holds in memory while it waits.
    pub(super) fn size(&self) -> usize {
        self.body.len()
    }

    pub(super) fn properties(&self) -> BasicProperties {
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

/// A delivered message. Anybody may have sent it: nothing in it is known to be well-formed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// As the sender gave it: perhaps none, perhaps not a uuid, up to 255 bytes.
    pub message_id: Option<String>,
    /// The body as it was sent.
    pub body: Bytes,
    /// Whether the broker has delivered it before.
    pub redelivered: bool,
    headers: BTreeMap<String, String>,
    timestamp: Option<u64>,
}

impl Incoming {
    /// A message as tests of a consumer need it.
    pub fn new(message_id: Option<&str>, body: impl Into<Bytes>) -> Self {
        Self {
            message_id: message_id.map(Into::into),
            body: body.into(),
            redelivered: false,
            headers: BTreeMap::new(),
            timestamp: None,
        }
    }

    /// The same message with this time of sending.
    #[cfg(test)]
    pub(crate) fn with_sent_at(self, at: OffsetDateTime) -> Self {
        let timestamp = u64::try_from(at.unix_timestamp()).ok();
        Self { timestamp, ..self }
    }

    /// The id; one that is no uuid is turned into one, always the same. A message without any cannot be told from its
    /// twin.
    #[must_use]
    pub fn id(&self) -> Option<Uuid> {
        let id = self.message_id.as_deref()?;
        Some(
            id.parse()
                .unwrap_or_else(|_| Uuid::new_v5(&FOREIGN_IDS, id.as_bytes())),
        )
    }

    /// The headers that tell where it came from; a copy of it keeps them.
    pub(super) fn origin(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let origin = [TRACEPARENT, X_REQUEST_ID];
        origin
            .into_iter()
            .filter_map(|name| Some((name, self.header(name)?)))
    }

    /// The request that sent it, to find both in the logs.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.header(X_REQUEST_ID)
    }

    /// The trace that it belongs to, as logs show it.
    #[must_use]
    pub fn trace_id(&self) -> Option<String> {
        let context: TraceContext = self.header(TRACEPARENT)?.parse().ok()?;
        Some(context.trace_id().to_string())
    }

    /// When it was sent, to the second, if its sender said so.
    #[must_use]
    pub fn sent_at(&self) -> Option<OffsetDateTime> {
        let seconds = i64::try_from(self.timestamp?).ok()?;
        OffsetDateTime::from_unix_timestamp(seconds).ok()
    }

    /// A text header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

impl From<Delivery> for Incoming {
    fn from(delivery: Delivery) -> Self {
        let headers = delivery.properties.headers().as_ref();
        Self {
            message_id: delivery
                .properties
                .message_id()
                .as_ref()
                .map(ToString::to_string),
            headers: headers.map(text_headers).unwrap_or_default(),
            timestamp: *delivery.properties.timestamp(),
            redelivered: delivery.redelivered,
            body: delivery.data.into(),
        }
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

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
