//! The backoff between one generation and the next: growing, jittered, without end.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use crate::{BrokerError, status::Reason};

/// The pause grows from here ...
const PAUSE_MIN: Duration = Duration::from_millis(100);

/// ... to here, and jitter adds up to as much again: a broker that is back is seen well within a second.
const PAUSE_MAX: Duration = Duration::from_millis(300);

/// When we are refused, each try is a line in the broker's log; but a starting broker refuses for a moment, too.
const PAUSE_REFUSED: Duration = Duration::from_secs(1);

/// When only an operator can help, asking more often does not help.
const PAUSE_OPERATOR: Duration = Duration::from_secs(5);

/// Growing, jittered backoff, without end.
pub(super) struct Backoff(ExponentialBackoff);

impl Backoff {
    pub(super) fn new() -> Self {
        let backoff = ExponentialBuilder::new()
            .with_min_delay(PAUSE_MIN)
            .with_max_delay(PAUSE_MAX)
            .with_jitter()
            .without_max_times();
        Self(backoff.build())
    }

    pub(super) fn next(&mut self) -> Duration {
        self.0.next().unwrap_or(PAUSE_MAX)
    }

    /// The pause after a generation that ended with `error`.
    pub(super) fn after(&mut self, error: &BrokerError) -> Duration {
        match Reason::of(error) {
            Reason::Away => self.next(),
            Reason::Refused => PAUSE_REFUSED,
            Reason::Operator => PAUSE_OPERATOR,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_below_a_second() {
        let mut backoff = Backoff::new();
        let backoff: Vec<_> = (0..1000).map(|_| backoff.next()).collect();
        assert!(backoff[0] < Duration::from_millis(250), "{:?}", backoff[0]);
        assert!(
            backoff
                .iter()
                .all(|pause| (PAUSE_MIN..=2 * PAUSE_MAX).contains(pause))
        );
        assert!(backoff[10..].iter().all(|pause| *pause >= PAUSE_MAX));
    }
}
