//! What supervised connections share: state for health, one log line per outage, the pauses between tries.
//!
//! A *generation* is a connection with its channels, declarations and modes. Anything odd ends it, and the next is
//! built after a jittered pause. An outage is told once when it begins and once when it is over; the
//! tries between are at debug level. If the reason changes (first nobody answers, then the password is
//! wrong), that is told too.

use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use metrics::{counter, gauge};
use tokio::sync::watch;

use super::{BrokerError, BrokerState, metrics as names};
use crate::causes::chain;

/// The pause grows from here ...
const PAUSE_MIN: Duration = Duration::from_millis(100);

/// ... to here, and jitter adds up to as much again: a broker that is back is seen well within a second.
const PAUSE_MAX: Duration = Duration::from_millis(400);

/// When we are refused, each try is a line in the broker's log; but a starting broker refuses for a moment, too.
const PAUSE_REFUSED: Duration = Duration::from_secs(1);

/// When only an operator can help, asking more often helps nobody.
const PAUSE_MISMATCH: Duration = Duration::from_secs(5);

/// Growing, jittered pauses, without end.
pub(super) struct Pauses(ExponentialBackoff);

impl Pauses {
    pub(super) fn new() -> Self {
        let pauses = ExponentialBuilder::new()
            .with_min_delay(PAUSE_MIN)
            .with_max_delay(PAUSE_MAX)
            .with_jitter()
            .without_max_times();
        Self(pauses.build())
    }

    pub(super) fn next(&mut self) -> Duration {
        self.0.next().unwrap_or(PAUSE_MAX)
    }

    /// The pause after a generation that ended with `error`.
    pub(super) fn after(&mut self, error: &BrokerError) -> Duration {
        Reason::of(error).pause(self.next())
    }
}

/// The state of one supervised connection, and the only place that tells of its changes.
pub(super) struct Status {
    role: &'static str,
    state: watch::Sender<BrokerState>,
    outage: Option<Outage>,
}

struct Outage {
    since: Instant,
    reason: Reason,
}

/// Who has to act; only a change of this is news during an outage.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// Nobody: we wait for the broker.
    Away,
    /// Whoever sets passwords and permissions.
    Refused,
    /// Whoever made that queue.
    Mismatch,
}

impl Status {
    pub(super) fn new(role: &'static str) -> Self {
        let status = Self {
            role,
            state: watch::Sender::new(BrokerState::Disconnected),
            outage: None,
        };
        status.set(BrokerState::Disconnected);
        status
    }

    pub(super) fn role(&self) -> &'static str {
        self.role
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<BrokerState> {
        self.state.subscribe()
    }

    /// A generation is usable.
    pub(super) fn up(&mut self) {
        counter!(names::GENERATIONS, "role" => self.role).increment(1);
        self.set(BrokerState::Connected);
        match self.outage.take() {
            Some(outage) => {
                let seconds = outage.since.elapsed().as_secs_f32();
                tracing::info!(role = self.role, seconds, "the broker is back");
            }
            None => tracing::info!(role = self.role, "connected to the broker"),
        }
    }

    /// A generation ended, or could not begin; tells whether it had been usable.
    pub(super) fn down(&mut self, error: &BrokerError) -> bool {
        let was_up = *self.state.borrow() != BrokerState::Disconnected;
        self.set(BrokerState::Disconnected);
        let reason = Reason::of(error);
        let known = self
            .outage
            .as_ref()
            .is_some_and(|outage| outage.reason == reason);
        if known {
            tracing::debug!(role = self.role, error = chain(error), "still no broker");
        } else {
            tracing::warn!(
                role = self.role,
                error = chain(error),
                "no broker; trying until it is back"
            );
        }
        let since = self
            .outage
            .as_ref()
            .map_or_else(Instant::now, |outage| outage.since);
        self.outage = Some(Outage { since, reason });
        was_up
    }

    /// The broker announced an alarm, or its end.
    pub(super) fn blocked(&self, reason: Option<&str>) {
        if let Some(reason) = reason {
            tracing::warn!(
                role = self.role,
                reason,
                "the broker takes no messages for now"
            );
            self.set(BrokerState::Blocked);
        } else {
            tracing::info!(role = self.role, "the broker takes messages again");
            self.set(BrokerState::Connected);
        }
    }

    fn set(&self, state: BrokerState) {
        let usable = if state == BrokerState::Connected {
            1.0
        } else {
            0.0
        };
        gauge!(names::CONNECTED, "role" => self.role).set(usable);
        self.state.send_replace(state);
    }
}

impl Reason {
    fn of(error: &BrokerError) -> Self {
        match error {
            BrokerError::Refused(_) => Self::Refused,
            BrokerError::Mismatch { .. } => Self::Mismatch,
            _ => Self::Away,
        }
    }

    /// The pause before the next try, where `growing` is the one for a broker that is away.
    fn pause(self, growing: Duration) -> Duration {
        match self {
            Self::Away => growing,
            Self::Refused => PAUSE_REFUSED,
            Self::Mismatch => PAUSE_MISMATCH,
        }
    }
}

impl Drop for Status {
    /// However its task ended, health must not go on saying that all is well.
    fn drop(&mut self) {
        self.set(BrokerState::Disconnected);
    }
}
