//! Every test ends: one that waits in vain must fail, not hang.

use std::{
    process,
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread,
    time::Duration,
};

/// Far longer than any test takes, even on busy CPUs.
const LIMIT: Duration = Duration::from_secs(180);

/// Held by what a test stands on. When it lives longer than [`LIMIT`], the test binary ends and names the test.
#[derive(Debug)]
pub(crate) struct Bound {
    _alive: Sender<()>,
}

impl Bound {
    /// The bound of the test that runs on this thread; libtest names the thread after it.
    #[expect(clippy::print_stderr, reason = "the last words of a test that hangs")]
    pub(crate) fn of_this_test() -> Self {
        let test = thread::current().name().unwrap_or("a test").to_owned();
        let (alive, gone) = mpsc::channel::<()>();
        thread::spawn(move || {
            if gone.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
                eprintln!("{test} has not ended within {LIMIT:?}");
                process::exit(101);
            }
        });
        Self { _alive: alive }
    }
}
