//! What the loop of one consumer has done, in numbers that others may read at any time.
//!
//! The loop writes, the watchdog and health read. Nothing here waits.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use time::OffsetDateTime;
use tokio::sync::Notify;

/// Shared by the loop of one consumer and those who look at it.
#[derive(Debug)]
pub(super) struct Progress {
    signs: AtomicU64,
    settled: AtomicU64,
    state: Mutex<State>,
    give_up: Notify,
}

#[derive(Debug)]
struct State {
    in_hand: InHand,
    /// The last moment in which a batch was settled, or nothing waited.
    calm: Instant,
}

/// Deliveries that are not settled yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct InHand {
    pub(super) count: u32,
    /// When the oldest was sent, or else when it was received.
    pub(super) oldest: Option<OffsetDateTime>,
}

impl Progress {
    pub(super) fn new() -> Self {
        let state = State {
            in_hand: InHand::default(),
            calm: Instant::now(),
        };
        Self {
            signs: AtomicU64::new(0),
            settled: AtomicU64::new(0),
            state: Mutex::new(state),
            give_up: Notify::new(),
        }
    }

    /// The loop has turned: it tries to connect, or the store has answered, well or not.
    pub(super) fn sign(&self) {
        self.signs.fetch_add(1, Ordering::Relaxed);
    }

    /// Changes whenever the loop has turned.
    pub(super) fn signs(&self) -> u64 {
        self.signs.load(Ordering::Relaxed)
    }

    /// A batch is settled.
    pub(super) fn settle(&self) {
        self.settled.fetch_add(1, Ordering::Relaxed);
        self.sign();
        self.calm();
    }

    /// How many batches were settled.
    pub(super) fn settled(&self) -> u64 {
        self.settled.load(Ordering::Relaxed)
    }

    /// Nothing waits.
    pub(super) fn calm(&self) {
        self.state().calm = Instant::now();
    }

    /// For how long messages have waited without one being settled.
    pub(super) fn unsettled_for(&self) -> Duration {
        self.state().calm.elapsed()
    }

    /// Takes a batch into the hand; it leaves the hand when the value is dropped.
    pub(super) fn take(&self, in_hand: InHand) -> impl Drop + use<'_> {
        self.state().in_hand = in_hand;
        LetGo(self)
    }

    pub(super) fn in_hand(&self) -> InHand {
        self.state().in_hand
    }

    /// Ends the connection that is in use.
    pub(super) fn give_up(&self) {
        self.give_up.notify_waiters();
    }

    /// Waits for the next [`Self::give_up`].
    pub(super) async fn given_up(&self) {
        self.give_up.notified().await;
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct LetGo<'a>(&'a Progress);

impl Drop for LetGo<'_> {
    fn drop(&mut self) {
        self.0.state().in_hand = InHand::default();
    }
}
