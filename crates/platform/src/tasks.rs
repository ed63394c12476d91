//! Tasks with one owner and one signal to stop; a missing one is noticed.
//!
//! A service lives from all of its tasks. So a task that ends or panics before it was asked to stop ends the process:
//! in order, with a non-zero status and one line, and its supervisor (pm2, systemd) starts it again.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, OnceLock},
};

use futures_util::FutureExt;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Tasks that stop together.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    /// Cancelled when the tasks should finish what they hold and end.
    pub stop: CancellationToken,
    /// Knows them all.
    pub tracker: TaskTracker,
    failure: Failure,
}

/// The first failure of any task of the process; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Failure(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    reason: OnceLock<String>,
    happened: CancellationToken,
}

impl Tasks {
    /// Tasks that report to `failure`.
    pub(crate) fn reporting(failure: &Failure) -> Self {
        Self {
            failure: failure.clone(),
            ..Self::default()
        }
    }

    /// Starts a task that the service cannot live without; `name` says what is missing when it has ended.
    pub fn spawn(&self, name: impl Into<String>, task: impl Future<Output = ()> + Send + 'static) {
        let (tasks, name) = (self.clone(), name.into());
        self.tracker.spawn(async move {
            let ended = AssertUnwindSafe(task).catch_unwind().await;
            match ended {
                Err(_) => tasks.fail(&format!("{name} panicked")),
                Ok(()) if !tasks.stop.is_cancelled() => tasks.fail(&format!("{name} has ended")),
                Ok(()) => {}
            }
        });
    }

    /// Ends the process in order, with a non-zero status and `reason` as its last line.
    pub fn fail(&self, reason: &str) {
        // The first reason counts; those after it may be its consequences.
        if self.failure.0.reason.set(reason.to_owned()).is_ok() {
            tracing::error!(reason, "this process cannot go on; stopping in order");
        }
        self.failure.0.happened.cancel();
    }

    /// Why the process has to end, once it has to.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        self.failure.reason()
    }
}

impl Failure {
    /// Waits for the first failure.
    pub(crate) async fn happened(&self) {
        self.0.happened.cancelled().await;
    }

    pub(crate) fn reason(&self) -> Option<&str> {
        self.0.reason.get().map(String::as_str)
    }
}
