//! The queue between callers and lanes: bounded, in order, closed on stop.
//!
//! [`drop_abandoned`] removes a request whose caller has gone before every send, so that after an outage these do not
//! delay the others.

use metrics::counter;
use tokio::sync::{Mutex, OwnedSemaphorePermit, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{PublishError, answers::Answer};
use crate::{Outgoing, metrics as names};

/// The most that one batch takes.
const BATCH_MAX: usize = 500;

/// A message, and its caller.
pub(super) struct Request {
    pub(super) message: Outgoing,
    outcome: oneshot::Sender<Result<(), PublishError>>,
    /// How often it was sent.
    sends: u32,
    /// How many of these sends had no clear answer: the message may be kept since then.
    unanswered: u32,
    _room: OwnedSemaphorePermit,
}

impl Request {
    pub(super) fn new(
        message: Outgoing,
        room: OwnedSemaphorePermit,
    ) -> (Self, oneshot::Receiver<Result<(), PublishError>>) {
        let (outcome, receiver) = oneshot::channel();
        let request = Self {
            message,
            outcome,
            sends: 0,
            unanswered: 0,
            _room: room,
        };
        (request, receiver)
    }

    /// Tells the caller what the broker said: it keeps the message, or did not take it.
    pub(super) fn settle(self, outcome: Result<(), PublishError>) {
        // An error means that the caller has gone: its outcome stays unknown to it.
        let _ = self.outcome.send(outcome);
    }

    /// Notes a send; a second one is counted. Until [`Self::end_send`] the message may be kept.
    pub(super) fn begin_send(&mut self) {
        if self.sends > 0 {
            counter!(names::REPUBLISHED).increment(1);
        }
        self.sends += 1;
        self.unanswered += 1;
    }

    /// Notes the answer to that send.
    pub(super) fn end_send(&mut self, answer: Answer) {
        if answer != Answer::Unknown {
            self.unanswered -= 1;
        }
    }

    /// What the caller is told after this answer: a message is not taken only if no send of it can have been kept.
    pub(super) fn outcome_of(&self, answer: Answer) -> Result<(), PublishError> {
        match answer.outcome() {
            Err(_) if self.unanswered > 0 => Err(PublishError::Unconfirmed),
            outcome => outcome,
        }
    }
}

/// Removes the requests whose callers have gone.
pub(super) fn drop_abandoned(requests: &mut Vec<Request>) {
    requests.retain(|request| !request.outcome.is_closed());
}

/// The receiving end, shared by the lanes: a free lane takes what is there.
pub(super) struct Inbox {
    requests: Mutex<mpsc::Receiver<Request>>,
    stop: CancellationToken,
}

impl Inbox {
    pub(super) fn new(requests: mpsc::Receiver<Request>, stop: CancellationToken) -> Self {
        Self {
            requests: Mutex::new(requests),
            stop,
        }
    }

    pub(super) fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Moves up to a batch into `held`, waiting for the first; `false` when stopped and empty. Safe to cancel.
    pub(super) async fn take(&self, held: &mut Vec<Request>) -> bool {
        let mut requests = self.requests.lock().await;
        tokio::select! {
            taken = requests.recv_many(held, BATCH_MAX) => return taken > 0,
            () = self.stop.cancelled() => requests.close(),
        }
        requests.recv_many(held, BATCH_MAX).await > 0
    }

    /// Accepts no more, and moves everything that waits into `held`.
    pub(super) fn close_into(&mut self, held: &mut Vec<Request>) {
        let requests = self.requests.get_mut();
        requests.close();
        while let Ok(request) = requests.try_recv() {
            held.push(request);
        }
    }
}
