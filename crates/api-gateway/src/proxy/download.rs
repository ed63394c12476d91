//! A body on its way from a service to the client.
//!
//! When the service breaks off or falls silent, the client's connection is cut: a clean end would be a lie.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Bytes, HttpBody};
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

/// The body.
pub(super) struct Download {
    body: Incoming,
    service: &'static str,
    limit: Duration,
    silence: Silence,
}

/// No timer until the first wait: most bodies are here with their head.
enum Silence {
    None,
    Over(Pin<Box<Sleep>>),
    Lasting(Pin<Box<Sleep>>),
}

#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("nothing more came in time")]
struct Silent;

impl Download {
    /// `service` is named in the log when its body breaks off, or is silent for longer than `limit`.
    pub(super) fn new(body: Incoming, service: &'static str, limit: Duration) -> Self {
        Self {
            body,
            service,
            limit,
            silence: Silence::None,
        }
    }

    fn cut(&self, reason: impl Into<axum::BoxError>) -> axum::BoxError {
        let reason = reason.into();
        let cause = reason.source().map(ToString::to_string);
        tracing::warn!(service = self.service, %reason, cause, "an answer was cut off");
        reason
    }
}

impl Silence {
    /// Ready when it has lasted too long.
    fn poll_limit(&mut self, limit: Duration, cx: &mut Context<'_>) -> Poll<()> {
        let mut timer = match std::mem::replace(self, Self::None) {
            Self::None => Box::pin(sleep(limit)),
            Self::Over(mut timer) => {
                timer.as_mut().reset(Instant::now() + limit);
                timer
            }
            Self::Lasting(timer) => timer,
        };
        let over = timer.as_mut().poll(cx);
        *self = Self::Lasting(timer);
        over
    }

    fn end(&mut self) {
        if let Self::Lasting(timer) = std::mem::replace(self, Self::None) {
            *self = Self::Over(timer);
        }
    }
}

impl HttpBody for Download {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(frame) => {
                self.silence.end();
                Poll::Ready(frame.map(|frame| frame.map_err(|error| self.cut(error))))
            }
            Poll::Pending => {
                let limit = self.limit;
                let over = self.silence.poll_limit(limit, cx);
                over.map(|()| Some(Err(self.cut(Silent))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    /// Unknown: what is known of it stands in the headers already, and nothing may be concluded from an empty body.
    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
