//! What a test leaves behind is removed while the next test runs.
//!
//! A test never waits for it. PostgreSQL drops a database only when every backend has answered a signal, and one in the middle
//! of a login answers none. If that login is the test's own, and the test's thread waits for the drop, both wait until the
//! server gives the login up, after a minute; so does every other test that makes or drops a database.

use std::{future::Future, sync::OnceLock};

use tokio::runtime::{Builder, Runtime};

/// It outlives every test. What it has not removed when the process ends goes with the server.
static RUNTIME: OnceLock<Runtime> = OnceLock::new();

pub(crate) fn start(removal: impl Future<Output = ()> + Send + 'static) {
    let new = || {
        Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
    };
    RUNTIME
        .get_or_init(|| new().expect("a runtime"))
        .spawn(removal);
}
