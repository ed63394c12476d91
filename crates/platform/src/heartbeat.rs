//! Ends a process whose runtime no longer turns, or that does not end although it has to.
//!
//! A thread that blocks keeps its worker, and the watchdogs that run on the same runtime with it. So one thread of the
//! operating system looks from outside: it counts its own ticks, not a clock, so that a process that was frozen does not
//! look dead. The last line goes to standard error, because the log may need what is stuck.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use crate::{runtime::DRAIN_LIMIT, tasks::Failure};

/// How often the runtime beats, and the thread looks.
const TICK: Duration = Duration::from_secs(1);

/// So many ticks without a beat are the end.
const BEATS_MISSED_MAX: u64 = 30;

/// So many ticks after a failure an orderly end must be over.
const END_LIMIT: u64 = DRAIN_LIMIT.as_secs() + 2;

/// The beat of a runtime; the thread ends with it.
pub(crate) type Heartbeat = AbortOnDropHandle<()>;

/// Starts the beat on this runtime, and the thread that ends the process when it stops.
pub(crate) fn start(failure: &Failure) -> Heartbeat {
    let beats = Arc::new(AtomicU64::new(0));
    let watch = Watch {
        beats: Arc::downgrade(&beats),
        failure: failure.clone(),
        tick: TICK,
    };
    thread::spawn(move || {
        if let Some(reason) = watch.run() {
            end_process(&reason);
        }
    });
    AbortOnDropHandle::new(tokio::spawn(async move {
        loop {
            beats.fetch_add(1, Ordering::Relaxed);
            sleep(TICK).await;
        }
    }))
}

#[expect(
    clippy::print_stderr,
    reason = "the last word of a process that is stuck"
)]
fn end_process(reason: &str) {
    eprintln!("{reason}; ending at once");
    std::process::exit(1);
}

struct Watch {
    beats: Weak<AtomicU64>,
    failure: Failure,
    tick: Duration,
}

impl Watch {
    /// Why the process has to end at once; `None` when the runtime is gone.
    fn run(self) -> Option<String> {
        let (mut seen, mut missed, mut ending) = (0, 0, 0);
        loop {
            thread::sleep(self.tick);
            let beats = self.beats.upgrade()?.load(Ordering::Relaxed);
            missed = if beats == seen { missed + 1 } else { 0 };
            seen = beats;
            ending += u64::from(self.failure.reason().is_some());
            if missed > BEATS_MISSED_MAX {
                return Some("the runtime does not turn: its threads block".into());
            }
            if ending > END_LIMIT {
                return Some(format!(
                    "{}, and an orderly end took too long",
                    self.failure.reason()?
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::Tasks;

    fn watch(beats: &Arc<AtomicU64>, failure: &Failure) -> Watch {
        Watch {
            beats: Arc::downgrade(beats),
            failure: failure.clone(),
            tick: Duration::from_millis(1),
        }
    }

    #[test]
    fn a_runtime_that_does_not_turn_is_the_end() {
        let beats = Arc::new(AtomicU64::new(7));
        let reason = watch(&beats, &Failure::default()).run();
        assert_eq!(
            reason.as_deref(),
            Some("the runtime does not turn: its threads block")
        );
    }

    #[test]
    fn a_failure_that_does_not_end_the_process_is_the_end() {
        let (beats, failure) = (Arc::new(AtomicU64::new(0)), Failure::default());
        Tasks::reporting(&failure).fail("something is missing");
        let turning = Arc::clone(&beats);
        let watching = thread::spawn({
            let watch = watch(&beats, &failure);
            move || watch.run()
        });
        while !watching.is_finished() {
            turning.fetch_add(1, Ordering::Relaxed);
            thread::yield_now();
        }
        let reason = watching.join().ok().flatten();
        assert_eq!(
            reason.as_deref(),
            Some("something is missing, and an orderly end took too long")
        );
    }

    #[test]
    fn a_runtime_that_is_gone_ends_nothing() {
        let beats = Arc::new(AtomicU64::new(0));
        let watch = watch(&beats, &Failure::default());
        drop(beats);
        assert_eq!(watch.run(), None);
    }
}
