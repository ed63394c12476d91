//! A body on its way from the client to a service: counted, and its end noted.

use std::{
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, ready},
};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::time::Instant;

/// When the body was sent to its end, or given up.
#[derive(Debug, Clone, Default)]
pub(super) struct Uploaded(Arc<OnceLock<Instant>>);

impl Uploaded {
    /// `None` while it is still on its way.
    pub(super) fn at(&self) -> Option<Instant> {
        self.0.get().copied()
    }
}

/// The client sent more than it may.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the body is too large")]
pub(super) struct TooLarge;

/// The body. An error in it cuts the request, so that the service never takes a part for the whole.
pub(super) struct Upload {
    body: Body,
    left: u64,
    uploaded: Uploaded,
}

impl Upload {
    /// At most `limit` bytes of `body`.
    pub(super) fn new(body: Body, limit: u64, uploaded: Uploaded) -> Self {
        Self {
            body,
            left: limit,
            uploaded,
        }
    }
}

impl HttpBody for Upload {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx)?);
        let length = frame
            .as_ref()
            .and_then(Frame::data_ref)
            .map_or(0, Bytes::len);
        match self.left.checked_sub(length as u64) {
            Some(left) => self.left = left,
            None => return Poll::Ready(Some(Err(TooLarge.into()))),
        }
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// hyper lets go of a body once it has sent its last byte, often without asking for the end.
impl Drop for Upload {
    fn drop(&mut self) {
        // Set once only, by this one owner.
        let _ = self.uploaded.0.set(Instant::now());
    }
}
