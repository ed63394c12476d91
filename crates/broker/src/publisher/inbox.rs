//! The queue between callers and lanes: bounded, in order, closed on stop.
//!
//! [`drop_abandoned`] removes a request whose caller has gone before every send, so that after an outage these do not
//! delay the others.

use metrics::counter;
use tokio::sync::{Mutex, OwnedSemaphorePermit, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::{Outgoing, metrics as names};

/// The most that one batch takes.
const BATCH_MAX: usize = 500;

/// A message, and its caller.
pub(super) struct Request {
    pub(super) message: Outgoing,
    confirmed: oneshot::Sender<()>,
    sent: bool,
    _room: OwnedSemaphorePermit,
}

impl Request {
    pub(super) fn new(
        message: Outgoing,
        room: OwnedSemaphorePermit,
    ) -> (Self, oneshot::Receiver<()>) {
        let (confirmed, receiver) = oneshot::channel();
        let request = Self {
            message,
            confirmed,
            sent: false,
            _room: room,
        };
        (request, receiver)
    }

    /// Tells the caller that the broker keeps the message.
    pub(super) fn settle(self) {
        // An error means that the caller has gone: its outcome stays unknown to it.
        let _ = self.confirmed.send(());
    }

    /// Notes a send; a second one is counted.
    pub(super) fn count_send(&mut self) {
        if self.sent {
            counter!(names::REPUBLISHED).increment(1);
        }
        self.sent = true;
    }
}

/// Removes the requests whose callers have gone.
pub(super) fn drop_abandoned(requests: &mut Vec<Request>) {
    requests.retain(|request| !request.confirmed.is_closed());
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
