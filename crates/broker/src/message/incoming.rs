//! What comes in.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use lapin::message::Delivery;
use time::OffsetDateTime;
use uuid::Uuid;

use super::text_headers;
use platform::trace_context::{TRACEPARENT, TraceContext, X_REQUEST_ID};

/// Names ids that are no uuids (RFC 9562, section 5.5).
const FOREIGN_IDS: Uuid = Uuid::from_u128(0x6f0c_3a52_95a1_4c5e_9d42_0d4b_7e1f_8a37);

/// A delivered message. Anybody may have sent it: nothing in it is known to be well-formed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// As the sender gave it: perhaps none, perhaps not a uuid, up to 255 bytes.
    pub message_id: Option<String>,
    /// The body as it was sent.
    pub body: Bytes,
    /// Whether the broker has delivered it before.
    pub redelivered: bool,
    headers: Arc<BTreeMap<String, String>>,
    timestamp: Option<u64>,
}

impl Incoming {
    /// A message as tests of a consumer need it.
    pub fn new(message_id: Option<&str>, body: impl Into<Bytes>) -> Self {
        Self {
            message_id: message_id.map(Into::into),
            body: body.into(),
            redelivered: false,
            headers: Arc::default(),
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
    pub(crate) fn origin(&self) -> impl Iterator<Item = (&'static str, &str)> {
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
            headers: headers.map(text_headers).unwrap_or_default().into(),
            timestamp: *delivery.properties.timestamp(),
            redelivered: delivery.redelivered,
            body: delivery.data.into(),
        }
    }
}
