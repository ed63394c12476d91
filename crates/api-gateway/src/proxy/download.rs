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

/// How long a service may be silent within a body.
const SILENCE_LIMIT: Duration = Duration::from_secs(30);

/// The body.
pub(super) struct Download {
    body: Incoming,
    service: &'static str,
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
    /// `service` is named in the log when its body breaks off.
    pub(super) fn new(body: Incoming, service: &'static str) -> Self {
        Self {
            body,
            service,
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
    fn poll_limit(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut timer = match std::mem::replace(self, Self::None) {
            Self::None => Box::pin(sleep(SILENCE_LIMIT)),
            Self::Over(mut timer) => {
                timer.as_mut().reset(Instant::now() + SILENCE_LIMIT);
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
            Poll::Pending => self
                .silence
                .poll_limit(cx)
                .map(|()| Some(Err(self.cut(Silent)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
