//! A body of any length: it has no limit in size or in time as long as its bytes move.
//!
//! It moves when the client sends and the service reads. When it stands still, this module tells who is waited for.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::{Body, Bytes};
use hyper::body::{Frame, SizeHint};
use platform::http::answer_limit::AnswerLimit;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::{CancellationToken, DropGuard};

/// How a body moves; clones share it.
#[derive(Clone)]
pub(super) struct Progress {
    state: Arc<Mutex<State>>,
    answer: Option<AnswerLimit>,
    /// How much longer the answer may take after each part.
    more: Duration,
}

struct State {
    moved_at: Instant,
    waits_for: Party,
}

/// Who is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Party {
    Client,
    Service,
}

impl Progress {
    /// Of a body that begins now; `answer` is extended by `more` whenever the body moves.
    pub(super) fn start(answer: Option<AnswerLimit>, more: Duration) -> Self {
        let state = State {
            moved_at: Instant::now(),
            waits_for: Party::Service,
        };
        let progress = Self {
            state: Arc::new(Mutex::new(state)),
            answer,
            more,
        };
        progress.moved();
        progress
    }

    /// Waits until the body has stood still for `limit`; who is to blame.
    pub(super) async fn stalled(&self, limit: Duration) -> Party {
        loop {
            let end = self.state().moved_at + limit;
            if Instant::now() >= end {
                return self.state().waits_for;
            }
            sleep_until(end).await;
        }
    }

    /// A part has come from the client. The next one is asked for when the service has taken this one.
    fn moved(&self) {
        let mut state = self.state();
        state.moved_at = Instant::now();
        state.waits_for = Party::Service;
        if let Some(answer) = &self.answer {
            answer.extend(self.more);
        }
    }

    /// The service asks for the next part: from now on it is the client's time, however long the service took.
    fn waits_for_client(&self) {
        let mut state = self.state();
        if state.waits_for != Party::Client {
            state.moved_at = Instant::now();
            state.waits_for = Party::Client;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A body whose progress is followed.
struct Followed {
    body: Body,
    progress: Progress,
    /// hyper drops a body after its last byte.
    _sent: DropGuard,
}

/// The body, and a token that is cancelled when it has been sent to its end or given up.
pub(super) fn follow(body: Body, progress: &Progress) -> (Body, CancellationToken) {
    let sent = CancellationToken::new();
    let followed = Followed {
        body,
        progress: progress.clone(),
        _sent: sent.clone().drop_guard(),
    };
    (Body::new(followed), sent)
}

impl hyper::body::Body for Followed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.progress.waits_for_client();
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        self.progress.moved();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_the_service_took_is_no_time_of_the_client() {
        const LIMIT: Duration = Duration::from_millis(400);
        let progress = Progress::start(None, LIMIT);
        tokio::time::sleep(LIMIT / 2).await;
        let asked = Instant::now();
        progress.waits_for_client();
        progress.waits_for_client();
        assert_eq!(progress.stalled(LIMIT).await, Party::Client);
        assert!(asked.elapsed() >= LIMIT);
    }
}
