//! The state of one supervised connection: for health, for metrics, and one log line per outage.
//!
//! A *generation* is a connection with its channels, declarations and modes. Anything odd ends it, and the next is
//! built after a pause. An outage is told once when it begins and once when it is over; the tries between are at
//! debug level. A reason that another person has to mend (a wrong password after a restart) is told as well.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use metrics::{counter, gauge};
use tokio::sync::watch;

use crate::{BrokerError, BrokerState, metrics as names};
use platform::error::chain;

/// A generation that ends earlier than this is no end of an outage: pauses go on growing, and its ups and downs are
/// not news.
const LASTING: Duration = Duration::from_secs(5);

/// The state of one supervised connection, and the only place that tells of its changes.
pub(super) struct Status {
    role: String,
    state: watch::Sender<BrokerState>,
    /// The generation before ended because a message was not confirmed.
    doubted: bool,
    /// When a message was not taken.
    doubted_at: Mutex<Option<Instant>>,
    up_since: Option<Instant>,
    outage: Option<Outage>,
}

/// From the loss of a lasting connection until one lasts again.
struct Outage {
    since: Instant,
    reason: Reason,
    /// A connection was made since, and told of.
    back: bool,
    /// It did not last, and that was told, too.
    unstable: bool,
}

/// Who has to act; only a change of this is news during an outage.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// No person: the broker will be back.
    Away,
    /// The person who sets passwords and permissions.
    Refused,
    /// The person who made that queue, or that message.
    Operator,
}

impl Status {
    /// Down at first; the receiver follows it.
    pub(super) fn new(role: String) -> (Self, watch::Receiver<BrokerState>) {
        let (state, receiver) = watch::channel(BrokerState::Disconnected);
        let status = Self {
            role,
            state,
            doubted: false,
            doubted_at: Mutex::default(),
            up_since: None,
            outage: None,
        };
        status.set(BrokerState::Disconnected);
        (status, receiver)
    }

    pub(super) fn role(&self) -> &str {
        &self.role
    }

    /// A generation is usable.
    pub(super) fn up(&mut self) {
        counter!(names::GENERATIONS, "role" => self.role.clone()).increment(1);
        self.set(if self.doubted {
            BrokerState::Unproven
        } else {
            BrokerState::Connected
        });
        self.up_since = Some(Instant::now());
        match &mut self.outage {
            None => tracing::info!(role = self.role, "connected to the broker"),
            Some(outage) if outage.back => tracing::debug!(role = self.role, "connected again"),
            Some(outage) => {
                outage.back = true;
                let seconds = outage.since.elapsed().as_secs_f32();
                tracing::info!(role = self.role, seconds, "the broker is back");
            }
        }
    }

    /// A generation ended, or could not begin; tells whether it had lasted.
    pub(super) fn down(&mut self, error: &BrokerError) -> bool {
        self.set(BrokerState::Disconnected);
        self.doubted = match error {
            BrokerError::Unconfirmed(_) => true,
            // While it cannot be tried the doubt stays.
            _ => self.doubted && self.up_since.is_none(),
        };
        let up_since = self.up_since.take();
        let lasted = up_since.is_some_and(|since| since.elapsed() >= LASTING);
        if lasted {
            self.outage = None;
        }
        // The watchdog has told of a stall.
        if !matches!(error, BrokerError::Stalled) {
            self.log_outage(Reason::of(error), &chain(error));
        }
        lasted
    }

    fn log_outage(&mut self, reason: Reason, error: &str) {
        let role = &self.role;
        match &mut self.outage {
            Some(outage) if outage.reason == reason && outage.back && !outage.unstable => {
                outage.unstable = true;
                tracing::warn!(
                    role,
                    error,
                    "the connection does not last; trying until it does"
                );
            }
            Some(outage) if outage.reason == reason => {
                tracing::debug!(role, error, "still no broker");
            }
            outage => {
                tracing::warn!(role, error, "no broker; trying until it is back");
                *outage = Some(Outage {
                    since: outage
                        .as_ref()
                        .map_or_else(Instant::now, |outage| outage.since),
                    reason,
                    back: false,
                    unstable: false,
                });
            }
        }
    }

    /// A message was not taken.
    pub(super) fn doubt(&self) {
        *self
            .doubted_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        if *self.state.borrow() == BrokerState::Connected {
            self.set(BrokerState::Unproven);
        }
    }

    /// Without messages a doubt passes with time.
    pub(super) fn prove_by_lasting(&self) {
        let doubted_at = *self
            .doubted_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let since = doubted_at.max(self.up_since);
        if since.is_some_and(|since| since.elapsed() >= LASTING) {
            self.prove();
        }
    }

    /// A message was confirmed, or the connection has lasted.
    pub(super) fn prove(&self) {
        if *self.state.borrow() == BrokerState::Unproven {
            self.set(BrokerState::Connected);
        }
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
        gauge!(names::CONNECTED, "role" => self.role.clone()).set(usable);
        self.state.send_replace(state);
    }
}

impl Reason {
    pub(super) fn of(error: &BrokerError) -> Self {
        match error {
            BrokerError::Login { .. } | BrokerError::Refused(_) => Self::Refused,
            BrokerError::Mismatch { .. } | BrokerError::Unreadable(_) => Self::Operator,
            _ => Self::Away,
        }
    }
}

impl Drop for Status {
    /// However its task ended, health must not go on saying that all is well.
    fn drop(&mut self) {
        self.set(BrokerState::Disconnected);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use std::{
        io::Write,
        sync::{Arc, Mutex},
    };

    use tracing::Level;
    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Lines {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    /// The levels of what `story` logs, without debug.
    fn told(story: impl FnOnce(&mut Status)) -> Vec<String> {
        let lines = Lines::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(Level::INFO)
            .without_time()
            .with_writer(lines.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || story(&mut Status::new("test".into()).0));
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let level = |line: &str| line.split_whitespace().next().unwrap().to_owned();
        text.lines().map(level).collect()
    }

    fn lost() -> BrokerError {
        BrokerError::Cancelled
    }

    #[test]
    fn an_outage_is_told_once_when_it_begins_and_once_when_it_is_over() {
        let lines = told(|status| {
            status.up();
            for _ in 0..100 {
                status.down(&lost());
            }
            status.up();
        });
        assert_eq!(lines, ["INFO", "WARN", "INFO"]);
    }

    #[test]
    fn connections_that_do_not_last_are_told_once() {
        let lines = told(|status| {
            for _ in 0..100 {
                status.up();
                assert!(!status.down(&lost()));
            }
        });
        assert_eq!(lines, ["INFO", "WARN", "INFO", "WARN"]);
    }

    #[test]
    fn a_reason_that_calls_for_somebody_else_is_told() {
        let mismatch = BrokerError::Mismatch {
            queue: "payments".into(),
            source: lapin::ErrorKind::ChannelsLimitReached.into(),
        };
        let lines = told(|status| {
            for error in [&lost(), &mismatch] {
                for _ in 0..10 {
                    status.down(error);
                }
            }
        });
        assert_eq!(lines, ["WARN", "WARN"]);
    }
}
